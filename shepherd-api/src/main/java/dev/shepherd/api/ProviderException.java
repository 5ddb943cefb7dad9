package dev.shepherd.api;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A provider could not do what it was asked. Callers decide on the {@link #reason()} and the {@link #scope()}.
 *
 * <p>Most failures need a reason and a message. {@link #builder} makes those that say more, such as that one machine's
 * controller refuses the password, while all others work:
 *
 * <pre>{@code
 * throw ProviderException.builder(Reason.UNAUTHENTICATED, "the controller of rack 7/12 refuses the password")
 *         .scope(Scope.MACHINE)
 *         .build();
 * }</pre>
 *
 * <p>The message is one line, as in any {@link ShepherdException}. A cause whose text could forge lines of a log is
 * replaced by a copy that says the same in escaped text.
 */
public class ProviderException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    /** Why a call failed, and what that says about its outcome. */
    public enum Reason {

        /** There is no such machine; see {@link MachineNotFoundException}. Nothing was done. Not retried. */
        NOT_FOUND(false, true),

        /** There is nothing left to create a machine from. Nothing was done. Asked again at the next round. */
        NO_CAPACITY(false, true),

        /**
         * Our credentials are not accepted. Nothing was done. Retried only by the loop's own pace. Concerns the whole
         * provider unless its {@linkplain Builder#scope scope} says that it concerns one machine.
         */
        UNAUTHENTICATED(false, true),

        /**
         * Too many calls. Nothing was done. Retried after {@link ProviderException#retryAfter()}. Concerns the whole
         * provider unless its {@linkplain Builder#scope scope} says that it concerns one machine.
         */
        RATE_LIMITED(true, true),

        /** The machine is in a state that does not allow the call, for example in transition. Retried later. */
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

        /** Tells whether the same call may succeed a little later without help. */
        public boolean isRetryable() {
            return retryable;
        }

        /** Tells whether the provider is sure that nothing was done; false only for {@link #TRANSIENT}. */
        public boolean isWithoutEffect() {
            return withoutEffect;
        }

        private Scope usualScope() {
            return this == RATE_LIMITED || this == UNAUTHENTICATED ? Scope.PROVIDER : Scope.MACHINE;
        }
    }

    /** What a failure concerns, and so what the manager leaves alone for a while. */
    public enum Scope {

        /** The machine that was asked for. Others are asked for at once; this one has to wait. */
        MACHINE,

        /**
         * Everything at the provider. It is asked nothing else for a while, and nothing is concluded about the machine.
         */
        PROVIDER
    }

    private final Reason reason;
    private final Scope scope;
    private final @Nullable Duration retryAfter;

    /** Makes a failure of the usual {@link #scope()}. The message is for people and never contains a secret. */
    public ProviderException(Reason reason, String message) {
        this(reason, message, null);
    }

    /** Makes a failure of the usual {@link #scope()} with what led to it. */
    public ProviderException(Reason reason, String message, @Nullable Throwable cause) {
        super(message, Escaped.failure(cause));
        this.reason = Objects.requireNonNull(reason, "reason");
        this.scope = reason.usualScope();
        this.retryAfter = null;
    }

    private ProviderException(Builder builder) {
        super(builder.message, Escaped.failure(builder.cause));
        this.reason = builder.reason;
        this.scope = builder.scope;
        this.retryAfter = builder.retryAfter;
    }

    /**
     * Starts a failure that says more than its reason.
     *
     * @param reason what callers decide on
     * @param message for people; never contains a secret
     */
    public static Builder builder(Reason reason, String message) {
        return new Builder(reason, message);
    }

    /** Returns why the call failed. */
    public Reason reason() {
        return reason;
    }

    /**
     * Returns what the failure concerns: the whole provider for {@link Reason#RATE_LIMITED} and {@link
     * Reason#UNAUTHENTICATED}, the machine that was asked for with any other reason, unless the provider said
     * otherwise. Meaningless for a listing, which always concerns the provider.
     */
    public Scope scope() {
        return scope;
    }

    /** Returns how long the provider, or the machine if that is the {@link #scope()}, asks to be left alone. */
    public Optional<Duration> retryAfter() {
        return Optional.ofNullable(retryAfter);
    }

    /** Collects what a {@link ProviderException} says. Not safe for use by several threads. */
    public static final class Builder {
        private final Reason reason;
        private final String message;
        private Scope scope;
        private @Nullable Duration retryAfter;
        private @Nullable Throwable cause;

        private Builder(Reason reason, String message) {
            this.reason = Objects.requireNonNull(reason, "reason");
            this.message = message;
            this.scope = reason.usualScope();
        }

        /**
         * Sets what the failure concerns; by default what is usual for its reason, see {@link
         * ProviderException#scope()}.
         */
        public Builder scope(Scope scope) {
            this.scope = Objects.requireNonNull(scope, "scope");
            return this;
        }

        /**
         * Sets how long to leave alone what the failure concerns; null, the default, if that is not known.
         *
         * @throws IllegalArgumentException if it is negative
         */
        public Builder retryAfter(@Nullable Duration retryAfter) {
            if (retryAfter != null && retryAfter.isNegative()) {
                throw new IllegalArgumentException("retryAfter is negative: " + Spans.text(retryAfter));
            }
            this.retryAfter = retryAfter;
            return this;
        }

        /** Sets what led to the failure; null, the default, for nothing. */
        public Builder cause(@Nullable Throwable cause) {
            this.cause = cause;
            return this;
        }

        /** Makes the exception, to be thrown. */
        public ProviderException build() {
            return new ProviderException(this);
        }
    }
}
