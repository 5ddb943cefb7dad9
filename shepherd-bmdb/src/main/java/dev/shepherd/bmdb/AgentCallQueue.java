package dev.shepherd.bmdb;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.AgentCallException.Reason;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls that wait, and the threads that carry them out. One more thread watches the deadlines, since the others may
 * hang in the database.
 */
final class AgentCallQueue {

    private static final Logger log = LoggerFactory.getLogger(AgentCallQueue.class);

    /** How often the deadlines are looked at, as a share of the timeout. */
    private static final int LOOKS_PER_TIMEOUT = 20;

    private static final Duration LONGEST_LOOK = Duration.ofMillis(500);

    private final String name;
    private final int threadCount;
    private final int batchSize;
    private final Duration timeout;
    private final Writer writer;
    private final BlockingQueue<PendingCall> waiting;
    private final List<Worker> workers = new CopyOnWriteArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private final CountDownLatch closing = new CountDownLatch(1);
    private final Object lock = new Object();
    private volatile boolean started;

    /** Carries out some calls, and answers each of them. */
    @FunctionalInterface
    interface Writer {
        void write(List<PendingCall> calls) throws InterruptedException;
    }

    AgentCallQueue(String name, int threadCount, int queueSize, int batchSize, Duration timeout, Writer writer) {
        this.name = name;
        this.threadCount = threadCount;
        this.batchSize = batchSize;
        this.timeout = timeout;
        this.writer = writer;
        this.waiting = new ArrayBlockingQueue<>(queueSize);
    }

    void start() {
        synchronized (lock) {
            if (started) {
                throw new IllegalStateException("the callback was started before: make another one");
            }
            if (isClosed()) {
                throw new IllegalStateException("the callback is closed: make another one");
            }
            started = true;
            for (int i = 1; i <= threadCount; i++) {
                Worker worker = new Worker();
                workers.add(worker);
                start(worker, name + "-" + i);
            }
            start(this::watch, name + "-limits");
        }
    }

    private void start(Runnable task, String threadName) {
        Thread thread = new Thread(task, threadName);
        thread.setDaemon(true);
        threads.add(thread);
        thread.start();
    }

    CompletableFuture<AgentReply> add(AgentCall call) {
        if (!started && !isClosed()) {
            throw new IllegalStateException("the callback is not started");
        }
        PendingCall pending = new PendingCall(call, timeout);
        add(pending);
        return pending.answer();
    }

    void add(PendingCall call) {
        if (!waiting.offer(call)) {
            call.fail(isClosed() ? Reason.CLOSED : Reason.QUEUE_FULL, null);
        } else if (isClosed()) {
            // Whoever closed it may have looked already.
            call.fail(Reason.CLOSED, null);
        }
    }

    private boolean isClosed() {
        return closing.getCount() == 0;
    }

    /** Takes calls and carries them out until the end. */
    private final class Worker implements Runnable {
        private volatile List<PendingCall> current = List.of();

        @Override
        public void run() {
            while (!isClosed()) {
                try {
                    List<PendingCall> batch = new ArrayList<>();
                    batch.add(waiting.take());
                    waiting.drainTo(batch, batchSize - 1);
                    batch.removeIf(PendingCall::isAnswered);
                    if (!batch.isEmpty()) {
                        carryOut(batch);
                    }
                } catch (InterruptedException e) {
                    log.debug("interrupted; only closing does that", Escaped.failure(e));
                }
            }
        }

        private void carryOut(List<PendingCall> batch) throws InterruptedException {
            current = batch;
            try {
                if (isClosed()) {
                    giveUp(batch);
                    return;
                }
                writer.write(batch);
            } catch (RuntimeException | Error e) {
                // Not even an error may end the thread, or every call from now on would be left to its deadline.
                log.error("Carrying out {} call(s) of agents failed unexpectedly", batch.size(), Escaped.failure(e));
                BmdbException cause = new BmdbException("unexpected failure: " + e, null, e);
                batch.forEach(call -> call.fail(Reason.DATABASE_FAILED, cause));
            } finally {
                current = List.of();
            }
        }
    }

    private void watch() {
        Duration look = timeout.dividedBy(LOOKS_PER_TIMEOUT);
        long nanos = Math.min(look.toNanos(), LONGEST_LOOK.toNanos());
        try {
            while (!closing.await(nanos, TimeUnit.NANOSECONDS)) {
                workers.forEach(worker -> giveUpOverdue(worker.current));
                giveUpOverdue(waiting);
            }
        } catch (InterruptedException e) {
            log.debug("interrupted; only closing does that", Escaped.failure(e));
        }
    }

    /** They stay where they are: who comes to them sees that they are answered. */
    private static void giveUpOverdue(Iterable<PendingCall> calls) {
        for (PendingCall call : calls) {
            if (!call.isAnswered() && call.left().isNegative()) {
                call.fail(Reason.TIMED_OUT, null);
            }
        }
    }

    private static void giveUp(Iterable<PendingCall> calls) {
        calls.forEach(call -> call.fail(Reason.CLOSED, null));
    }

    /** Ends the threads as soon as they can; what waits is given up at once. */
    void close() {
        synchronized (lock) {
            closing.countDown();
            threads.forEach(Thread::interrupt);
        }
        workers.forEach(worker -> giveUp(worker.current));
        giveUp(waiting);
        waiting.clear();
    }

    /** Waits until the threads have ended, after {@link #close}. Returns false if they have not by then. */
    boolean awaitEnd(long end) throws InterruptedException {
        List<Thread> ending;
        synchronized (lock) {
            ending = List.copyOf(threads);
        }
        for (Thread thread : ending) {
            if (thread != Thread.currentThread()) {
                TimeUnit.NANOSECONDS.timedJoin(thread, Math.max(1, end - System.nanoTime()));
            }
        }
        return ending.stream().noneMatch(thread -> thread.isAlive() && thread != Thread.currentThread());
    }
}
