package dev.shepherd.manager.listing;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.api.internal.settings.Checks;
import java.time.Duration;
import java.util.Objects;

/** How an {@link Updater} works. Immutable; made by {@link #builder()}. */
public final class UpdaterSettings {

    /** The defaults: 30 min at rest, 1 min in motion, a look every 15 s. */
    public static final UpdaterSettings DEFAULT = builder().build();

    private final Duration restInterval;
    private final Duration motionInterval;
    private final Duration pollInterval;

    private UpdaterSettings(Builder values) {
        restInterval = values.restInterval;
        motionInterval = values.motionInterval;
        pollInterval = values.pollInterval;
    }

    /** Starts with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns a builder that starts with these values. */
    public Builder toBuilder() {
        return new Builder()
                .restInterval(restInterval)
                .motionInterval(motionInterval)
                .pollInterval(pollInterval);
    }

    /** Returns after what time a machine that had no news is checked again. */
    public Duration restInterval() {
        return restInterval;
    }

    /** Returns after what time a machine is checked again that is in motion. */
    public Duration motionInterval() {
        return motionInterval;
    }

    /** Returns how long to wait before looking for machines again when none was due. */
    public Duration pollInterval() {
        return pollInterval;
    }

    /** Describes the settings. */
    @Override
    public String toString() {
        return "UpdaterSettings{restInterval=" + Spans.text(restInterval) + ", motionInterval="
                + Spans.text(motionInterval) + ", pollInterval=" + Spans.text(pollInterval) + "}";
    }

    /** Collects the values of {@link UpdaterSettings}. Not safe for several threads. */
    public static final class Builder {
        private Duration restInterval = Duration.ofMinutes(30);
        private Duration motionInterval = Duration.ofMinutes(1);
        private Duration pollInterval = Duration.ofSeconds(15);

        private Builder() {}

        /**
         * Rare: sets after what time a machine that had no news is checked again, at least 1 s; 30 min by default. Up
         * to a tenth more or less is drawn, so that machines that were recorded together do not stay together.
         */
        public Builder restInterval(Duration interval) {
            this.restInterval = Objects.requireNonNull(interval, "interval");
            return this;
        }

        /**
         * Rare: sets after what time a machine is checked again that is being provisioned, in recovery, or has just
         * changed, at least 1 s; 1 min by default.
         */
        public Builder motionInterval(Duration interval) {
            this.motionInterval = Objects.requireNonNull(interval, "interval");
            return this;
        }

        /**
         * Rare: sets how long to wait before looking for machines again when none was due, at least 1 ms; 15 s by
         * default.
         */
        public Builder pollInterval(Duration interval) {
            this.pollInterval = Objects.requireNonNull(interval, "interval");
            return this;
        }

        /**
         * Makes the settings.
         *
         * @throws ConfigurationException if a value is out of its range
         */
        public UpdaterSettings build() {
            Checks.atLeast("restInterval", restInterval, Duration.ofSeconds(1));
            Checks.atLeast("motionInterval", motionInterval, Duration.ofSeconds(1));
            Checks.atLeast("pollInterval", pollInterval, Duration.ofMillis(1));
            return new UpdaterSettings(this);
        }
    }
}
