package dev.shepherd.provider.support;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** The time that calls are measured and delayed by. Tests have one that passes as fast as it is waited for. */
public interface Ticker {

    /** The time of the JVM. */
    Ticker SYSTEM = new Ticker() {
        @Override
        public long nanos() {
            return System.nanoTime();
        }

        @Override
        public void sleep(Duration duration) throws InterruptedException {
            TimeUnit.NANOSECONDS.sleep(duration.toNanos());
        }
    };

    /** Returns the time in nanoseconds, as {@link System#nanoTime()} does. */
    long nanos();

    /** Waits. */
    void sleep(Duration duration) throws InterruptedException;
}
