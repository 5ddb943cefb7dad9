package dev.shepherd.manager.takeover.ssh;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Something failed that was asked of a connection, and it is known what. */
public final class SshFailure extends Exception {

    private static final long serialVersionUID = 1L;

    /** What failed. */
    public enum Kind {

        /** No TCP connection: refused, no route, or no answer in time. */
        UNREACHABLE,

        /** The host does not accept the login. */
        LOGIN_REFUSED,

        /** The host does not take the upload. */
        UPLOAD_REFUSED,

        /** What was to be uploaded cannot be read on our side. Says nothing of the host. */
        SOURCE_UNREADABLE
    }

    private final Kind kind;
    private final String reason;

    SshFailure(Kind kind, String reason) {
        this(kind, reason, null);
    }

    SshFailure(Kind kind, String reason, @Nullable Throwable cause) {
        super(reason, cause);
        this.kind = Objects.requireNonNull(kind, "kind");
        this.reason = reason;
    }

    /** Returns what failed. */
    public Kind kind() {
        return kind;
    }

    /** Returns why, for people. */
    public String reason() {
        return reason;
    }
}
