package dev.shepherd.bmdb;

import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.internal.Escaped;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One process holding one machine. Ends once, by {@link #finish}, {@link #fail} or {@link #close}.
 *
 * <pre>{@code
 * for (Work work : session.claim(process, eligibility, 1)) {
 *     try (work) {
 *         byte[] report = inspect(work.machineId());
 *         work.finish(tx -> tx.putHardwareReport(work.machineId(), report));
 *     }
 * }
 * }</pre>
 *
 * <p>Each ending is one transaction with its line of history, and with what the body of {@code finish} writes.
 * An ending whose transaction fails leaves the work held: it can be tried again, or closed. Safe for use by
 * several threads; the endings exclude one another.
 */
public final class Work implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(Work.class);

    private final BmdbSession session;
    private final WorkProcess process;
    private final UUID machineId;
    private final UUID claimId;

    private final ReentrantLock lock = new ReentrantLock();
    private boolean ended;

    Work(BmdbSession session, WorkProcess process, UUID machineId, UUID claimId) {
        this.session = session;
        this.process = process;
        this.machineId = machineId;
        this.claimId = claimId;
    }

    /** Returns the session that holds this work. */
    public BmdbSession session() {
        return session;
    }

    /** Returns what is being done. */
    public WorkProcess process() {
        return process;
    }

    /** Returns the machine it is done to. */
    public UUID machineId() {
        return machineId;
    }

    /** Returns what tells this claim from every other in {@code work_history}. */
    public UUID claimId() {
        return claimId;
    }

    /**
     * Writes something without ending the work, in a transaction that also proves that the work is still held.
     *
     * @throws WorkLostException if the work is no longer held; nothing was written
     * @throws SessionExpiredException if the session is lost; nothing was written
     * @throws CommitOutcomeUnknownException if the connection broke during the commit
     * @throws BmdbException if the database cannot be reached, or refuses; nothing was written
     * @throws InterruptedException if the thread is interrupted
     */
    public <T extends @Nullable Object> T update(BmdbTransaction.Body<T> body) throws InterruptedException {
        lock.lock();
        try {
            requireHeld();
            return session.inTransaction(tx -> {
                if (!WorkQueries.lock(session.id(), List.of(this))
                        .fetch(tx.context())
                        .contains(claimId)) {
                    throw lost();
                }
                tx.holds(machineId);
                return body.run(tx);
            });
        } finally {
            lock.unlock();
        }
    }

    /** Ends the work as done, with nothing to write. See {@link #finish(BmdbTransaction.Body)}. */
    public void finish() throws InterruptedException {
        finish(tx -> true);
    }

    /**
     * Ends the work as done: writes what the body writes, clears the backoff and records the end, all in one
     * transaction.
     *
     * <p>Ends that come in at the same moment under one session may share a transaction. Each is still atomic by itself:
     * one that fails fails alone.
     *
     * <p>If the connection breaks during the commit, the history tells whether it happened: then this returns
     * as if nothing had been wrong, or tries once more.
     *
     * @param body what to write; it may run more than once, and on the thread of another end of the same session
     * @param <T> what the body returns
     * @return what the body returned
     * @throws WorkLostException if the work is no longer held; nothing was written
     * @throws SessionExpiredException if the session is lost; nothing was written
     * @throws CommitOutcomeUnknownException if the connection broke during the commit, and the database could
     *     not be asked about it
     * @throws BmdbException if the database cannot be reached, or refuses; nothing was written, and the work
     *     is still held
     * @throws InterruptedException if the thread is interrupted
     */
    public <T extends @Nullable Object> T finish(BmdbTransaction.Body<T> body) throws InterruptedException {
        return end(Ending.finished(this, body));
    }

    /**
     * Ends the work as done, like {@link #finish(BmdbTransaction.Body)}, but keeps this process off the machine for a
     * while: for what was done without a proof yet that it helped. The backoff grows with each such end.
     *
     * @param backoff how long
     * @param cause why, for people; cut after 4,000 characters
     * @param body what to write; it may run more than once
     * @return the period of the backoff, without its jitter
     */
    public Duration finish(Backoff backoff, String cause, BmdbTransaction.Body<?> body) throws InterruptedException {
        Objects.requireNonNull(backoff, "backoff");
        return end(Ending.finishedForNow(this, backingOff(backoff, cause, body)));
    }

    /** Ends the work as failed, with nothing else to write. See {@link #fail(Backoff, String, BmdbTransaction.Body)}. */
    public Duration fail(Backoff backoff, String cause) throws InterruptedException {
        return fail(backoff, cause, tx -> true);
    }

    /**
     * Ends the work as failed, and keeps this process off the machine for a while.
     *
     * @param backoff how long
     * @param cause why, for people; cut after 4,000 characters
     * @param body what else to write; it may run more than once
     * @return the period of the backoff, without its jitter
     * @throws WorkLostException if the work is no longer held; nothing was written
     * @throws SessionExpiredException if the session is lost; nothing was written
     * @throws CommitOutcomeUnknownException if the connection broke during the commit, and the database could
     *     not be asked about it
     * @throws BmdbException if the database cannot be reached, or refuses; nothing was written, and the work
     *     is still held
     * @throws InterruptedException if the thread is interrupted
     */
    public Duration fail(Backoff backoff, String cause, BmdbTransaction.Body<?> body) throws InterruptedException {
        Objects.requireNonNull(backoff, "backoff");
        Objects.requireNonNull(cause, "cause");
        return end(Ending.failed(this, WorkQueries.shorten(cause), backingOff(backoff, cause, body, 1)));
    }

    /**
     * Ends the work as failed like {@link #fail(Backoff, String, BmdbTransaction.Body)}, without keeping this process off the
     * machine.
     *
     * @param cause why, for people; cut after 4,000 characters
     * @param body what else to write; it may run more than once
     */
    public <T extends @Nullable Object> T fail(String cause, BmdbTransaction.Body<T> body) throws InterruptedException {
        Objects.requireNonNull(cause, "cause");
        return end(Ending.failed(this, WorkQueries.shorten(cause), body));
    }

    /**
     * Ends the work as given up, with a cause: for what was not to be done now. Unlike a failure it says nothing of the
     * machine.
     *
     * @param cause why, for people; cut after 4,000 characters
     * @param body what to write; it may run more than once
     */
    public <T extends @Nullable Object> T giveUp(String cause, BmdbTransaction.Body<T> body)
            throws InterruptedException {
        Objects.requireNonNull(cause, "cause");
        return end(Ending.givenUp(this, WorkQueries.shorten(cause), body));
    }

    /**
     * Ends the work as given up, like {@link #giveUp(String, BmdbTransaction.Body)}, and keeps this process off the machine
     * for a while.
     *
     * @return the period of the backoff, without its jitter
     */
    public Duration giveUp(Backoff backoff, String cause, BmdbTransaction.Body<?> body) throws InterruptedException {
        Objects.requireNonNull(backoff, "backoff");
        Objects.requireNonNull(cause, "cause");
        return end(Ending.givenUp(this, WorkQueries.shorten(cause), backingOff(backoff, cause, body)));
    }

    private BmdbTransaction.Body<Duration> backingOff(Backoff backoff, String cause, BmdbTransaction.Body<?> body) {
        return backingOff(backoff, cause, body, 0);
    }

    private BmdbTransaction.Body<Duration> backingOff(
            Backoff backoff, String cause, BmdbTransaction.Body<?> body, int failures) {
        return tx -> {
            Object ignored = body.run(tx);
            return WorkQueries.backOff(
                    tx.context(), tx.time(), process, machineId, backoff, WorkQueries.shorten(cause), failures);
        };
    }

    /** What to write with the end of several pieces of work. See {@link BmdbSession#finishAll}. */
    @FunctionalInterface
    public interface Body {

        /**
         * Writes within the transaction that ends the work. May run more than once.
         *
         * @param work what is ended in this transaction, at least one: all of it, or a part
         */
        void run(BmdbTransaction tx, List<Work> work) throws InterruptedException;
    }

    private <T extends @Nullable Object> T end(Ending<T> ending) throws InterruptedException {
        lock.lock();
        try {
            requireHeld();
            try {
                session.end(ending);
                endedBy(ending);
            } catch (CommitOutcomeUnknownException e) {
                resolve(ending, e);
            }
            return ending.result();
        } finally {
            lock.unlock();
        }
    }

    /** Ends it alone. Returns false if somebody keeps the machine locked. */
    private boolean tryEnd(Ending<?> ending) throws InterruptedException {
        try {
            session.endInTransaction(List.of(ending));
            endedBy(ending);
        } catch (MachineLockedException e) {
            return false;
        } catch (CommitOutcomeUnknownException e) {
            resolve(ending, e);
        }
        return true;
    }

    private void endedBy(Ending<?> ending) {
        if (!ending.wasHeld()) {
            throw lost();
        }
        ended = true;
    }

    /** See {@link BmdbSession#finishAll}. */
    static void finishAll(BmdbSession session, Collection<Work> all, Body body) throws InterruptedException {
        // In one order, so that two threads with the same work do not wait for one another.
        List<Work> works = all.stream()
                .distinct()
                .sorted(Comparator.comparing(Work::claimId))
                .toList();
        Failures failures = new Failures();
        works.forEach(work -> work.lock.lock());
        try {
            List<Work> held = new ArrayList<>();
            for (Work work : works) {
                failures.catchFrom(() -> {
                    work.requireHeld();
                    held.add(work);
                });
            }
            List<Ending<Boolean>> endings = held.stream()
                    .map(work -> Ending.finished(work, tx -> {
                        body.run(tx, List.of(work));
                        return true;
                    }))
                    .toList();
            CommitOutcomeUnknownException unknown = null;
            boolean together = false;
            try {
                session.endInTransaction(List.copyOf(endings), body);
                together = true;
            } catch (CommitOutcomeUnknownException e) {
                unknown = e;
            } catch (SessionExpiredException e) {
                throw e; // So would each alone.
            } catch (RuntimeException e) {
                log.debug(
                        "{} piece(s) of work could not be ended together, ending each alone",
                        endings.size(),
                        Escaped.failure(e));
            }
            List<Ending<Boolean>> locked = new ArrayList<>();
            for (Ending<Boolean> ending : endings) {
                Work work = ending.work();
                CommitOutcomeUnknownException broken = unknown;
                boolean written = together;
                failures.catchFrom(() -> {
                    if (broken != null) {
                        work.resolve(ending, broken);
                    } else if (written) {
                        work.endedBy(ending);
                    } else if (!work.tryEnd(ending)) {
                        locked.add(ending);
                    }
                });
            }
            // Those that have to wait do so when all others have ended.
            for (Ending<Boolean> ending : locked) {
                failures.catchFrom(() -> ending.work().finish(ending.body()));
            }
        } finally {
            works.forEach(work -> work.lock.unlock());
        }
        failures.throwFirst();
    }

    /** Collects what fails while the rest goes on. */
    private static final class Failures {
        private @Nullable RuntimeException first;

        private interface Part {
            void run() throws InterruptedException;
        }

        void catchFrom(Part part) throws InterruptedException {
            try {
                part.run();
            } catch (RuntimeException e) {
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }

        void throwFirst() {
            if (first != null) {
                throw first;
            }
        }
    }

    /**
     * Finds out whether an ending was committed, and repeats it if not.
     *
     * <p>The row of this claim and its history change in one transaction, so the history tells. While the broken
     * transaction is still running in the server, it holds the row: the repeated one waits for it, finds the row
     * gone and reads the history after that.
     */
    private void resolve(Ending<?> ending, CommitOutcomeUnknownException unknown) throws InterruptedException {
        log.warn("{}: {}; asking the database whether it did", this, unknown.getMessage());
        try {
            session.endPatiently(ending);
            if (!ending.wasHeld() && !isRecorded(ending, unknown)) {
                throw lost();
            }
            ended = true;
        } catch (SessionExpiredException e) {
            // The session cannot be reaped before its transactions have ended. So where it is gone, this claim's
            // row with it, the history is final.
            if (readAfter(unknown, dsl -> WorkQueries.exists(dsl, claimId, machineId))) {
                unknown.addSuppressed(e);
                throw unknown;
            }
            if (!isRecorded(ending, unknown)) {
                throw e;
            }
            ended = true;
        } catch (WorkLostException e) {
            throw e;
        } catch (BmdbException e) {
            unknown.addSuppressed(e);
            throw unknown;
        }
    }

    private boolean isRecorded(Ending<?> ending, CommitOutcomeUnknownException unknown) throws InterruptedException {
        return readAfter(unknown, dsl -> WorkQueries.isRecorded(dsl, claimId, machineId, ending.event()));
    }

    private boolean readAfter(CommitOutcomeUnknownException unknown, Transactions.Body<Boolean> question)
            throws InterruptedException {
        try {
            return session.read(question);
        } catch (BmdbException e) {
            unknown.addSuppressed(e);
            throw unknown;
        }
    }

    private void requireHeld() {
        if (ended) {
            throw new WorkLostException(machineId, process, this + " has ended already");
        }
    }

    private WorkLostException lost() {
        return new WorkLostException(
                machineId, process, this + " is no longer held by " + session + ": it was released in the database");
    }

    /**
     * Gives the work up without a result, unless it has ended already. Never throws: if the database cannot be
     * reached now, the session releases the work with a later heartbeat, or expires with it.
     */
    @Override
    public void close() {
        Uninterruptibly.run(this::tryCancel);
    }

    /** Cancels the work if it has not ended. Returns false if that has to be tried again later. */
    boolean tryCancel() {
        lock.lock();
        try {
            if (ended) {
                return true;
            }
            try {
                session.inTransaction(tx -> {
                    tx.context().select(Transactions.IN_A_HURRY).fetch(); // It is tried again later.
                    // The claim may still be on its way in: one whose commit broke, and which the server may not have
                    // carried out yet.
                    tx.lock(machineId);
                    WorkQueries.end(tx.context(), tx.time(), session.id(), List.of(Ending.canceled(this)));
                    return true;
                });
                ended = true;
                return true;
            } catch (SessionExpiredException e) {
                ended = true; // It went, or will go, with the session.
                return true;
            } catch (InterruptedException e) {
                session.abandon(this);
                Thread.currentThread().interrupt();
            } catch (RuntimeException | Error e) {
                // Abandoned first: where there is no memory, that may be all that can still be done.
                session.abandon(this);
                log.warn("{} could not be released and is released with a later heartbeat: {}", this, e.getMessage());
            }
            return false;
        } finally {
            lock.unlock();
        }
    }

    /** Names the process and the machine. */
    @Override
    public String toString() {
        return process + " on machine " + machineId;
    }
}
