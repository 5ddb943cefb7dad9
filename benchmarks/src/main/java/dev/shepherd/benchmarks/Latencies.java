package dev.shepherd.benchmarks;

import java.util.concurrent.atomic.AtomicLongArray;

/** How long calls took, counted in steps of 50 µs up to 10 s. Safe for use by several threads. */
final class Latencies {

    private static final long STEP_NANOS = 50_000;
    private static final int STEPS = 200_000;

    private final AtomicLongArray counts = new AtomicLongArray(STEPS);

    void add(long nanos) {
        counts.incrementAndGet((int) Math.min(STEPS - 1, nanos / STEP_NANOS));
    }

    long count() {
        long sum = 0;
        for (int i = 0; i < STEPS; i++) {
            sum += counts.get(i);
        }
        return sum;
    }

    /** Returns the time, in milliseconds, that a share of the calls did not exceed. */
    double millis(double share) {
        long wanted = (long) Math.ceil(count() * share);
        long sum = 0;
        int step = 0;
        while (step < STEPS - 1 && sum + counts.get(step) < wanted) {
            sum += counts.get(step);
            step++;
        }
        return (step + 1) * STEP_NANOS / 1e6;
    }
}
