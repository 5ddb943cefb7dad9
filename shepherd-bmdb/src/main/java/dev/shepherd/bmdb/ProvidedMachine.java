package dev.shepherd.bmdb;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import java.net.InetAddress;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;

/**
 * The MachineProvided tag of a machine: what its provider last said of it. Immutable.
 *
 * @param machineId the machine's id in the database
 * @param provider the provider instance
 * @param providerId the provider's id of the machine
 * @param reservationId the hardware reservation behind it
 * @param address where it is reached by SSH
 * @param sshPort the port of its SSH server, where it is not the fleet's usual one
 * @param location where it stands
 * @param status its state at the provider
 */
public record ProvidedMachine(
        UUID machineId,
        ProviderType provider,
        ProviderID providerId,
        Optional<String> reservationId,
        Optional<InetAddress> address,
        OptionalInt sshPort,
        Optional<String> location,
        Optional<ProviderStatus> status) {}
