package dev.shepherd.bmdb;

import dev.shepherd.api.ProviderID;
import java.util.List;
import java.util.UUID;

/**
 * What a recoverer would do now. A snapshot; immutable.
 *
 * @param steps what it would do, machine by machine
 * @param outlook what it would look at
 */
public record PlannedRecovery(List<Step> steps, RecoveryOutlook outlook) {

    /** Copies the list. */
    public PlannedRecovery {
        steps = List.copyOf(steps);
    }

    /**
     * What it would do to one machine.
     *
     * @param machineId the machine
     * @param providerId the provider's id of it
     * @param action what it would do
     * @param attempts how many attempts there were before
     */
    public record Step(UUID machineId, ProviderID providerId, RecoveryAction action, int attempts) {}
}
