package dev.shepherd.manager;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineVisitor;
import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import dev.shepherd.api.ShepherdException;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * The only way by which loops call a provider: lets in as many calls at once as the provider takes, and turns
 * whatever it throws into something that can be decided on. One for each provider, shared by all loops.
 */
final class ProviderCalls {

    /** Longer than any single call may reasonably take; a provider that is busy for so long is stuck. */
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

    private final Provider provider;
    private final ProviderType type;
    private final int permits;
    private final Semaphore semaphore;
    private final Duration longestListing;

    ProviderCalls(Provider provider) {
        this(provider, LONGEST_WAIT);
    }

    /** A listing must not take longer than others wait for it. */
    ProviderCalls(Provider provider, Duration longestListing) {
        this.longestListing = longestListing;
        this.provider = provider;
        this.type = provider.type();
        this.permits = provider.maxConcurrentCalls();
        if (permits < 1) {
            throw new IllegalArgumentException(
                    "provider " + type + " takes " + permits + " calls at once; it must be at least 1");
        }
        this.semaphore = new Semaphore(permits, true);
    }

    ProviderType type() {
        return type;
    }

    /**
     * Lists the machines. The visitor may call the database; what it throws ends the listing, and it is a failure
     * whatever the provider makes of it.
     */
    void forEachMachine(MachineVisitor visitor) throws InterruptedException {
        call("listing the machines", () -> {
            Listing listing = new Listing(visitor);
            provider.forEachMachine(listing);
            return listing.end();
        });
    }

    /** A listing under way: keeps to its time, ends when its thread is interrupted, and forgets no failure. */
    private final class Listing implements MachineVisitor {
        private final MachineVisitor visitor;
        private final long startedAt = System.nanoTime();
        private boolean whole = true;
        private long count;

        Listing(MachineVisitor visitor) {
            this.visitor = visitor;
        }

        @Override
        public void visit(Machine machine) throws InterruptedException {
            boolean passed = false;
            try {
                if (Thread.interrupted()) {
                    throw new InterruptedException("interrupted while provider " + type + " was listed");
                }
                if (++count % 64 == 0 && System.nanoTime() - startedAt > longestListing.toNanos()) {
                    throw new ProviderException(
                            Reason.TRANSIENT,
                            "provider " + type + " was still listing its machines after " + longestListing);
                }
                visitor.visit(machine);
                passed = true;
            } finally {
                whole &= passed;
            }
        }

        /** A provider that goes on after its visitor threw must not be taken for one that listed everything. */
        boolean end() {
            if (!whole) {
                throw new ProviderException(
                        Reason.PERMANENT,
                        "provider " + type + " swallowed what ended its listing, which it must let pass");
            }
            return true;
        }
    }

    Machine getMachine(ProviderID id) throws InterruptedException {
        return call("asking for machine " + id, () -> provider.getMachine(id));
    }

    Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        return call(
                "creating a machine for intent " + request.intentId(), () -> provider.createMachine(session, request));
    }

    /** Tells whether one listing is better than many questions. */
    boolean isListingCheap() {
        return provider.isListingCheap();
    }

    /** Tells whether the provider can bring machines back at all. */
    boolean canReboot() {
        return provider instanceof Recoverer;
    }

    /** Asks, on the thread that is about to call and as the last thing before, whether it still should. */
    @FunctionalInterface
    interface LastCheck {
        boolean passes() throws InterruptedException;
    }

    /** Reboots a machine. Returns false if the check did not pass; then the provider was not asked. */
    boolean rebootMachine(ProviderID id, LastCheck check) throws InterruptedException {
        Recoverer recoverer = recoverer();
        return callAfter(check, "rebooting machine " + id, () -> recoverer.rebootMachine(id));
    }

    /** Reinstalls a machine. Returns false if the check did not pass; then the provider was not asked. */
    boolean reinstallMachine(ProviderID id, LastCheck check) throws InterruptedException {
        Recoverer recoverer = recoverer();
        return callAfter(check, "reinstalling machine " + id, () -> recoverer.reinstallMachine(id));
    }

    @FunctionalInterface
    private interface Action {
        void run() throws InterruptedException;
    }

    private boolean callAfter(LastCheck check, String what, Action action) throws InterruptedException {
        return call(what, () -> {
            boolean go = check.passes();
            // The answer to the check may have come late: then the session was lost meanwhile, and this interrupted. A
            // provider need not look before it calls.
            if (go && Thread.interrupted()) {
                throw new InterruptedException("interrupted before " + what);
            }
            if (go) {
                action.run();
            }
            return go;
        });
    }

    private Recoverer recoverer() {
        if (provider instanceof Recoverer recoverer) {
            return recoverer;
        }
        throw new NotSupportedException("provider " + type + " cannot bring machines back");
    }

    @FunctionalInterface
    private interface Call<T> {
        T run() throws InterruptedException;
    }

    private <T> T call(String what, Call<T> call) throws InterruptedException {
        if (!semaphore.tryAcquire(LONGEST_WAIT.toMillis(), TimeUnit.MILLISECONDS)) {
            throw new ProviderException(
                    Reason.TRANSIENT,
                    "provider %s: %s had to wait for longer than %s, since %d call(s) are still running"
                            .formatted(type, what, LONGEST_WAIT, permits));
        }
        try {
            T result = call.run();
            if (result == null) {
                throw new ProviderException(Reason.TRANSIENT, "provider " + type + ": " + what + " returned null");
            }
            return result;
        } catch (ShepherdException e) {
            throw e;
        } catch (RuntimeException e) {
            throw new ProviderException(
                    Reason.TRANSIENT, "provider " + type + ": " + what + " failed unexpectedly: " + e, e);
        } finally {
            semaphore.release();
        }
    }
}
