package dev.shepherd.manager.takeover;

import dev.shepherd.api.ShepherdException;
import dev.shepherd.api.internal.Escaped;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A machine could not be taken over. The {@link #kind()} is what callers decide on; the message names the machine,
 * its address, the step and how long it took to get there, and never holds a secret.
 */
public final class TakeoverException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    /** Why a takeover failed. */
    public enum Kind {

        /**
         * No TCP connection: refused, no route, or no answer within the connect timeout. Passes when the host is up.
         */
        UNREACHABLE(true),

        /**
         * The takeover was not done within its total timeout; the step says what took so long. If that was {@link
         * TakeoverStep#EXECUTE}, the agent may run on: OpenSSH kills nothing when a connection ends.
         */
        TIMEOUT(true),

        /**
         * The connection was closed or reset without a word. Before the login this may be a host that cannot start a
         * process, or something on the way with nothing behind it; later, mostly a machine that goes down.
         */
        CONNECTION_LOST(true),

        /**
         * The host said why it does not want the connection, before it knew who calls: too many at once (OpenSSH past
         * its {@code MaxStartups}), an address that it does not serve. Or it speaks something else than SSH, says so,
         * and hangs up. So it is there.
         */
        TURNED_AWAY(true),

        /**
         * The host key is not the pinned one: the machine was reinstalled, its address belongs to another machine
         * now, or an attacker poses as it. Nothing secret was sent. Needs a person, or a reset pin.
         */
        HOST_KEY_MISMATCH(false),

        /**
         * The host does not let us in with the credentials given: it says so, wants another password first, or closes
         * the connection when it has seen them, as OpenSSH does for an account that its PAM refuses. Needs a person.
         */
        AUTHENTICATION_FAILED(false),

        /** What answers does not speak SSH as it should, or shares no algorithm with us. Needs a person. */
        PROTOCOL(false),

        /** The agent executable cannot be read on our side. Says nothing of the machine. */
        EXECUTABLE_UNREADABLE(false),

        /** The agent executable could not be put in its place: a full disk, a missing folder, no permission. */
        UPLOAD_FAILED(false),

        /** The agent could not be run, ended with an error status, was killed, or answered with an error. */
        AGENT_FAILED(false),

        /** The agent ended well, but what it answered is too long, malformed, or not an answer to what it was told. */
        BAD_ANSWER(false);

        private final boolean passing;

        Kind(boolean passing) {
            this.passing = passing;
        }

        /** Tells whether the same takeover may succeed a little later without help. */
        public boolean isTransient() {
            return passing;
        }
    }

    private final Kind kind;
    private final TakeoverStep step;
    private final UUID machineId;
    private final InetAddress address;
    private final int port;
    private final Duration elapsed;
    private final @Nullable String agentStderr;
    private final String summary;

    /**
     * Makes a failure, for a takeover of an embedder's own.
     *
     * @param kind what callers decide on
     * @param step what failed
     * @param target the machine
     * @param elapsed how long the takeover lasted until it failed
     * @param reason why, for people; never a secret
     */
    public TakeoverException(Kind kind, TakeoverStep step, TakeoverTarget target, Duration elapsed, String reason) {
        this(kind, step, target, elapsed, reason, null, null);
    }

    TakeoverException(
            Kind kind,
            TakeoverStep step,
            TakeoverTarget target,
            Duration elapsed,
            String reason,
            @Nullable String agentStderr,
            @Nullable Throwable cause) {
        super(
                "taking over " + target + " failed at " + details(step, elapsed, reason, agentStderr),
                Escaped.failure(cause));
        this.kind = Objects.requireNonNull(kind, "kind");
        this.step = step;
        this.machineId = target.machineId();
        this.address = target.address();
        this.port = target.port();
        this.elapsed = elapsed;
        this.agentStderr = agentStderr;
        this.summary = target.endpoint() + " failed at " + details(step, elapsed, reason, agentStderr);
    }

    private static String details(TakeoverStep step, Duration elapsed, String reason, @Nullable String agentStderr) {
        String message = String.format(Locale.ROOT, "%s after %.1f s: %s", step, elapsed.toMillis() / 1000.0, reason);
        return agentStderr == null ? message : message + "; its stderr ends with: \"" + agentStderr + "\"";
    }

    /** Returns the message without the machine's id and name, for a place that names the machine. */
    public String summary() {
        return summary;
    }

    /** Returns what callers decide on. */
    public Kind kind() {
        return kind;
    }

    /** Returns the step that failed. */
    public TakeoverStep step() {
        return step;
    }

    /**
     * Tells whether the machine may have to be recovered: nothing answered, or what answered fell silent or was cut off
     * without a word, before it could know who calls ({@link TakeoverStep#CONNECT}, {@link TakeoverStep#KEY_EXCHANGE}).
     * A few of these in a row make recovery reboot a machine. A host that refuses is there, and a reboot would not
     * help.
     */
    public boolean isOutOfReach() {
        boolean unseen = step == TakeoverStep.CONNECT || step == TakeoverStep.KEY_EXCHANGE;
        return unseen
                && switch (kind) {
                    case UNREACHABLE, TIMEOUT, CONNECTION_LOST -> true;
                    case TURNED_AWAY,
                            HOST_KEY_MISMATCH,
                            AUTHENTICATION_FAILED,
                            PROTOCOL,
                            EXECUTABLE_UNREADABLE,
                            UPLOAD_FAILED,
                            AGENT_FAILED,
                            BAD_ANSWER -> false;
                };
    }

    /** Returns the machine's id in the bare metal database. */
    public UUID machineId() {
        return machineId;
    }

    /** Returns the address that was called. */
    public InetAddress address() {
        return address;
    }

    /** Returns the port that was called. */
    public int port() {
        return port;
    }

    /** Returns how long the takeover lasted until it failed. */
    public Duration elapsed() {
        return elapsed;
    }

    /**
     * Returns the end of what the agent wrote to its standard error, at most 4 KiB, with control characters
     * escaped; empty if it wrote nothing or never ran. Comes from the machine: not to be trusted.
     */
    public Optional<String> agentStderr() {
        return Optional.ofNullable(agentStderr);
    }

    /** Tells whether the same takeover may succeed a little later without help. */
    public boolean isTransient() {
        return kind.isTransient();
    }
}
