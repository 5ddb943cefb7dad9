package dev.shepherd.manager.internal;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineVisitor;
import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import dev.shepherd.api.ShepherdException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.trace.Span;
import dev.shepherd.bmdb.trace.SpanName;
import dev.shepherd.bmdb.trace.Tracer;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The only way to call a provider: admits as many calls at once as the provider takes, and turns anything it throws
 * into a failure to decide on. The provider's machines are read within the call, too, since they are its code: what
 * comes out is checked, and calls nothing. One for each provider, shared by all who call it.
 */
public final class ProviderCalls {

    private static final Logger log = LoggerFactory.getLogger(ProviderCalls.class);

    /** How long a provider or a machine is left alone at most, even if the provider asks for longer. */
    public static final Duration LONGEST_REST = Duration.ofDays(1);

    /** Longer than any single call may reasonably take; a provider that is busy for so long is stuck. */
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

    /** How many labels that are passed over are in the log one by one. */
    private static final int MOST_TOLD_LABELS = 100;

    private static final int LONGEST_LABEL_REASON = 500;

    private final Provider provider;
    private final ProviderType type;
    private final int permits;
    private final boolean listingCheap;
    private final boolean creationCheap;
    private final Semaphore semaphore;
    private final Duration longestListing;
    private final Tracer tracer;
    private final List<Observer> observers = new CopyOnWriteArrayList<>();
    private final LongAdder labelsPassedOver = new LongAdder();

    /** What was said of labels that were passed over: once each, since a provider says the same at every listing. */
    private final Set<String> toldLabels = ConcurrentHashMap.newKeySet();

    public ProviderCalls(Provider provider, Tracer tracer) {
        this(provider, LONGEST_WAIT, tracer);
    }

    /**
     * A listing must not take longer than others wait for it. The provider's properties never change, and are read
     * before there can be another call.
     */
    public ProviderCalls(Provider provider, Duration longestListing, Tracer tracer) {
        this.longestListing = longestListing;
        this.tracer = tracer;
        this.provider = provider;
        this.type = provider.type();
        this.permits = provider.maxConcurrentCalls();
        this.listingCheap = provider.isListingCheap();
        this.creationCheap = provider.isCreationCheap();
        if (permits < 1) {
            throw new IllegalArgumentException(
                    "provider " + type + " takes " + permits + " calls at once; it must be at least 1");
        }
        this.semaphore = new Semaphore(permits, true);
    }

    public ProviderType type() {
        return type;
    }

    /** What a provider is asked. */
    public enum Operation {
        LIST,
        GET,
        CREATE,
        REBOOT,
        REINSTALL
    }

    /** Is told of each call, on the thread that made it; must return at once, and throw nothing. */
    public interface Observer {

        /** Is told that a call had its turn, or did not wait any longer for it. */
        void waited(Operation operation, long nanos);

        /**
         * Is told that a call has ended.
         *
         * @param failure what ended it; null if it went well
         */
        void ended(Operation operation, @Nullable Exception failure, long nanos);
    }

    /** Returns how many labels were passed over so far, each as often as the provider said it. */
    public long labelsPassedOver() {
        return labelsPassedOver.sum();
    }

    private void labelPassedOver(ProviderID id, String why) {
        labelsPassedOver.increment();
        String what = "machine " + id + ": " + why;
        if (toldLabels.size() < MOST_TOLD_LABELS && toldLabels.add(what)) {
            log.warn(
                    "Provider {}: a label is passed over, of {}{}",
                    type,
                    Escaped.text(what, LONGEST_LABEL_REASON),
                    toldLabels.size() == MOST_TOLD_LABELS ? "; others are only counted from here on" : "");
        }
    }

    /** Begins to tell of calls. */
    public void observe(Observer observer) {
        observers.add(observer);
    }

    /** Ends that. */
    public void forget(Observer observer) {
        observers.remove(observer);
    }

    /** Returns how many calls are under way. */
    public int active() {
        return permits - semaphore.availablePermits();
    }

    /** Returns about how many calls wait for their turn. */
    public int waiting() {
        return semaphore.getQueueLength();
    }

    /** Returns how many calls the provider takes at once. */
    public int permits() {
        return permits;
    }

    /** What is shown the machines of a listing. */
    public interface Visitor {

        /** Looks at a machine that keeps the rules. */
        void visit(MachineInfo machine) throws InterruptedException;

        /**
         * Is told of a machine that breaks a rule, and of which nothing else is known.
         *
         * @param id its id; {@link ProviderID#INVALID} if it has no valid one
         */
        void passOver(ProviderID id, String why) throws InterruptedException;
    }

    /**
     * Lists the machines. The visitor may call the database; an exception from it ends the listing, which then fails
     * even if the provider swallows it.
     */
    public void forEachMachine(Visitor visitor) throws InterruptedException {
        call(new Asked(Operation.LIST, ProviderID.INVALID, "listing the machines"), () -> {
            Listing listing = new Listing(visitor);
            provider.forEachMachine(listing);
            return listing.end();
        });
    }

    /** A listing under way: keeps to its time limit, ends when its thread is interrupted, and forgets no failure. */
    private final class Listing implements MachineVisitor {
        private final Visitor visitor;
        private final long startedAt = System.nanoTime();
        private boolean whole = true;
        private long count;

        Listing(Visitor visitor) {
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
                            "provider " + type + " was still listing its machines after " + Spans.text(longestListing));
                }
                show(machine);
                passed = true;
            } finally {
                whole &= passed;
            }
        }

        private void show(Machine machine) throws InterruptedException {
            MachineInfo info;
            try {
                info = MachineInfo.copyOf(machine, why -> labelPassedOver(idOf(machine), why));
            } catch (RuntimeException e) {
                visitor.passOver(idOf(machine), describe(e));
                return;
            }
            visitor.visit(info);
        }

        /** A provider that goes on after its visitor threw must not count as having listed everything. */
        boolean end() {
            if (!whole) {
                throw new ProviderException(
                        Reason.PERMANENT,
                        "provider " + type + " swallowed the exception that ended its listing, which must propagate");
            }
            return true;
        }
    }

    /** Returns the failure of a listing that shows a machine a second time, which visitors notice by their indexes. */
    public ProviderException listedTwice(ProviderID id) {
        return new ProviderException(Reason.PERMANENT, "provider " + type + " lists machine " + id + " twice");
    }

    /** Describes a machine, which keeps the rules and has this id. What is wrong with it concerns this machine only. */
    public MachineInfo getMachine(ProviderID id) throws InterruptedException {
        return call(new Asked(Operation.GET, id, "asking for machine " + id), () -> {
            Machine described = provider.getMachine(id);
            if (described == null) {
                return null;
            }
            MachineInfo info;
            try {
                info = MachineInfo.copyOf(described, why -> labelPassedOver(id, why));
            } catch (RuntimeException e) {
                throw new ProviderException(
                        Reason.PERMANENT,
                        "provider " + type + " describes machine " + id + " against the rules: " + describe(e),
                        e);
            }
            if (!info.id().equals(id)) {
                throw new ProviderException(
                        Reason.TRANSIENT,
                        "provider " + type + " was asked for machine " + id + " and described " + info.id());
            }
            return info;
        });
    }

    /** Names one of the provider's machines, as lines of the log begin. */
    public String describe(UUID machineId, ProviderID id) {
        return "Machine " + machineId + " (" + type + " " + id + ")";
    }

    /** Returns the kind of a cause for which the provider refused or failed. */
    public static String kind(ProviderException e) {
        return "provider_" + e.reason().name().toLowerCase(Locale.ROOT);
    }

    private static ProviderID idOf(@Nullable Machine machine) {
        try {
            ProviderID id = machine == null ? null : machine.id();
            return id == null ? ProviderID.INVALID : id;
        } catch (RuntimeException e) {
            return ProviderID.INVALID;
        }
    }

    private static String describe(RuntimeException e) {
        return e instanceof IllegalArgumentException && e.getMessage() != null ? e.getMessage() : e.toString();
    }

    /** Creates and records a machine. Returns its id. */
    public ProviderID createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        String what = "creating a machine for intent " + request.intentId();
        return call(new Asked(Operation.CREATE, ProviderID.INVALID, what), () -> {
            Machine machine = provider.createMachine(session, request);
            return machine == null ? null : machine.id();
        });
    }

    /** Tells whether one listing is better than many questions. */
    public boolean isListingCheap() {
        return listingCheap;
    }

    /** Tells whether the provider only takes note of machines. */
    public boolean isCreationCheap() {
        return creationCheap;
    }

    /** Tells whether the provider can bring machines back at all. */
    public boolean canReboot() {
        return provider instanceof Recoverer;
    }

    /**
     * Checks, on the thread that is about to call and as the last thing before the call, whether it still should be
     * made.
     */
    @FunctionalInterface
    public interface LastCheck {
        boolean passes() throws InterruptedException;
    }

    /** Reboots a machine. Returns false if the check did not pass; then the provider was not called. */
    public boolean rebootMachine(ProviderID id, LastCheck check) throws InterruptedException {
        Recoverer recoverer = recoverer();
        return callAfter(
                new Asked(Operation.REBOOT, id, "rebooting machine " + id), check, () -> recoverer.rebootMachine(id));
    }

    /** Reinstalls a machine. Returns false if the check did not pass; then the provider was not called. */
    public boolean reinstallMachine(ProviderID id, LastCheck check) throws InterruptedException {
        Recoverer recoverer = recoverer();
        return callAfter(
                new Asked(Operation.REINSTALL, id, "reinstalling machine " + id),
                check,
                () -> recoverer.reinstallMachine(id));
    }

    @FunctionalInterface
    private interface Action {
        void run() throws InterruptedException;
    }

    private boolean callAfter(Asked asked, LastCheck check, Action action) throws InterruptedException {
        return inTurn(asked, () -> {
            boolean go = check.passes();
            // The answer to the check may have come late: then the session was lost meanwhile, and this interrupted. A
            // provider need not look before it calls.
            if (go && Thread.interrupted()) {
                throw new InterruptedException("interrupted before " + asked.what());
            }
            if (go) {
                observed(asked, () -> {
                    action.run();
                    return true;
                });
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
        @Nullable
        T run() throws InterruptedException;
    }

    /**
     * What a call is for.
     *
     * @param id the machine that it is about; {@link ProviderID#INVALID} if it is not about one that there is
     * @param what the same for people
     */
    private record Asked(Operation operation, ProviderID id, String what) {}

    private <T> T call(Asked asked, Call<T> call) throws InterruptedException {
        return inTurn(asked, () -> observed(asked, call));
    }

    private <T> T inTurn(Asked asked, Call<T> turn) throws InterruptedException {
        long askedAt = System.nanoTime();
        boolean admitted = false;
        try {
            admitted = semaphore.tryAcquire(LONGEST_WAIT.toMillis(), TimeUnit.MILLISECONDS);
        } finally {
            long waited = System.nanoTime() - askedAt;
            observers.forEach(observer -> observer.waited(asked.operation(), waited));
        }
        if (!admitted) {
            throw ProviderException.builder(
                            Reason.TRANSIENT,
                            String.format(
                                    Locale.ROOT,
                                    "provider %s: %s had to wait for longer than %s, since %d call(s) are still"
                                            + " running",
                                    type,
                                    asked.what(),
                                    Spans.text(LONGEST_WAIT),
                                    permits))
                    .scope(Scope.PROVIDER)
                    .build();
        }
        try {
            return checked(asked.what(), turn);
        } finally {
            semaphore.release();
        }
    }

    private <T> T observed(Asked asked, Call<T> call) throws InterruptedException {
        Span traced =
                tracer.span(SpanName.PROVIDER_CALL).tag("provider", type.name()).tag("operation", asked.operation());
        if (!asked.id().equals(ProviderID.INVALID)) {
            traced.detail("provider.id", asked.id());
        }
        return traced.run(span -> {
            try {
                T answer = timed(asked, call);
                span.tag("outcome", "ok");
                return answer;
            } catch (ProviderException e) {
                throw e;
            } catch (RuntimeException e) {
                span.tag("outcome", "given_up"); // As metrics have it: the provider did not fail.
                throw e;
            }
        });
    }

    private <T> T timed(Asked asked, Call<T> call) throws InterruptedException {
        long startedAt = System.nanoTime();
        @Nullable Exception failure = null;
        try {
            return checked(asked.what(), call);
        } catch (InterruptedException | RuntimeException e) {
            failure = e;
            throw e;
        } finally {
            long took = System.nanoTime() - startedAt;
            for (Observer observer : observers) {
                observer.ended(asked.operation(), failure, took);
            }
        }
    }

    private <T> T checked(String what, Call<T> call) throws InterruptedException {
        try {
            @Nullable T result = call.run();
            if (result == null) {
                throw new ProviderException(Reason.TRANSIENT, "provider " + type + ": " + what + " returned null");
            }
            return result;
        } catch (ShepherdException e) {
            throw e;
        } catch (RuntimeException e) {
            throw new ProviderException(
                    Reason.TRANSIENT, "provider " + type + ": " + what + " failed unexpectedly: " + e, e);
        }
    }
}
