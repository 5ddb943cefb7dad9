package dev.shepherd.manager.takeover;

/** A step of a takeover, in the order in which they happen. */
public enum TakeoverStep {

    /** Opens a TCP connection. */
    CONNECT,

    /**
     * Exchanges identifications and keys, checks the host key, and asks whether logins are taken. Nothing secret is
     * sent before its end, and the host cannot know who calls.
     */
    KEY_EXCHANGE,

    /** Logs in. From its beginning on the host knows who calls. */
    AUTHENTICATE,

    /** Puts the agent executable in its place. */
    UPLOAD,

    /** Runs the agent: writes the init message, reads until the agent closes its output, awaits its exit. */
    EXECUTE,

    /** Checks what the agent answered. */
    ANSWER
}
