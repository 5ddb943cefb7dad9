package dev.shepherd.bmdb;

import dev.shepherd.api.Provider;
import dev.shepherd.api.Session;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.PreparedSql;
import dev.shepherd.bmdb.internal.SessionKeeper;
import dev.shepherd.bmdb.internal.SessionQueries;
import dev.shepherd.bmdb.internal.Transactions;
import dev.shepherd.bmdb.internal.Uninterruptibly;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.trace.Tracer;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A component's lease on the database, kept alive by heartbeats until it is closed or lost.
 *
 * <p>Every transaction first proves that the session is alive, by a share lock on its row, which a heartbeat ignores
 * and a delete has to wait for, and keeps that lock until it has committed. So a session commits before any other
 * session can take over what it held.
 *
 * <p>Safe for use by several threads.
 */
public final class BmdbSession implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(BmdbSession.class);

    private enum State {
        ALIVE,
        LOST,
        CLOSED
    }

    private final UUID id;
    private final String component;
    private final Duration interval;
    private final Transactions transactions;
    private final SessionKeeper keeper;
    private final Tracer tracer;
    private final Session providersView = new ProvidersView();
    private final Lease lease = new Lease();
    private final Endings endings = new Endings(this);
    private final Claims claims = new Claims(this, endings);

    private final Object lock = new Object();
    private final Set<LossGuard> guards = new HashSet<>();
    private State state = State.ALIVE;
    private String lossReason = "";
    private long deadlineNanos;

    private BmdbSession(
            UUID id,
            String component,
            Duration interval,
            Transactions transactions,
            SessionKeeper keeper,
            Tracer tracer,
            long deadlineNanos) {
        this.id = id;
        this.component = component;
        this.interval = interval;
        this.transactions = transactions;
        this.keeper = keeper;
        this.tracer = tracer;
        this.deadlineNanos = deadlineNanos;
    }

    static BmdbSession start(
            String component, String runtimeInfo, BmdbConfig config, Transactions transactions, SessionKeeper keeper)
            throws InterruptedException {
        Objects.requireNonNull(component, "component");
        Objects.requireNonNull(runtimeInfo, "runtimeInfo");
        if (component.isEmpty()) {
            throw new IllegalArgumentException("a session needs the name of a component");
        }
        UUID id = UUID.randomUUID();
        Duration interval = config.sessionInterval();
        long sentAt = transactions.run("starting a session of " + component, db -> {
            // Taken before the row is written, so that it is never later than the deadline in the row; and in each
            // attempt again, since what was spent on waiting for a connection is not the session's.
            long now = System.nanoTime();
            SessionQueries.insert(db, id, component, runtimeInfo, interval);
            return now;
        });
        BmdbSession session = new BmdbSession(
                id, component, interval, transactions, keeper, config.tracer(), sentAt + interval.toNanos());
        keeper.keep(session.lease);
        return session;
    }

    /** Returns the id of the session, as in the table {@code sessions}. */
    public UUID id() {
        return id;
    }

    /** Returns the name of the component that the session was started for. */
    public String component() {
        return component;
    }

    /**
     * Tells whether the session is, as far as this process knows, alive. It may be lost the moment after; only
     * a transaction proves it.
     */
    public boolean isAlive() {
        loseIfOverdue();
        synchronized (lock) {
            return state == State.ALIVE;
        }
    }

    /** Returns this session as providers see it: with what {@link Provider#createMachine} needs of a transaction. */
    public Session forProviders() {
        return providersView;
    }

    /**
     * Runs a transaction and commits it.
     *
     * <p>It first proves that the session is alive, and is tried again as long as that is so and the retries last: the
     * body must have no effect outside of the transaction. Transactions do not nest.
     *
     * @param body what to do; it may run more than once
     * @param <T> what the body returns
     * @return what the body returned
     * @throws SessionExpiredException if the session is lost; nothing was written
     * @throws CommitOutcomeUnknownException if the connection broke during the commit
     * @throws BmdbException if the database cannot be reached, refuses, or the retries are used up; nothing was
     *     written
     * @throws IllegalStateException if this thread is in the middle of another transaction of this database
     * @throws InterruptedException if the thread is interrupted
     */
    public <T extends @Nullable Object> T inTransaction(BmdbTransaction.Body<T> body) throws InterruptedException {
        return transactions.run("a transaction of " + this, this::requireAlive, db -> {
            checkProof(SessionQueries.proof(transactions, id).fetch(db));
            BmdbTransaction transaction = new BmdbTransaction(db);
            try {
                return body.run(transaction);
            } finally {
                transaction.end();
            }
        });
    }

    /** Runs a transaction that returns nothing, and commits it. Otherwise as {@link #inTransaction}. */
    public void useTransaction(BmdbTransaction.Use body) throws InterruptedException {
        inTransaction(tx -> {
            body.run(tx);
            return true;
        });
    }

    /**
     * {@link #inTransaction} for one whose first statement is known beforehand: it goes with the proof, in one round
     * trip.
     */
    <A, T extends @Nullable Object> T inTransaction(Function<Handle, PreparedSql<A>> first, Continuation<A, T> body)
            throws InterruptedException {
        return transactions.run("a transaction of " + this, this::requireAlive, db -> {
            PreparedSql.Both<String, A> both =
                    SessionQueries.proof(transactions, id).fetchWith(db, first.apply(db));
            checkProof(both.first());
            BmdbTransaction transaction = new BmdbTransaction(db);
            try {
                return body.run(transaction, both.second());
            } finally {
                transaction.end();
            }
        });
    }

    /** Separate from the session: two methods that take a lambda cannot share a name. */
    private final class ProvidersView implements Session {

        @Override
        public UUID id() {
            return id;
        }

        @Override
        public <T extends @Nullable Object> T inTransaction(TransactionBody<T> body) throws InterruptedException {
            return BmdbSession.this.inTransaction(body::run);
        }

        @Override
        public String toString() {
            return BmdbSession.this.toString();
        }
    }

    interface Continuation<A, T extends @Nullable Object> {
        T run(BmdbTransaction tx, List<A> first) throws InterruptedException;
    }

    private void checkProof(List<String> isolation) {
        if (isolation.isEmpty()) {
            lose(SessionKeeper.EXPIRED);
            throw expired();
        }
        transactions.checkIsolation(isolation.get(0));
    }

    /**
     * Claims machines to work on; concurrent claims get different ones.
     *
     * <p>A machine is claimed if it is eligible, no session works on it under this process (or, for one of the three
     * shepherd processes, under any of them), and it is not backed off for this process. Each claim and its line of
     * history are one transaction.
     *
     * <p>If the connection breaks during the commit, the database is queried for what became of it. Only if that cannot
     * be determined does this throw {@link CommitOutcomeUnknownException}; what was claimed is then released later.
     *
     * @param process what is going to be done
     * @param eligibility which machines are candidates
     * @param limit how many to claim at most, 1 to 1000
     * @return what was claimed, in no particular order; empty if there is nothing to claim. Each must be finished,
     *     failed or closed
     * @throws IllegalArgumentException if the process is {@link WorkProcess#RECOVERY}, which is the recoverer's; or if
     *     the limit is out of range
     * @throws SessionExpiredException if the session is lost
     * @throws BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public List<Work> claim(WorkProcess process, Eligibility eligibility, int limit) throws InterruptedException {
        checkIsNotRecovery(process);
        return claims.claim(process, eligibility, limit);
    }

    /**
     * Recovery has limits that hold over all processes together, and freezes: no other way to claim may bypass them.
     */
    private static void checkIsNotRecovery(WorkProcess process) {
        if (process.equals(WorkProcess.RECOVERY)) {
            throw new IllegalArgumentException(
                    "only a recoverer, which keeps to its limits, claims machines for " + process);
        }
    }

    /**
     * Claims one particular machine, whether or not it is backed off.
     *
     * <p>Under {@link WorkProcess#ACCESS} this keeps the loops off the machine for as long as it is held.
     *
     * @return the work, or empty if a session works on the machine under this process, or under one that excludes it
     * @throws IllegalArgumentException if the process is {@link WorkProcess#RECOVERY}, which is the recoverer's
     * @throws BmdbException if there is no such machine, or the database cannot be reached
     * @throws SessionExpiredException if the session is lost
     * @throws InterruptedException if the thread is interrupted
     */
    public Optional<Work> claimMachine(WorkProcess process, UUID machineId) throws InterruptedException {
        checkIsNotRecovery(process);
        return claims.claimMachine(process, machineId, null);
    }

    /**
     * Claims one particular machine like {@link #claimMachine(WorkProcess, UUID)}, and says in the history on whose
     * behalf.
     *
     * @param note who asked for it and why, for people; cut after 4,000 characters
     */
    public Optional<Work> claimMachine(WorkProcess process, UUID machineId, String note) throws InterruptedException {
        checkIsNotRecovery(process);
        return claims.claimMachine(process, machineId, WorkQueries.shorten(note));
    }

    /**
     * Ends several pieces of work as done, in one transaction if that goes through: the counterpart of claiming them
     * together. Each end stays atomic: if one fails, each is ended alone, so that it affects no other.
     *
     * @param work what to end; pieces of this session's work
     * @param body what to write: for all of it at once, or for each where that fails
     * @throws WorkLostException if some of it is no longer held
     * @throws BmdbException if some of it could not be ended, and is still held. In both cases, and when the body
     *     throws, the rest was ended; further failures are suppressed exceptions of the first
     * @throws SessionExpiredException if the session is lost
     * @throws InterruptedException if the thread is interrupted; what was not ended by then is still held
     */
    public void finishAll(Collection<Work> work, Work.Body body) throws InterruptedException {
        for (Work one : work) {
            if (one.session() != this) {
                throw new IllegalArgumentException(one + " is not held by " + this + " but by " + one.session());
            }
        }
        if (!work.isEmpty()) {
            endings.finishAll(work, body);
        }
    }

    /**
     * Interrupts the calling thread if the session is lost before the guard is closed.
     *
     * <p>Use it around anything that must not go on without the session. When the guard is closed, the interruption
     * that came from it is cleared; {@link LossGuard#isLost()} tells that there was one. An interruption from elsewhere
     * is kept if it came first; one that comes after the loss cannot be distinguished from it.
     *
     * @throws SessionExpiredException if the session is lost already
     */
    public LossGuard interruptOnLoss() {
        LossGuard guard = new LossGuard(Thread.currentThread());
        loseIfOverdue();
        synchronized (lock) {
            if (state != State.ALIVE) {
                throw expired();
            }
            guards.add(guard);
        }
        return guard;
    }

    /** A thread that is interrupted when the session is lost. Closed by the thread that made it. */
    public final class LossGuard implements AutoCloseable {
        private final Thread thread;
        private boolean fired;
        private boolean interruptedBefore;

        private LossGuard(Thread thread) {
            this.thread = thread;
        }

        private void fire() {
            fired = true;
            thread.interrupt();
        }

        /** Tells whether the session was lost while the guard was open. */
        public boolean isLost() {
            synchronized (lock) {
                return fired;
            }
        }

        /** Ends the guard and clears the interruption that it caused, if any. */
        @Override
        public void close() {
            synchronized (lock) {
                boolean wasOpen = guards.remove(this);
                // What is around an outer guard of this thread has yet to see the interruption.
                boolean last = guards.stream().noneMatch(other -> other.thread == thread);
                if (wasOpen && fired && !interruptedBefore && last) {
                    Thread.interrupted();
                }
            }
        }
    }

    Claims claims() {
        return claims;
    }

    Endings endings() {
        return endings;
    }

    Tracer tracer() {
        return tracer;
    }

    void requireNoTransaction(String what) {
        transactions.requireNone(what);
    }

    <T extends @Nullable Object> T read(Transactions.Body<T> body) throws InterruptedException {
        return transactions.read("a query of " + this, body);
    }

    private void requireAlive() {
        if (!isAlive()) {
            throw expired();
        }
    }

    private SessionExpiredException expired() {
        synchronized (lock) {
            String how = state == State.CLOSED ? "was closed" : "was lost: " + lossReason;
            return new SessionExpiredException(id, this + " " + how, null);
        }
    }

    /** The part of the session that its keeper sees. */
    private final class Lease implements SessionKeeper.Kept {

        @Override
        public UUID id() {
            return id;
        }

        @Override
        public void heartbeatArrived(long newDeadlineNanos) {
            synchronized (lock) {
                if (newDeadlineNanos - deadlineNanos > 0) {
                    deadlineNanos = newDeadlineNanos;
                }
            }
        }

        @Override
        public void loseIfOverdue() {
            BmdbSession.this.loseIfOverdue();
        }

        @Override
        public void lose(String reason) {
            BmdbSession.this.lose(reason);
        }

        @Override
        public void releaseAbandonedWork() {
            endings.releaseAbandoned();
        }
    }

    private void loseIfOverdue() {
        long late;
        synchronized (lock) {
            late = System.nanoTime() - deadlineNanos;
        }
        if (late >= 0) {
            lose("no heartbeat arrived within its interval of " + Spans.text(interval));
        }
    }

    void lose(String reason) {
        synchronized (lock) {
            if (state != State.ALIVE) {
                return;
            }
            state = State.LOST;
            lossReason = reason;
            fireGuards();
        }
        keeper.lost(lease);
        log.warn("Lost {}: {}; the work that runs under it is interrupted", this, reason);
    }

    private void fireGuards() {
        // All are asked before any is fired: one thread may have several.
        guards.forEach(guard -> guard.interruptedBefore = guard.thread.isInterrupted());
        guards.forEach(LossGuard::fire);
    }

    /**
     * Ends the session and releases everything it holds. Closing a lost or closed session does nothing.
     *
     * <p>If the database cannot be reached, the session expires there.
     */
    @Override
    public void close() {
        synchronized (lock) {
            if (state != State.ALIVE) {
                return;
            }
            state = State.CLOSED;
            fireGuards();
        }
        keeper.forget(lease);
        Uninterruptibly.run(() -> {
            try {
                transactions.run("closing " + this, db -> SessionQueries.delete(db, transactions, id));
            } catch (BmdbException e) {
                log.warn(
                        "{} could not be closed and is left to expire after {}: {}",
                        this,
                        Spans.text(interval),
                        e.getMessage());
            }
        });
    }

    /** Names the session and its component. */
    @Override
    public String toString() {
        return "session " + id + " of " + Escaped.text(component);
    }
}
