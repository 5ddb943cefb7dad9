package dev.shepherd.testkit;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A provider whose machines are made up: it keeps the rules of {@link Recoverer}, records the calls it gets, and
 * fails when it is told to.
 *
 * <p><strong>Machines.</strong> There are those that {@linkplain #addMachine were added} as they are, free
 * {@linkplain #addReservations reservations}, and a {@linkplain #setCapacity capacity} for machines that are
 * made when they are asked for. What is created carries its intent; another call with that intent returns it
 * again.
 *
 * <p><strong>Faults.</strong> Each of {@code failNext}, {@code failNextAfterEffect}, {@code delayNext} and
 * {@code blockNext} is for one call of an operation. They are used up in the order in which they were given, one
 * by each call.
 *
 * <p>Safe for use by several threads, and by more than {@link #maxConcurrentCalls()} of them: that the manager
 * keeps to that number is for a test to find out from {@link #highestConcurrency()}.
 */
public final class FakeProvider implements Recoverer {

    /** What a provider can be asked for. */
    public enum Operation {
        /** {@link FakeProvider#listMachines()}. */
        LIST_MACHINES,
        /** {@link FakeProvider#getMachine(ProviderID)}. */
        GET_MACHINE,
        /** {@link FakeProvider#createMachine(Session, CreateMachineRequest)}. */
        CREATE_MACHINE,
        /** {@link FakeProvider#rebootMachine(ProviderID)}. */
        REBOOT_MACHINE,
        /** {@link FakeProvider#reinstallMachine(ProviderID)}. */
        REINSTALL_MACHINE
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

    /**
     * A call that is held up until it is released. Safe for use by several threads.
     *
     * @see #blockNext(Operation)
     */
    public static final class Block implements AutoCloseable {
        private final CountDownLatch reached = new CountDownLatch(1);
        private final CountDownLatch released = new CountDownLatch(1);

        private Block() {}

        /** Tells whether the call has been made. */
        public boolean isReached() {
            return reached.getCount() == 0;
        }

        /**
         * Waits until the call has been made.
         *
         * @return false if the patience ran out before
         * @throws InterruptedException if the thread is interrupted
         */
        public boolean awaitReached(Duration patience) throws InterruptedException {
            return reached.await(patience.toNanos(), TimeUnit.NANOSECONDS);
        }

        /** Lets the call go on, or not be held up at all if it comes later. May be called several times. */
        public void release() {
            released.countDown();
        }

        /** Releases the call. */
        @Override
        public void close() {
            release();
        }
    }

    private final ProviderType type;
    private final int maxConcurrentCalls;
    private final boolean reinstalls;
    private final Clock clock;
    private final Function<ProviderID, InetSocketAddress> addresses;
    private final List<Consumer<ProviderID>> rebootListeners = new CopyOnWriteArrayList<>();
    private final List<Consumer<ProviderID>> reinstallListeners = new CopyOnWriteArrayList<>();

    private final Object lock = new Object();
    private final List<MachineInfo> machines = new ArrayList<>();
    private final Map<Operation, Deque<Fault>> faults = new EnumMap<>(Operation.class);
    private final List<Attempt> calls = new ArrayList<>();
    private @Nullable List<MachineInfo> frozenListing;
    private int capacity;
    private int reservationCount;
    private int deviceCount;
    private int runningCalls;
    private int highestConcurrency;
    private boolean closed;

    private FakeProvider(Builder builder) {
        type = builder.type;
        maxConcurrentCalls = builder.maxConcurrentCalls;
        reinstalls = builder.reinstalls;
        clock = builder.clock;
        addresses = builder.addresses == null ? new BenchmarkAddresses() : builder.addresses;
        capacity = builder.capacity;
        for (Operation operation : Operation.values()) {
            faults.put(operation, new ArrayDeque<>());
        }
    }

    /** Starts a builder with the default settings. */
    public static Builder builder() {
        return new Builder();
    }

    /** Makes a provider of the type {@code fake} with the default settings and no machines. */
    public static FakeProvider create() {
        return builder().build();
    }

    // What the manager calls.

    @Override
    public ProviderType type() {
        return type;
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
        return call(Operation.LIST_MACHINES, Optional.empty(), Optional.empty(), attempt -> {
            synchronized (lock) {
                return new ArrayList<>(frozenListing == null ? machines : frozenListing);
            }
        });
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalStateException if this provider is closed
     */
    @Override
    public MachineInfo getMachine(ProviderID id) throws InterruptedException {
        Objects.requireNonNull(id, "id");
        return call(Operation.GET_MACHINE, Optional.of(id), Optional.empty(), attempt -> find(id));
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
        return call(Operation.CREATE_MACHINE, id, Optional.of(request.intentId()), attempt -> {
            MachineInfo machine = make(request);
            attempt.made(machine.id());
            attempt.failAfterEffect();
            session.transact(transaction -> transaction.recordMachine(type, request, machine));
            return machine;
        });
    }

    /**
     * {@inheritDoc}
     *
     * <p>Tells the {@linkplain #onReboot listeners} before it returns.
     *
     * @throws IllegalStateException if this provider is closed
     */
    @Override
    public void rebootMachine(ProviderID id) throws InterruptedException {
        Objects.requireNonNull(id, "id");
        call(Operation.REBOOT_MACHINE, Optional.of(id), Optional.empty(), attempt -> {
            find(id);
            rebootListeners.forEach(listener -> listener.accept(id));
            return id;
        });
    }

    /**
     * {@inheritDoc}
     *
     * <p>Tells the {@linkplain #onReinstall listeners} before it returns.
     *
     * @throws NotSupportedException if this provider was {@linkplain Builder#reinstalls told} that it cannot
     * @throws IllegalStateException if this provider is closed
     */
    @Override
    public void reinstallMachine(ProviderID id) throws InterruptedException {
        Objects.requireNonNull(id, "id");
        call(Operation.REINSTALL_MACHINE, Optional.of(id), Optional.empty(), attempt -> {
            if (!reinstalls) {
                throw new NotSupportedException("provider " + type + " cannot reinstall machines");
            }
            find(id);
            reinstallListeners.forEach(listener -> listener.accept(id));
            return id;
        });
    }

    /** Closes the provider: calls made from now on are refused with {@link IllegalStateException}. */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
        }
    }

    // What a test arranges.

    /**
     * Adds a machine as it is.
     *
     * @return the machine
     * @throws IllegalArgumentException if there is one with its valid id already
     */
    public MachineInfo addMachine(MachineInfo machine) {
        synchronized (lock) {
            if (machine.id().isValid() && indexOf(machine.id()) >= 0) {
                throw new IllegalArgumentException("there already is a machine " + machine.id());
            }
            machines.add(machine);
            return machine;
        }
    }

    /**
     * Adds hardware reservations that nobody uses: machines without an id and an address, with the reservation ids
     * {@code reservation-1}, {@code reservation-2} and so on. One that is created becomes a device with an id and
     * an address.
     *
     * @return the machines, in order
     * @throws IllegalArgumentException if the count is negative
     */
    public List<MachineInfo> addReservations(int count) {
        if (count < 0) {
            throw new IllegalArgumentException("cannot add " + count + " reservations");
        }
        synchronized (lock) {
            List<MachineInfo> added = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                added.add(MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                        .reservationId("reservation-" + ++reservationCount)
                        .build());
            }
            machines.addAll(added);
            return List.copyOf(added);
        }
    }

    /**
     * Replaces the machine that has the same id, such as by one that failed or has another address.
     *
     * @throws IllegalArgumentException if there is none
     */
    public void replaceMachine(MachineInfo machine) {
        synchronized (lock) {
            machines.set(existing(machine.id()), machine);
        }
    }

    /**
     * Makes a machine disappear.
     *
     * @throws IllegalArgumentException if there is none with this id
     */
    public void removeMachine(ProviderID id) {
        synchronized (lock) {
            machines.remove(existing(id));
        }
    }

    /** Returns the machines as they are now, whatever the listing shows. Not recorded as a call. A copy. */
    public List<MachineInfo> machines() {
        synchronized (lock) {
            return List.copyOf(machines);
        }
    }

    /**
     * Sets how many more machines can be made out of nothing, after the free ones are used up; 0 by default.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public void setCapacity(int capacity) {
        checkCapacity(capacity);
        synchronized (lock) {
            this.capacity = capacity;
        }
    }

    /** Returns how many more machines can be made out of nothing. */
    public int capacity() {
        synchronized (lock) {
            return capacity;
        }
    }

    /** Keeps the listing as it is now, however machines change, as a cache or a replica that lags would. */
    public void freezeListing() {
        synchronized (lock) {
            frozenListing = List.copyOf(machines);
        }
    }

    /** Ends what {@link #freezeListing()} began. */
    public void thawListing() {
        synchronized (lock) {
            frozenListing = null;
        }
    }

    /** Makes a call fail before it has done anything. */
    public void failNext(Operation operation, RuntimeException failure) {
        Objects.requireNonNull(failure, "failure");
        addFault(operation, new Fault(failure, null, null, null));
    }

    /** Makes a call fail when it has done what it was asked for. */
    public void failNextAfterEffect(Operation operation, RuntimeException failure) {
        Objects.requireNonNull(failure, "failure");
        addFault(operation, new Fault(null, failure, null, null));
    }

    /** Makes a call take so much longer, before it does anything. Interruption ends it. */
    public void delayNext(Operation operation, Duration delay) {
        Objects.requireNonNull(delay, "delay");
        addFault(operation, new Fault(null, null, delay, null));
    }

    /** Holds a call up, before it does anything, until it is released. Interruption ends it. */
    public Block blockNext(Operation operation) {
        Block block = new Block();
        addFault(operation, new Fault(null, null, null, block));
        return block;
    }

    /** Has somebody told of each reboot, on the calling thread. Meant for what ties a machine to an {@link SshHost}. */
    public void onReboot(Consumer<ProviderID> listener) {
        rebootListeners.add(Objects.requireNonNull(listener, "listener"));
    }

    /** Has somebody told of each reinstallation, on the calling thread. */
    public void onReinstall(Consumer<ProviderID> listener) {
        reinstallListeners.add(Objects.requireNonNull(listener, "listener"));
    }

    // What a test finds out.

    /** Returns the calls so far, in the order in which they were made; those that still run included. A copy. */
    public List<Call> calls() {
        synchronized (lock) {
            return calls.stream().map(Attempt::toCall).toList();
        }
    }

    /** Returns the calls of one operation so far, in the order in which they were made. A copy. */
    public List<Call> calls(Operation operation) {
        return calls().stream().filter(call -> call.operation() == operation).toList();
    }

    /** Returns how many calls ran at the same time, at the most. */
    public int highestConcurrency() {
        synchronized (lock) {
            return highestConcurrency;
        }
    }

    /** Tells whether this provider was closed. */
    public boolean isClosed() {
        synchronized (lock) {
            return closed;
        }
    }

    /** Shows the type and how many machines there are. */
    @Override
    public String toString() {
        synchronized (lock) {
            return "FakeProvider[" + type + ", " + machines.size() + " machines]";
        }
    }

    private interface Body<T> {
        T run(Attempt attempt) throws InterruptedException;
    }

    private <T> T call(Operation operation, Optional<ProviderID> id, Optional<UUID> intentId, Body<T> body)
            throws InterruptedException {
        Attempt attempt;
        synchronized (lock) {
            if (closed) {
                throw new IllegalStateException(operation + " was called on provider " + type + " after it was closed");
            }
            attempt = new Attempt(operation, id, intentId, faults.get(operation).poll());
            calls.add(attempt);
            runningCalls++;
            highestConcurrency = Math.max(highestConcurrency, runningCalls);
        }
        try {
            attempt.beforeEffect();
            T result = body.run(attempt);
            attempt.failAfterEffect();
            attempt.ended(null);
            return result;
        } catch (RuntimeException | Error | InterruptedException e) {
            attempt.ended(e);
            throw e;
        }
    }

    private MachineInfo find(ProviderID id) {
        synchronized (lock) {
            int index = indexOf(id);
            if (index < 0) {
                throw new ProviderException(
                        ProviderException.Reason.NOT_FOUND, "provider " + type + " has no machine " + id);
            }
            return machines.get(index);
        }
    }

    private MachineInfo make(CreateMachineRequest request) {
        Optional<UUID> intent = Optional.of(request.intentId());
        synchronized (lock) {
            for (MachineInfo machine : machines) {
                if (machine.intentId().equals(intent)) {
                    return machine;
                }
            }
            int index = request.machine().isPresent()
                    ? indexOfAskedFor(request.machine().get())
                    : indexOfAnyFree();
            MachineInfo.Builder device;
            if (index >= 0) {
                device = machines.get(index).toBuilder();
            } else if (request.machine().isEmpty() && capacity > 0) {
                capacity--;
                device = MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED);
            } else {
                throw new NoCapacityException(request.machine()
                        .map(machine -> "provider " + type + " no longer has " + describe(machine) + " to give")
                        .orElse("provider " + type + " has no machine left to give"));
            }
            MachineInfo machine = deploy(device, request.intentId());
            if (index >= 0) {
                machines.set(index, machine);
            } else {
                machines.add(machine);
            }
            return machine;
        }
    }

    private MachineInfo deploy(MachineInfo.Builder device, UUID intentId) {
        MachineInfo before = device.build();
        ProviderID id = before.id().isValid() ? before.id() : new ProviderID("device-" + ++deviceCount);
        device.id(id)
                .availability(Availability.KNOWN_USED)
                .status(ProviderStatus.RUNNING)
                .intentId(intentId);
        if (before.address().isEmpty()) {
            InetSocketAddress address = addresses.apply(id);
            device.address(address.getAddress());
            if (address.getPort() != Builder.USUAL_PORT) {
                device.sshPort(address.getPort());
            }
        }
        return device.build();
    }

    private int indexOfAskedFor(Machine asked) {
        for (int i = 0; i < machines.size(); i++) {
            MachineInfo machine = machines.get(i);
            boolean same = asked.id().isValid()
                    ? machine.id().equals(asked.id())
                    : asked.reservationId().isPresent()
                            && machine.reservationId().equals(asked.reservationId());
            if (same && machine.availability() != Availability.KNOWN_USED) {
                return i;
            }
        }
        return -1;
    }

    private int indexOfAnyFree() {
        for (int i = 0; i < machines.size(); i++) {
            MachineInfo machine = machines.get(i);
            if (machine.availability() == Availability.KNOWN_UNUSED && !machine.failed()) {
                return i;
            }
        }
        return -1;
    }

    private static String describe(Machine machine) {
        return machine.id().isValid()
                ? "machine " + machine.id()
                : "reservation " + machine.reservationId().orElse("without an id");
    }

    private int existing(ProviderID id) {
        int index = indexOf(id);
        if (index < 0) {
            throw new IllegalArgumentException("there is no machine " + id);
        }
        return index;
    }

    /** Finds a machine by its valid id. */
    private int indexOf(ProviderID id) {
        for (int i = 0; i < machines.size(); i++) {
            if (id.isValid() && machines.get(i).id().equals(id)) {
                return i;
            }
        }
        return -1;
    }

    private void addFault(Operation operation, Fault fault) {
        synchronized (lock) {
            faults.get(operation).add(fault);
        }
    }

    private static void checkCapacity(int capacity) {
        if (capacity < 0) {
            throw new IllegalArgumentException("the capacity is " + capacity + ", which is negative");
        }
    }

    /** What is to happen to one call: exactly one of the four. */
    private record Fault(
            @Nullable RuntimeException before,
            @Nullable RuntimeException after,
            @Nullable Duration delay,
            @Nullable Block block) {}

    /** A call under way. */
    private final class Attempt {
        private final Operation operation;
        private final Optional<UUID> intentId;
        private final @Nullable Fault fault;
        private final String thread = Thread.currentThread().getName();
        private final Instant start = clock.instant();
        private Optional<ProviderID> id;
        private Optional<Instant> end = Optional.empty();
        private Optional<Throwable> failure = Optional.empty();

        Attempt(Operation operation, Optional<ProviderID> id, Optional<UUID> intentId, @Nullable Fault fault) {
            this.operation = operation;
            this.id = id;
            this.intentId = intentId;
            this.fault = fault;
        }

        void beforeEffect() throws InterruptedException {
            if (fault == null) {
                return;
            }
            if (fault.delay() != null) {
                Thread.sleep(fault.delay().toMillis());
            }
            if (fault.block() != null) {
                fault.block().reached.countDown();
                fault.block().released.await();
            }
            if (fault.before() != null) {
                throw fault.before();
            }
        }

        void failAfterEffect() {
            if (fault != null && fault.after() != null) {
                throw fault.after();
            }
        }

        void made(ProviderID machine) {
            synchronized (lock) {
                id = Optional.of(machine);
            }
        }

        void ended(@Nullable Throwable with) {
            synchronized (lock) {
                runningCalls--;
                end = Optional.of(clock.instant());
                failure = Optional.ofNullable(with);
            }
        }

        private Call toCall() {
            return new Call(operation, id, intentId, thread, start, end, failure);
        }
    }

    /** Counts through 198.18.0.0/15. Used under the provider's lock. */
    private static final class BenchmarkAddresses implements Function<ProviderID, InetSocketAddress> {
        private int count;

        @Override
        public InetSocketAddress apply(ProviderID id) {
            count++;
            byte[] address = {(byte) 198, (byte) (18 + (count >> 16 & 1)), (byte) (count >> 8), (byte) count};
            try {
                return new InetSocketAddress(InetAddress.getByAddress(address), Builder.USUAL_PORT);
            } catch (UnknownHostException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** Collects the settings of a {@link FakeProvider}. Not safe for several threads. */
    public static final class Builder {

        private static final int USUAL_PORT = 22;

        private ProviderType type = new ProviderType("fake");
        private int maxConcurrentCalls = 1;
        private int capacity;
        private boolean reinstalls = true;
        private Clock clock = Clock.systemUTC();
        private @Nullable Function<ProviderID, InetSocketAddress> addresses;

        private Builder() {}

        /** Sets the type; {@code fake} by default. */
        public Builder type(ProviderType type) {
            this.type = Objects.requireNonNull(type, "type");
            return this;
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

        /**
         * Sets how many machines can be made out of nothing to begin with; 0 by default.
         *
         * @throws IllegalArgumentException if the number is negative
         */
        public Builder capacity(int capacity) {
            checkCapacity(capacity);
            this.capacity = capacity;
            return this;
        }

        /** Sets whether it can reinstall machines; true by default. */
        public Builder reinstalls(boolean reinstalls) {
            this.reinstalls = reinstalls;
            return this;
        }

        /** Sets the clock that calls are recorded by; the system's by default. */
        public Builder clock(Clock clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /**
         * Sets where created machines are reached that have no address yet, as an address and a port for SSH. By
         * default at port 22 of addresses from 198.18.0.1 on, which nobody has (RFC 2544).
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
