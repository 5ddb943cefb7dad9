package dev.shepherd.bmdb;

/** Runs what must be tried even on a thread that is being interrupted, and restores the interruption. */
final class Uninterruptibly {

    private Uninterruptibly() {}

    @FunctionalInterface
    interface Task {
        void run() throws InterruptedException;
    }

    static void run(Task task) {
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
}
