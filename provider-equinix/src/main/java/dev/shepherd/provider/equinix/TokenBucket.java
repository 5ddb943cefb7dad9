package dev.shepherd.provider.equinix;

import java.time.Duration;
import java.util.Optional;

/**
 * Lets through so many calls a second, and so many at once after a rest. A caller waits here for its turn.
 *
 * <p>In any span of time it lets through no more calls than the rate times the span, and one burst.
 */
final class TokenBucket {

    private final long intervalNanos;
    private final long toleranceNanos;
    private final Ticker ticker;
    private final Object lock = new Object();

    /** When the next call would be due if all came at exactly the rate. Guarded by {@link #lock}. */
    private long dueNanos;

    /** Guarded by {@link #lock}. */
    private long pausedUntilNanos;

    TokenBucket(int callsPerSecond, int burst, Ticker ticker) {
        this.intervalNanos = Duration.ofSeconds(1).toNanos() / callsPerSecond;
        this.toleranceNanos = (burst - 1) * intervalNanos;
        this.ticker = ticker;
        this.dueNanos = ticker.nanos();
        this.pausedUntilNanos = dueNanos;
    }

    /**
     * Waits for this caller's turn.
     *
     * @param deadlineNanos until when to wait at most
     * @return empty if it is this caller's turn; otherwise how long it would have had to wait from now on, which is
     *     longer than allowed. It is told so as soon as that is known
     */
    Optional<Duration> acquire(long deadlineNanos) throws InterruptedException {
        long turn;
        synchronized (lock) {
            long now = ticker.nanos();
            long start = later(now, pausedUntilNanos);
            long due = later(dueNanos, start);
            turn = later(start, due - toleranceNanos);
            if (turn - deadlineNanos > 0) {
                return Optional.of(Duration.ofNanos(turn - now));
            }
            dueNanos = due + intervalNanos;
        }
        while (true) {
            long wait;
            synchronized (lock) {
                // Somebody may have been told to pause while this one waited.
                wait = later(turn, pausedUntilNanos) - ticker.nanos();
                if (wait > 0 && pausedUntilNanos - deadlineNanos > 0) {
                    return Optional.of(Duration.ofNanos(wait));
                }
            }
            if (wait <= 0) {
                return Optional.empty();
            }
            ticker.sleep(Duration.ofNanos(wait));
        }
    }

    /** Lets nobody through for a while, as the API asked. */
    void pause(Duration duration) {
        synchronized (lock) {
            pausedUntilNanos = later(pausedUntilNanos, ticker.nanos() + duration.toNanos());
        }
    }

    private static long later(long a, long b) {
        return a - b > 0 ? a : b;
    }
}
