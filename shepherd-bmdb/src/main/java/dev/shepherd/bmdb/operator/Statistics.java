package dev.shepherd.bmdb.operator;

import dev.shepherd.bmdb.Eligibility;
import dev.shepherd.bmdb.WorkProcess;
import java.util.Map;

/**
 * Counts over the whole database at one moment. Immutable.
 *
 * @param machines all machines
 * @param provided those that have a provider
 * @param agentStarted those whose agent was started
 * @param heartbeating those whose agent was heard within {@link Eligibility#SILENT_AFTER_HEARTBEAT}
 * @param installationPending those with a requested installation that is not fulfilled
 * @param installationComplete those whose requested installation is fulfilled
 * @param waitingForAgentStart those eligible for agent start that no session works on and that are not backed off
 * @param waitingForRecovery those eligible for recovery, at the default spans, in the same way
 * @param inRecovery those with an attempt to recover them that have not been heard since
 * @param recovered those heard again after an attempt, while that is still recorded
 * @param quarantined those in quarantine
 * @param activeWork the work being done, by process
 * @param activeBackoffs the backoffs in force, by process
 */
public record Statistics(
        long machines,
        long provided,
        long agentStarted,
        long heartbeating,
        long installationPending,
        long installationComplete,
        long waitingForAgentStart,
        long waitingForRecovery,
        long inRecovery,
        long recovered,
        long quarantined,
        Map<WorkProcess, Long> activeWork,
        Map<WorkProcess, Long> activeBackoffs) {

    /** Copies the maps. */
    public Statistics {
        activeWork = Map.copyOf(activeWork);
        activeBackoffs = Map.copyOf(activeBackoffs);
    }
}
