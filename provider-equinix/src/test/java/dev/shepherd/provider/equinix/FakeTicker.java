package dev.shepherd.provider.equinix;

import dev.shepherd.provider.support.Ticker;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A time that passes as fast as it is waited for, and remembers the waits. */
final class FakeTicker implements Ticker {

    private long now = 1_000_000_000L;
    private final List<Duration> sleeps = new ArrayList<>();

    @Override
    public synchronized long nanos() {
        return now;
    }

    @Override
    public synchronized void sleep(Duration duration) throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        now += duration.toNanos();
        sleeps.add(duration);
    }

    synchronized void advance(Duration duration) {
        now += duration.toNanos();
    }

    synchronized List<Duration> sleeps() {
        return List.copyOf(sleeps);
    }
}
