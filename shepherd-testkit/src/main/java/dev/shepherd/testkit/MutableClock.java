package dev.shepherd.testkit;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;

/** A clock that stands still until it is moved, at noon of 1 January 2030 (UTC) to begin with. Safe for use by several threads. */
public final class MutableClock extends Clock {

    private volatile Instant now = Instant.parse("2030-01-01T12:00:00Z");

    /** Makes a clock that stands still. */
    public MutableClock() {}

    /** Moves the clock on; back, by a negative duration. */
    public synchronized void advance(Duration duration) {
        now = now.plus(duration);
    }

    @Override
    public Instant instant() {
        return now;
    }

    @Override
    public ZoneId getZone() {
        return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
        throw new UnsupportedOperationException();
    }
}
