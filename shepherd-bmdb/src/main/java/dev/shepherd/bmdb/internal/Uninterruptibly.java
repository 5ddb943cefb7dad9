package dev.shepherd.bmdb.internal;

/** Runs what must be tried even on a thread that is being interrupted, and restores the interruption. */
public final class Uninterruptibly {

    private Uninterruptibly() {}

    @FunctionalInterface
    public interface Task {
        public void run() throws InterruptedException;
    }

    public static void run(Task task) {
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    task.run();
                    return;
                } catch (InterruptedException e) {
                    // Interrupted once more while it ran: try it again, since each try is bounded by timeouts.
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** A pool wraps the interruption of the thread that waits for a connection. */
    static boolean isInterruption(Exception e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof InterruptedException) {
                return true;
            }
        }
        return false;
    }
}
