package dev.shepherd.manager.provisioning;

import dev.shepherd.api.internal.Spans;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How a {@link Provisioner} works. Immutable.
 *
 * <p>Where a setting is empty its default follows from the provider: one that only {@linkplain
 * dev.shepherd.api.Provider#isCreationCheap() takes note} of machines is brought in as fast as it can be.
 *
 * @param maxCount how many machines of the provider there may be in the database, all replicas together; 0 for no limit.
 *     By default 50, and no limit where creation is cheap
 * @param chunkSize how many machines one reconciliation creates at most; at least 1. By default 20, and 1000 where creation
 *     is cheap
 * @param interval how long to wait between two reconciliations; at least 1 ms
 * @param creationInterval how far apart two creations are at least; zero for no limit. By default 5 s, and no limit where
 *     creation is cheap
 */
public record ProvisionerSettings(
        OptionalInt maxCount, OptionalInt chunkSize, Duration interval, Optional<Duration> creationInterval) {

    /** One reconciliation a minute, and the defaults that follow from the provider. */
    public static final ProvisionerSettings DEFAULT =
            new ProvisionerSettings(OptionalInt.empty(), OptionalInt.empty(), Duration.ofMinutes(1), Optional.empty());

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if one is out of its range
     */
    public ProvisionerSettings {
        if (maxCount.isPresent() && maxCount.getAsInt() < 0) {
            throw new IllegalArgumentException("maxCount is 0 (no limit) or more, not " + maxCount.getAsInt());
        }
        if (chunkSize.isPresent() && chunkSize.getAsInt() < 1) {
            throw new IllegalArgumentException("chunkSize is at least 1, not " + chunkSize.getAsInt());
        }
        if (interval.toMillis() < 1) {
            throw new IllegalArgumentException("interval is at least 1 ms, not " + Spans.text(interval));
        }
        creationInterval.filter(Duration::isNegative).ifPresent(negative -> {
            throw new IllegalArgumentException("creationInterval is not negative, but this is " + Spans.text(negative));
        });
    }

    /** What holds for one provider. A maximum of 0 and an interval of zero are no limits. */
    record Limits(int maxCount, int chunkSize, Duration creationInterval) {}

    Limits limits(boolean creationCheap) {
        return new Limits(
                maxCount.orElse(creationCheap ? 0 : 50),
                chunkSize.orElse(creationCheap ? 1000 : 20),
                creationInterval.orElse(creationCheap ? Duration.ZERO : Duration.ofSeconds(5)));
    }

    /** Returns these settings with another {@link #maxCount()}. */
    public ProvisionerSettings withMaxCount(int maxCount) {
        return new ProvisionerSettings(OptionalInt.of(maxCount), chunkSize, interval, creationInterval);
    }

    /** Returns these settings with another {@link #chunkSize()}. */
    public ProvisionerSettings withChunkSize(int chunkSize) {
        return new ProvisionerSettings(maxCount, OptionalInt.of(chunkSize), interval, creationInterval);
    }

    /** Returns these settings with another {@link #interval()}. */
    public ProvisionerSettings withInterval(Duration interval) {
        return new ProvisionerSettings(maxCount, chunkSize, interval, creationInterval);
    }

    /** Returns these settings with another {@link #creationInterval()}. */
    public ProvisionerSettings withCreationInterval(Duration creationInterval) {
        return new ProvisionerSettings(maxCount, chunkSize, interval, Optional.of(creationInterval));
    }
}
