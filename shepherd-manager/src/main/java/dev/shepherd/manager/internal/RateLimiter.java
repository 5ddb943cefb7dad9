package dev.shepherd.manager.internal;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Lets one caller through per interval; the first one at once. */
public final class RateLimiter {

    private final long intervalNanos;
    private final Object lock = new Object();
    private long nextNanos = System.nanoTime();

    public RateLimiter(Duration interval) {
        this.intervalNanos = interval.toNanos();
    }

    /** Waits for this caller's turn. Callers are at least one interval apart, however many there are. */
    public void acquire() throws InterruptedException {
        long wait;
        synchronized (lock) {
            long now = System.nanoTime();
            long turn = nextNanos - now > 0 ? nextNanos : now;
            nextNanos = turn + intervalNanos;
            wait = turn - now;
        }
        if (wait > 0) {
            TimeUnit.NANOSECONDS.sleep(wait);
        }
    }
}
