package dev.shepherd.provider.staticlist;

import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.internal.Spans;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The threads that one provider reads its list on, so that no caller waits longer than the timeout.
 *
 * <p>A thread of their own is what bounds every kind of waiting: a file on a mount that hangs and a name
 * that does not resolve take no heed of interruption. There is no thread before the first call, and none
 * of them is left after {@link #close()}, but for one that the operating system itself does not let go.
 */
final class ReaderThreads implements AutoCloseable {

    private static final Duration KEEP_ALIVE = Duration.ofSeconds(5);
    private static final Duration CLOSING = Duration.ofSeconds(1);
    private static final Duration ROUND = Duration.ofMillis(50);
    private static final int MANY = 64;

    private final Duration timeout;

    /**
     * Holds the pool's threads and those that they start: the selector thread of an HTTP client, which can be
     * stopped in no other way before JDK 21.
     */
    private final ThreadGroup group;

    private final ThreadPoolExecutor pool;

    /** Keeps calls that were given up, but still hang, from heaping up: those after them only wait. */
    private final Semaphore oneCall = new Semaphore(1);

    private final Object lock = new Object();
    private @Nullable FutureTask<?> current;
    private boolean closed;

    /**
     * Makes a pool without threads.
     *
     * @param name the prefix of the threads' names
     * @param timeout how long a call may take
     */
    ReaderThreads(String name, Duration timeout) {
        this.timeout = timeout;
        group = new ThreadGroup(name);
        AtomicInteger count = new AtomicInteger();
        pool = new ThreadPoolExecutor(
                0,
                Integer.MAX_VALUE,
                KEEP_ALIVE.toMillis(),
                TimeUnit.MILLISECONDS,
                new SynchronousQueue<>(),
                task -> {
                    Thread thread = new Thread(group, task, name + "-" + count.incrementAndGet(), 0, false);
                    thread.setDaemon(true);
                    return thread;
                },
                // What an HTTP client would still run once it is closed; a refusal moves it to a pool of the JVM's.
                new ThreadPoolExecutor.DiscardPolicy());
    }

    /** Returns what else runs on these threads; what it is given after {@link #close()} is dropped. */
    Executor executor() {
        return pool;
    }

    /**
     * Runs a call and waits for it.
     *
     * @return what the call returned
     * @throws UnreadableListException if the call takes longer than the timeout, or {@link #close()} comes
     *     first; it is interrupted
     * @throws IOException as thrown by the call
     * @throws InterruptedException if the waiting thread is interrupted; so is the call
     */
    <T> T call(Callable<T> callable) throws IOException, InterruptedException {
        FutureTask<T> task = new FutureTask<>(() -> {
            oneCall.acquire();
            try {
                return callable.call();
            } finally {
                oneCall.release();
            }
        });
        synchronized (lock) {
            if (closed) {
                throw closedMeanwhile();
            }
            current = task;
            pool.execute(task);
        }
        try {
            return task.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            throw new UnreadableListException(
                    Reason.TRANSIENT, "it did not arrive whole within " + Spans.text(timeout));
        } catch (CancellationException e) {
            throw closedMeanwhile();
        } catch (ExecutionException e) {
            throw failure(e.getCause());
        } finally {
            task.cancel(true);
        }
    }

    private static UnreadableListException closedMeanwhile() {
        return new UnreadableListException(Reason.TRANSIENT, "the provider was closed meanwhile");
    }

    private static IOException failure(@Nullable Throwable thrown) {
        for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
            if (cause instanceof UnreadableListException unreadable) {
                return unreadable;
            }
        }
        if (thrown instanceof Error error) {
            throw error;
        }
        Throwable ioFailure = thrown instanceof UncheckedIOException unchecked ? unchecked.getCause() : thrown;
        if (ioFailure instanceof IOException) {
            return new IOException(ioFailure.getMessage(), ioFailure);
        }
        // Not as a cause: what a library says of a URI that it does not like repeats the URI.
        String what = thrown == null ? "nothing" : thrown.getClass().getSimpleName();
        return new UnreadableListException(Reason.TRANSIENT, "reading it failed unexpectedly: " + what);
    }

    /** Ends the call that runs, if one does, and all later ones; the threads still run what is left. */
    void endCalls() {
        FutureTask<?> running;
        synchronized (lock) {
            closed = true;
            running = current;
        }
        if (running != null) {
            running.cancel(true);
        }
    }

    /** Ends all threads, and waits up to a second until they are gone. */
    @Override
    public void close() {
        endCalls();
        pool.shutdownNow();
        long deadline = System.nanoTime() + CLOSING.toNanos();
        Thread[] threads = new Thread[MANY];
        try {
            // Again until none is left: a client that was just being made starts its thread late.
            for (int n = group.enumerate(threads); n > 0; n = group.enumerate(threads)) {
                for (int i = 0; i < n; i++) {
                    threads[i].interrupt();
                }
                for (int i = 0; i < n; i++) {
                    long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                    if (left <= 0) {
                        return;
                    }
                    threads[i].join(Math.min(left, ROUND.toMillis()));
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
