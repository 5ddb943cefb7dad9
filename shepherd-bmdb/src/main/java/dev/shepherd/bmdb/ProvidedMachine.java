package dev.shepherd.bmdb;

import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import java.net.InetAddress;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.UUID;

/**
 * The MachineProvided tag of a machine: what its provider last said about it. Immutable.
 *
 * @param machineId the machine's id in the database
 * @param provider the provider instance
 * @param providerId the provider's id of the machine
 * @param reservationId the hardware reservation behind it
 * @param address where it is reached by SSH
 * @param sshPort the port of its SSH server, where it is not the fleet's usual one
 * @param location where it stands
 * @param status its state at the provider
 * @param failed whether the provider last said that it is in a failed state; stays when the machine goes missing
 * @param labels the labels that the provider last said, in the order of their keys; {@link MachineRecord#labels()} has those in
 *     force
 */
public record ProvidedMachine(
        UUID machineId,
        ProviderType provider,
        ProviderID providerId,
        Optional<String> reservationId,
        Optional<InetAddress> address,
        OptionalInt sshPort,
        Optional<String> location,
        Optional<ProviderStatus> status,
        boolean failed,
        Map<String, String> labels) {

    /** Copies the labels. */
    public ProvidedMachine {
        labels = labels.isEmpty() ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(labels));
    }

    /** Tells whether what a provider says of a machine counts as a failed state. */
    public static boolean isFailed(MachineInfo machine) {
        return machine.failed() || machine.status().equals(Optional.of(ProviderStatus.PROVISIONING_FAILED_PERMANENT));
    }
}
