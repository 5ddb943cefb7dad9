package dev.shepherd.bmdb.operator;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.rollout.RolloutState;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * A rollout at one moment: how the agents of a provider's machines are brought to another executable. Immutable.
 *
 * @param id counts up
 * @param provider whose machines
 * @param build the executable
 * @param state how it stands
 * @param cause why it is paused, or has ended before all machines were reached
 * @param plan how it proceeds
 * @param wave how many waves have begun
 * @param startedAt since when
 * @param startedBy on whose behalf
 * @param endedAt since when it chooses no more machines; empty while it is under way
 * @param isListed whether all of the provider's machines are counted: not yet, for a while after the start, if there are
 *     more than 5,000
 * @param counts how many machines are how far
 * @param troubles the first machines that failed
 */
public record Rollout(
        long id,
        ProviderType provider,
        AgentBuild build,
        State state,
        Optional<String> cause,
        RolloutPlan plan,
        int wave,
        Instant startedAt,
        String startedBy,
        Optional<Instant> endedAt,
        boolean isListed,
        Counts counts,
        List<Trouble> troubles) {

    /** Copies the list. */
    public Rollout {
        troubles = List.copyOf(troubles);
    }

    /** How a rollout stands. */
    public enum State {
        /** It goes on. */
        RUNNING(RolloutState.RUNNING),
        /** It chooses no further machines until it is resumed. Those that it has begun with are watched as before. */
        PAUSED(RolloutState.PAUSED),
        /** It has stopped, since too many machines failed. */
        STOPPED(RolloutState.STOPPED),
        /** A person has ended it. */
        ABORTED(RolloutState.ABORTED),
        /** No machine is left for it. */
        COMPLETED(RolloutState.COMPLETED);

        private final String databaseName;

        State(String databaseName) {
            this.databaseName = databaseName;
        }

        /** Returns the name that the database has for it. */
        public String databaseName() {
            return databaseName;
        }

        /** Tells whether it has yet to end. */
        public boolean isUnderWay() {
            return this == RUNNING || this == PAUSED;
        }

        static State ofDatabaseName(String name) {
            return Arrays.stream(values())
                    .filter(state -> state.databaseName.equals(name))
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("no state of a rollout: " + name));
        }
    }

    /**
     * How many machines are how far. Together they are all machines that the rollout has met.
     *
     * @param waiting those whose turn has yet to come, or never came. A later rollout takes over what an earlier one has
     *     not done: those count as waiting there
     * @param starting those that are due for their takeover, or in it
     * @param baking those whose new agent has yet to be heard for long enough
     * @param done those whose new agent was heard for long enough
     * @param returning those that failed, and get their former agent back
     * @param returned those that have it back
     * @param failed those where a takeover failed. The agent before it goes on, unless that was being put back
     * @param passed those that were left alone, such as paused, quarantined and installed ones
     */
    public record Counts(
            int waiting, int starting, int baking, int done, int returning, int returned, int failed, int passed) {}

    /**
     * A machine that failed.
     *
     * @param machineId which
     * @param because what happened, with the text of others escaped
     */
    public record Trouble(UUID machineId, String because) {}
}
