package dev.shepherd.benchmarks.torture;

import dev.shepherd.postgres.PostgresPair;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Takes the primary database away every now and then, and makes the standby the primary. A thread of its own. */
final class Failovers implements AutoCloseable {

    private static final long FIRST_MILLIS = 12_000;
    private static final long PERIOD_MILLIS = 40_000;
    private static final long LAST_BEFORE_END_MILLIS = 8_000;
    private static final int LONGEST_GAP_MILLIS = 3000;

    private final PostgresPair pair;
    private final Random random;
    private final long endMillis;
    private final Thread thread = new Thread(this::run, "torture-failovers");
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile int count;

    Failovers(PostgresPair pair, Random random, long seconds) {
        this.pair = pair;
        this.random = random;
        this.endMillis = seconds * 1000 - LAST_BEFORE_END_MILLIS;
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    private void run() {
        long startedAt = System.nanoTime();
        try {
            for (long at = FIRST_MILLIS; at < endMillis; at += PERIOD_MILLIS) {
                long now = (System.nanoTime() - startedAt) / 1_000_000;
                Thread.sleep(Math.max(0, at - now));
                failOver();
            }
        } catch (InterruptedException e) {
            // That is the end.
        } catch (RuntimeException | Error e) {
            failure.set(e);
        }
    }

    private void failOver() throws InterruptedException {
        if (random.nextBoolean()) {
            pair.crashPrimary();
        } else {
            pair.stopPrimary();
        }
        Thread.sleep(random.nextInt(LONGEST_GAP_MILLIS));
        pair.promote();
        count++;
        Thread.sleep(random.nextInt(LONGEST_GAP_MILLIS));
        pair.restoreStandby();
    }

    /** Waits until the last one is over. Returns how many there were. */
    int await() throws InterruptedException {
        thread.join();
        Throwable failed = failure.get();
        if (failed != null) {
            throw new IllegalStateException("the primary could not be failed over", failed);
        }
        return count;
    }

    @Override
    public void close() {
        thread.interrupt();
    }
}
