package dev.shepherd.manager;

import java.time.Duration;

/**
 * How a {@link Provisioner} works. Immutable.
 *
 * @param maxCount how many machines of the provider there may be in the database, all replicas together; 0 for
 *     no limit
 * @param chunkSize how many machines one reconciliation creates at most; at least 1
 * @param interval how long to wait between two reconciliations; at least 1 ms
 * @param creationInterval how far apart two creations are at least; zero for no limit
 */
public record ProvisionerSettings(int maxCount, int chunkSize, Duration interval, Duration creationInterval) {

    /** 50 machines at most, 20 a reconciliation, one reconciliation a minute, one creation per 5 s. */
    public static final ProvisionerSettings DEFAULT =
            new ProvisionerSettings(50, 20, Duration.ofMinutes(1), Duration.ofSeconds(5));

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if one is out of its range
     */
    public ProvisionerSettings {
        if (maxCount < 0) {
            throw new IllegalArgumentException("maxCount is 0 (no limit) or more, not " + maxCount);
        }
        if (chunkSize < 1) {
            throw new IllegalArgumentException("chunkSize is at least 1, not " + chunkSize);
        }
        if (interval.toMillis() < 1) {
            throw new IllegalArgumentException("interval is at least 1 ms, not " + interval);
        }
        if (creationInterval.isNegative()) {
            throw new IllegalArgumentException("creationInterval is not negative, but this is " + creationInterval);
        }
    }

    /** Returns these settings with another {@link #maxCount()}. */
    public ProvisionerSettings withMaxCount(int maxCount) {
        return new ProvisionerSettings(maxCount, chunkSize, interval, creationInterval);
    }

    /** Returns these settings with another {@link #chunkSize()}. */
    public ProvisionerSettings withChunkSize(int chunkSize) {
        return new ProvisionerSettings(maxCount, chunkSize, interval, creationInterval);
    }

    /** Returns these settings with another {@link #interval()}. */
    public ProvisionerSettings withInterval(Duration interval) {
        return new ProvisionerSettings(maxCount, chunkSize, interval, creationInterval);
    }

    /** Returns these settings with another {@link #creationInterval()}. */
    public ProvisionerSettings withCreationInterval(Duration creationInterval) {
        return new ProvisionerSettings(maxCount, chunkSize, interval, creationInterval);
    }
}
