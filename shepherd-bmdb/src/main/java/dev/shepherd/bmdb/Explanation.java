package dev.shepherd.bmdb;

import dev.shepherd.api.internal.Escaped;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What the loops would do with a machine now, and why. A snapshot; immutable.
 *
 * @param machine the machine as it is
 * @param processes what each process would do with it
 * @param providerCheckAt when the updater looks at it next; empty if it has no provider, or if the updater compares the
 *     whole listing of its provider now and then
 */
public record Explanation(MachineRecord machine, List<OfProcess> processes, Optional<Instant> providerCheckAt) {

    /** Copies the list. */
    public Explanation {
        processes = List.copyOf(processes);
    }

    /** The rule or limit that decides. */
    public enum Rule {
        /** Nothing blocks it. */
        ELIGIBLE,
        /** The machine has no provider. */
        NOT_PROVIDED,
        /** It is quarantined. */
        QUARANTINED,
        /** Its provider no longer knows it. */
        MISSING,
        /** Its provider is installing it. */
        PROVISIONING,
        /** A session works on it. */
        WORKED_ON,
        /** It, its provider or the process is paused. */
        PAUSED,
        /** The requested operating system is installed: it is left alone. */
        INSTALLED,
        /** Its agent was started already. */
        AGENT_STARTED,
        /** Its agent was not started yet, and that has not failed often enough. */
        NO_AGENT,
        /** Its agent has not been silent for long enough. */
        HEARD,
        /** A rollout has chosen it, and watches it itself. */
        ROLLOUT,
        /** The last attempt to recover it was too recent. */
        COOLDOWN,
        /** Earlier failures back it off for a while. */
        BACKED_OFF,
        /** A gate holds back what would take it down, or work is moved away from it. */
        HELD_BACK,
        /** Recovery is frozen. */
        FROZEN,
        /** Recovery could not watch for a while, or has just begun to. */
        LOOKING,
        /** So many machines are in recovery already that this one has to wait. */
        LIMIT
    }

    /**
     * What one process would do with the machine.
     *
     * @param process the process
     * @param eligible whether it would be claimed now
     * @param rule what decides
     * @param because that in words
     * @param change what would change it
     * @param nextLookAt when time alone changes something; empty if it does not
     */
    public record OfProcess(
            WorkProcess process,
            boolean eligible,
            Rule rule,
            String because,
            String change,
            Optional<Instant> nextLookAt) {

        /** Makes one line of each text, in which what others say is escaped. */
        public OfProcess {
            because = Escaped.text(because);
            change = Escaped.text(change);
        }
    }

    /** Returns the machine's id. */
    public UUID machineId() {
        return machine.machineId();
    }
}
