package dev.shepherd.bmdb;

import dev.shepherd.bmdb.internal.MachineLockedException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Lets ends of work that come in at the same moment share a transaction.
 *
 * <p>A thread that finds no other writing writes at once and alone. One that comes while others write waits for its
 * turn, and then writes, with its own end, all those that have come meanwhile. There is no extra thread, and no end
 * waits for others to join it: batches grow only with the load.
 *
 * <p>Each end stays atomic. If a shared transaction fails, nothing of it was written; then each end is written alone,
 * by the thread that asked for it, which so gets its own failure. The same goes for an end whose machine another
 * transaction keeps locked: it retries for a while, and holds no connection and no lock in between, so that neither
 * other ends nor the reaper wait for it. If the connection breaks during the commit, each thread finds out on its own
 * what became of its end.
 */
final class EndingQueue {

    /** How many ends share a transaction at most: their locks are held for as long as it takes. */
    private static final int LARGEST = 50;

    /** While one transaction commits, the next one is written. */
    private static final int WRITERS = 2;

    /** How long an end retries while another transaction keeps its machine locked. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final Duration PAUSE = Duration.ofMillis(500);

    private final Consumer<String> requireNoTransaction;
    private final Writer writer;
    private final ReentrantLock retrying = new ReentrantLock();
    private final ReentrantLock lock = new ReentrantLock();
    private final Deque<Waiting> queue = new ArrayDeque<>();
    private int writing;

    /**
     * Makes a queue.
     *
     * @param requireNoTransaction fails if this thread is in the middle of a transaction
     */
    EndingQueue(Consumer<String> requireNoTransaction, Writer writer) {
        this.requireNoTransaction = requireNoTransaction;
        this.writer = writer;
    }

    /** Writes ends in one transaction. */
    interface Writer {
        void write(List<Ending<?>> endings) throws InterruptedException;
    }

    private enum State {
        /** In the queue. */
        WAITING,
        /** In the hands of a writer. */
        TAKEN,
        /** Shared its transaction with one that failed: to be written alone. */
        ALONE,
        /** The connection broke during the commit. */
        UNKNOWN,
        /** Written, or failed on the thread that asked for it. */
        DONE
    }

    private final class Waiting {
        private final Ending<?> ending;
        private final Condition changed = lock.newCondition();
        private State state = State.WAITING;
        private @Nullable CommitOutcomeUnknownException unknown;

        Waiting(Ending<?> ending) {
            this.ending = ending;
        }
    }

    /**
     * Writes an end, perhaps together with others.
     *
     * @throws CommitOutcomeUnknownException if the connection broke during the commit
     * @throws InterruptedException if the thread was interrupted before the end was written; nothing was
     * @throws IllegalStateException if this thread is in the middle of a transaction
     */
    void end(Ending<?> ending) throws InterruptedException {
        // Another thread may write it, which is in no transaction and would wait for this one.
        requireNoTransaction.accept("the end of " + ending.work());
        Waiting own = new Waiting(ending);
        List<Waiting> batch = awaitTurn(own);
        if (!batch.isEmpty()) {
            write(batch);
        }
        if (own.state == State.ALONE) {
            endPatiently(ending);
        } else if (own.state == State.UNKNOWN) {
            CommitOutcomeUnknownException shared = Objects.requireNonNull(own.unknown);
            throw new CommitOutcomeUnknownException(
                    String.valueOf(shared.getMessage()), shared.sqlState().orElse(null), shared);
        }
    }

    /**
     * Writes an end alone, and retries for a while if another transaction keeps its machine locked.
     *
     * @throws MachineLockedException if it is still locked after that
     */
    void endPatiently(Ending<?> ending) throws InterruptedException {
        long startedAt = System.nanoTime();
        for (boolean again = false; ; again = true) {
            try {
                tryAlone(ending, again);
                return;
            } catch (MachineLockedException e) {
                if (System.nanoTime() - startedAt > PATIENCE.toNanos()) {
                    throw e;
                }
            }
            Thread.sleep(PAUSE.toMillis());
        }
    }

    /** Only one retries at a time: each takes a connection for a second. */
    private void tryAlone(Ending<?> ending, boolean again) throws InterruptedException {
        if (again) {
            retrying.lockInterruptibly();
        }
        try {
            writer.write(List.of(ending));
        } finally {
            if (again) {
                retrying.unlock();
            }
        }
    }

    /** Waits until another thread has written the end, or it is this thread's turn. Returns what it has to write. */
    private List<Waiting> awaitTurn(Waiting own) throws InterruptedException {
        lock.lockInterruptibly();
        boolean interrupted = false;
        try {
            queue.add(own);
            while (own.state == State.TAKEN || own.state == State.WAITING && writing >= WRITERS) {
                try {
                    own.changed.await();
                } catch (InterruptedException e) {
                    if (queue.remove(own)) {
                        signalNext(); // The signal that this one got is passed on.
                        throw e;
                    }
                    interrupted = true; // It is being written: that does not take long, and then it is known.
                }
            }
            return own.state == State.WAITING ? take(own) : List.of();
        } finally {
            lock.unlock();
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private List<Waiting> take(Waiting own) {
        writing++;
        queue.remove(own);
        own.state = State.TAKEN;
        List<Waiting> batch = new ArrayList<>(List.of(own));
        while (batch.size() < LARGEST && !queue.isEmpty()) {
            Waiting next = queue.remove();
            next.state = State.TAKEN;
            batch.add(next);
        }
        return batch;
    }

    private void write(List<Waiting> batch) throws InterruptedException {
        State outcome = State.ALONE;
        CommitOutcomeUnknownException unknown = null;
        try {
            writer.write(batch.stream().<Ending<?>>map(one -> one.ending).toList());
            outcome = State.DONE;
        } catch (CommitOutcomeUnknownException e) {
            outcome = State.UNKNOWN;
            unknown = e;
        } catch (RuntimeException | Error e) {
            if (batch.size() == 1 && !(e instanceof MachineLockedException)) {
                outcome = State.DONE;
                throw e;
            }
        } finally {
            settle(batch, outcome, unknown);
        }
    }

    private void settle(List<Waiting> batch, State outcome, @Nullable CommitOutcomeUnknownException unknown) {
        lock.lock();
        try {
            writing--;
            for (Waiting one : batch) {
                one.state = outcome;
                one.unknown = unknown;
                one.changed.signal();
            }
            signalNext();
        } finally {
            lock.unlock();
        }
    }

    private void signalNext() {
        Waiting next = queue.peek();
        if (next != null) {
            next.changed.signal();
        }
    }
}
