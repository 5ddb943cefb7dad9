package dev.shepherd.web;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.fleet.Fleet;
import dev.shepherd.bmdb.fleet.FleetSummary;
import dev.shepherd.bmdb.threads.LastingThread;
import dev.shepherd.web.live.LiveUpdates;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Counts the fleet now and then, and looks whether something changed as long as a page waits to be told. */
final class Watch implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(WebConsole.class);

    private static final Duration LOOK_INTERVAL = Duration.ofSeconds(1);
    private static final Duration REST = Duration.ofSeconds(5);
    private static final Duration END = Duration.ofSeconds(10);

    private final Fleet fleet;
    private final LiveUpdates live;
    private final Duration countInterval;
    private final Consumer<FleetSummary> onCount;
    private @Nullable LastingThread thread;
    private volatile boolean closed;
    private volatile Optional<FleetSummary> summary = Optional.empty();

    /** When it counts next. Used by the thread alone. */
    private long countsAt = System.nanoTime();

    private boolean failing;

    Watch(Fleet fleet, LiveUpdates live, Duration countInterval, Consumer<FleetSummary> onCount) {
        this.fleet = fleet;
        this.live = live;
        this.countInterval = countInterval;
        this.onCount = onCount;
    }

    synchronized void start() {
        if (closed) {
            throw new IllegalStateException("the console is closed");
        }
        if (thread == null) {
            thread = LastingThread.start("shepherd-web-watch", () -> closed, REST, this::look);
        }
    }

    /** Returns the counts as last seen; before the first, as the database has them. */
    Optional<FleetSummary> summary() throws InterruptedException {
        Optional<FleetSummary> seen = summary;
        return seen.isPresent() ? seen : fleet.summary();
    }

    private void look() throws InterruptedException {
        try {
            if (System.nanoTime() - countsAt >= 0) {
                countsAt = System.nanoTime() + countInterval.toNanos();
                summary = fleet.count(countInterval);
                summary.ifPresent(onCount);
            }
            if (live.size() > 0) {
                live.tell(fleet.version());
            }
            failing = false;
        } catch (BmdbException e) {
            if (!failing) {
                log.warn(
                        "The page shows old counts until the database answers again: {}", Escaped.text(e.getMessage()));
            }
            failing = true;
            TimeUnit.NANOSECONDS.sleep(REST.toNanos());
        }
        TimeUnit.NANOSECONDS.sleep(LOOK_INTERVAL.toNanos());
    }

    @Override
    public void close() {
        LastingThread ending;
        synchronized (this) {
            closed = true;
            ending = thread;
            thread = null;
        }
        live.close();
        if (ending == null) {
            return;
        }
        ending.interrupt();
        try {
            if (!ending.awaitEnd(END)) {
                log.warn("The thread that counts the fleet has not ended after 10 s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
