package dev.shepherd.spring.boot;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.fleet.Fleet;
import dev.shepherd.bmdb.fleet.FleetSummary;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/** Counts the fleet for the metrics, where no page does. All processes that count share the counts of one of them. */
final class FleetCounting implements SmartLifecycle {

    /** As that of the page. */
    static final Duration INTERVAL = Duration.ofSeconds(15);

    private static final Logger log = LoggerFactory.getLogger(FleetCounting.class);

    private static final long LONGEST_END_SECONDS = 10;

    private final Fleet fleet;
    private final Consumer<FleetSummary> onCount;
    private final Duration interval;
    private final boolean autoStartup;
    private @Nullable ScheduledExecutorService thread;
    private boolean failing;

    FleetCounting(Fleet fleet, Consumer<FleetSummary> onCount, Duration interval, boolean autoStartup) {
        if (interval.compareTo(Duration.ofSeconds(1)) < 0 || interval.compareTo(Duration.ofHours(1)) > 0) {
            String property = ShepherdProperties.PREFIX + ".web.count-interval";
            throw new ConfigurationException(property, property + " must be from 1 s to 1 h");
        }
        this.fleet = fleet;
        this.onCount = onCount;
        this.interval = interval;
        this.autoStartup = autoStartup;
    }

    @Override
    public synchronized void start() {
        if (thread == null) {
            thread = Executors.newSingleThreadScheduledExecutor(counting -> {
                Thread made = new Thread(counting, "shepherd-fleet-counts");
                made.setDaemon(true);
                return made;
            });
            thread.scheduleWithFixedDelay(this::count, 0, interval.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    /** Throws nothing but what ends a thread anyway: an executor would never call it again. */
    private void count() {
        try {
            fleet.count(interval).ifPresent(onCount);
            failing = false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (BmdbException e) {
            if (!failing) {
                log.warn("The fleet is not counted until the database answers again: {}", e.getMessage());
            }
            failing = true;
        } catch (RuntimeException e) {
            log.error("The fleet could not be counted", e);
        }
    }

    @Override
    public boolean isAutoStartup() {
        return autoStartup;
    }

    @Override
    public synchronized void stop() {
        ScheduledExecutorService ending = thread;
        thread = null;
        if (ending == null) {
            return;
        }
        ending.shutdownNow();
        try {
            if (!ending.awaitTermination(LONGEST_END_SECONDS, TimeUnit.SECONDS)) {
                log.warn("The thread that counts the fleet has not ended after {} s", LONGEST_END_SECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public synchronized boolean isRunning() {
        return thread != null;
    }
}
