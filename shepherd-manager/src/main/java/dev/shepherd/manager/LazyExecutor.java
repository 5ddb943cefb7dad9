package dev.shepherd.manager;

import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Runs tasks on the embedder's executor, or on its own, which exists only once it is needed. */
final class LazyExecutor implements Executor {
    final @Nullable ExecutorService given;
    private final Object lock = new Object();
    private @Nullable ExecutorService own;
    private boolean closed;

    LazyExecutor(@Nullable ExecutorService given) {
        this.given = given;
    }

    @Override
    public void execute(Runnable task) {
        target().execute(task);
    }

    private ExecutorService target() {
        if (given != null) {
            return given;
        }
        synchronized (lock) {
            ExecutorService current = own;
            if (current == null) {
                if (closed) {
                    throw new java.util.concurrent.RejectedExecutionException("the shepherd is closed");
                }
                AtomicInteger number = new AtomicInteger();
                // Each loop bounds how many tasks it has, so the pool itself need not.
                current = new ThreadPoolExecutor(
                        0, Integer.MAX_VALUE, 10, TimeUnit.SECONDS, new SynchronousQueue<>(), task -> {
                            Thread thread = new Thread(task, "shepherd-worker-" + number.incrementAndGet());
                            thread.setDaemon(true);
                            return thread;
                        });
                own = current;
            }
            return current;
        }
    }

    void close() {
        ExecutorService ending;
        synchronized (lock) {
            closed = true;
            ending = own;
            own = null;
        }
        if (ending != null) {
            ending.shutdownNow();
        }
    }
}
