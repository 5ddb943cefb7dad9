package dev.shepherd.manager;

import dev.shepherd.api.ConfigurationException;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How many threads a shepherd needs at once, and whether an executor has them. A loop keeps its thread for as long as
 * it lives; on an executor with too few threads, other tasks would wait for ever, silently.
 *
 * @param loops one for each loop
 * @param working how many of the loops work on machines: each needs one more at least
 * @param machines how many machines all of them work on, or ask for beside their own thread, at once
 */
record ThreadNeeds(int loops, int working, int machines) {

    private static final Logger log = LoggerFactory.getLogger(ThreadNeeds.class);

    /** How long tasks may take to begin all at once. */
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private static final Duration HANDING_OVER = Duration.ofMillis(20);

    ThreadNeeds and(ThreadNeeds other) {
        return new ThreadNeeds(loops + other.loops, working + other.working, machines + other.machines);
    }

    private int least() {
        return loops + working;
    }

    private int all() {
        return loops + machines;
    }

    /**
     * Measures what an executor runs at once.
     *
     * @throws ConfigurationException if that is not even what the loops and one machine for each need; if it is less
     *     than all of it, that is a warning
     */
    void requireOf(Executor executor) {
        int found = atOnce(executor, all());
        if (found >= all()) {
            return;
        }
        String numbers = String.format(
                Locale.ROOT,
                "the executor runs %d task(s) at once: %d loops keep a thread each, and %d machines may be in progress,"
                        + " which makes %d",
                found,
                loops,
                machines,
                all());
        if (found < least()) {
            throw new ConfigurationException(
                    "executor",
                    numbers + String.format(Locale.ROOT, " (%d at the very least)", least())
                            + "; give it more threads, or none, for threads as they are needed");
        }
        log.warn("Fewer machines are worked on at once than set: {}", numbers);
    }

    /** Counts how many of so many tasks an executor runs at the same time, and waits until they have ended. */
    private static int atOnce(Executor executor, int wanted) {
        Thread caller = Thread.currentThread();
        Semaphore begun = new Semaphore(0);
        Semaphore ended = new Semaphore(0);
        CountDownLatch counted = new CountDownLatch(1);
        int accepted = 0;
        try {
            for (; accepted < wanted; accepted++) {
                executor.execute(() -> {
                    if (Thread.currentThread() != caller) { // Else it runs what it cannot take, one after the other.
                        begun.release();
                        awaitQuietly(counted);
                        ended.release();
                    }
                });
            }
        } catch (RuntimeException | Error e) {
            log.debug("The executor takes {} task(s)", accepted, e); // Such as for want of another thread.
        }
        int found;
        try {
            found = acquire(begun, accepted) ? accepted : begun.availablePermits();
        } finally {
            counted.countDown();
        }
        acquire(ended, found);
        // A pool that hands tasks over takes the next one only once a thread of its waits for it, which is after the
        // end.
        LockSupport.parkNanos(HANDING_OVER.toNanos());
        return found;
    }

    private static boolean acquire(Semaphore permits, int count) {
        try {
            return permits.tryAcquire(count, PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // What was seen by now counts.
            return false;
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // Its executor is being shut down.
        }
    }
}
