package dev.shepherd.postgres;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A PostgreSQL server could not be started, used or stopped; {@link #reason()} says which. */
public final class PostgresException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** What a caller may decide on. More may be added. */
    public enum Reason {
        /** Another process, or another server of this process, holds the folder. */
        FOLDER_IN_USE,
        /** The folder holds something that is not a server's; nothing in it was touched. */
        FOLDER_NOT_OURS,
        /** The folder holds data of another major version of PostgreSQL. */
        OTHER_VERSION,
        /** There are no binaries for this platform, or it does not let them run. */
        UNSUPPORTED_PLATFORM,
        /** The server did not start. */
        NOT_STARTED,
        /** The server did not stop. */
        NOT_STOPPED,
        /** The server refused a statement. */
        REFUSED
    }

    private final Reason reason;

    PostgresException(Reason reason, String message) {
        this(reason, message, null);
    }

    PostgresException(Reason reason, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.reason = Objects.requireNonNull(reason);
    }

    /** Returns what went wrong, for a caller to decide on. */
    public Reason reason() {
        return reason;
    }
}
