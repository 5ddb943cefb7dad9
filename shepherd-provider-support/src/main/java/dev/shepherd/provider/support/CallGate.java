package dev.shepherd.provider.support;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.internal.Spans;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Lets so many calls through at once, and so many a second; callers wait here for their turn. A pause, such as an answer
 * with {@code Retry-After} asks for, holds all of them.
 *
 * <p>In any span of time it lets through no more calls than the rate times the span, and as many more as may be under way
 * at once. Turns come in the order in which they were asked for. Safe for use by several threads.
 */
public final class CallGate {

    private final int atOnce;
    private final Semaphore places;
    private final long intervalNanos;
    private final long toleranceNanos;
    private final Ticker ticker;
    private final Object lock = new Object();

    /** When the next call would be due if all came at exactly the rate. Guarded by {@link #lock}. */
    private long dueNanos;

    /** Guarded by {@link #lock}. */
    private long pausedUntilNanos;

    private CallGate(int atOnce, long intervalNanos, Ticker ticker) {
        if (atOnce < 1) {
            throw new IllegalArgumentException("at least one call at once, not " + atOnce);
        }
        this.atOnce = atOnce;
        this.places = new Semaphore(atOnce, true);
        this.intervalNanos = intervalNanos;
        this.toleranceNanos = (atOnce - 1) * intervalNanos;
        this.ticker = ticker;
        this.dueNanos = ticker.nanos();
        this.pausedUntilNanos = dueNanos;
    }

    /**
     * Makes a gate without a rate.
     *
     * @param atOnce how many calls may be under way at once, from 1
     */
    public static CallGate of(int atOnce) {
        return new CallGate(atOnce, 0, Ticker.SYSTEM);
    }

    /**
     * Makes a gate with a rate.
     *
     * @param atOnce how many calls may be under way at once, from 1; so many may also begin at once after a rest
     * @param perSecond how many calls may begin each second in the long run, from 1 to 1,000,000
     * @param ticker the time that they are measured by
     */
    public static CallGate of(int atOnce, int perSecond, Ticker ticker) {
        if (perSecond < 1 || perSecond > 1_000_000) {
            throw new IllegalArgumentException("from 1 to 1000000 calls a second, not " + perSecond);
        }
        return new CallGate(atOnce, Duration.ofSeconds(1).toNanos() / perSecond, ticker);
    }

    /** A place among the calls that are under way, until it is closed. */
    public interface Turn extends AutoCloseable {
        @Override
        void close();
    }

    /**
     * Waits for a turn.
     *
     * @param call what the turn is for, as a message begins: {@code provider racks: listing the servers}
     * @param limit how long to wait at most
     * @return the turn, to be closed once the call is over
     * @throws ProviderException with {@link Reason#RATE_LIMITED} if the turn does not come in time, and as soon as that is
     *     known. Such a caller takes nothing from the others
     */
    public Turn enter(String call, Duration limit) throws InterruptedException {
        return enter(call, limit, Scope.PROVIDER);
    }

    /**
     * Waits for a turn, as {@link #enter(String, Duration)} does.
     *
     * @param scope what a failure concerns: {@link Scope#MACHINE} for a peer that stands for one machine
     */
    public Turn enter(String call, Duration limit, Scope scope) throws InterruptedException {
        long deadline = ticker.nanos() + limit.toNanos();
        if (!places.tryAcquire(limit.toNanos(), TimeUnit.NANOSECONDS)) {
            throw ProviderException.builder(
                            Reason.RATE_LIMITED,
                            call + " was not sent: " + atOnce + " other call(s) took all the time it had")
                    .scope(scope)
                    .build();
        }
        boolean mine = false;
        try {
            long tooLong = await(deadline);
            if (tooLong > 0) {
                Duration wait = Duration.ofNanos(tooLong);
                throw ProviderException.builder(
                                Reason.RATE_LIMITED,
                                call + " was not sent: its turn under the rate limit would not come for another "
                                        + Spans.text(wait))
                        .retryAfter(wait)
                        .scope(scope)
                        .build();
            }
            mine = true;
            return new Place(places);
        } finally {
            if (!mine) {
                places.release();
            }
        }
    }

    /** Returns 0 once it is this caller's turn, or at once how long it would have to wait beyond what it may. */
    private long await(long deadline) throws InterruptedException {
        long turn;
        synchronized (lock) {
            long now = ticker.nanos();
            long start = later(now, pausedUntilNanos);
            long due = later(dueNanos, start);
            turn = later(start, due - toleranceNanos);
            if (turn - deadline > 0) {
                return turn - now;
            }
            dueNanos = due + intervalNanos;
        }
        while (true) {
            long wait;
            synchronized (lock) {
                // Another call may have been told to pause while this one waited.
                wait = later(turn, pausedUntilNanos) - ticker.nanos();
                if (wait > 0 && pausedUntilNanos - deadline > 0) {
                    return wait;
                }
            }
            if (wait <= 0) {
                return 0;
            }
            ticker.sleep(Duration.ofNanos(wait));
        }
    }

    /** Lets no call through for a while. A pause that ends before another one changes nothing. */
    public void pause(Duration duration) {
        synchronized (lock) {
            pausedUntilNanos = later(pausedUntilNanos, ticker.nanos() + duration.toNanos());
        }
    }

    private static long later(long a, long b) {
        return a - b > 0 ? a : b;
    }

    private static final class Place implements Turn {
        private final Semaphore places;
        private boolean left;

        Place(Semaphore places) {
            this.places = places;
        }

        @Override
        public synchronized void close() {
            if (!left) {
                left = true;
                places.release();
            }
        }
    }
}
