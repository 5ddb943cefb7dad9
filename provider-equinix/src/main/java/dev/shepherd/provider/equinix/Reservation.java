package dev.shepherd.provider.equinix;

import dev.shepherd.provider.equinix.client.Device;
import dev.shepherd.provider.equinix.client.Facility;
import dev.shepherd.provider.equinix.client.HardwareReservation;
import dev.shepherd.provider.equinix.client.Metro;
import java.util.Optional;
import java.util.UUID;

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

    /** Reads what the API says; empty for one without an id, of which nothing can be made. */
    static Optional<Reservation> of(HardwareReservation reservation) {
        Device device = reservation.getDevice();
        Facility facility = reservation.getFacility();
        Metro metro = facility == null ? null : facility.getMetro();
        boolean provisionable = Boolean.TRUE.equals(reservation.getProvisionable())
                && !Boolean.TRUE.equals(reservation.getSpare())
                && !Boolean.TRUE.equals(reservation.getNeedOfService());
        return Optional.ofNullable(reservation.getId())
                .map(id -> new Reservation(
                        id,
                        provisionable,
                        device == null
                                ? Optional.empty()
                                : Optional.ofNullable(device.getId()).or(() -> DeviceMapper.lastOf(device.getHref())),
                        Optional.ofNullable(reservation.getPlan()).flatMap(plan -> Optional.ofNullable(plan.getSlug())),
                        Optional.ofNullable(metro).flatMap(m -> Optional.ofNullable(m.getCode())),
                        Optional.ofNullable(facility).flatMap(f -> Optional.ofNullable(f.getCode()))));
    }

    /** Tells whether a device can be made from it now. */
    boolean isFree() {
        return provisionable && deviceId.isEmpty();
    }
}
