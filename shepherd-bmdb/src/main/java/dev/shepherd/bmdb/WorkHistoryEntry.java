package dev.shepherd.bmdb;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * One line of {@code work_history}. It outlives its machine. Immutable.
 *
 * @param machineId the machine
 * @param provider the provider that had the machine at that time; empty if none had
 * @param providerId that provider's id of the machine
 * @param process what was done
 * @param event what happened to the work
 * @param timestamp when, in the database's time
 * @param failedCause why it failed or was canceled, where that is known
 * @param note who asked for the work and why, if a person did
 * @param claimId what distinguishes this claim from every other
 * @param sessionId who did it
 */
public record WorkHistoryEntry(
        UUID machineId,
        Optional<ProviderType> provider,
        Optional<ProviderID> providerId,
        WorkProcess process,
        WorkEvent event,
        Instant timestamp,
        Optional<String> failedCause,
        Optional<String> note,
        Optional<UUID> claimId,
        Optional<UUID> sessionId) {}
