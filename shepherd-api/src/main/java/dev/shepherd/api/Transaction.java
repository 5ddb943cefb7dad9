package dev.shepherd.api;

import java.util.Optional;
import java.util.UUID;

/**
 * The part of a database transaction that a provider needs. Got from {@link Session#inTransaction}; valid until
 * the transaction's body returns, and only on its thread.
 */
public interface Transaction {

    /**
     * Records a machine that a provider has taken into use: its row in the table of machines, under the request's
     * intent, its MachineProvided tag, and the end of the intent.
     *
     * <p>Repeating it for the same intent and the same machine changes nothing, so that a creation whose
     * outcome was lost can be recorded again.
     *
     * @param provider the provider's {@link Provider#type()}
     * @param request the request that the machine was created for
     * @param machine the machine, with a valid id
     * @return the id of the machine in the database, which is the intent's
     * @throws IllegalArgumentException if the machine has no valid id
     * @throws AlreadyRecordedException if the intent already became another machine, or the machine is already
     *     recorded under another intent
     */
    UUID recordMachine(ProviderType provider, CreateMachineRequest request, Machine machine);

    /**
     * Finds the machine that is recorded for a provider's id.
     *
     * @return its id in the database, or empty if there is none
     */
    Optional<UUID> findMachine(ProviderType provider, ProviderID id);
}
