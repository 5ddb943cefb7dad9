package dev.shepherd.manager.recovery;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.bmdb.RecoveryPolicy;
import java.time.Duration;
import java.util.Objects;

/** How a {@link MachineRecoverer} works. Immutable; made by {@link #builder()}. */
public final class RecovererSettings {

    /** The defaults: {@link RecoveryPolicy#DEFAULT}, 5 machines at once, a look every 30 s. */
    public static final RecovererSettings DEFAULT = builder().build();

    private final RecoveryPolicy policy;
    private final int parallelism;
    private final Duration pollInterval;

    private RecovererSettings(Builder values) {
        policy = values.policy;
        parallelism = values.parallelism;
        pollInterval = values.pollInterval;
    }

    /** Starts with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns a builder that starts with these values. */
    public Builder toBuilder() {
        return new Builder().policy(policy).parallelism(parallelism).pollInterval(pollInterval);
    }

    /** Returns when machines are recovered, and within which limits. */
    public RecoveryPolicy policy() {
        return policy;
    }

    /** Returns how many machines are rebooted or reinstalled at once. */
    public int parallelism() {
        return parallelism;
    }

    /** Returns how long to wait before looking for machines again when there were none. */
    public Duration pollInterval() {
        return pollInterval;
    }

    /**
     * Returns the policy with the interval at which this recoverer looks.
     *
     * @throws ConfigurationException if the policy's spans do not go together with that interval
     */
    public RecoveryPolicy paced() {
        return policy.toBuilder().lookInterval(pollInterval).build();
    }

    /** Describes the settings except the policy. */
    @Override
    public String toString() {
        return "RecovererSettings{parallelism=" + parallelism + ", pollInterval=" + Spans.text(pollInterval) + "}";
    }

    /** Collects the values of {@link RecovererSettings}. Not safe for several threads. */
    public static final class Builder {
        private RecoveryPolicy policy = RecoveryPolicy.DEFAULT;
        private int parallelism = 5;
        private Duration pollInterval = Duration.ofSeconds(30);

        private Builder() {}

        /**
         * Essential: sets when machines are recovered, and within which limits; {@link RecoveryPolicy#DEFAULT} by
         * default.
         */
        public Builder policy(RecoveryPolicy policy) {
            this.policy = Objects.requireNonNull(policy, "policy");
            return this;
        }

        /**
         * Common: sets how many machines are rebooted or reinstalled at once, 1 to 1000; 5 by default. The provider may
         * take fewer calls.
         */
        public Builder parallelism(int machines) {
            this.parallelism = machines;
            return this;
        }

        /**
         * Rare: sets how long to wait before looking for machines again when there were none, at least 1 ms; 30 s by
         * default.
         */
        public Builder pollInterval(Duration interval) {
            this.pollInterval = Objects.requireNonNull(interval, "interval");
            return this;
        }

        /**
         * Makes the settings. That the policy's spans go together with the poll interval is checked when a recoverer
         * gets them.
         *
         * @throws ConfigurationException if a value is out of its range
         */
        public RecovererSettings build() {
            Checks.count("parallelism", parallelism, 1, 1000);
            Checks.atLeast("pollInterval", pollInterval, Duration.ofMillis(1));
            return new RecovererSettings(this);
        }
    }
}
