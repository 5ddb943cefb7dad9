package dev.shepherd.manager.recovery;

import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.RecoveryPolicy;
import java.time.Duration;
import java.util.Objects;

/**
 * How a {@link MachineRecoverer} works. Immutable.
 *
 * @param policy when machines are recovered, and within which limits
 * @param parallelism how many machines it acts on at once, 1 to 1000; the provider may take fewer calls
 * @param pollInterval how long to wait before looking for machines again when there were none; at least 1 ms
 */
public record RecovererSettings(RecoveryPolicy policy, int parallelism, Duration pollInterval) {

    /** {@link RecoveryPolicy#DEFAULT}, 5 machines at once, a look every 30 s. */
    public static final RecovererSettings DEFAULT =
            new RecovererSettings(RecoveryPolicy.DEFAULT, 5, Duration.ofSeconds(30));

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if one is out of its range
     */
    public RecovererSettings {
        Objects.requireNonNull(policy, "policy");
        if (parallelism < 1 || parallelism > 1000) {
            throw new IllegalArgumentException("parallelism is from 1 to 1000, not " + parallelism);
        }
        if (pollInterval.toMillis() < 1) {
            throw new IllegalArgumentException("pollInterval is at least 1 ms, not " + Spans.text(pollInterval));
        }
    }

    /** Returns the policy with the interval at which this recoverer looks. */
    public RecoveryPolicy paced() {
        return policy.toBuilder().lookInterval(pollInterval).build();
    }

    /** Returns these settings with another {@link #policy()}. */
    public RecovererSettings withPolicy(RecoveryPolicy policy) {
        return new RecovererSettings(policy, parallelism, pollInterval);
    }

    /** Returns these settings with another {@link #parallelism()}. */
    public RecovererSettings withParallelism(int parallelism) {
        return new RecovererSettings(policy, parallelism, pollInterval);
    }

    /** Returns these settings with another {@link #pollInterval()}. */
    public RecovererSettings withPollInterval(Duration pollInterval) {
        return new RecovererSettings(policy, parallelism, pollInterval);
    }
}
