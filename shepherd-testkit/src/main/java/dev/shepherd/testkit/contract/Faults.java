package dev.shepherd.testkit.contract;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Lets faults in between the providers of a test and the outside. {@link FaultProxy} does so for whatever is asked by
 * HTTP; a provider that reaches the outside in another way has an implementation of its own, see
 * {@link ProviderContract#faults()}.
 *
 * <p>The kit calls it on one thread at a time, while other threads call the provider.
 */
public interface Faults {

    /**
     * Lets a fault in, at once, until it is healed.
     *
     * @return whether this is possible here; rules on faults that are not are skipped
     */
    boolean inject(ContractFault fault) throws Exception;

    /**
     * Lets a fault in for one request: the {@code number}-th of its kind from now on. All others are served. At most one
     * such fault is there at a time; the last one counts.
     *
     * @param number at least 1
     * @return whether this is possible here; false by default
     */
    default boolean inject(RequestFault fault, Step step, int number) throws Exception {
        return false;
    }

    /**
     * Has something done right before one request is let through to the outside, in place of a fault.
     *
     * @param number at least 1: which of its kind, from now on
     * @param action what is done, on the thread that serves the request; requests that it makes are let through
     * @return whether this is possible here; false by default
     */
    default boolean before(Step step, int number, Action action) throws Exception {
        return false;
    }

    /**
     * Tells whether the request has come that the last {@link #inject(RequestFault, Step, int)} or {@link #before} meant. If
     * it takes its effect, it has done so by then.
     */
    default boolean wasHit() {
        return false;
    }

    /** Returns how many requests that change something took effect since the last fault was let in, that one included. */
    default int effects() {
        return 0;
    }

    /**
     * Returns how many requests of a kind have come since the last fault was let in; empty if that is not known, as by
     * default.
     */
    default OptionalInt requests(Step step) {
        return OptionalInt.empty();
    }

    /** Returns how long the outside asks to be left alone under {@link ContractFault#RATE_LIMITED}; by default nothing is said. */
    default Optional<Duration> retryAfter() {
        return Optional.empty();
    }

    /** Ends all faults, and all waiting that they caused. Also called where there are none. */
    void heal() throws Exception;

    /** Something that is done between two requests. */
    @FunctionalInterface
    interface Action {

        /** Does it. */
        void run() throws Exception;
    }
}
