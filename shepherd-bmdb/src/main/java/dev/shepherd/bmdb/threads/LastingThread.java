package dev.shepherd.bmdb.threads;

import dev.shepherd.api.internal.Escaped;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A thread that takes one turn after the other until its owner ends it, regardless of what a turn throws. The death of
 * a thread that keeps sessions alive or watches limits would go unnoticed and do much harm. So not even an {@link
 * Error} ends it: if there is no memory left to log that, it goes on without logging.
 */
public final class LastingThread {

    private static final Logger log = LoggerFactory.getLogger(LastingThread.class);

    /** What is done repeatedly. Itself waits for what it has to do next. */
    @FunctionalInterface
    public interface Turn {
        void run() throws InterruptedException;
    }

    private final BooleanSupplier isOver;
    private final Duration pause;
    private final Turn turn;
    private final Thread thread;

    private LastingThread(String name, BooleanSupplier isOver, Duration pause, Turn turn) {
        this.isOver = isOver;
        this.pause = pause;
        this.turn = turn;
        this.thread = new Thread(this::run, name);
        thread.setDaemon(true);
    }

    /**
     * Starts one.
     *
     * @param isOver asked before each turn
     * @param pause how long to wait after a turn that threw something
     */
    public static LastingThread start(String name, BooleanSupplier isOver, Duration pause, Turn turn) {
        LastingThread started = new LastingThread(name, isOver, pause, turn);
        started.thread.start();
        return started;
    }

    private void run() {
        while (!isOver.getAsBoolean()) {
            try {
                turn.run();
            } catch (InterruptedException e) {
                // To look whether it is over.
            } catch (Throwable e) {
                survive(e);
            }
        }
    }

    private void survive(Throwable thrown) {
        try {
            log.error(
                    "The thread {} failed unexpectedly and goes on in {} ms",
                    thread.getName(),
                    pause.toMillis(),
                    Escaped.failure(thrown));
        } catch (Throwable e) {
            // No memory, no stack, or no logging: it has to go on all the same.
        }
        try {
            TimeUnit.NANOSECONDS.sleep(pause.toNanos());
        } catch (InterruptedException e) {
            // To look whether it is over.
        }
    }

    /** Ends what the turn waits for. */
    public void interrupt() {
        thread.interrupt();
    }

    /** Waits until it has ended, for no longer than the limit. Returns true at once on the thread itself. */
    public boolean awaitEnd(Duration limit) throws InterruptedException {
        if (thread == Thread.currentThread()) {
            return true;
        }
        TimeUnit.NANOSECONDS.timedJoin(thread, Math.max(1, limit.toNanos()));
        return !thread.isAlive();
    }
}
