package dev.shepherd.manager.agent;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Threads that read and answer one request each, within a limit. The JDK's server has limits of its own only for the
 * whole process, by system properties. But it reads from channels that are closed by the interruption of the thread
 * that reads, so that a thread which takes too long is freed by interrupting it.
 */
final class RequestThreads implements Executor, AutoCloseable {

    private static final int WAITING_PER_THREAD = 16;
    private static final int LOOKS_PER_LIMIT = 20;
    private static final long LONGEST_STOP_SECONDS = 5;

    private final Duration limit;
    private final ThreadPoolExecutor workers;
    private final ScheduledThreadPoolExecutor watch;
    private final Map<Thread, Request> running = new ConcurrentHashMap<>();

    RequestThreads(String name, int count, Duration limit) {
        this.limit = limit;
        this.workers = new ThreadPoolExecutor(
                count,
                count,
                0,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(count * WAITING_PER_THREAD),
                daemons(name),
                // The server closes the connection of a request that is not taken.
                new ThreadPoolExecutor.AbortPolicy());
        this.watch = new ScheduledThreadPoolExecutor(1, daemons(name + "-limits"));
        long look = Math.max(1, limit.toMillis() / LOOKS_PER_LIMIT);
        ScheduledFuture<?> unused = watch.scheduleWithFixedDelay(
                () -> running.values().forEach(Request::interruptIfOverdue), look, look, TimeUnit.MILLISECONDS);
    }

    private static ThreadFactory daemons(String name) {
        AtomicInteger number = new AtomicInteger();
        return task -> {
            Thread thread = new Thread(task, name + "-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        };
    }

    @Override
    public void execute(Runnable task) {
        workers.execute(() -> {
            Request request = new Request(Thread.currentThread(), limit);
            running.put(Thread.currentThread(), request);
            try {
                task.run();
            } finally {
                running.remove(Thread.currentThread());
                request.end();
            }
        });
    }

    /** Gives the request of this thread more time, counted from now. */
    void extend(Duration by) {
        Request request = running.get(Thread.currentThread());
        if (request != null) {
            request.extend(by);
        }
    }

    @Override
    public void close() {
        watch.shutdownNow();
        workers.shutdownNow();
        boolean interrupted = false;
        try {
            workers.awaitTermination(LONGEST_STOP_SECONDS, TimeUnit.SECONDS);
            watch.awaitTermination(LONGEST_STOP_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static final class Request {
        private final Thread thread;
        private final Object lock = new Object();
        private long startedAt = System.nanoTime();
        private Duration limit;
        private boolean ended;

        Request(Thread thread, Duration limit) {
            this.thread = thread;
            this.limit = limit;
        }

        void extend(Duration by) {
            synchronized (lock) {
                startedAt = System.nanoTime();
                limit = by;
            }
        }

        void interruptIfOverdue() {
            synchronized (lock) {
                if (!ended && System.nanoTime() - startedAt > limit.toNanos()) {
                    thread.interrupt();
                }
            }
        }

        /** From now on this thread is not interrupted for this request; an interruption that came is forgotten. */
        void end() {
            synchronized (lock) {
                ended = true;
                boolean unused = Thread.interrupted();
            }
        }
    }
}
