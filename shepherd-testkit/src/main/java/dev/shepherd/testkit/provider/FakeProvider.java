package dev.shepherd.testkit.provider;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import dev.shepherd.testkit.ssh.SshHost;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A provider in memory, for tests of code that uses one: it keeps the rules of {@link Recoverer}, records its calls, and
 * fails when it is told to.
 *
 * <p>It has the machines that {@linkplain #addMachine were added}, free {@linkplain #addReservations reservations}, and a
 * {@linkplain #setCapacity capacity} for machines that are made on request. What is created carries its intent, and the
 * same intent makes one machine only. A machine that is {@link Availability#POSSIBLY_USED} stays as it is.
 *
 * <p>Each of {@link #failNext}, {@link #failNextAfterEffect}, {@link #delayNext} and {@link #blockNext} is for one call
 * of an operation, in the order in which they were given; {@link #failAll} is for all calls after them.
 * {@link #freezeListing()} makes listings stale.
 *
 * <p>Safe for use by several threads, and by more than {@link #maxConcurrentCalls()}: {@link #mostConcurrentCalls()} tells
 * a test whether its callers keep to that number.
 */
public final class FakeProvider implements Recoverer {

    /** The calls of a provider. */
    public enum Operation {
        /** {@link FakeProvider#listMachines()}. */
        LIST,
        /** {@link FakeProvider#getMachine(ProviderID)}. */
        GET,
        /** {@link FakeProvider#createMachine(Session, CreateMachineRequest)}. */
        CREATE,
        /** {@link FakeProvider#rebootMachine(ProviderID)}. */
        REBOOT,
        /** {@link FakeProvider#reinstallMachine(ProviderID)}. */
        REINSTALL
    }

    /**
     * A call that was made.
     *
     * @param operation what was asked for
     * @param id the machine that was asked about, or the one asked for or made by a creation
     * @param intentId the intent of a creation
     * @param thread the name of the calling thread
     * @param start when it was made, by the provider's clock
     * @param end when it returned or failed; empty as long as it has not
     * @param failure what it failed with
     */
    public record Call(
            Operation operation,
            Optional<ProviderID> id,
            Optional<UUID> intentId,
            String thread,
            Instant start,
            Optional<Instant> end,
            Optional<Throwable> failure) {}

    /** A call that waits until it is let go. Safe for use by several threads. */
    public static final class Blocked implements AutoCloseable {
        final CountDownLatch reached = new CountDownLatch(1);
        final CountDownLatch released = new CountDownLatch(1);

        private Blocked() {}

        /** Tells whether the call has begun. */
        public boolean isReached() {
            return reached.getCount() == 0;
        }

        /**
         * Waits until the call has begun, for at most 30 s.
         *
         * @throws IllegalStateException if it was not made by then
         * @throws InterruptedException if the thread is interrupted
         */
        public void awaitReached() throws InterruptedException {
            if (!reached.await(LONGEST_WAIT_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException("the call was not made within " + LONGEST_WAIT_SECONDS + " s");
            }
        }

        /** Lets the call go on, or not wait at all if it comes later. May be called several times. */
        public void release() {
            released.countDown();
        }

        /** Lets the call go on. */
        @Override
        public void close() {
            release();
        }
    }

    static final long LONGEST_WAIT_SECONDS = 30;

    private final ProviderType type;
    private final int maxConcurrentCalls;
    private final boolean listingCheap;
    private final boolean creationCheap;
    private final FakeCalls calls;
    private final FakeMachines machines;
    private volatile Consumer<ProviderID> onReboot = id -> {};
    private volatile @Nullable Consumer<ProviderID> onReinstall;

    private FakeProvider(Builder builder) {
        type = builder.type;
        maxConcurrentCalls = builder.maxConcurrentCalls;
        listingCheap = builder.listingCheap;
        creationCheap = builder.creationCheap;
        calls = new FakeCalls(type, builder.clock);
        machines = new FakeMachines(type, builder.creationSlow, builder.capacity, builder.addresses);
    }

    /** Makes a provider without machines that takes one call at a time. */
    public static FakeProvider create(ProviderType type) {
        return create(type, 1);
    }

    /**
     * Makes a provider without machines that says it takes several calls at a time.
     *
     * @throws IllegalArgumentException if the number is not positive
     */
    public static FakeProvider create(ProviderType type, int maxConcurrentCalls) {
        return builder(type).maxConcurrentCalls(maxConcurrentCalls).build();
    }

    /** Starts a builder with the default settings. */
    public static Builder builder(ProviderType type) {
        return new Builder(type);
    }

    // What the manager calls.

    @Override
    public ProviderType type() {
        return type;
    }

    @Override
    public boolean isListingCheap() {
        return listingCheap;
    }

    @Override
    public boolean isCreationCheap() {
        return creationCheap;
    }

    @Override
    public int maxConcurrentCalls() {
        return maxConcurrentCalls;
    }

    /**
     * {@inheritDoc}
     *
     * <p>While the listing is {@linkplain #freezeListing() frozen}, it is the one of that moment.
     *
     * @throws IllegalStateException if this provider is closed
     */
    @Override
    public List<MachineInfo> listMachines() throws InterruptedException {
        return calls.call(Operation.LIST, Optional.empty(), Optional.empty(), attempt -> machines.listed());
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalStateException if this provider is closed
     */
    @Override
    public MachineInfo getMachine(ProviderID id) throws InterruptedException {
        Objects.requireNonNull(id, "id");
        return calls.call(Operation.GET, Optional.of(id), Optional.empty(), attempt -> machines.find(id));
    }

    /**
     * {@inheritDoc}
     *
     * <p>A {@linkplain #failNextAfterEffect failure after the effect} comes when the machine is made and before
     * it is recorded: what a lost answer, or a process that died, leaves behind.
     *
     * @throws IllegalStateException if this provider is closed
     */
    @Override
    public MachineInfo createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        Objects.requireNonNull(session, "session");
        Optional<ProviderID> id = request.machine().map(Machine::id).filter(ProviderID::isValid);
        return calls.call(Operation.CREATE, id, Optional.of(request.intentId()), attempt -> {
            MachineInfo machine = machines.make(request);
            attempt.made(machine.id());
            attempt.failAfterEffect();
            session.inTransaction(transaction -> transaction.recordMachine(type, request, machine));
            return machine;
        });
    }

    /**
     * {@inheritDoc}
     *
     * <p>Does what {@link #onReboot} was given, and then returns.
     *
     * @throws IllegalStateException if this provider is closed
     */
    @Override
    public void rebootMachine(ProviderID id) throws InterruptedException {
        Objects.requireNonNull(id, "id");
        calls.call(Operation.REBOOT, Optional.of(id), Optional.empty(), attempt -> {
            machines.find(id);
            onReboot.accept(id);
            return id;
        });
    }

    /**
     * {@inheritDoc}
     *
     * <p>Does what {@link #onReinstall} was given, and then returns. With {@linkplain Builder#creationSlow slow
     * creations} the machine is {@link ProviderStatus#PROVISIONING} until {@link #finishCreations()}.
     *
     * @throws NotSupportedException if {@link #onReinstall} was given nothing
     * @throws IllegalStateException if this provider is closed
     */
    @Override
    public void reinstallMachine(ProviderID id) throws InterruptedException {
        Objects.requireNonNull(id, "id");
        calls.call(Operation.REINSTALL, Optional.of(id), Optional.empty(), attempt -> {
            Consumer<ProviderID> action = onReinstall;
            if (action == null) {
                throw new NotSupportedException("provider " + type + " cannot reinstall machines");
            }
            machines.find(id);
            action.accept(id);
            machines.reinstall(id);
            return id;
        });
    }

    /** Closes the provider: calls made from now on are refused with {@link IllegalStateException}. */
    @Override
    public void close() {
        calls.close(true);
    }

    /** Opens a closed provider again, with the machines that it had: what a process finds that was restarted. */
    public void reopen() {
        calls.close(false);
    }

    // What a test arranges.

    /**
     * Adds a machine as it is, or replaces the one with its id.
     *
     * @throws IllegalArgumentException if it has neither a valid id nor a reservation id
     */
    public void addMachine(MachineInfo machine) {
        machines.add(machine);
    }

    /**
     * Adds hardware reservations that are free: machines without an id and an address, with the reservation ids
     * {@code reservation-1}, {@code reservation-2} and so on, twenty to a rack. One that is created becomes a device
     * with an id and an address.
     *
     * @return the reservations, in order
     * @throws IllegalArgumentException if the count is negative
     */
    public List<MachineInfo> addReservations(int count) {
        return machines.addReservations(count);
    }

    /** Takes a machine away, as if the provider had never had it. Does nothing if there is none with this id. */
    public void removeMachine(ProviderID id) {
        machines.remove(id);
    }

    /**
     * Ends all {@linkplain Builder#creationSlow slow creations} and reinstallations that are under way: the machines are
     * {@link ProviderStatus#RUNNING} from now on, and have an address.
     */
    public void finishCreations() {
        machines.finishCreations();
    }

    /**
     * Returns the machines that have an id, as they are now: whatever the listing shows, and whether or not they are
     * recorded anywhere. Not recorded as a call. A copy.
     */
    public List<MachineInfo> machines() {
        return machines.withAnId();
    }

    /**
     * Sets how many more machines can be made out of nothing, after the free ones are used up; 0 by default.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public void setCapacity(int capacity) {
        machines.setCapacity(FakeMachines.checkCapacity(capacity));
    }

    /** Returns how many more machines can be made out of nothing. */
    public int capacity() {
        return machines.capacity();
    }

    /** Keeps the listing as it is now, however machines change, as a cache or a replica that lags would. */
    public void freezeListing() {
        machines.freezeListing();
    }

    /** Ends what {@link #freezeListing()} began. */
    public void thawListing() {
        machines.thawListing();
    }

    /** Lets the next call of a kind fail before it has any effect. */
    public void failNext(Operation operation, RuntimeException failure) {
        calls.onNext(operation, FakeCalls.Fault.failure(failure));
    }

    /** Lets the next call of a kind take effect at the provider and then fail, as a lost answer does. */
    public void failNextAfterEffect(Operation operation, RuntimeException failure) {
        calls.onNext(operation, FakeCalls.Fault.failureAfterEffect(failure));
    }

    /** Lets every call of a kind for which nothing else waits fail before it has any effect, until {@link #clearFaults()}. */
    public void failAll(Operation operation, RuntimeException failure) {
        calls.onAll(operation, FakeCalls.Fault.failure(failure));
    }

    /** Forgets all faults that were given and not used up. */
    public void clearFaults() {
        calls.clearFaults();
    }

    /** Lets the next call of a kind take so much longer, before it has any effect. Interruption ends it. */
    public void delayNext(Operation operation, Duration delay) {
        calls.onNext(operation, FakeCalls.Fault.delay(delay));
    }

    /**
     * Lets the next call of a kind wait, before it has any effect, until it is released, for at most 30 s.
     * Interruption ends it.
     */
    public Blocked blockNext(Operation operation) {
        Blocked blocked = new Blocked();
        calls.onNext(operation, FakeCalls.Fault.block(blocked));
        return blocked;
    }

    /** Sets what is done when a machine is rebooted, such as {@link SshHost#reboot()}. By default nothing. */
    public void onReboot(Consumer<ProviderID> action) {
        onReboot = Objects.requireNonNull(action, "action");
    }

    /**
     * Sets what is done when a machine is reinstalled, such as {@link SshHost#reinstall()}. Without it, reinstalling is
     * not supported.
     */
    public void onReinstall(Consumer<ProviderID> action) {
        onReinstall = Objects.requireNonNull(action, "action");
    }

    // What a test finds out.

    /** Returns the calls so far, in the order in which they were made; those that still run included. A copy. */
    public List<Call> calls() {
        return calls.made();
    }

    /** Returns how many calls of a kind were made so far. */
    public long calls(Operation operation) {
        return calls().stream().filter(call -> call.operation() == operation).count();
    }

    /** Returns how many calls ran at the same time, at most. */
    public int mostConcurrentCalls() {
        return calls.mostConcurrent();
    }

    /** Tells whether this provider was closed. */
    public boolean isClosed() {
        return calls.isClosed();
    }

    /** Shows the type and how many machines there are. */
    @Override
    public String toString() {
        return "FakeProvider[" + type + ", " + machines.withAnId().size() + " machines]";
    }

    /** Collects the settings of a {@link FakeProvider}. Not safe for several threads. */
    public static final class Builder {

        private final ProviderType type;
        private int maxConcurrentCalls = 1;
        private boolean listingCheap;
        private boolean creationCheap;
        private boolean creationSlow;
        private int capacity;
        private Clock clock = Clock.systemUTC();
        private @Nullable Function<ProviderID, InetSocketAddress> addresses;

        private Builder(ProviderType type) {
            this.type = Objects.requireNonNull(type, "type");
        }

        /**
         * Sets how many calls it says it takes at the same time; 1 by default.
         *
         * @throws IllegalArgumentException if the number is not positive
         */
        public Builder maxConcurrentCalls(int maxConcurrentCalls) {
            if (maxConcurrentCalls < 1) {
                throw new IllegalArgumentException(
                        "maxConcurrentCalls is " + maxConcurrentCalls + ", but at least 1 is needed");
            }
            this.maxConcurrentCalls = maxConcurrentCalls;
            return this;
        }

        /** Sets whether it says that its listing is cheap; false by default. */
        public Builder listingCheap(boolean cheap) {
            this.listingCheap = cheap;
            return this;
        }

        /** Sets whether it says that it only takes note of machines; false by default. */
        public Builder creationCheap(boolean cheap) {
            this.creationCheap = cheap;
            return this;
        }

        /**
         * Sets whether machines that are created or reinstalled are listed as {@link ProviderStatus#PROVISIONING}, and
         * new ones without an address, until {@link FakeProvider#finishCreations()}; false by default.
         */
        public Builder creationSlow(boolean slow) {
            this.creationSlow = slow;
            return this;
        }

        /**
         * Sets how many machines can be made out of nothing to begin with; 0 by default.
         *
         * @throws IllegalArgumentException if the number is negative
         */
        public Builder capacity(int capacity) {
            this.capacity = FakeMachines.checkCapacity(capacity);
            return this;
        }

        /** Sets the clock that calls are recorded by; the system's by default. */
        public Builder clock(Clock clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /**
         * Sets where created machines are reached that have no address yet, as an address and a port for SSH. By
         * default at port 22 of addresses from 192.0.2.1 on, which no machine has (RFC 5737).
         *
         * @param addresses called once for each device, while the provider is locked: it must not call it
         */
        public Builder addresses(Function<ProviderID, InetSocketAddress> addresses) {
            this.addresses = Objects.requireNonNull(addresses, "addresses");
            return this;
        }

        /** Makes the provider. */
        public FakeProvider build() {
            return new FakeProvider(this);
        }
    }
}
