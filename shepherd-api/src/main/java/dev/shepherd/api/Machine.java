package dev.shepherd.api;

import java.net.InetAddress;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;

/**
 * One machine as its provider describes it at one moment.
 *
 * <p>An instance is a snapshot and never changes. Providers may implement this interface themselves or
 * use the record {@link MachineInfo}. Implementations must be safe for use by several threads.
 *
 * <p>An empty optional means "the provider does not know or does not say", and clears what the database
 * holds about it.
 */
public interface Machine {

    /** Returns the provider's id of the machine; {@link ProviderID#INVALID} where it has none yet. */
    ProviderID id();

    /** Returns the address at which the machine is reached by SSH, if it has one. */
    Optional<InetAddress> address();

    /** Returns whether the machine is in use. */
    Availability availability();

    /**
     * Tells whether the machine is in a failed state. A failed machine is ignored where provider and database disagree,
     * even once the provider no longer lists it, and is never chosen for provisioning.
     */
    default boolean failed() {
        return false;
    }

    /** Returns the state of the machine at the provider, if the provider reports one. */
    default Optional<ProviderStatus> status() {
        return Optional.empty();
    }

    /** Returns where the machine stands (a metro, a rack: the provider's own word), at most 128 characters. */
    default Optional<String> location() {
        return Optional.empty();
    }

    /** Returns the id of the hardware reservation that backs the machine, at most 128 characters. */
    default Optional<String> reservationId() {
        return Optional.empty();
    }

    /** Returns the TCP port of the machine's SSH server (1 to 65535) where it is not the fleet's usual one. */
    default OptionalInt sshPort() {
        return OptionalInt.empty();
    }

    /**
     * Returns the intent that the machine was created for, where the provider can find it again on the
     * machine (a tag, a label). It lets a machine whose creation was cut short be adopted.
     *
     * @see CreateMachineRequest#intentId()
     */
    default Optional<UUID> intentId() {
        return Optional.empty();
    }

    /**
     * Returns the machine's labels, such as its rack; none by default. Operators select machines by them, and limits of
     * recovery may go by them. The rules are those of {@link Labels}: a label that breaks one is passed over.
     */
    default Map<String, String> labels() {
        return Map.of();
    }
}
