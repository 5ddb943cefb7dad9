package dev.shepherd.manager.takeover;

import java.util.concurrent.TimeUnit;

/** Waits for threads that are about to end. */
final class Threads {

    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(5);

    private Threads() {}

    /**
     * Waits until a thread has ended, for at most 5 seconds: it is one whose socket is closed already. An interrupt
     * of the waiting thread is kept for later.
     *
     * @return whether the thread has ended
     */
    static boolean awaitEnd(Thread thread) {
        boolean interrupted = false;
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        try {
            while (thread.isAlive()) {
                long remaining = deadline - System.nanoTime();
                if (remaining <= 0) {
                    return false;
                }
                try {
                    TimeUnit.NANOSECONDS.timedJoin(thread, remaining);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            return true;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
