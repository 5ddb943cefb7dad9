package dev.shepherd.testkit;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A provider in memory, for tests of whatever uses one. It behaves as the contract asks: free reservations become
 * devices, a device carries the intent that it was made for, and the same intent makes one device only.
 *
 * <p>Tests inject faults ({@link #failNext}, {@link #failNextAfterEffect}, {@link #blockNext},
 * {@link #freezeListing()}) and read what was asked ({@link #calls()}). Safe for use by several threads.
 */
public final class FakeProvider implements Recoverer {

    /** The calls of a provider. */
    public enum Operation {
        /** {@link Recoverer#listMachines()}. */
        LIST,
        /** {@link Recoverer#getMachine}. */
        GET,
        /** {@link Recoverer#createMachine}. */
        CREATE,
        /** {@link Recoverer#rebootMachine}. */
        REBOOT,
        /** {@link Recoverer#reinstallMachine}. */
        REINSTALL
    }

    /**
     * A call that was made. Immutable.
     *
     * @param operation what was asked
     * @param id the machine, for all but listings and creations
     * @param intentId the intent, for creations
     */
    public record Call(Operation operation, Optional<ProviderID> id, Optional<UUID> intentId) {}

    /** A call that waits until it is let go. */
    public static final class Blocked {
        private final CountDownLatch reached = new CountDownLatch(1);
        private final CountDownLatch released = new CountDownLatch(1);

        private Blocked() {}

        /** Waits until the call has begun, for at most 30 s. */
        public void awaitReached() throws InterruptedException {
            if (!reached.await(LONGEST_WAIT_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException("the call was not made within " + LONGEST_WAIT_SECONDS + " s");
            }
        }

        /** Lets the call go on. */
        public void release() {
            released.countDown();
        }
    }

    private static final long LONGEST_WAIT_SECONDS = 30;

    private final ProviderType type;
    private final int maxConcurrentCalls;

    private final Object lock = new Object();
    private final Map<ProviderID, MachineInfo> machines = new LinkedHashMap<>();
    private final Map<String, MachineInfo> reservations = new LinkedHashMap<>();
    private final Map<Operation, Deque<Fault>> faults = new EnumMap<>(Operation.class);
    private final List<Call> calls = new ArrayList<>();
    private @Nullable List<MachineInfo> frozen;
    private Consumer<ProviderID> onReboot = id -> {};
    private @Nullable Consumer<ProviderID> onReinstall;
    private int running;
    private int mostRunning;
    private int devices;
    private boolean closed;

    /** Something that happens to one call. */
    private record Fault(
            @Nullable RuntimeException failure,
            boolean afterEffect,
            @Nullable Blocked blocked) {}

    private FakeProvider(ProviderType type, int maxConcurrentCalls) {
        this.type = type;
        this.maxConcurrentCalls = maxConcurrentCalls;
    }

    /** Makes a provider without machines that takes one call at a time. */
    public static FakeProvider create(ProviderType type) {
        return create(type, 1);
    }

    /** Makes a provider without machines that takes several calls at a time. */
    public static FakeProvider create(ProviderType type, int maxConcurrentCalls) {
        return new FakeProvider(type, maxConcurrentCalls);
    }

    /** Adds a machine, or replaces the one with its id. */
    public void addMachine(MachineInfo machine) {
        synchronized (lock) {
            machines.put(machine.id(), machine);
        }
    }

    /** Adds free reservations, named {@code reservation-1} and so on, from which devices can be created. */
    public void addReservations(int count) {
        synchronized (lock) {
            for (int i = 0; i < count; i++) {
                String name = "reservation-" + (reservations.size() + 1);
                reservations.put(
                        name,
                        MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                                .reservationId(name)
                                .location("rack-" + (reservations.size() / 20 + 1))
                                .build());
            }
        }
    }

    /** Takes a machine away, as if the provider had never had it. */
    public void removeMachine(ProviderID id) {
        synchronized (lock) {
            machines.remove(id);
        }
    }

    /** Lets the next call of a kind fail before it has any effect. Several faults are met in their order. */
    public void failNext(Operation operation, RuntimeException failure) {
        addFault(operation, new Fault(failure, false, null));
    }

    /** Lets the next call of a kind take effect at the provider and then fail, as a lost answer does. */
    public void failNextAfterEffect(Operation operation, RuntimeException failure) {
        addFault(operation, new Fault(failure, true, null));
    }

    /** Lets the next call of a kind wait, before it has any effect, until it is released, for at most 30 s. */
    public Blocked blockNext(Operation operation) {
        Blocked blocked = new Blocked();
        addFault(operation, new Fault(null, false, blocked));
        return blocked;
    }

    private void addFault(Operation operation, Fault fault) {
        synchronized (lock) {
            faults.computeIfAbsent(operation, key -> new ArrayDeque<>()).add(fault);
        }
    }

    /** Lets listings show the machines as they are now, until {@link #thawListing()}. */
    public void freezeListing() {
        synchronized (lock) {
            frozen = listing();
        }
    }

    /** Lets listings show the machines as they are. */
    public void thawListing() {
        synchronized (lock) {
            frozen = null;
        }
    }

    /** Sets what is done when a machine is rebooted, such as rebooting the SSH host that stands for it. */
    public void onReboot(Consumer<ProviderID> action) {
        synchronized (lock) {
            onReboot = action;
        }
    }

    /** Sets what is done when a machine is reinstalled. Without it, reinstalling is not supported. */
    public void onReinstall(Consumer<ProviderID> action) {
        synchronized (lock) {
            onReinstall = action;
        }
    }

    /** Returns the calls that were made so far, oldest first. */
    public List<Call> calls() {
        synchronized (lock) {
            return List.copyOf(calls);
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

    /** Returns the devices that exist, whether or not they are recorded anywhere. */
    public List<MachineInfo> machines() {
        synchronized (lock) {
            return List.copyOf(machines.values());
        }
    }

    @Override
    public ProviderType type() {
        return type;
    }

    @Override
    public int maxConcurrentCalls() {
        return maxConcurrentCalls;
    }

    @Override
    public List<? extends Machine> listMachines() throws InterruptedException {
        return call(Operation.LIST, null, null, () -> frozen == null ? listing() : frozen);
    }

    private List<MachineInfo> listing() {
        List<MachineInfo> listing = new ArrayList<>(machines.values());
        listing.addAll(reservations.values());
        return List.copyOf(listing);
    }

    @Override
    public Machine getMachine(ProviderID id) throws InterruptedException {
        return call(Operation.GET, id, null, () -> find(id));
    }

    private MachineInfo find(ProviderID id) {
        MachineInfo machine = machines.get(id);
        if (machine == null) {
            throw new ProviderException(Reason.NOT_FOUND, "provider " + type + " has no machine " + id);
        }
        return machine;
    }

    @Override
    public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        MachineInfo device = call(Operation.CREATE, null, request.intentId(), () -> deploy(request));
        session.transact(tx -> tx.recordMachine(type, request, device));
        return device;
    }

    private MachineInfo deploy(CreateMachineRequest request) {
        for (MachineInfo device : machines.values()) {
            if (device.intentId().equals(Optional.of(request.intentId()))) {
                return device; // An earlier call made it.
            }
        }
        Machine wanted = request.machine().orElse(null);
        if (wanted != null && machines.containsKey(wanted.id())) {
            return claim(find(wanted.id()), request.intentId());
        }
        String reservation = wanted == null
                ? reservations.keySet().stream().findFirst().orElse("")
                : wanted.reservationId().orElse("");
        MachineInfo free = reservations.remove(reservation);
        if (free == null) {
            throw new NoCapacityException("provider " + type + " has no free machine "
                    + (wanted == null
                            ? ""
                            : wanted.reservationId().orElse(wanted.id().value())));
        }
        MachineInfo device = free.toBuilder()
                .id(new ProviderID("device-" + ++devices))
                .availability(Availability.KNOWN_USED)
                .address(address(devices))
                .status(ProviderStatus.RUNNING)
                .intentId(request.intentId())
                .build();
        machines.put(device.id(), device);
        return device;
    }

    /** Takes a machine that has an id already: one that is free, or of which the provider keeps no state. */
    private MachineInfo claim(MachineInfo machine, UUID intentId) {
        return switch (machine.availability()) {
            case KNOWN_USED, UNDEFINED -> throw new NoCapacityException("machine " + machine.id() + " is used already");
            case POSSIBLY_USED ->
                machine.toBuilder().availability(Availability.KNOWN_USED).build();
            case KNOWN_UNUSED -> {
                MachineInfo used = machine.toBuilder()
                        .availability(Availability.KNOWN_USED)
                        .intentId(intentId)
                        .build();
                machines.put(used.id(), used);
                yield used;
            }
        };
    }

    /** An address that is kept for documentation: RFC 5737 and, past its end, RFC 3849. */
    private static InetAddress address(int number) {
        try {
            if (number < 255) {
                return InetAddress.getByAddress(new byte[] {(byte) 192, 0, 2, (byte) number});
            }
            byte[] address = {
                0x20,
                0x01,
                0x0d,
                (byte) 0xb8,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                (byte) (number >> 16),
                (byte) (number >> 8),
                (byte) number
            };
            return InetAddress.getByAddress(address);
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void rebootMachine(ProviderID id) throws InterruptedException {
        Consumer<ProviderID> action = call(Operation.REBOOT, id, null, () -> {
            find(id);
            return onReboot;
        });
        action.accept(id);
    }

    @Override
    public void reinstallMachine(ProviderID id) throws InterruptedException {
        synchronized (lock) {
            if (onReinstall == null) {
                Recoverer.super.reinstallMachine(id);
            }
        }
        Consumer<ProviderID> action = call(Operation.REINSTALL, id, null, () -> {
            find(id);
            return onReinstall == null ? ignored -> {} : onReinstall;
        });
        action.accept(id);
    }

    @FunctionalInterface
    private interface Effect<T> {
        T take();
    }

    private <T> T call(Operation operation, @Nullable ProviderID id, @Nullable UUID intentId, Effect<T> effect)
            throws InterruptedException {
        Fault fault = begin(new Call(operation, Optional.ofNullable(id), Optional.ofNullable(intentId)));
        try {
            if (fault.blocked() != null) {
                fault.blocked().reached.countDown();
                if (!fault.blocked().released.await(LONGEST_WAIT_SECONDS, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("a blocked call was never released");
                }
            }
            if (fault.failure() != null && !fault.afterEffect()) {
                throw fault.failure();
            }
            T result;
            synchronized (lock) {
                result = effect.take();
            }
            if (fault.failure() != null) {
                throw fault.failure();
            }
            return result;
        } finally {
            synchronized (lock) {
                running--;
            }
        }
    }

    private Fault begin(Call call) {
        synchronized (lock) {
            if (closed) {
                throw new IllegalStateException("provider " + type + " is closed");
            }
            calls.add(call);
            running++;
            mostRunning = Math.max(mostRunning, running);
            Deque<Fault> waiting = faults.get(call.operation());
            Fault fault = waiting == null ? null : waiting.poll();
            return fault == null ? new Fault(null, false, null) : fault;
        }
    }

    /** Refuses every later call. */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
        }
    }

    /** Names the type. */
    @Override
    public String toString() {
        return "FakeProvider[" + type + "]";
    }
}
