package dev.shepherd.testkit.provider;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The machines of a {@link FakeProvider}, those that are free and those that it can make. Safe for use by several
 * threads.
 */
final class FakeMachines {

    static final int USUAL_SSH_PORT = 22;

    private static final int MACHINES_IN_A_RACK = 20;

    private final ProviderType type;
    private final boolean creationSlow;
    private final Function<ProviderID, InetSocketAddress> addresses;
    private final Object lock = new Object();
    private final Map<ProviderID, MachineInfo> machines = new LinkedHashMap<>();
    private final Map<String, MachineInfo> reservations = new LinkedHashMap<>();
    private @Nullable List<MachineInfo> frozen;
    private int capacity;
    private int reservationCount;
    private int deviceCount;

    FakeMachines(
            ProviderType type,
            boolean creationSlow,
            int capacity,
            @Nullable Function<ProviderID, InetSocketAddress> addresses) {
        this.type = type;
        this.creationSlow = creationSlow;
        this.capacity = capacity;
        this.addresses = addresses == null ? new DocumentationAddresses() : addresses;
    }

    // What calls do.

    /** Returns what a listing shows. */
    List<MachineInfo> listed() {
        synchronized (lock) {
            return new ArrayList<>(frozen == null ? listing() : frozen);
        }
    }

    MachineInfo find(ProviderID id) {
        synchronized (lock) {
            MachineInfo machine = machines.get(id);
            if (machine == null) {
                throw new MachineNotFoundException("provider " + type + " has no machine " + id);
            }
            return machine;
        }
    }

    /** Makes the machine of an intent, or finds the one that was made for it. */
    MachineInfo make(CreateMachineRequest request) {
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
        if (machine == null || machine.failed() || machine.availability() == Availability.KNOWN_USED) {
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
            if (address.getPort() != USUAL_SSH_PORT) {
                device.sshPort(address.getPort());
            }
        }
        return device.build();
    }

    /** Has a machine be reinstalled for a while, if that is slow. */
    void reinstall(ProviderID id) {
        synchronized (lock) {
            MachineInfo machine = machines.get(id);
            if (creationSlow && machine != null) {
                machines.put(
                        id,
                        machine.toBuilder().status(ProviderStatus.PROVISIONING).build());
            }
        }
    }

    /** Called under the lock. */
    private List<MachineInfo> listing() {
        List<MachineInfo> listing = new ArrayList<>(machines.values());
        listing.addAll(reservations.values());
        return listing;
    }

    // What a test arranges.

    void add(MachineInfo machine) {
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

    List<MachineInfo> addReservations(int count) {
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
                        .labels(Map.of("rack", String.valueOf(rack)))
                        .build();
                add(reservation);
                added.add(reservation);
            }
            return List.copyOf(added);
        }
    }

    void remove(ProviderID id) {
        synchronized (lock) {
            machines.remove(id);
        }
    }

    void finishCreations() {
        synchronized (lock) {
            machines.replaceAll((id, machine) ->
                    machine.status().equals(Optional.of(ProviderStatus.PROVISIONING)) ? running(machine) : machine);
        }
    }

    List<MachineInfo> withAnId() {
        synchronized (lock) {
            return List.copyOf(machines.values());
        }
    }

    static int checkCapacity(int capacity) {
        if (capacity < 0) {
            throw new IllegalArgumentException("the capacity is " + capacity + ", which is negative");
        }
        return capacity;
    }

    void setCapacity(int capacity) {
        synchronized (lock) {
            this.capacity = capacity;
        }
    }

    int capacity() {
        synchronized (lock) {
            return capacity;
        }
    }

    void freezeListing() {
        synchronized (lock) {
            frozen = listing();
        }
    }

    void thawListing() {
        synchronized (lock) {
            frozen = null;
        }
    }

    /**
     * Counts through addresses that are kept for documentation: those of RFC 5737 and, past their end, RFC 3849.
     * Used under the lock.
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
                return new InetSocketAddress(InetAddress.getByAddress(address), USUAL_SSH_PORT);
            } catch (UnknownHostException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
