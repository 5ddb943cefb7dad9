package dev.shepherd.cli.internal;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Turns the end of the process, by SIGTERM or Ctrl-C, into something a command can wait for, and keeps the process
 * alive until the command has cleaned up and closed this.
 */
public final class Shutdown implements AutoCloseable {

    /** Longer than cleaning up may take: after it the process ends regardless of what is left. */
    private static final long LONGEST_CLEAN_UP_SECONDS = 60;

    private final CountDownLatch requested = new CountDownLatch(1);
    private final CountDownLatch cleanedUp = new CountDownLatch(1);
    private final Thread hook = new Thread(this::run, "shepherd-shutdown");

    public Shutdown() {
        Runtime.getRuntime().addShutdownHook(hook);
    }

    private void run() {
        requested.countDown();
        try {
            if (!cleanedUp.await(LONGEST_CLEAN_UP_SECONDS, TimeUnit.SECONDS)) {
                System.err.println("shepherd: not everything was cleaned up in " + LONGEST_CLEAN_UP_SECONDS + " s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Has the command clean up and end, as if the process had been asked to. */
    void request() {
        requested.countDown();
    }

    /** Waits until the process is asked to end. */
    public void await() throws InterruptedException {
        requested.await();
    }

    /** Waits until the process is asked to end, or the time is over. Returns true in the first case. */
    public boolean await(long millis) throws InterruptedException {
        return requested.await(millis, TimeUnit.MILLISECONDS);
    }

    /** Lets the process end. Call it last. */
    @Override
    public void close() {
        cleanedUp.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The process is ending already.
        }
    }
}
