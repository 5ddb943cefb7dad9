package dev.shepherd.provider.equinix;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderType;
import dev.shepherd.provider.equinix.client.CreateDeviceRequest;
import dev.shepherd.provider.equinix.client.Device;
import dev.shepherd.provider.equinix.client.DeviceCreateInFacilityInput;
import dev.shepherd.provider.equinix.client.DeviceCreateInMetroInput;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes one device for an intent, or finds the one that was made for it before.
 *
 * <p><strong>Why nothing is made twice.</strong> A device carries its intent as a tag, and is looked for by it before
 * it is made, and again whenever it is unknown whether a try made it. Should the listing that is asked not show it yet,
 * the reservation lets no second device be made from it, and says which device it has: that one's tag tells whose it
 * is.
 */
final class DeviceCreation {

    private static final Logger log = LoggerFactory.getLogger(DeviceCreation.class);

    /** How often a device is asked for whose creation had an unknown outcome. */
    private static final int TRIES = 4;

    private final ProviderType type;
    private final MetalProject project;
    private final MetalCalls calls;
    private final Fleet fleet;
    private final FreeReservations free;
    private final String operatingSystem;
    private final List<UUID> keys;

    DeviceCreation(
            ProviderType type,
            MetalProject project,
            MetalCalls calls,
            Fleet fleet,
            FreeReservations free,
            String operatingSystem,
            List<UUID> keys) {
        this.type = type;
        this.project = project;
        this.calls = calls;
        this.fleet = fleet;
        this.free = free;
        this.operatingSystem = operatingSystem;
        this.keys = keys;
    }

    /**
     * Makes the device, or finds it.
     *
     * @throws NoCapacityException if the reservation cannot be used, and nothing was made
     * @throws ProviderException with {@link Reason#TRANSIENT} if it is unknown whether it was made
     */
    Device make(CreateMachineRequest request) throws InterruptedException {
        UUID intent = request.intentId();
        Optional<Device> made = find(intent);
        if (made.isPresent()) {
            log.info(
                    "provider {}: found device {}, made for intent {} before",
                    type,
                    made.get().getId(),
                    intent);
            return made.get();
        }
        Reservation reservation;
        if (request.machine().isPresent()) {
            UUID asked = request.machine()
                    .get()
                    .reservationId()
                    .flatMap(DeviceCreation::uuid)
                    .orElseThrow(() -> new NoCapacityException(
                            "provider %s: the machine that intent %s is for has no hardware reservation"
                                    .formatted(type, intent)));
            Optional<Instant> leftOutUntil = free.leftOutUntil(asked);
            Optional<Reservation> known = leftOutUntil.isPresent() ? Optional.empty() : free.find(asked);
            if (known.isEmpty()) {
                Reservation listed = list(asked, intent);
                Optional<Device> onIt = ofIntent(listed, intent);
                if (onIt.isPresent()) {
                    return onIt.get();
                }
                if (leftOutUntil.isPresent()) {
                    throw new NoCapacityException(
                            "provider %s: hardware reservation %s, which intent %s is for, failed and is left out until %s"
                                    .formatted(type, asked, intent, leftOutUntil.get()));
                }
                known = Optional.of(requireFree(listed, intent));
            }
            reservation = known.get();
        } else {
            reservation = chooseAny(intent);
        }
        Device device = create(intent, reservation);
        free.used(reservation.id());
        return device;
    }

    private Reservation chooseAny(UUID intent) throws InterruptedException {
        if (free.isStale() || free.usable().isEmpty()) {
            refresh();
        }
        return free.usable().stream()
                .findFirst()
                .orElseThrow(() -> new NoCapacityException(
                        "provider %s has no free hardware reservation for intent %s".formatted(type, intent)));
    }

    /** Lists the reservations again, and remembers the free ones. */
    List<Reservation> refresh() throws InterruptedException {
        long begun = free.beginListing();
        List<Reservation> listed = project.reservations();
        free.replace(begun, listed);
        return listed;
    }

    private Reservation list(UUID reservation, UUID intent) throws InterruptedException {
        return refresh().stream()
                .filter(listed -> listed.id().equals(reservation))
                .findFirst()
                .orElseThrow(() ->
                        new NoCapacityException("provider %s has no hardware reservation %s, which intent %s is for"
                                .formatted(type, reservation, intent)));
    }

    private Reservation requireFree(Reservation reservation, UUID intent) {
        if (!reservation.isFree()) {
            throw new NoCapacityException(
                    "provider %s: hardware reservation %s, which intent %s is for, is not free: %s"
                            .formatted(
                                    type,
                                    reservation.id(),
                                    intent,
                                    reservation
                                            .deviceId()
                                            .map(id -> "device " + id + " is on it")
                                            .orElse("it is not provisionable")));
        }
        return reservation;
    }

    /** Finds the device on a reservation if it was made for the intent. */
    private Optional<Device> ofIntent(Reservation reservation, UUID intent) throws InterruptedException {
        if (reservation.deviceId().isEmpty()) {
            return Optional.empty();
        }
        UUID id = reservation.deviceId().get();
        Device device = project.device(id)
                .orElseThrow(() -> new ProviderException(
                        Reason.TRANSIENT,
                        "provider %s: device %s is on hardware reservation %s, but cannot be seen; it may be the one of intent %s"
                                .formatted(type, id, reservation.id(), intent)));
        return DeviceMapper.intentId(device).equals(Optional.of(intent)) ? usable(device, intent) : Optional.empty();
    }

    private Optional<Device> find(UUID intent) throws InterruptedException {
        Device found = null;
        for (Device device : project.devicesWithTag(DeviceMapper.tag(intent))) {
            Optional<Device> usable = usable(device, intent);
            if (usable.isPresent() && found != null) {
                throw new ProviderException(
                        Reason.PERMANENT,
                        "provider %s: both device %s and device %s carry intent %s"
                                .formatted(type, found.getId(), device.getId(), intent));
            }
            found = usable.orElse(found);
        }
        return Optional.ofNullable(found);
    }

    private Optional<Device> usable(Device device, UUID intent) {
        if (DeviceMapper.state(device).equals("deprovisioning")) {
            throw new ProviderException(
                    Reason.CONFLICT,
                    "provider %s: device %s, made for intent %s, is being taken down"
                            .formatted(type, device.getId(), intent));
        }
        if (DeviceMapper.isDeleted(device)) {
            return Optional.empty();
        }
        if (!fleet.has(device)) {
            // Recorded, it would be missing from every listing.
            throw new ProviderException(
                    Reason.PERMANENT,
                    "provider %s: device %s, made for intent %s, has no hostname with the prefix \"%s\" any more"
                            .formatted(type, device.getId(), intent, fleet.prefix()));
        }
        return Optional.of(device);
    }

    private Device create(UUID intent, Reservation reservation) throws InterruptedException {
        String what = "creating a device on hardware reservation " + reservation.id() + " for intent " + intent;
        CreateDeviceRequest input = input(intent, reservation);
        long deadline = calls.deadline();
        ProviderException unknown = null;
        for (int attempt = 1; ; attempt++) {
            try {
                return project.createDevice(what, deadline, input);
            } catch (ProviderException e) {
                Optional<Device> made;
                try {
                    made = e.reason().isWithoutEffect() ? refused(e, reservation, intent) : find(intent);
                } catch (ProviderException lookup) {
                    throw unknown == null && e.reason().isWithoutEffect() ? lookup : stillUnknown(what, lookup);
                }
                if (made.isPresent()) {
                    log.info(
                            "provider {}: device {} was made for intent {} although the call that made it failed: {}",
                            type,
                            made.get().getId(),
                            intent,
                            e.getMessage());
                    return made.get();
                }
                if (e.reason().isWithoutEffect()) {
                    throw unknown == null ? failedOn(reservation, e) : stillUnknown(what, e);
                }
                if (attempt == TRIES || calls.isOver(deadline)) {
                    throw e;
                }
                unknown = e;
                log.debug("provider {}: {}: no device carries the intent yet; trying again", type, what);
                calls.backOff(attempt);
            }
        }
    }

    /** Nothing was done; but perhaps because an earlier try has taken the reservation, unseen by the listing. */
    private Optional<Device> refused(ProviderException e, Reservation reservation, UUID intent)
            throws InterruptedException {
        if (e.reason() != Reason.PERMANENT && e.reason() != Reason.CONFLICT) {
            return Optional.empty();
        }
        Reservation now = list(reservation.id(), intent);
        Optional<Device> ours = ofIntent(now, intent);
        if (ours.isEmpty() && now.deviceId().isPresent()) {
            requireFree(now, intent);
        }
        return ours;
    }

    private ProviderException failedOn(Reservation reservation, ProviderException e) {
        if (e.reason() == Reason.PERMANENT || e.reason() == Reason.CONFLICT) {
            free.failed(reservation.id());
        }
        return e;
    }

    /** The outcome of the last try says nothing about the one before, whose outcome is unknown. */
    private static ProviderException stillUnknown(String what, ProviderException e) {
        return ProviderException.builder(
                        Reason.TRANSIENT, "it is unknown whether " + what + " had its effect: " + e.getMessage())
                .scope(e.scope())
                .retryAfter(e.retryAfter().orElse(null))
                .cause(e)
                .build();
    }

    private CreateDeviceRequest input(UUID intent, Reservation reservation) {
        String hostname = fleet.hostname(reservation.id());
        List<String> tags = List.of(DeviceMapper.tag(intent));
        String plan = reservation.plan().orElseThrow(() -> incomplete(reservation, "plan"));
        if (reservation.metro().isPresent()) {
            return new CreateDeviceRequest(new DeviceCreateInMetroInput()
                    .metro(reservation.metro().get())
                    .plan(plan)
                    .operatingSystem(operatingSystem)
                    .hostname(hostname)
                    .hardwareReservationId(reservation.id().toString())
                    .tags(tags)
                    .projectSshKeys(keys));
        }
        String facility = reservation.facility().orElseThrow(() -> incomplete(reservation, "metro or facility"));
        return new CreateDeviceRequest(new DeviceCreateInFacilityInput()
                .facility(List.of(facility))
                .plan(plan)
                .operatingSystem(operatingSystem)
                .hostname(hostname)
                .hardwareReservationId(reservation.id().toString())
                .tags(tags)
                .projectSshKeys(keys));
    }

    private ProviderException incomplete(Reservation reservation, String what) {
        return failedOn(
                reservation,
                new ProviderException(
                        Reason.PERMANENT,
                        "provider %s: the API names no %s of hardware reservation %s"
                                .formatted(type, what, reservation.id())));
    }

    private static Optional<UUID> uuid(@Nullable String text) {
        try {
            return text == null ? Optional.empty() : Optional.of(UUID.fromString(text));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
