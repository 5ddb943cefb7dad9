package dev.shepherd.manager.takeover;

import java.util.Locale;

/** A step of a takeover, in the order in which they happen. */
public enum TakeoverStep {

    /** Opens a TCP connection. */
    CONNECT,

    /** Exchanges identifications and keys, and checks the host key. Nothing secret has been sent before its end. */
    KEY_EXCHANGE,

    /** Logs in. */
    AUTHENTICATE,

    /** Puts the agent executable in its place. */
    UPLOAD,

    /** Runs the agent: writes the init message, reads until the agent closes its output, awaits its exit. */
    EXECUTE,

    /** Checks what the agent answered. */
    ANSWER;

    /** Returns the name for people, such as {@code key exchange}. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
}
