package dev.shepherd.manager.internal;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.trace.Span;
import dev.shepherd.bmdb.trace.SpanName;
import dev.shepherd.bmdb.trace.Tracer;
import dev.shepherd.manager.status.LoopStatus;
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
import org.slf4j.event.Level;

/**
 * Runs the steps of one loop, one after the other on one thread, until it is closed.
 *
 * <p>A step says how long to wait before the next one; a wake-up ends the wait. A step that fails is logged,
 * shown in the status, and tried again after a pause that grows with each failure in a row.
 */
public final class ControlLoop implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(ControlLoop.class);

    private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);
    private static final Duration PAUSE_FOR_NEXT_SESSION = Duration.ofMillis(100);

    /** An unreachable database may be back at any moment, and all loops wait for it. */
    private static final Duration LONGEST_PAUSE_FOR_DATABASE = FIRST_PAUSE;

    /** Allocated in advance, for when memory has run out. */
    private static final Next AFTER_ERROR = new Next(FIRST_PAUSE, "a retry after an error");

    public static final Duration CLOSING = Duration.ofSeconds(30);

    /** One step. */
    @FunctionalInterface
    public interface Step {
        /** Does what is due now. Returns what to do next. */
        Next run() throws InterruptedException;
    }

    /**
     * What to do after a step.
     *
     * @param delay how long to wait for a wake-up
     * @param waitingFor what for, for people
     */
    public record Next(Duration delay, String waitingFor) {}

    private final String name;
    private final LoopMonitor monitor;
    private final Tracer tracer;
    private final Step step;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final AtomicReference<@Nullable Thread> runner = new AtomicReference<>();

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private boolean awake;
    private boolean closed;
    private boolean started;
    private boolean begun;

    /** How many steps failed in a row. Only used by the thread. */
    private int failures;

    public ControlLoop(String name, LoopMonitor monitor, Tracer tracer, Step step) {
        this.name = name;
        this.monitor = monitor;
        this.tracer = tracer;
        this.step = step;
    }

    public void start(Executor executor) {
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
        try {
            executor.execute(this::run);
        } catch (RuntimeException | Error e) {
            requestClose(); // It runs nothing and never will.
            throw e;
        }
    }

    /** Ends the current wait, or keeps the next one from beginning. */
    public void wake() {
        lock.lock();
        try {
            awake = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void run() {
        if (!begin()) {
            return;
        }
        Thread thread = Thread.currentThread();
        String threadName = thread.getName();
        runner.set(thread);
        try (LogContext about = LogContext.ofLoop(monitor)) {
            thread.setName(name);
            while (!isClosed()) {
                turn();
            }
        } finally {
            runner.set(null);
            Thread.interrupted(); // The thread goes back to its executor.
            thread.setName(threadName);
            end();
        }
    }

    private boolean begin() {
        lock.lock();
        try {
            begun = !closed;
            return begun;
        } finally {
            lock.unlock();
        }
    }

    private void end() {
        monitor.state(LoopStatus.State.CLOSED);
        monitor.waitingFor("nothing: it is closed");
        ended.countDown();
    }

    /** Does a step and waits for the next one. Not even an error may end the loop: a plugin may lack a class. */
    private void turn() {
        Next next = AFTER_ERROR;
        try {
            next = runStep();
            failures = 0;
        } catch (InterruptedException e) {
            return; // Closed, or a stray interruption, after which the step runs again.
        } catch (RuntimeException | Error e) {
            failures++;
            try {
                next = failed(e, failures);
            } catch (RuntimeException | Error again) {
                // There may be no memory to log it. It counts as logged.
            }
        }
        try {
            await(next);
        } catch (RuntimeException | Error e) {
            // As before; the next step comes early.
        }
    }

    private Next runStep() throws InterruptedException {
        monitor.stepBegins("its step to end");
        try {
            Span traced = tracer.span(SpanName.LOOP_STEP)
                    .tag("provider", monitor.provider().name())
                    .tag("loop", monitor.name());
            return traced.run(span -> {
                Next next = step.run();
                monitor.stepSucceeded();
                span.tag("outcome", "succeeded");
                return next;
            });
        } finally {
            monitor.stepEnded();
        }
    }

    private Next failed(Throwable e, int failures) {
        Duration pause = pause(e, failures);
        // What the JVM throws says little by its message alone, such as the name of a class.
        String message = Escaped.text(e instanceof Error ? e.toString() : e.getMessage());
        monitor.stepFailed(message);
        // Once a second while the database cannot be reached would be too often.
        boolean isNews = !(e instanceof BmdbException) || Integer.bitCount(failures) == 1;
        log.atLevel(isNews ? Level.WARN : Level.DEBUG)
                .log(
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
        return new Next(pause, "a retry after a failure");
    }

    /** Returns how long to wait after so many failures in a row. */
    static Duration pause(Throwable e, int failures) {
        Duration pause = FIRST_PAUSE.multipliedBy(1L << Math.min(failures - 1, 10));
        if (e instanceof ProviderException provider && provider.retryAfter().isPresent()) {
            pause = provider.retryAfter().get();
        } else if (e instanceof SessionExpiredException) {
            // The next step begins with a new one.
            pause = failures == 1 ? PAUSE_FOR_NEXT_SESSION : FIRST_PAUSE;
        }
        Duration longest = e instanceof BmdbException ? LONGEST_PAUSE_FOR_DATABASE : LONGEST_PAUSE;
        return pause.compareTo(longest) > 0 ? longest : pause;
    }

    private void await(Next next) {
        monitor.waitingFor(next.waitingFor(), next.delay());
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
    public void requestClose() {
        lock.lock();
        try {
            closed = true;
            changed.signalAll();
            if (!begun) {
                end(); // Its executor may never come to it.
            }
        } finally {
            lock.unlock();
        }
        Thread thread = runner.get();
        if (thread != null) {
            thread.interrupt();
        }
    }

    /** Ends the loop and waits until it has ended, for 30 s at most. */
    @Override
    public void close() {
        requestClose();
        if (awaitEnd(System.nanoTime() + CLOSING.toNanos())) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits until the loop has ended, after {@link #requestClose}. Returns true if it was interrupted meanwhile. */
    public boolean awaitEnd(long deadline) {
        boolean interrupted = false;
        while (true) {
            try {
                if (!ended.await(Math.max(1, deadline - System.nanoTime()), TimeUnit.NANOSECONDS)) {
                    log.error(
                            "{}: its step ignores its interruption and still runs {} after closing",
                            name,
                            Spans.text(CLOSING));
                }
                return interrupted;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
    }
}
