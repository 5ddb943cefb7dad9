package dev.shepherd.testkit.contract;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How a call ended.
 *
 * @param what what was called, in words
 * @param value what it returned; null if it failed, or returns nothing
 * @param failure what it failed with
 * @param interrupted whether the calling thread's interrupted status was set when it ended
 */
record Outcome<T extends @Nullable Object>(
        String what, @Nullable T value, @Nullable Throwable failure, boolean interrupted) {

    /** Tells whether it returned, and not null. */
    boolean hasValue() {
        return failure == null && value != null;
    }

    Optional<Reason> reason() {
        return failure instanceof ProviderException e ? Optional.of(e.reason()) : Optional.empty();
    }

    boolean failedWith(Set<Reason> reasons) {
        return reason().map(reasons::contains).orElse(false);
    }

    /** Describes it in one line. */
    String describe() {
        if (failure == null) {
            return what + " returned " + ContractRun.text(value);
        }
        String reason = reason().map(r -> " with reason " + r).orElse("");
        String scope = failure instanceof ProviderException e ? " and scope " + e.scope() : "";
        return what + " threw " + failure.getClass().getName() + reason + scope + ": " + failure.getMessage();
    }
}
