package dev.shepherd.bmdb;

import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.bmdb.internal.Uninterruptibly;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.WorkQueries.Claim;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Pattern;
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
    private final String provider;

    private final ReentrantLock lock = new ReentrantLock();
    private @Nullable WorkEvent ended;

    /** @param provider the name of the machine's provider; empty if it is not known */
    Work(BmdbSession session, WorkProcess process, String provider, UUID machineId, UUID claimId) {
        this.session = session;
        this.process = process;
        this.machineId = machineId;
        this.claimId = claimId;
        this.provider = provider;
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

    String provider() {
        return provider;
    }

    /** Returns how the work has ended, as far as this process knows; empty while it is held. */
    public Optional<WorkEvent> ended() {
        lock.lock();
        try {
            return Optional.ofNullable(ended);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Reads and writes without ending the work, in a transaction that also proves that the work is still held.
     *
     * @param <T> what the body returns
     * @return what the body returned
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
                if (!WorkQueries.lock(session.id(), List.of(claim()))
                        .fetch(tx.handle())
                        .contains(claimId)) {
                    throw lost();
                }
                tx.handle().holds(machineId);
                return body.run(tx);
            });
        } finally {
            lock.unlock();
        }
    }

    /** Writes like {@link #update}, and returns nothing. */
    public void write(BmdbTransaction.Use body) throws InterruptedException {
        update(returning(body));
    }

    /** Ends the work as done, with nothing to write. See {@link #finish(BmdbTransaction.Use)}. */
    public void finish() throws InterruptedException {
        finish(tx -> {});
    }

    /**
     * Ends the work as done: writes what the body writes, clears the backoff and records the end, all in one
     * transaction.
     *
     * <p>Ends that come in at the same moment under one session may share a transaction. Each stays atomic: one that
     * fails affects no other.
     *
     * <p>If the connection breaks during the commit, the history tells whether it happened: then this returns as if
     * nothing had been wrong, or tries once more.
     *
     * @param body what to write; it may run more than once, and on the thread of another end of the same session
     * @throws WorkLostException if the work is no longer held; nothing was written
     * @throws SessionExpiredException if the session is lost; nothing was written
     * @throws CommitOutcomeUnknownException if the connection broke during the commit, and the database could not be
     *     asked about it
     * @throws BmdbException if the database cannot be reached, or refuses; nothing was written, and the work is still
     *     held
     * @throws InterruptedException if the thread is interrupted
     */
    public void finish(BmdbTransaction.Use body) throws InterruptedException {
        finishReturning(returning(body));
    }

    /**
     * Ends the work as done like {@link #finish(BmdbTransaction.Use)}, and returns what the body returned.
     *
     * @param <T> what the body returns
     */
    public <T extends @Nullable Object> T finishReturning(BmdbTransaction.Body<T> body) throws InterruptedException {
        return end(Ending.finished(this, body));
    }

    private static BmdbTransaction.Body<Boolean> returning(BmdbTransaction.Use body) {
        return tx -> {
            body.run(tx);
            return true;
        };
    }

    /**
     * Ends the work as done, like {@link #finish(BmdbTransaction.Use)}, but keeps this process off the machine for a
     * while: for work that is done but has yet to prove that it helped. The backoff grows with each such end.
     *
     * @param backoff how long
     * @param cause why
     * @param body what to write; it may run more than once
     * @return the period of the backoff, without its jitter
     */
    public Duration finish(Backoff backoff, Cause cause, BmdbTransaction.Use body) throws InterruptedException {
        Objects.requireNonNull(backoff, "backoff");
        Objects.requireNonNull(cause, "cause");
        return end(Ending.finishedForNow(this, backingOff(backoff, cause, body)));
    }

    /** Ends the work as failed, with nothing else to write. See {@link #fail(Backoff, Cause, BmdbTransaction.Use)}. */
    public Duration fail(Backoff backoff, Cause cause) throws InterruptedException {
        return fail(backoff, cause, tx -> {});
    }

    /** Ends the work as failed, for a cause of no particular kind. See {@link #fail(Backoff, Cause)}. */
    public Duration fail(Backoff backoff, String cause) throws InterruptedException {
        return fail(backoff, Cause.other(cause));
    }

    /**
     * Ends the work as failed, and keeps this process off the machine for a while.
     *
     * @param backoff how long
     * @param cause why
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
    public Duration fail(Backoff backoff, Cause cause, BmdbTransaction.Use body) throws InterruptedException {
        Objects.requireNonNull(backoff, "backoff");
        Objects.requireNonNull(cause, "cause");
        return end(Ending.failed(this, WorkQueries.shorten(cause.text()), backingOff(backoff, cause, body, 1)));
    }

    /**
     * Ends the work as failed like {@link #fail(Backoff, Cause, BmdbTransaction.Use)}, without keeping this process
     * off the machine.
     *
     * @param cause why, for people; cut after 4,000 characters
     * @param body what else to write; it may run more than once
     */
    public void fail(String cause, BmdbTransaction.Use body) throws InterruptedException {
        Objects.requireNonNull(cause, "cause");
        end(Ending.failed(this, WorkQueries.shorten(cause), returning(body)));
    }

    /**
     * Ends the work as given up, with a cause: for work that was not to be done now. Unlike a failure, it says nothing
     * about the machine.
     *
     * @param cause why, for people; cut after 4,000 characters
     * @param body what to write; it may run more than once
     */
    public void giveUp(String cause, BmdbTransaction.Use body) throws InterruptedException {
        Objects.requireNonNull(cause, "cause");
        end(Ending.givenUp(this, WorkQueries.shorten(cause), returning(body)));
    }

    /**
     * Ends the work as given up, like {@link #giveUp(String, BmdbTransaction.Use)}: for work that only asked whether it may be
     * done, and may not. Where the answer is no news, the work is taken out of the history again, from its beginning on, so that
     * a question that is repeated each minute leaves one line there.
     *
     * @param cause what was said, for people; cut after 4,000 characters
     * @param body what to write, and whether it is news; it may run more than once
     * @return what the body returned
     */
    public boolean giveUpQuietly(String cause, BmdbTransaction.Body<Boolean> body) throws InterruptedException {
        Objects.requireNonNull(cause, "cause");
        return end(Ending.asked(this, WorkQueries.shorten(cause), body));
    }

    /**
     * Ends the work as given up, like {@link #giveUp(String, BmdbTransaction.Use)}, and keeps this process off the
     * machine for a while.
     *
     * @return the period of the backoff, without its jitter
     */
    public Duration giveUp(Backoff backoff, Cause cause, BmdbTransaction.Use body) throws InterruptedException {
        Objects.requireNonNull(backoff, "backoff");
        Objects.requireNonNull(cause, "cause");
        return end(Ending.givenUp(this, WorkQueries.shorten(cause.text()), backingOff(backoff, cause, body)));
    }

    private BmdbTransaction.Body<Duration> backingOff(Backoff backoff, Cause cause, BmdbTransaction.Use body) {
        return backingOff(backoff, cause, body, 0);
    }

    private BmdbTransaction.Body<Duration> backingOff(
            Backoff backoff, Cause cause, BmdbTransaction.Use body, int failures) {
        return tx -> {
            body.run(tx);
            return WorkQueries.backOff(tx.handle(), process, machineId, backoff, cause, failures);
        };
    }

    /**
     * Why a process leaves a machine alone.
     *
     * @param kind a word that programs count and choose by, such as {@code unreachable}: a lower-case letter, then up to
     *     39 of these, digits and underscores. {@code docs/operations.md} lists those of Shepherd's own processes
     * @param text the same for people; cut after 4,000 characters when it is stored
     */
    public record Cause(String kind, String text) {

        private static final Pattern KIND = Pattern.compile("[a-z][a-z0-9_]{0,39}");

        /**
         * Checks the kind.
         *
         * @throws IllegalArgumentException if the kind is not such a word
         */
        public Cause {
            Objects.requireNonNull(text, "text");
            if (!KIND.matcher(kind).matches()) {
                throw new IllegalArgumentException("a cause's kind must match " + KIND + ", not \"" + kind + "\"");
            }
        }

        /** Returns a cause of no particular kind: {@code other}. */
        public static Cause other(String text) {
            return new Cause("other", text);
        }
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

    Claim claim() {
        return new Claim(machineId, claimId);
    }

    private <T extends @Nullable Object> T end(Ending<T> ending) throws InterruptedException {
        lock.lock();
        try {
            requireHeld();
            session.endings().end(ending);
            return ending.result();
        } finally {
            lock.unlock();
        }
    }

    /** Keeps other endings of this work out, until {@link #unlock}. */
    void lock() {
        lock.lock();
    }

    void unlock() {
        lock.unlock();
    }

    /** Fails if the work has ended. The caller holds {@link #lock}. */
    void requireHeld() {
        if (ended != null) {
            throw new WorkLostException(machineId, process, this + " has ended already");
        }
    }

    /** Notes how the work has ended. The caller holds {@link #lock}. */
    void hasEnded(WorkEvent how) {
        ended = how;
    }

    WorkLostException lost() {
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
            if (ended != null) {
                return true;
            }
            if (session.endings().cancel(this)) {
                ended = WorkEvent.CANCELED;
            }
            return ended != null;
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
