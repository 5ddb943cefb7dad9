package dev.shepherd.bmdb.operator;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.hardware.HardwareChange;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * A change of a machine's hardware, as its agent reported it.
 *
 * @param id counts up; pages go by this
 * @param machineId the machine, which may have been forgotten
 * @param provider the provider that had the machine then
 * @param providerId that provider's id of it
 * @param at when the report was recorded that said so first
 * @param change what changed
 */
public record HardwareHistoryEntry(
        long id,
        UUID machineId,
        Optional<ProviderType> provider,
        Optional<ProviderID> providerId,
        Instant at,
        HardwareChange change) {}
