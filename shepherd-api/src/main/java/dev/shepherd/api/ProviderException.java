package dev.shepherd.api;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A provider could not do what it was asked. The {@link #reason()} is what callers decide on.
 */
public class ProviderException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    /** Why a call failed, and what that says of its outcome. */
    public enum Reason {

        /** There is no such machine. Nothing was done. Not retried. */
        NOT_FOUND(false, true),

        /** There is nothing left to create a machine from. Nothing was done. Asked again at the next round. */
        NO_CAPACITY(false, true),

        /** The provider does not accept our credentials. Nothing was done. Retried only by the loop's own pace. */
        UNAUTHENTICATED(false, true),

        /** Too many calls. Nothing was done. Retried after {@link ProviderException#retryAfter()}. */
        RATE_LIMITED(true, true),

        /** The machine is in a state that does not allow the call, in transition for one. Retried later. */
        CONFLICT(true, true),

        /** A failure that may pass. <strong>It is unknown whether anything was done.</strong> Retried later. */
        TRANSIENT(true, false),

        /** The provider refuses the call as it stands, and will again. Nothing was done. Not retried at once. */
        PERMANENT(false, true),

        /** The provider cannot do this at all. Nothing was done. Not retried. */
        NOT_SUPPORTED(false, true);

        private final boolean retryable;
        private final boolean withoutEffect;

        Reason(boolean retryable, boolean withoutEffect) {
            this.retryable = retryable;
            this.withoutEffect = withoutEffect;
        }

        /** Tells whether the same call may succeed a little later without anybody's help. */
        public boolean isRetryable() {
            return retryable;
        }

        /** Tells whether the provider is sure that nothing was done; false only for {@link #TRANSIENT}. */
        public boolean isWithoutEffect() {
            return withoutEffect;
        }
    }

    private final Reason reason;
    private final @Nullable Duration retryAfter;

    /** Makes a failure. */
    public ProviderException(Reason reason, String message) {
        this(reason, message, null, null);
    }

    /** Makes a failure with what led to it. */
    public ProviderException(Reason reason, String message, @Nullable Throwable cause) {
        this(reason, message, null, cause);
    }

    /**
     * Makes a failure that says when to come back.
     *
     * @param reason what callers decide on
     * @param message for people; never contains a secret
     * @param retryAfter how long the provider asks to be left alone, if it says so; not negative
     * @param cause what led to it, if anything
     */
    public ProviderException(Reason reason, String message, @Nullable Duration retryAfter, @Nullable Throwable cause) {
        super(message, cause);
        this.reason = Objects.requireNonNull(reason, "reason");
        if (retryAfter != null && retryAfter.isNegative()) {
            throw new IllegalArgumentException("retryAfter is negative: " + retryAfter);
        }
        this.retryAfter = retryAfter;
    }

    /** Returns what callers decide on. */
    public Reason reason() {
        return reason;
    }

    /** Returns how long the provider asks to be left alone, if it says so. */
    public Optional<Duration> retryAfter() {
        return Optional.ofNullable(retryAfter);
    }
}
