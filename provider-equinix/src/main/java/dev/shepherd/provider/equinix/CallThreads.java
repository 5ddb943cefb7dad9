package dev.shepherd.provider.equinix;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.Executor;
import java.util.concurrent.FutureTask;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads that one provider sends its requests on. There is none before the first call, and none is left after
 * {@link #close()}.
 *
 * <p>A request has a thread of its own, so that whoever waits for it can give it up whatever it hangs in: a name that
 * does not resolve, or a body that does not end.
 */
final class CallThreads implements AutoCloseable {

    private static final Duration KEEP_ALIVE = Duration.ofSeconds(5);
    private static final Duration CLOSING = Duration.ofSeconds(1);
    private static final int MANY = 64;

    /**
     * Holds the pool's threads and those that they start: the selector thread of an HTTP client, which can be stopped
     * in no other way before JDK 21.
     */
    private final ThreadGroup group;

    private final ThreadPoolExecutor pool;
    private final Object lock = new Object();
    private boolean closed;

    CallThreads(String name) {
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
     * Starts something.
     *
     * @throws IllegalStateException if the threads are closed
     */
    <T> FutureTask<T> submit(Callable<T> callable) {
        FutureTask<T> task = new FutureTask<>(callable);
        synchronized (lock) {
            if (closed) {
                throw new IllegalStateException(group.getName() + " is closed");
            }
            pool.execute(task);
        }
        return task;
    }

    boolean isClosed() {
        synchronized (lock) {
            return closed;
        }
    }

    /** Ends all threads, and waits up to a second until they are gone. */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
        }
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
                    threads[i].join(Math.min(left, 50));
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
