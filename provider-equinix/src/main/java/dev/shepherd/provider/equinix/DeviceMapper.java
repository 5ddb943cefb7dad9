package dev.shepherd.provider.equinix;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.provider.equinix.client.Device;
import dev.shepherd.provider.equinix.client.Facility;
import dev.shepherd.provider.equinix.client.HardwareReservation;
import dev.shepherd.provider.equinix.client.IPAssignment;
import dev.shepherd.provider.equinix.client.Metro;
import dev.shepherd.provider.support.AddressLiteral;
import java.net.InetAddress;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Turns what the API says of devices and reservations into machines. Safe for use by several threads. */
final class DeviceMapper {

    private static final Logger log = LoggerFactory.getLogger(DeviceMapper.class);

    /** What a device's tag begins with; the id of its intent follows. */
    private static final String INTENT_TAG = "shepherd-intent=";

    private static final Set<String> IN_CREATION = Set.of("queued", "provisioning", "post_provisioning");

    private final ProviderType type;
    private final boolean privateAddresses;

    /** What a warning was given of, so that it is given once. */
    private final Map<UUID, String> warned = new ConcurrentHashMap<>();

    DeviceMapper(ProviderType type, boolean privateAddresses) {
        this.type = type;
        this.privateAddresses = privateAddresses;
    }

    static String tag(UUID intentId) {
        return INTENT_TAG + intentId;
    }

    /** Tells whether a device is still being made, and so not to be listed. */
    static boolean isInCreation(Device device) {
        return IN_CREATION.contains(state(device));
    }

    /** Tells whether a device is no more, though the API still shows it. */
    static boolean isDeleted(Device device) {
        return state(device).equals("deleted");
    }

    static String state(Device device) {
        return Objects.requireNonNullElse(device.getState(), "");
    }

    static UUID id(Device device) {
        return Objects.requireNonNull(device.getId(), "the API describes a device without an id");
    }

    /**
     * Copies of a device what is looked at. The rest, such as the device within its reservation, has no bounds, and a
     * listing is in the heap as a whole.
     */
    static Device withoutTheRest(Device device) {
        HardwareReservation reservation = device.getHardwareReservation();
        Metro metro = device.getMetro();
        Facility facility = device.getFacility();
        return new Device()
                .id(device.getId())
                .hostname(device.getHostname())
                .state(device.getState())
                .tags(device.getTags())
                .ipAddresses(orEmpty(device.getIpAddresses()).stream()
                        .map(address -> new IPAssignment()
                                .address(address.getAddress())
                                .addressFamily(address.getAddressFamily())
                                .management(address.getManagement())
                                ._public(address.getPublic()))
                        .toList())
                .metro(metro == null ? null : new Metro().code(metro.getCode()))
                .facility(facility == null ? null : new Facility().code(facility.getCode()))
                .hardwareReservation(
                        reservation == null
                                ? null
                                : new HardwareReservation()
                                        .id(reservation.getId())
                                        .href(reservation.getHref()));
    }

    /** Returns what a device {@linkplain #withoutTheRest without the rest} takes of the heap, in bytes. */
    static long size(Device device) {
        HardwareReservation reservation = device.getHardwareReservation();
        Stream<@Nullable String> texts = Stream.of(
                device.getHostname(),
                device.getState(),
                device.getMetro() == null ? null : device.getMetro().getCode(),
                device.getFacility() == null ? null : device.getFacility().getCode(),
                reservation == null ? null : reservation.getHref());
        List<IPAssignment> addresses = orEmpty(device.getIpAddresses());
        long all = Stream.of(
                        texts,
                        orEmpty(device.getTags()).stream(),
                        addresses.stream().map(IPAssignment::getAddress))
                .flatMap(more -> more)
                .mapToLong(text -> text == null ? 0 : 60 + 2L * text.length())
                .sum();
        return 1_000 + 300L * addresses.size() + all;
    }

    /** Maps the API's word for a state. */
    static ProviderStatus status(String state) {
        return switch (state) {
            case "active" -> ProviderStatus.RUNNING;
            case "inactive", "powering_on", "powering_off" -> ProviderStatus.STOPPED;
            case "queued", "provisioning", "reinstalling", "post_provisioning" -> ProviderStatus.PROVISIONING;
            case "failed" -> ProviderStatus.PROVISIONING_FAILED_PERMANENT;
            case "deleted" -> ProviderStatus.MISSING;
            default -> ProviderStatus.UNKNOWN;
        };
    }

    /** Describes a device as a machine that is in use. */
    MachineInfo machine(Device device) {
        UUID id = id(device);
        String state = state(device);
        ProviderStatus status = status(state);
        Optional<InetAddress> address = address(device);
        if (status == ProviderStatus.UNKNOWN) {
            warn(id, "is in the state " + Escaped.quoted(state, LONGEST_STATE) + ", which this provider does not know");
        } else if (status == ProviderStatus.RUNNING && address.isEmpty()) {
            status = ProviderStatus.UNKNOWN;
            warn(
                    id,
                    "is active, but has no address that may be used"
                            + (privateAddresses ? "" : "; \"use-private-addresses\" would allow private ones"));
        } else {
            warned.remove(id);
        }
        return MachineInfo.builder(new ProviderID(id.toString()), Availability.KNOWN_USED)
                .address(address.orElse(null))
                .status(status)
                .failed(state.equals("failed"))
                .location(location(device.getMetro(), device.getFacility()).orElse(null))
                .reservationId(reservationId(device).map(UUID::toString).orElse(null))
                .intentId(intentId(device).orElse(null))
                .build();
    }

    /** Describes a reservation as a machine that is free. */
    static MachineInfo machine(Reservation reservation) {
        return MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                .reservationId(reservation.id().toString())
                .location(reservation
                        .metro()
                        .or(reservation::facility)
                        .filter(DeviceMapper::fits)
                        .orElse(null))
                .build();
    }

    /** Forgets for which devices warnings were given, except these. */
    void retainWarnings(Set<UUID> devices) {
        warned.keySet().retainAll(devices);
    }

    /** How much is shown of a state that is not known, in characters. */
    private static final int LONGEST_STATE = 100;

    private void warn(UUID device, String what) {
        if (!what.equals(warned.put(device, what))) {
            log.warn("provider {}: device {} {}", type, device, what);
        }
    }

    /** Returns the intent that a device was made for, if it carries one. */
    static Optional<UUID> intentId(Device device) {
        for (String tag : orEmpty(device.getTags())) {
            if (tag.startsWith(INTENT_TAG)) {
                try {
                    return Optional.of(UUID.fromString(tag.substring(INTENT_TAG.length())));
                } catch (IllegalArgumentException e) {
                    // A foreign tag that happens to begin in the same way.
                }
            }
        }
        return Optional.empty();
    }

    /** Returns the reservation behind a device, whether the API shows it whole or as a link. */
    static Optional<UUID> reservationId(Device device) {
        HardwareReservation reservation = device.getHardwareReservation();
        if (reservation == null) {
            return Optional.empty();
        }
        return Optional.ofNullable(reservation.getId()).or(() -> lastOf(reservation.getHref()));
    }

    /** Reads the id that a link ends with. */
    static Optional<UUID> lastOf(@Nullable String href) {
        if (href == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(UUID.fromString(href.substring(href.lastIndexOf('/') + 1)));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private static Optional<String> location(@Nullable Metro metro, @Nullable Facility facility) {
        String code = metro != null && metro.getCode() != null
                ? metro.getCode()
                : facility == null ? null : facility.getCode();
        return Optional.ofNullable(code).filter(DeviceMapper::fits);
    }

    private static boolean fits(String location) {
        return !location.isBlank() && location.length() <= MachineInfo.MAX_TEXT_LENGTH;
    }

    /** Public IPv4 before public IPv6 before private ones, those of the device itself before elastic ones. */
    private Optional<InetAddress> address(Device device) {
        return orEmpty(device.getIpAddresses()).stream()
                .filter(assignment -> isPublic(assignment) || privateAddresses)
                .sorted(Comparator.comparing((IPAssignment assignment) -> !isPublic(assignment))
                        .thenComparing(assignment -> !Objects.equals(assignment.getAddressFamily(), 4))
                        .thenComparing(assignment -> !Boolean.TRUE.equals(assignment.getManagement())))
                .flatMap(assignment -> parse(assignment.getAddress()).stream())
                .findFirst();
    }

    private static boolean isPublic(IPAssignment assignment) {
        return Boolean.TRUE.equals(assignment.getPublic());
    }

    /** Reads an address; a name that slipped in is not looked up. */
    static Optional<InetAddress> parse(@Nullable String text) {
        return Optional.ofNullable(AddressLiteral.orNull(text));
    }

    /** Returns what is in a list that the API may leave out, or fill with nothing. */
    static <T> List<T> orEmpty(@Nullable List<T> list) {
        return list == null ? List.of() : list.stream().filter(Objects::nonNull).toList();
    }
}
