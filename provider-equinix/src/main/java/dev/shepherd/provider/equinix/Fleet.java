package dev.shepherd.provider.equinix;

import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.provider.equinix.client.Device;
import java.util.Optional;
import java.util.UUID;

/**
 * The devices of a project that belong to this fleet: those whose hostname begins with its prefix. No other device is
 * shown, rebooted or reinstalled. Safe for use by several threads.
 */
final class Fleet {

    /** How much of a reservation's id stands in a hostname. */
    private static final int HOSTNAME_ID_LENGTH = 18;

    private final ProviderType type;
    private final MetalProject project;
    private final String prefix;

    Fleet(ProviderType type, MetalProject project, String prefix) {
        this.type = type;
        this.project = project;
        this.prefix = prefix;
    }

    String prefix() {
        return prefix;
    }

    /** Tells whether a device belongs to it. */
    boolean has(Device device) {
        return device.getHostname() != null && device.getHostname().startsWith(prefix);
    }

    /** Returns the name of the device that is made from a reservation. */
    String hostname(UUID reservation) {
        return prefix + reservation.toString().substring(0, HOSTNAME_ID_LENGTH);
    }

    /**
     * Returns a device as it is now, also one that is still being made.
     *
     * @throws MachineNotFoundException if there is no such device, if it has been deleted, or if it is not the fleet's
     */
    Device find(ProviderID id) throws InterruptedException {
        UUID uuid = uuid(id).orElseThrow(() -> notFound(id));
        return project.device(uuid)
                .filter(device -> has(device) && !DeviceMapper.isDeleted(device))
                .orElseThrow(() -> notFound(id));
    }

    private static Optional<UUID> uuid(ProviderID id) {
        try {
            UUID uuid = UUID.fromString(id.value());
            // It also reads what no API would write.
            return Optional.of(uuid).filter(read -> read.toString().equals(id.value()));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private MachineNotFoundException notFound(ProviderID id) {
        return new MachineNotFoundException(
                "provider %s has no device %s with the prefix \"%s\"".formatted(type, id, prefix));
    }
}
