package dev.shepherd.manager;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.BmdbException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs the steps of one loop, one after the other on one thread, until it is closed.
 *
 * <p>A step says how long to wait before the next one; a wake-up ends the wait. A step that fails is logged,
 * shown in the status, and tried again after a pause that grows with each failure in a row.
 */
final class ControlLoop implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(ControlLoop.class);

    private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);
    /** A database that is away may be back at any moment, and all loops wait for it. */
    private static final Duration LONGEST_PAUSE_FOR_DATABASE = Duration.ofSeconds(5);

    private static final Duration CLOSING = Duration.ofSeconds(30);

    /** One step. */
    @FunctionalInterface
    interface Step {
        /** Does what is due now. Returns what to do next. */
        Next run() throws InterruptedException;
    }

    /**
     * What to do after a step.
     *
     * @param delay how long to wait for a wake-up
     * @param waitingFor what for, for people
     */
    record Next(Duration delay, String waitingFor) {}

    private final String name;
    private final LoopMonitor monitor;
    private final Step step;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final AtomicReference<@Nullable Thread> runner = new AtomicReference<>();

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private boolean awake;
    private boolean closed;
    private boolean started;

    ControlLoop(String name, LoopMonitor monitor, Step step) {
        this.name = name;
        this.monitor = monitor;
        this.step = step;
    }

    void start(Executor executor) {
        lock.lock();
        try {
            if (started || closed) {
                throw new IllegalStateException("loop " + name + " has been started or closed already");
            }
            started = true;
        } finally {
            lock.unlock();
        }
        monitor.state(LoopStatus.State.RUNNING);
        executor.execute(this::run);
    }

    /** Ends the current wait, or lets the next one not begin. */
    void wake() {
        lock.lock();
        try {
            awake = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void run() {
        Thread thread = Thread.currentThread();
        String threadName = thread.getName();
        thread.setName(name);
        runner.set(thread);
        try {
            int failures = 0;
            while (!isClosed()) {
                Next next;
                try {
                    next = runStep();
                    failures = 0;
                } catch (InterruptedException e) {
                    continue; // Closed, or a stray interruption, after which the step runs again.
                } catch (RuntimeException | Error e) {
                    // A plugin that lacks a class, say, must not end the loop for good.
                    failures++;
                    next = failed(e, failures);
                }
                await(next);
            }
        } finally {
            runner.set(null);
            Thread.interrupted(); // The thread goes back to its executor.
            thread.setName(threadName);
            monitor.state(LoopStatus.State.CLOSED);
            monitor.waitingFor("nothing: it is closed");
            ended.countDown();
        }
    }

    private Next runStep() throws InterruptedException {
        monitor.stepBegins("its step to end");
        try {
            Next next = step.run();
            monitor.stepSucceeded();
            return next;
        } finally {
            monitor.stepEnded();
        }
    }

    private Next failed(Throwable e, int failures) {
        Duration pause = FIRST_PAUSE.multipliedBy(1L << Math.min(failures - 1, 10));
        if (e instanceof ProviderException provider && provider.retryAfter().isPresent()) {
            pause = provider.retryAfter().get();
        } else if (e instanceof SessionExpiredException) {
            pause = FIRST_PAUSE;
        }
        Duration longest = e instanceof BmdbException ? LONGEST_PAUSE_FOR_DATABASE : LONGEST_PAUSE;
        if (pause.compareTo(longest) > 0) {
            pause = longest;
        }
        // What the JVM throws says little by its message alone, such as the name of a class.
        String message = Escaped.text(e instanceof Error ? e.toString() : e.getMessage());
        monitor.stepFailed(message);
        log.warn(
                "{}: the step failed ({} in a row), trying again in {}: {}",
                name,
                failures,
                Spans.text(pause),
                message);
        if (e instanceof Error) {
            log.error("{}: the failure", name, Escaped.failure(e));
        } else {
            log.debug("{}: the failure", name, Escaped.failure(e));
        }
        return new Next(pause, "another try after a failure");
    }

    private void await(Next next) {
        monitor.waitingFor(next.waitingFor());
        lock.lock();
        try {
            long left = next.delay().toNanos();
            while (!awake && !closed && left > 0) {
                left = changed.awaitNanos(left);
            }
            awake = false;
        } catch (InterruptedException e) {
            // Closed, or a stray interruption: the next step comes early.
        } finally {
            lock.unlock();
        }
    }

    private boolean isClosed() {
        lock.lock();
        try {
            return closed;
        } finally {
            lock.unlock();
        }
    }

    /** Asks the loop to end and interrupts its step; does not wait. */
    void requestClose() {
        lock.lock();
        try {
            closed = true;
            changed.signalAll();
            if (!started) {
                ended.countDown();
                monitor.state(LoopStatus.State.CLOSED);
            }
        } finally {
            lock.unlock();
        }
        Thread thread = runner.get();
        if (thread != null) {
            thread.interrupt();
        }
    }

    /** Ends the loop and waits until it has ended. */
    @Override
    public void close() {
        requestClose();
        boolean interrupted = false;
        long deadline = System.nanoTime() + CLOSING.toNanos();
        while (true) {
            try {
                if (!ended.await(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                    log.error(
                            "{}: its step ignores its interruption and still runs {} after closing",
                            name,
                            Spans.text(CLOSING));
                }
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
