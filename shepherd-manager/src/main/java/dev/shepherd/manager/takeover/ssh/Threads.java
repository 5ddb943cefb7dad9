package dev.shepherd.manager.takeover.ssh;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Waits for threads that are about to end. */
public final class Threads {

    private Threads() {}

    /**
     * Waits until a thread has ended, but not for ever. An interrupt of the waiting thread is kept for later.
     *
     * @return whether the thread has ended
     */
    public static boolean awaitEnd(Thread thread, Duration patience) {
        boolean interrupted = false;
        long deadline = System.nanoTime() + patience.toNanos();
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
