package dev.shepherd.testkit.provider;

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
import dev.shepherd.testkit.ssh.SshHost;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A provider in memory, for tests of whatever uses one: it keeps the rules of {@link Recoverer}, records the calls
 * it gets, and fails when it is told to.
 *
 * <p><strong>Machines.</strong> There are those that {@linkplain #addMachine were added} as they are, free
 * {@linkplain #addReservations reservations}, and a {@linkplain #setCapacity capacity} for machines that are
 * made when they are asked for. What is created carries its intent, and the same intent makes one machine only.
 * A machine that is {@link Availability#POSSIBLY_USED} stays as it is when it is created: that is what a provider
 * without a state does.
 *
 * <p><strong>Faults.</strong> Each of {@link #failNext}, {@link #failNextAfterEffect}, {@link #delayNext} and
 * {@link #blockNext} is for one call of an operation. They are used up in the order in which they were given, one
 * by each call; {@link #failAll} is for all that come after them. {@link #freezeListing()} makes listings stale.
 *
 * <p>Safe for use by several threads, and by more than {@link #maxConcurrentCalls()} of them: that the manager
 * keeps to that number is for a test to find out from {@link #mostConcurrentCalls()}.
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
        private final CountDownLatch reached = new CountDownLatch(1);
        private final CountDownLatch released = new CountDownLatch(1);

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

    private static final long LONGEST_WAIT_SECONDS = 30;
    private static final int MACHINES_IN_A_RACK = 20;

    private final ProviderType type;
    private final int maxConcurrentCalls;
    private final boolean listingCheap;
    private final boolean creationCheap;
    private final boolean creationSlow;
    private final Clock clock;
    private final Function<ProviderID, InetSocketAddress> addresses;

    private final Object lock = new Object();
    private final Map<ProviderID, MachineInfo> machines = new LinkedHashMap<>();
    private final Map<String, MachineInfo> reservations = new LinkedHashMap<>();
    private final Map<Operation, Deque<Fault>> faults = new EnumMap<>(Operation.class);
    private final Map<Operation, Fault> lastingFaults = new EnumMap<>(Operation.class);
    private final List<Attempt> attempts = new ArrayList<>();
    private @Nullable List<MachineInfo> frozen;
    private Consumer<ProviderID> onReboot = id -> {};
    private @Nullable Consumer<ProviderID> onReinstall;
    private int capacity;
    private int reservationCount;
    private int deviceCount;
    private int running;
    private int mostRunning;
    private boolean closed;

    private FakeProvider(Builder builder) {
        type = builder.type;
        maxConcurrentCalls = builder.maxConcurrentCalls;
        listingCheap = builder.listingCheap;
        creationCheap = builder.creationCheap;
        creationSlow = builder.creationSlow;
        capacity = builder.capacity;
        clock = builder.clock;
        addresses = builder.addresses == null ? new DocumentationAddresses() : builder.addresses;
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
        return call(Operation.LIST, Optional.empty(), Optional.empty(), attempt -> {
            synchronized (lock) {
                return new ArrayList<>(frozen == null ? listing() : frozen);
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
        return call(Operation.GET, Optional.of(id), Optional.empty(), attempt -> find(id));
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
        return call(Operation.CREATE, id, Optional.of(request.intentId()), attempt -> {
            MachineInfo machine = make(request);
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
        call(Operation.REBOOT, Optional.of(id), Optional.empty(), attempt -> {
            find(id);
            Consumer<ProviderID> action;
            synchronized (lock) {
                action = onReboot;
            }
            action.accept(id);
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
        call(Operation.REINSTALL, Optional.of(id), Optional.empty(), attempt -> {
            Consumer<ProviderID> action;
            synchronized (lock) {
                action = onReinstall;
            }
            if (action == null) {
                throw new NotSupportedException("provider " + type + " cannot reinstall machines");
            }
            find(id);
            action.accept(id);
            synchronized (lock) {
                MachineInfo machine = machines.get(id);
                if (creationSlow && machine != null) {
                    machines.put(
                            id,
                            machine.toBuilder()
                                    .status(ProviderStatus.PROVISIONING)
                                    .build());
                }
            }
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

    /** Opens a closed provider again, with the machines that it had: what a process finds that was restarted. */
    public void reopen() {
        synchronized (lock) {
            closed = false;
        }
    }

    // What a test arranges.

    /**
     * Adds a machine as it is, or replaces the one with its id.
     *
     * @throws IllegalArgumentException if it has neither a valid id nor a reservation id
     */
    public void addMachine(MachineInfo machine) {
        synchronized (lock) {
            if (machine.id().isValid()) {
                machines.put(machine.id(), machine);
            } else {
                String reservation = machine.reservationId()
                        .orElseThrow(() -> new IllegalArgumentException(
                                "a machine needs a valid id or a reservation id to be told from others"));
                reservations.put(reservation, machine);
            }
        }
    }

    /**
     * Adds hardware reservations that nobody uses: machines without an id and an address, with the reservation ids
     * {@code reservation-1}, {@code reservation-2} and so on, twenty to a rack. One that is created becomes a device
     * with an id and an address.
     *
     * @return the reservations, in order
     * @throws IllegalArgumentException if the count is negative
     */
    public List<MachineInfo> addReservations(int count) {
        if (count < 0) {
            throw new IllegalArgumentException("cannot add " + count + " reservations");
        }
        synchronized (lock) {
            List<MachineInfo> added = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                int rack = reservationCount / MACHINES_IN_A_RACK + 1;
                MachineInfo reservation = MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                        .reservationId("reservation-" + ++reservationCount)
                        .location("rack-" + rack)
                        .build();
                addMachine(reservation);
                added.add(reservation);
            }
            return List.copyOf(added);
        }
    }

    /** Takes a machine away, as if the provider had never had it. Does nothing if there is none with this id. */
    public void removeMachine(ProviderID id) {
        synchronized (lock) {
            machines.remove(id);
        }
    }

    /**
     * Ends all {@linkplain Builder#creationSlow slow creations} and reinstallations that are under way: the machines are
     * {@link ProviderStatus#RUNNING} from now on, and have an address.
     */
    public void finishCreations() {
        synchronized (lock) {
            machines.replaceAll((id, machine) ->
                    machine.status().equals(Optional.of(ProviderStatus.PROVISIONING)) ? running(machine) : machine);
        }
    }

    /**
     * Returns the machines that have an id, as they are now: whatever the listing shows, and whether or not they are
     * recorded anywhere. Not recorded as a call. A copy.
     */
    public List<MachineInfo> machines() {
        synchronized (lock) {
            return List.copyOf(machines.values());
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
            frozen = listing();
        }
    }

    /** Ends what {@link #freezeListing()} began. */
    public void thawListing() {
        synchronized (lock) {
            frozen = null;
        }
    }

    /** Lets the next call of a kind fail before it has any effect. */
    public void failNext(Operation operation, RuntimeException failure) {
        Objects.requireNonNull(failure, "failure");
        addFault(operation, new Fault(failure, null, null, null));
    }

    /** Lets the next call of a kind take effect at the provider and then fail, as a lost answer does. */
    public void failNextAfterEffect(Operation operation, RuntimeException failure) {
        Objects.requireNonNull(failure, "failure");
        addFault(operation, new Fault(null, failure, null, null));
    }

    /** Lets every call of a kind for which nothing else waits fail before it has any effect, until {@link #clearFaults()}. */
    public void failAll(Operation operation, RuntimeException failure) {
        Objects.requireNonNull(failure, "failure");
        synchronized (lock) {
            lastingFaults.put(operation, new Fault(failure, null, null, null));
        }
    }

    /** Forgets all faults that were given and not used up. */
    public void clearFaults() {
        synchronized (lock) {
            faults.clear();
            lastingFaults.clear();
        }
    }

    /** Lets the next call of a kind take so much longer, before it has any effect. Interruption ends it. */
    public void delayNext(Operation operation, Duration delay) {
        Objects.requireNonNull(delay, "delay");
        addFault(operation, new Fault(null, null, delay, null));
    }

    /**
     * Lets the next call of a kind wait, before it has any effect, until it is released, for at most 30 s.
     * Interruption ends it.
     */
    public Blocked blockNext(Operation operation) {
        Blocked blocked = new Blocked();
        addFault(operation, new Fault(null, null, null, blocked));
        return blocked;
    }

    /** Sets what is done when a machine is rebooted, such as {@link SshHost#reboot()}. By default nothing. */
    public void onReboot(Consumer<ProviderID> action) {
        synchronized (lock) {
            onReboot = Objects.requireNonNull(action, "action");
        }
    }

    /**
     * Sets what is done when a machine is reinstalled, such as {@link SshHost#reinstall()}. Without it, reinstalling is
     * not supported.
     */
    public void onReinstall(Consumer<ProviderID> action) {
        synchronized (lock) {
            onReinstall = Objects.requireNonNull(action, "action");
        }
    }

    // What a test finds out.

    /** Returns the calls so far, in the order in which they were made; those that still run included. A copy. */
    public List<Call> calls() {
        synchronized (lock) {
            return attempts.stream().map(Attempt::toCall).toList();
        }
    }

    /** Returns how many calls of a kind were made so far. */
    public long calls(Operation operation) {
        return calls().stream().filter(call -> call.operation() == operation).count();
    }

    /** Returns how many calls ran at the same time, at most. */
    public int mostConcurrentCalls() {
        synchronized (lock) {
            return mostRunning;
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
            attempt = new Attempt(operation, id, intentId, nextFault(operation));
            attempts.add(attempt);
            running++;
            mostRunning = Math.max(mostRunning, running);
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

    /** Called under the lock. */
    private @Nullable Fault nextFault(Operation operation) {
        Deque<Fault> waiting = faults.get(operation);
        Fault next = waiting == null ? null : waiting.poll();
        return next == null ? lastingFaults.get(operation) : next;
    }

    /** Called under the lock. */
    private List<MachineInfo> listing() {
        List<MachineInfo> listing = new ArrayList<>(machines.values());
        listing.addAll(reservations.values());
        return listing;
    }

    private MachineInfo find(ProviderID id) {
        synchronized (lock) {
            MachineInfo machine = machines.get(id);
            if (machine == null) {
                throw new ProviderException(
                        ProviderException.Reason.NOT_FOUND, "provider " + type + " has no machine " + id);
            }
            return machine;
        }
    }

    private MachineInfo make(CreateMachineRequest request) {
        synchronized (lock) {
            for (MachineInfo machine : machines.values()) {
                if (machine.intentId().equals(Optional.of(request.intentId()))) {
                    return machine; // An earlier call made it.
                }
            }
            MachineInfo free = request.machine().map(this::freeAskedFor).orElseGet(this::anyFree);
            if (free.availability() == Availability.POSSIBLY_USED) {
                return free.toBuilder().availability(Availability.KNOWN_USED).build();
            }
            MachineInfo machine = deploy(free, request.intentId());
            free.reservationId().ifPresent(reservations::remove);
            machines.put(machine.id(), machine);
            return machine;
        }
    }

    private MachineInfo freeAskedFor(Machine asked) {
        MachineInfo machine = asked.id().isValid()
                ? machines.get(asked.id())
                : asked.reservationId().map(reservations::get).orElse(null);
        if (machine == null || machine.availability() == Availability.KNOWN_USED) {
            throw new NoCapacityException("provider " + type + " no longer has "
                    + (asked.id().isValid()
                            ? "machine " + asked.id()
                            : "reservation " + asked.reservationId().orElse("without an id"))
                    + " to give");
        }
        return machine;
    }

    private MachineInfo anyFree() {
        for (MachineInfo machine : listing()) {
            if (machine.availability() == Availability.KNOWN_UNUSED && !machine.failed()) {
                return machine;
            }
        }
        if (capacity == 0) {
            throw new NoCapacityException("provider " + type + " has no machine left to give");
        }
        capacity--;
        return MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                .build();
    }

    private MachineInfo deploy(MachineInfo free, UUID intentId) {
        ProviderID id = free.id().isValid() ? free.id() : new ProviderID("device-" + ++deviceCount);
        MachineInfo device = free.toBuilder()
                .id(id)
                .availability(Availability.KNOWN_USED)
                .status(ProviderStatus.PROVISIONING)
                .intentId(intentId)
                .build();
        return creationSlow ? device : running(device);
    }

    /** Called under the lock. */
    private MachineInfo running(MachineInfo made) {
        MachineInfo.Builder device = made.toBuilder().status(ProviderStatus.RUNNING);
        if (made.address().isEmpty()) {
            InetSocketAddress address = addresses.apply(made.id());
            device.address(address.getAddress());
            if (address.getPort() != Builder.USUAL_PORT) {
                device.sshPort(address.getPort());
            }
        }
        return device.build();
    }

    private void addFault(Operation operation, Fault fault) {
        synchronized (lock) {
            faults.computeIfAbsent(operation, key -> new ArrayDeque<>()).add(fault);
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
            @Nullable Blocked blocked) {}

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
            if (fault.blocked() != null) {
                fault.blocked().reached.countDown();
                if (!fault.blocked().released.await(LONGEST_WAIT_SECONDS, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("a blocked call was never released");
                }
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
                running--;
                end = Optional.of(clock.instant());
                failure = Optional.ofNullable(with);
            }
        }

        private Call toCall() {
            return new Call(operation, id, intentId, thread, start, end, failure);
        }
    }

    /**
     * Counts through addresses that are kept for documentation: those of RFC 5737 and, past their end, RFC 3849.
     * Used under the provider's lock.
     */
    private static final class DocumentationAddresses implements Function<ProviderID, InetSocketAddress> {
        private static final byte[] IPV4 = {(byte) 192, 0, 2, 0};
        private static final byte[] IPV6 = {0x20, 0x01, 0x0d, (byte) 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

        private int count;

        @Override
        public InetSocketAddress apply(ProviderID id) {
            count++;
            byte[] address = (count < 255 ? IPV4 : IPV6).clone();
            address[address.length - 1] = (byte) count;
            if (count >= 255) {
                address[address.length - 2] = (byte) (count >> 8);
                address[address.length - 3] = (byte) (count >> 16);
            }
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
            checkCapacity(capacity);
            this.capacity = capacity;
            return this;
        }

        /** Sets the clock that calls are recorded by; the system's by default. */
        public Builder clock(Clock clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /**
         * Sets where created machines are reached that have no address yet, as an address and a port for SSH. By
         * default at port 22 of addresses from 192.0.2.1 on, which nobody has (RFC 5737).
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
