package dev.shepherd.benchmarks.torture;

import dev.shepherd.benchmarks.torture.ManagerProcess.Frozen;
import java.util.ArrayList;
import java.util.List;

/**
 * Notes when the host stood still: when a thread that does nothing but look at the clock could not. What a manager is
 * late by because of that is not its fault. Safe for use by several threads.
 */
final class Stalls implements AutoCloseable {

    private static final long LOOK_MILLIS = 20;

    /** What is shorter is no more than a busy host. */
    private static final long SHORTEST_MICROS = 300_000;

    private final Object lock = new Object();
    private final List<Frozen> spans = new ArrayList<>();
    private final Thread thread = new Thread(this::run, "torture-stalls");

    Stalls() {
        thread.setDaemon(true);
        thread.start();
    }

    private void run() {
        long last = Effect.now();
        try {
            while (true) {
                Thread.sleep(LOOK_MILLIS);
                long now = Effect.now();
                if (now - last > SHORTEST_MICROS) {
                    synchronized (lock) {
                        spans.add(new Frozen(Frozen.EVERY, last, now));
                    }
                }
                last = now;
            }
        } catch (InterruptedException e) {
            // That is the end.
        }
    }

    List<Frozen> spans() {
        synchronized (lock) {
            return List.copyOf(spans);
        }
    }

    /** Returns the longest, in milliseconds. */
    long longestMillis() {
        return spans().stream().mapToLong(span -> span.to() - span.from()).max().orElse(0) / 1000;
    }

    @Override
    public void close() {
        thread.interrupt();
    }
}
