package dev.shepherd.bmdb.operator;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Selector;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.api.internal.settings.Checks;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** How a rollout proceeds. Immutable. Made with {@link #builder()}. */
public final class RolloutPlan {

    private static final Duration SHORTEST_BAKE = Duration.ofSeconds(1);
    private static final Duration LONGEST_BAKE = Duration.ofDays(7);
    private static final int MOST_MACHINES = 1_000_000;

    /** What applies where nothing is set. */
    public static final RolloutPlan DEFAULT = builder().build();

    private final int canary;
    private final int batch;
    private final Duration bake;
    private final int maxFailures;
    private final @Nullable Selector selector;

    private RolloutPlan(Builder builder) {
        this.canary = builder.canary;
        this.batch = builder.batch;
        this.bake = builder.bake;
        this.maxFailures = builder.maxFailures;
        this.selector = builder.selector;
    }

    /** Starts with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns how many machines come first. */
    public int canary() {
        return canary;
    }

    /** Returns how many machines a wave has after the canaries. */
    public int batch() {
        return batch;
    }

    /** Returns for how long each agent of a wave has to be heard before the next wave begins. */
    public Duration bake() {
        return bake;
    }

    /** Returns how many machines may fail or fall silent before the rollout stops. */
    public int maxFailures() {
        return maxFailures;
    }

    /** Returns which of the provider's machines it is for; empty for all. */
    public Optional<Selector> selector() {
        return Optional.ofNullable(selector);
    }

    /**
     * Returns how many machines the next wave has, within the limits of recovery.
     *
     * @param done how many are done
     */
    public int next(int done) {
        return done < canary ? canary - done : batch;
    }

    @Override
    public String toString() {
        return "RolloutPlan{canary=" + canary + ", batch=" + batch + ", bake=" + Spans.text(bake) + ", maxFailures="
                + maxFailures + (selector == null ? "" : ", selector=" + selector) + "}";
    }

    /** Collects the values of a {@link RolloutPlan}. Not safe for several threads. */
    public static final class Builder {
        private int canary = 5;
        private int batch = 50;
        private Duration bake = Duration.ofMinutes(15);
        private int maxFailures = 2;
        private @Nullable Selector selector;

        private Builder() {}

        /**
         * Essential: sets how many machines come first, 1 to 1,000,000; 5 by default. The limits of recovery may leave
         * room for fewer at a time: then there are several waves of them.
         */
        public Builder canary(int machines) {
            this.canary = machines;
            return this;
        }

        /**
         * Essential: sets how many machines a wave has after the canaries, 1 to 1,000,000; 50 by default. The limits of
         * recovery may leave room for fewer.
         */
        public Builder batch(int machines) {
            this.batch = machines;
            return this;
        }

        /**
         * Essential: sets for how long each agent of a wave has to be heard before the next wave begins, in whole
         * seconds from 1 second to 7 days; 15 minutes by default. Agents report once a minute.
         */
        public Builder bake(Duration span) {
            this.bake = Objects.requireNonNull(span, "span");
            return this;
        }

        /**
         * Common: sets how many machines may fail or fall silent before the rollout stops, 0 to 1,000,000; 2 by
         * default.
         */
        public Builder maxFailures(int machines) {
            this.maxFailures = machines;
            return this;
        }

        /**
         * Common: sets which of the provider's machines it is for, by their labels; null, the default, for all. The others
         * keep their agents, also when they are taken over again.
         */
        public Builder selector(@Nullable Selector selector) {
            this.selector = selector;
            return this;
        }

        /**
         * Makes the plan.
         *
         * @throws ConfigurationException if a value is out of its range
         */
        public RolloutPlan build() {
            Checks.count("canary", canary, 1, MOST_MACHINES);
            Checks.count("batch", batch, 1, MOST_MACHINES);
            Checks.span("bake", bake, SHORTEST_BAKE, LONGEST_BAKE);
            Checks.count("maxFailures", maxFailures, 0, MOST_MACHINES);
            return new RolloutPlan(this);
        }
    }
}
