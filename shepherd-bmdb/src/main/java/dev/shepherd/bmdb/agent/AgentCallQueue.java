package dev.shepherd.bmdb.agent;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.agent.AgentCallException.Reason;
import dev.shepherd.bmdb.threads.LastingThread;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls that wait, and the threads that carry them out. One more thread watches the deadlines, since the others may
 * hang in the database. No exception ends a thread before the queue is closed: not even a lack of memory may leave
 * agents without answers for good.
 */
public final class AgentCallQueue {

    private static final Logger log = LoggerFactory.getLogger(AgentCallQueue.class);

    /** How often the deadlines are looked at, as a share of the timeout. */
    private static final int LOOKS_PER_TIMEOUT = 20;

    private static final Duration LONGEST_LOOK = Duration.ofMillis(500);

    /** How long a thread rests after something was thrown in it, so that what lasts does not keep a core busy. */
    private static final Duration REST = Duration.ofMillis(100);

    private final String name;
    private final int threadCount;
    private final int queueSize;
    private final int batchSize;
    private final Duration timeout;
    private final Writer writer;
    private final Runnable onLook;
    private final BlockingQueue<PendingCall> waiting;

    /** All calls without an answer, wherever they are: one that a thread lost hold of still has its deadline. */
    private final Set<PendingCall> unanswered = ConcurrentHashMap.newKeySet();

    private final List<LastingThread> threads = new ArrayList<>();
    private final CountDownLatch closing = new CountDownLatch(1);
    private final Object lock = new Object();
    private volatile boolean started;

    /** Carries out some calls, and answers each of them. */
    @FunctionalInterface
    interface Writer {
        void write(List<PendingCall> calls) throws InterruptedException;
    }

    /**
     * Makes a queue.
     *
     * @param onLook is run by the thread that watches the deadlines, some twenty times per timeout, at least twice a
     *     second
     */
    AgentCallQueue(
            String name,
            int threadCount,
            int queueSize,
            int batchSize,
            Duration timeout,
            Writer writer,
            Runnable onLook) {
        this.name = name;
        this.threadCount = threadCount;
        this.queueSize = queueSize;
        this.batchSize = batchSize;
        this.timeout = timeout;
        this.writer = writer;
        this.onLook = onLook;
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
                start(this::work, name + "-" + i);
            }
            start(this::watch, name + "-limits");
        }
    }

    private void start(LastingThread.Turn turn, String threadName) {
        threads.add(LastingThread.start(threadName, this::isClosed, REST, turn));
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
        unanswered.add(call);
        CompletableFuture<AgentReply> unused = call.answer().whenComplete((reply, error) -> unanswered.remove(call));
        if (!waiting.offer(call)) {
            call.fail(isClosed() ? Reason.CLOSED : Reason.QUEUE_FULL, null);
        } else if (isClosed()) {
            // The closing thread may have looked already.
            call.fail(Reason.CLOSED, null);
        }
    }

    /** Returns how many calls wait. */
    int size() {
        return waiting.size();
    }

    /** Returns how many may wait. */
    int limit() {
        return queueSize;
    }

    private boolean isClosed() {
        return closing.getCount() == 0;
    }

    private void work() throws InterruptedException {
        // Before any call is taken: an error here costs none its answer.
        List<PendingCall> batch = new ArrayList<>(1);
        batch.add(waiting.take());
        try {
            waiting.drainTo(batch, batchSize - 1);
            batch.removeIf(PendingCall::isAnswered);
            if (isClosed()) {
                giveUp(batch);
            } else if (!batch.isEmpty()) {
                writer.write(batch);
            }
        } catch (RuntimeException | Error e) {
            BmdbException cause = new BmdbException("unexpected failure: " + e, null, e);
            batch.forEach(call -> call.fail(Reason.DATABASE_FAILED, cause));
            log.error("Carrying out {} call(s) of agents failed unexpectedly", batch.size(), Escaped.failure(e));
        }
    }

    private void watch() throws InterruptedException {
        long nanos = Math.min(timeout.dividedBy(LOOKS_PER_TIMEOUT).toNanos(), LONGEST_LOOK.toNanos());
        if (!closing.await(nanos, TimeUnit.NANOSECONDS)) {
            giveUpOverdue();
            onLook.run();
        }
    }

    /** They stay where they are: the thread that comes to them sees that they are answered. */
    private void giveUpOverdue() {
        for (PendingCall call : unanswered) {
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
            threads.forEach(LastingThread::interrupt);
        }
        giveUp(unanswered);
        waiting.clear();
    }

    /** Waits until the threads have ended, after {@link #close}. Returns false if they have not by then. */
    boolean awaitEnd(long end) throws InterruptedException {
        List<LastingThread> ending;
        synchronized (lock) {
            ending = List.copyOf(threads);
        }
        boolean ended = true;
        for (LastingThread thread : ending) {
            ended &= thread.awaitEnd(Duration.ofNanos(end - System.nanoTime()));
        }
        return ended;
    }
}
