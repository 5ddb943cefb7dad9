package dev.shepherd.manager.provisioning;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.api.internal.settings.Checks;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * How a {@link Provisioner} works. Immutable; made by {@link #builder()}.
 *
 * <p>Where a setting is empty its default follows from the provider: one that only {@linkplain
 * dev.shepherd.api.Provider#isCreationCheap() takes note} of machines is brought in as fast as it can be.
 */
public final class ProvisionerSettings {

    /** The defaults: one reconciliation a minute, and what follows from the provider. */
    public static final ProvisionerSettings DEFAULT = builder().build();

    private final @Nullable Integer maxCount;
    private final @Nullable Integer chunkSize;
    private final Duration interval;
    private final @Nullable Duration creationInterval;

    private ProvisionerSettings(Builder values) {
        maxCount = values.maxCount;
        chunkSize = values.chunkSize;
        interval = values.interval;
        creationInterval = values.creationInterval;
    }

    /** Starts with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns a builder that starts with these values. */
    public Builder toBuilder() {
        Builder builder = new Builder().interval(interval);
        builder.maxCount = maxCount;
        builder.chunkSize = chunkSize;
        builder.creationInterval = creationInterval;
        return builder;
    }

    /** Returns how many machines of the provider there may be in the database; 0 for no limit. */
    public OptionalInt maxCount() {
        return maxCount == null ? OptionalInt.empty() : OptionalInt.of(maxCount);
    }

    /** Returns how many machines one reconciliation creates at most. */
    public OptionalInt chunkSize() {
        return chunkSize == null ? OptionalInt.empty() : OptionalInt.of(chunkSize);
    }

    /** Returns how long to wait between two reconciliations. */
    public Duration interval() {
        return interval;
    }

    /** Returns how far apart two creations are at least; zero for no limit. */
    public Optional<Duration> creationInterval() {
        return Optional.ofNullable(creationInterval);
    }

    /** What holds for one provider. A maximum of 0 and an interval of zero are no limits. */
    record Limits(int maxCount, int chunkSize, Duration creationInterval) {}

    Limits limits(boolean creationCheap) {
        return new Limits(
                maxCount().orElse(creationCheap ? 0 : 50),
                chunkSize().orElse(creationCheap ? 1000 : 20),
                creationInterval().orElse(creationCheap ? Duration.ZERO : Duration.ofSeconds(5)));
    }

    /** Describes the settings; what follows from the provider is null. */
    @Override
    public String toString() {
        return "ProvisionerSettings{maxCount=" + maxCount + ", chunkSize=" + chunkSize + ", interval="
                + Spans.text(interval) + ", creationInterval="
                + creationInterval().map(Spans::text).orElse(null) + "}";
    }

    /** Collects the values of {@link ProvisionerSettings}. Not safe for several threads. */
    public static final class Builder {
        private @Nullable Integer maxCount;
        private @Nullable Integer chunkSize;
        private Duration interval = Duration.ofMinutes(1);
        private @Nullable Duration creationInterval;

        private Builder() {}

        /**
         * Common: sets how many machines of the provider there may be in the database, all replicas together; 0 for no
         * limit. By default 50, and no limit where creation is cheap.
         */
        public Builder maxCount(int machines) {
            this.maxCount = machines;
            return this;
        }

        /**
         * Common: sets how many machines one reconciliation creates at most, at least 1. By default 20, and 1000 where
         * creation is cheap.
         */
        public Builder chunkSize(int machines) {
            this.chunkSize = machines;
            return this;
        }

        /** Rare: sets how long to wait between two reconciliations, at least 1 ms; 1 min by default. */
        public Builder interval(Duration interval) {
            this.interval = Objects.requireNonNull(interval, "interval");
            return this;
        }

        /**
         * Rare: sets how far apart two creations are at least; zero for no limit. By default 5 s, and no limit where
         * creation is cheap.
         */
        public Builder creationInterval(Duration interval) {
            this.creationInterval = Objects.requireNonNull(interval, "interval");
            return this;
        }

        /**
         * Makes the settings.
         *
         * @throws ConfigurationException if a value is out of its range
         */
        public ProvisionerSettings build() {
            if (maxCount != null) {
                Checks.that("maxCount", maxCount >= 0, "0 (no limit) or more", maxCount);
            }
            if (chunkSize != null) {
                Checks.atLeast("chunkSize", chunkSize, 1);
            }
            Checks.atLeast("interval", interval, Duration.ofMillis(1));
            if (creationInterval != null) {
                Checks.atLeast("creationInterval", creationInterval, Duration.ZERO);
            }
            return new ProvisionerSettings(this);
        }
    }
}
