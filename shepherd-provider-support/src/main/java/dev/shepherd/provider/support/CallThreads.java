package dev.shepherd.provider.support;

import java.lang.reflect.Method;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The threads that one provider makes its calls on. There is none before the first call, and none after
 * {@link #close()}, except one that hangs in the operating system.
 *
 * <p>A call on a thread of its own can be abandoned whatever it hangs in: a file on a dead mount, a name that does not
 * resolve, a client without limits. The threads of HTTP clients belong here too, since a client cannot be closed before
 * JDK 21. All threads are daemons. Safe for use by several threads.
 */
public final class CallThreads implements AutoCloseable {

    private static final Duration KEEP_ALIVE = Duration.ofSeconds(5);
    private static final Duration CLOSING = Duration.ofSeconds(1);
    private static final Duration ROUND = Duration.ofMillis(50);

    /** Holds the pool's threads and those that they start, such as the selector thread of an HTTP client. */
    private final ThreadGroup group;

    private final String name;
    private final AtomicInteger count = new AtomicInteger();
    private final ThreadPoolExecutor pool;
    private final Object making = new Object();
    private final Object lock = new Object();

    /** What callers wait for. Guarded by {@link #lock}. */
    private final List<Future<?>> awaited = new ArrayList<>();

    /** Guarded by {@link #lock}. */
    private boolean closed;

    /**
     * Makes a pool without threads.
     *
     * @param name what the names of the threads begin with, such as {@code shepherd-provider-racks}
     */
    public CallThreads(String name) {
        this.name = name;
        group = new ThreadGroup(name);
        pool = new ThreadPoolExecutor(
                0,
                Integer.MAX_VALUE,
                KEEP_ALIVE.toMillis(),
                TimeUnit.MILLISECONDS,
                new SynchronousQueue<>(),
                this::thread,
                // What an HTTP client would still run once it is closed; a refusal moves it to a pool of the JVM's.
                new ThreadPoolExecutor.DiscardPolicy());
    }

    private Thread thread(Runnable task) {
        Thread thread = new Thread(group, task, name + "-" + count.incrementAndGet(), 0, false);
        thread.setDaemon(true);
        return thread;
    }

    /**
     * Starts a call, on a thread of its own.
     *
     * @throws CancellationException if the threads are closed
     */
    public <T> Future<T> submit(Callable<T> call) {
        FutureTask<T> task = new FutureTask<>(call);
        synchronized (lock) {
            checkOpen();
            pool.execute(task);
        }
        return task;
    }

    /**
     * Makes a call on a thread of its own and waits for it. The call is interrupted if it is not waited for to its end.
     *
     * @param limit how long to wait at most
     * @throws ExecutionException if the call fails, with what it threw as the cause
     * @throws TimeoutException if the call takes longer
     * @throws CancellationException if the threads are closed, before or meanwhile
     * @throws InterruptedException if the waiting thread is interrupted
     */
    public <T> T call(Callable<T> call, Duration limit)
            throws ExecutionException, TimeoutException, InterruptedException {
        return await(submit(call), limit);
    }

    private <T> T await(Future<T> running, Duration limit)
            throws ExecutionException, TimeoutException, InterruptedException {
        try {
            synchronized (lock) {
                checkOpen();
                awaited.add(running);
            }
            return running.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (CancellationException e) {
            throw closed(e);
        } catch (ExecutionException e) {
            if (isClosed()) {
                throw closed(e);
            }
            throw e;
        } finally {
            running.cancel(true);
            synchronized (lock) {
                awaited.removeIf(call -> call == running);
            }
        }
    }

    /**
     * Makes an HTTP client for generated code, which reads whatever comes. It runs on these threads and ends with them;
     * a body has been received whole before any of it is handed on, so that interruption ends a call whatever it waits
     * for. The limit of a call is its caller's: see {@link #call}.
     *
     * @param builder how the client is configured; its executor is replaced
     * @param maxBody how long a body may be, in bytes; a longer one is an {@link java.io.IOException}, and so is one with a
     *     {@code Content-Encoding}, of which it is not known how long it becomes
     * @throws CancellationException if the threads are closed
     */
    public HttpClient client(HttpClient.Builder builder, int maxBody) {
        return new BoundedClient(ownedClient(builder).client(), maxBody);
    }

    /**
     * An HTTP client with the threads that it started.
     *
     * @param threads they end, and all connections with them that the client still watches, when they are interrupted
     */
    record OwnedClient(HttpClient client, List<Thread> threads) {

        /** From JDK 21 on. Unlike {@code close()}, it waits for nothing. */
        private static final @Nullable Method SHUTDOWN_NOW = shutdownNow();

        /** Ends the client at once. */
        void end() {
            if (SHUTDOWN_NOW != null) {
                try {
                    SHUTDOWN_NOW.invoke(client);
                } catch (ReflectiveOperationException e) {
                    throw new IllegalStateException("the HTTP client does not shut down", e);
                }
            }
            threads.forEach(Thread::interrupt);
        }

        private static @Nullable Method shutdownNow() {
            try {
                return HttpClient.class.getMethod("shutdownNow");
            } catch (NoSuchMethodException e) {
                return null;
            }
        }
    }

    OwnedClient ownedClient(HttpClient.Builder builder) {
        // One at a time: whose thread one is can only be told from when it appeared.
        synchronized (making) {
            synchronized (lock) {
                checkOpen();
            }
            List<Thread> before = threads();
            FutureTask<HttpClient> made =
                    new FutureTask<>(() -> builder.executor(pool).build());
            // A client's threads join the group of the thread that makes it.
            thread(made).start();
            HttpClient client = result(made);
            List<Thread> own = threads();
            own.removeAll(before);
            own.removeIf(thread -> thread.getName().startsWith(name + "-"));
            OwnedClient owned = new OwnedClient(client, List.copyOf(own));
            if (isClosed()) {
                owned.end();
                throw closed(null);
            }
            return owned;
        }
    }

    /** Waits for something that ends soon on its own, whether this thread is interrupted or not. */
    private static <T> T result(Future<T> soon) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return soon.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    throw new IllegalStateException("the HTTP client cannot be made: " + e.getCause(), e.getCause());
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private List<Thread> threads() {
        Thread[] threads = new Thread[group.activeCount() + 16];
        int n = group.enumerate(threads);
        while (n == threads.length) {
            threads = new Thread[2 * n];
            n = group.enumerate(threads);
        }
        return new ArrayList<>(Arrays.asList(threads).subList(0, n));
    }

    /** Tells whether {@link #close()} was called. */
    public boolean isClosed() {
        synchronized (lock) {
            return closed;
        }
    }

    private void checkOpen() {
        if (isClosed()) {
            throw closed(null);
        }
    }

    private CancellationException closed(@Nullable Throwable cause) {
        CancellationException closed = new CancellationException(name + " is closed");
        if (cause != null) {
            closed.initCause(cause);
        }
        return closed;
    }

    /** Ends all calls and all threads, and waits up to a second until they are gone. */
    @Override
    public void close() {
        List<Future<?>> running;
        synchronized (lock) {
            closed = true;
            running = List.copyOf(awaited);
        }
        running.forEach(call -> call.cancel(true));
        pool.shutdownNow();
        long deadline = System.nanoTime() + CLOSING.toNanos();
        try {
            // Again until none is left: a client that was just being made starts its thread late.
            for (List<Thread> left = threads(); !left.isEmpty(); left = threads()) {
                left.forEach(Thread::interrupt);
                for (Thread thread : left) {
                    long millis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                    if (millis <= 0) {
                        return;
                    }
                    thread.join(Math.min(millis, ROUND.toMillis()));
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
