package dev.shepherd.manager.takeover;

import org.jspecify.annotations.Nullable;

/** A step of a takeover failed, and it is known how. */
final class StepFailure extends Exception {

    private static final long serialVersionUID = 1L;

    private final TakeoverException.Kind kind;
    private final String reason;

    StepFailure(TakeoverException.Kind kind, String reason) {
        this(kind, reason, null);
    }

    StepFailure(TakeoverException.Kind kind, String reason, @Nullable Throwable cause) {
        super(reason, cause);
        this.kind = kind;
        this.reason = reason;
    }

    TakeoverException.Kind kind() {
        return kind;
    }

    String reason() {
        return reason;
    }
}
