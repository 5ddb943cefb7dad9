package dev.shepherd.bmdb;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * One line of {@code work_history}. Immutable.
 *
 * @param machineId the machine
 * @param process what was done
 * @param event what happened to the work
 * @param timestamp when, in the database's time
 * @param failedCause why it failed or was canceled, where that is known
 * @param claimId what tells this claim from every other
 * @param sessionId who did it
 */
public record WorkHistoryEntry(
        UUID machineId,
        WorkProcess process,
        WorkEvent event,
        Instant timestamp,
        Optional<String> failedCause,
        Optional<UUID> claimId,
        Optional<UUID> sessionId) {}
