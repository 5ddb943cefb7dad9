package dev.shepherd.web;

import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Threads for an HTTP server, none of which is held for longer than a limit: then it is interrupted, which closes the connection that
 * it reads or writes. A daemon each, that ends when it has nothing to do for a minute.
 */
final class LimitedThreads implements Executor, AutoCloseable {

    private static final int MOST_WAITING = 1000;

    private final Duration limit;
    private final ThreadPoolExecutor workers;
    private final ScheduledThreadPoolExecutor alarm;

    LimitedThreads(String name, int threads, Duration limit) {
        this.limit = limit;
        AtomicInteger number = new AtomicInteger();
        workers = new ThreadPoolExecutor(
                threads,
                threads,
                1,
                TimeUnit.MINUTES,
                new LinkedBlockingQueue<>(MOST_WAITING),
                task -> daemon(task, name + "-" + number.incrementAndGet()));
        workers.allowCoreThreadTimeOut(true);
        alarm = new ScheduledThreadPoolExecutor(1, task -> daemon(task, name + "-alarm"));
        alarm.setRemoveOnCancelPolicy(true);
        alarm.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    }

    private static Thread daemon(Runnable task, String name) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    /** Runs a task, once a thread is free; its time begins then. */
    @Override
    public void execute(Runnable task) {
        workers.execute(() -> {
            Thread worker = Thread.currentThread();
            Object over = new Object();
            boolean[] ended = {false};
            Future<?> ring;
            try {
                ring = alarm.schedule(
                        () -> {
                            synchronized (over) {
                                if (!ended[0]) {
                                    worker.interrupt();
                                }
                            }
                        },
                        limit.toMillis(),
                        TimeUnit.MILLISECONDS);
            } catch (RejectedExecutionException e) {
                // Closed meanwhile.
                return;
            }
            try {
                task.run();
            } finally {
                synchronized (over) {
                    ended[0] = true;
                }
                ring.cancel(false);
                // What rang too late must not reach the next task.
                Thread.interrupted();
            }
        });
    }

    @Override
    public void close() {
        workers.shutdownNow();
        alarm.shutdownNow();
    }
}
