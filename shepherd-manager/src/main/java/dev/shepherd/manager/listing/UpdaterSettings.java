package dev.shepherd.manager.listing;

import dev.shepherd.api.internal.Spans;
import java.time.Duration;

/**
 * How an {@link Updater} works. Immutable.
 *
 * @param restInterval when a machine of which there was nothing new is looked at again; at least 1 s. A tenth more or
 *     less, so that machines that were recorded together do not stay together
 * @param motionInterval when a machine is looked at again that is being provisioned, that has just changed, or that is
 *     in recovery; at least 1 s
 * @param pollInterval how long to wait before looking for machines again when none was due; at least 1 ms
 */
public record UpdaterSettings(Duration restInterval, Duration motionInterval, Duration pollInterval) {

    /** 30 min at rest, 1 min in motion, a look every 15 s. */
    public static final UpdaterSettings DEFAULT =
            new UpdaterSettings(Duration.ofMinutes(30), Duration.ofMinutes(1), Duration.ofSeconds(15));

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if one is out of its range
     */
    public UpdaterSettings {
        if (restInterval.toSeconds() < 1) {
            throw new IllegalArgumentException("restInterval is at least 1 s, not " + Spans.text(restInterval));
        }
        if (motionInterval.toSeconds() < 1) {
            throw new IllegalArgumentException("motionInterval is at least 1 s, not " + Spans.text(motionInterval));
        }
        if (pollInterval.toMillis() < 1) {
            throw new IllegalArgumentException("pollInterval is at least 1 ms, not " + Spans.text(pollInterval));
        }
    }

    /** Returns these settings with another {@link #restInterval()}. */
    public UpdaterSettings withRestInterval(Duration restInterval) {
        return new UpdaterSettings(restInterval, motionInterval, pollInterval);
    }

    /** Returns these settings with another {@link #motionInterval()}. */
    public UpdaterSettings withMotionInterval(Duration motionInterval) {
        return new UpdaterSettings(restInterval, motionInterval, pollInterval);
    }

    /** Returns these settings with another {@link #pollInterval()}. */
    public UpdaterSettings withPollInterval(Duration pollInterval) {
        return new UpdaterSettings(restInterval, motionInterval, pollInterval);
    }
}
