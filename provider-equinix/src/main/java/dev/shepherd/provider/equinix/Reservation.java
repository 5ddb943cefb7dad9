package dev.shepherd.provider.equinix;

import dev.shepherd.provider.equinix.client.Device;
import dev.shepherd.provider.equinix.client.Facility;
import dev.shepherd.provider.equinix.client.HardwareReservation;
import dev.shepherd.provider.equinix.client.Metro;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * A hardware reservation: a machine that is paid for, whether a device runs on it or not.
 *
 * @param id its id
 * @param provisionable whether a device can be made from it as it stands
 * @param deviceId the device that runs on it
 * @param plan the slug of the plan that a device has to be asked for with
 * @param metro the code of the metro that it stands in
 * @param facility the code of the facility that it stands in
 */
record Reservation(
        UUID id,
        boolean provisionable,
        Optional<UUID> deviceId,
        Optional<String> plan,
        Optional<String> metro,
        Optional<String> facility) {

    /** Reads what the API says of one that has an id. */
    static Reservation of(HardwareReservation reservation) {
        Device device = reservation.getDevice();
        Facility facility = reservation.getFacility();
        Metro metro = facility == null ? null : facility.getMetro();
        boolean provisionable = Boolean.TRUE.equals(reservation.getProvisionable())
                && !Boolean.TRUE.equals(reservation.getSpare())
                && !Boolean.TRUE.equals(reservation.getNeedOfService());
        return new Reservation(
                Objects.requireNonNull(reservation.getId(), "the API lists a hardware reservation without an id"),
                provisionable,
                device == null
                        ? Optional.empty()
                        : Optional.ofNullable(device.getId()).or(() -> DeviceMapper.lastOf(device.getHref())),
                Optional.ofNullable(reservation.getPlan()).flatMap(plan -> Optional.ofNullable(plan.getSlug())),
                Optional.ofNullable(metro).flatMap(m -> Optional.ofNullable(m.getCode())),
                Optional.ofNullable(facility).flatMap(f -> Optional.ofNullable(f.getCode())));
    }

    /** Returns what it takes of the heap, in bytes. */
    long size() {
        long texts = Stream.of(plan, metro, facility)
                .flatMap(Optional::stream)
                .mapToLong(String::length)
                .sum();
        return 500 + 2 * texts;
    }

    /** Tells whether a device can be made from it now. */
    boolean isFree() {
        return provisionable && deviceId.isEmpty();
    }
}
