package dev.shepherd.bmdb;

import static dev.shepherd.bmdb.internal.schema.Tables.SESSIONS;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.WorkQueries.Claim;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jooq.DSLContext;
import org.jooq.Record;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A component's lease on the database, kept alive by heartbeats until it is closed or lost.
 *
 * <p>Every transaction first proves that the session is alive, by a share lock on its row that a heartbeat
 * passes and a delete has to wait for, and holds it until it has committed. So whatever a session commits, it
 * commits before anybody else can take over what it held.
 *
 * <p>Safe for use by several threads.
 */
public final class BmdbSession implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(BmdbSession.class);

    static final String EXPIRED = "the database no longer has it: its deadline had passed";

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
    private final DatabaseTime time;
    private final Session providersView = new ProvidersView();
    private final EndingQueue endings = new EndingQueue(this);
    private final QueuePositions positions = new QueuePositions(System::nanoTime);
    private final Queue<Work> abandoned = new ConcurrentLinkedQueue<>();
    private final Map<ProviderType, String> requeued = new ConcurrentHashMap<>();

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
            DatabaseTime time,
            long deadlineNanos) {
        this.id = id;
        this.component = component;
        this.interval = interval;
        this.transactions = transactions;
        this.keeper = keeper;
        this.time = time;
        this.deadlineNanos = deadlineNanos;
    }

    static BmdbSession start(
            String component,
            String runtimeInfo,
            BmdbConfig config,
            Transactions transactions,
            SessionKeeper keeper,
            DatabaseTime time)
            throws InterruptedException {
        Objects.requireNonNull(component, "component");
        Objects.requireNonNull(runtimeInfo, "runtimeInfo");
        if (component.isEmpty()) {
            throw new IllegalArgumentException("a session needs the name of a component");
        }
        UUID id = UUID.randomUUID();
        Duration interval = config.sessionInterval();
        long sentAt = transactions.run("starting a session of " + component, dsl -> {
            // Taken before the row is written, so that it is never later than the deadline in the row; and in each
            // attempt anew, since what was spent on waiting for a connection is not the session's.
            long now = System.nanoTime();
            dsl.insertInto(SESSIONS)
                    .set(SESSIONS.SESSION_ID, id)
                    .set(SESSIONS.SESSION_COMPONENT_NAME, component)
                    .set(SESSIONS.SESSION_RUNTIME_INFO, runtimeInfo)
                    .set(SESSIONS.SESSION_CREATED_AT, DatabaseTime.transactionTime())
                    .set(SESSIONS.SESSION_INTERVAL_SECONDS, Math.toIntExact(interval.toSeconds()))
                    .set(SESSIONS.SESSION_DEADLINE, DatabaseTime.shifted(DatabaseTime.transactionTime(), interval))
                    .execute();
            return now;
        });
        BmdbSession session =
                new BmdbSession(id, component, interval, transactions, keeper, time, sentAt + interval.toNanos());
        keeper.keep(session);
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
        return transactions.run("a transaction of " + this, this::requireAlive, dsl -> {
            checkProof(proof().fetch(dsl));
            BmdbTransaction transaction = new BmdbTransaction(dsl, time, id);
            try {
                return body.run(transaction);
            } finally {
                transaction.end();
            }
        });
    }

    /** {@link #inTransaction} for one whose first statement is known beforehand: it goes with the proof, in one round trip. */
    private <A, T extends @Nullable Object> T inTransaction(PreparedSql<A> first, Continuation<A, T> body)
            throws InterruptedException {
        return transactions.run("a transaction of " + this, this::requireAlive, dsl -> {
            PreparedSql.Both<String, A> both = proof().fetchWith(dsl, first);
            checkProof(both.first());
            BmdbTransaction transaction = new BmdbTransaction(dsl, time, id);
            try {
                return body.run(transaction, both.second());
            } finally {
                transaction.end();
            }
        });
    }

    /** Not the session itself: two methods that take a lambda cannot have one name. */
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

    private interface Continuation<A, T extends @Nullable Object> {
        T run(BmdbTransaction tx, List<A> first) throws InterruptedException;
    }

    /**
     * Proves that the session is alive, and keeps it provable until the transaction ends: the reaper's delete has
     * to wait for this lock, a heartbeat does not.
     */
    private PreparedSql<String> proof() {
        return new PreparedSql<>(
                "select set_config('idle_in_transaction_session_timeout', ?, true), current_setting('transaction_isolation')"
                        + " from sessions where session_id = ? and session_deadline > now() for key share",
                row -> row.getString(2),
                transactions.idleTimeout(),
                id);
    }

    private void checkProof(List<String> isolation) {
        if (isolation.isEmpty()) {
            lose(EXPIRED);
            throw expired();
        }
        transactions.checkIsolation(isolation.get(0));
    }

    /**
     * Takes machines to work on, different ones from what anybody else takes at the same time.
     *
     * <p>A machine is taken if it is eligible, nobody works on it under this process (or, for one of the three
     * shepherd processes, under any of them), and it is not backed off for this process. Each claim and its line
     * of history are one transaction.
     *
     * <p>If the connection breaks during the commit, the database is asked what became of it. Only if that cannot
     * be found out is it a {@link CommitOutcomeUnknownException}; what was taken then is released later.
     *
     * @param process what is going to be done
     * @param eligibility which machines come into question
     * @param limit how many to take at most, 1 to 1000
     * @return what was taken, in no particular order; empty if there is nothing to do. Each must be finished,
     *     failed or closed
     * @throws IllegalArgumentException if the process is {@link WorkProcess#RECOVERY}, see {@link #claimRecovery}; or if
     *     the limit is out of range
     * @throws SessionExpiredException if the session is lost
     * @throws BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public List<Work> claim(WorkProcess process, Eligibility eligibility, int limit) throws InterruptedException {
        checkLimit(limit);
        checkIsNotRecovery(process);
        Optional<DueQueue.Part> queue = eligibility.queue(process);
        return queue.isPresent()
                ? claimDue(queue.get(), limit)
                : take(process, dsl -> WorkQueries.claim(dsl, time, id, process, eligibility, limit));
    }

    private List<Work> claimDue(DueQueue.Part part, int limit) throws InterruptedException {
        Optional<OffsetDateTime> from = positions.from(part);
        return resolving(
                part.process(),
                attempted -> inTransaction(DueQueue.claiming(time, id, part, from, limit), (tx, first) -> {
                    DueQueue due = new DueQueue(tx.context(), time);
                    List<DueQueue.Looked> looked = new ArrayList<>(first);
                    if (from.isPresent() && looked.size() < limit) {
                        looked.addAll(due.look(id, part, limit - looked.size()));
                    }
                    positions.looked(part, from, looked, limit);
                    List<Claim> claims = due.claims(id, part, limit, looked);
                    attempted.accept(claims);
                    return claims;
                }));
    }

    /** Recovery is held to limits over all processes together, and to freezes: no other way to claim goes past them. */
    private static void checkIsNotRecovery(WorkProcess process) {
        if (process.equals(WorkProcess.RECOVERY)) {
            throw new IllegalArgumentException(
                    "machines are claimed for " + process + " by claimRecovery alone, which keeps to its limits");
        }
    }

    /**
     * Takes one particular machine to work on, whether or not it is backed off.
     *
     * <p>Under {@link WorkProcess#ACCESS} this keeps the loops off the machine for as long as it is held.
     *
     * @return the work, or empty if somebody else works on the machine under this process, or under one that
     *     excludes it
     * @throws IllegalArgumentException if the process is {@link WorkProcess#RECOVERY}, see {@link #claimRecovery}
     * @throws BmdbException if there is no such machine, or the database cannot be reached
     * @throws SessionExpiredException if the session is lost
     * @throws InterruptedException if the thread is interrupted
     */
    public Optional<Work> claimMachine(WorkProcess process, UUID machineId) throws InterruptedException {
        checkIsNotRecovery(process);
        return hold(process, machineId, null);
    }

    /**
     * Takes one particular machine like {@link #claimMachine(WorkProcess, UUID)}, and says in the history on whose behalf.
     *
     * @param note who asked for it and why, for people; cut after 4,000 characters
     */
    public Optional<Work> claimMachine(WorkProcess process, UUID machineId, String note) throws InterruptedException {
        checkIsNotRecovery(process);
        return hold(process, machineId, WorkQueries.shorten(note));
    }

    Optional<Work> hold(WorkProcess process, UUID machineId, @Nullable String note) throws InterruptedException {
        return take(process, dsl -> WorkQueries.claimMachine(dsl, time, id, process, machineId, note)).stream()
                .findFirst();
    }

    /**
     * Takes machines of a provider to bring back, as many as the limits of the policy leave room for: those that
     * docs/recovery.md names, under {@link WorkProcess#RECOVERY}. Recoverers of one provider take turns here,
     * so that together they keep to the limits. Also notes which machines are back, and where recovery has to stand
     * still.
     *
     * @param limit how many to take at most, 1 to 1000
     * @return what was taken, and what was looked at
     * @throws SessionExpiredException if the session is lost
     * @throws BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public RecoveryClaims claimRecovery(ProviderType provider, RecoveryPolicy policy, int limit)
            throws InterruptedException {
        checkLimit(limit);
        requeueIfChanged(provider, policy);
        AtomicReference<RecoveryQueries.Claimed> claimed = new AtomicReference<>(RecoveryQueries.Claimed.AGAIN);
        List<Work> work;
        do {
            work = take(WorkProcess.RECOVERY, dsl -> {
                RecoveryQueries.Claimed taken = RecoveryQueries.claim(dsl, time, id, provider, policy, limit);
                claimed.set(taken);
                return taken.claims();
            });
        } while (claimed.get() == RecoveryQueries.Claimed.AGAIN);
        return new RecoveryClaims(work, Objects.requireNonNull(claimed.get()).outlook());
    }

    /**
     * Has the machines of a provider looked at anew if they were put off under another policy: one with shorter spans must
     * not wait for the ends of longer ones. Asked once for each policy.
     */
    private void requeueIfChanged(ProviderType provider, RecoveryPolicy policy) throws InterruptedException {
        String spans = policy.spans();
        if (spans.equals(requeued.get(provider))) {
            return;
        }
        boolean changed = inTransaction(tx -> !RecoveryQueries.isQueuedBy(tx.context(), provider, spans));
        if (changed) {
            DueQueue.Part part = new DueQueue.Part(WorkProcess.RECOVERY, provider.name());
            Optional<UUID> last = Optional.of(DueQueue.FIRST);
            while (last.isPresent()) {
                UUID after = last.get();
                last = inTransaction(tx -> new DueQueue(tx.context(), time).armNext(part, after));
            }
            inTransaction(tx -> RecoveryQueries.queuedBy(tx.context(), provider, spans));
        }
        requeued.put(provider, spans);
    }

    private static void checkLimit(int limit) {
        if (limit < 1 || limit > 1000) {
            throw new IllegalArgumentException("the limit of a claim is from 1 to 1000, not " + limit);
        }
    }

    private List<Work> take(WorkProcess process, Transactions.Body<List<Claim>> claiming) throws InterruptedException {
        return resolving(
                process,
                attempted -> inTransaction(tx -> {
                    List<Claim> claims = claiming.run(tx.context());
                    attempted.accept(claims);
                    return claims;
                }));
    }

    /** Claims in a transaction, and says what before it commits: it may break then. */
    private interface Claiming {
        List<Claim> run(Consumer<List<Claim>> attempted) throws InterruptedException;
    }

    private List<Work> resolving(WorkProcess process, Claiming claiming) throws InterruptedException {
        AtomicReference<List<Claim>> attempted = new AtomicReference<>(List.of());
        List<Claim> claims;
        try {
            claims = claiming.run(attempted::set);
        } catch (CommitOutcomeUnknownException e) {
            claims = resolve(process, Objects.requireNonNull(attempted.get()), e);
        }
        return work(process, claims);
    }

    /** Finds out which claims were committed. Those of which that cannot be found out are released later. */
    private List<Claim> resolve(WorkProcess process, List<Claim> attempted, CommitOutcomeUnknownException unknown)
            throws InterruptedException {
        if (attempted.isEmpty()) {
            return attempted;
        }
        log.warn("{}; asking the database what became of {} claim(s)", unknown.getMessage(), attempted.size());
        try {
            return inTransaction(tx -> WorkQueries.committed(tx.context(), id, process, attempted));
        } catch (BmdbException e) {
            work(process, attempted).forEach(this::abandon);
            unknown.addSuppressed(e);
            throw unknown;
        } catch (InterruptedException e) {
            work(process, attempted).forEach(this::abandon);
            throw e;
        }
    }

    private List<Work> work(WorkProcess process, List<Claim> claims) {
        return claims.stream()
                .map(claim -> new Work(this, process, claim.machineId(), claim.claimId()))
                .toList();
    }

    /**
     * Ends several pieces of work as done, in one transaction if that goes through: the counterpart of claiming them
     * together. Each is still atomic by itself: if one fails, each is ended alone, so that it takes no other with it.
     *
     * @param work what to end; pieces of this session's work
     * @param body what to write: for all of it at once, or for each where that fails
     * @throws WorkLostException if some of it is no longer held
     * @throws BmdbException if some of it could not be ended, and is still held. In both cases, and for whatever the body
     *     throws, the rest was ended; further failures are suppressed ones of the first
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
            Work.finishAll(this, work, body);
        }
    }

    /** Ends a piece of work, perhaps in one transaction with others that end at the same moment. */
    void end(Ending<?> ending) throws InterruptedException {
        endings.end(ending);
    }

    /** {@link #end} without the others, for work whose machine somebody may keep locked. */
    void endPatiently(Ending<?> ending) throws InterruptedException {
        endings.endPatiently(ending);
    }

    /**
     * Ends several pieces of work in one transaction; those that are still held.
     *
     * @throws MachineLockedException if somebody keeps one of the machines locked; nothing was written
     */
    void endInTransaction(List<Ending<?>> endings) throws InterruptedException {
        endHeld(endings, (tx, held) -> {
            for (Ending<?> ending : held) {
                ending.write(tx);
            }
        });
    }

    /** {@link #endInTransaction(List)}, where all that are still held are written for at once. */
    void endInTransaction(List<Ending<?>> endings, Work.Body body) throws InterruptedException {
        endHeld(endings, (tx, held) -> {
            if (!held.isEmpty()) {
                body.run(tx, held.stream().map(Ending::work).toList());
            }
        });
    }

    private interface Writing {
        void write(BmdbTransaction tx, List<Ending<?>> held) throws InterruptedException;
    }

    private void endHeld(List<Ending<?>> endings, Writing writing) throws InterruptedException {
        PreparedSql<UUID> locking =
                WorkQueries.lock(id, endings.stream().map(Ending::work).toList());
        AtomicBoolean gotTheLocks = new AtomicBoolean();
        try {
            inTransaction(locking, (tx, locked) -> {
                gotTheLocks.set(true);
                Set<UUID> claims = Set.copyOf(locked);
                endings.forEach(ending -> ending.found(tx, claims.contains(ending.claimId())));
                List<Ending<?>> held = endings.stream().filter(Ending::wasHeld).toList();
                writing.write(tx, held);
                WorkQueries.end(tx.context(), time, id, held);
                return true;
            });
        } catch (BmdbException e) {
            // What is written may have to wait for locks too, and that is another matter.
            if (!gotTheLocks.get() && Transactions.isLockTimeout(e)) {
                throw new MachineLockedException(e);
            }
            throw e;
        }
    }

    /**
     * Records that machines are about to be created at a provider, as many of the candidates as there is room
     * for. Provisioners of one provider take turns here, so that together they never exceed the maximum.
     *
     * @param provider the provider
     * @param maxCount how many machines and intents the provider may have in all; 0 for no limit
     * @param candidates the provider's machines to create, each named by a text of 1 to 128 characters that is
     *     the same at every listing. Those that are recorded or have an intent already are passed over
     * @return the new intents, held by this session, in the order of the candidates
     */
    public List<MachineIntent> reserveIntents(ProviderType provider, int maxCount, Collection<String> candidates)
            throws InterruptedException {
        if (maxCount < 0) {
            throw new IllegalArgumentException("the maximum of machines is 0 (none) or more, not " + maxCount);
        }
        candidates.forEach(IntentQueries::checkCandidate);
        return inTransaction(tx -> IntentQueries.reserve(tx.context(), time, id, provider, maxCount, candidates));
    }

    /**
     * Reads the intents that {@link #takeIntents} would take, and leaves them where they are.
     *
     * @param limit how many at most, 1 to 1000
     * @return the intents, oldest first
     */
    public List<MachineIntent> takeableIntents(ProviderType provider, int limit) throws InterruptedException {
        checkIntents(limit);
        return transactions.ask("a query of " + this, dsl -> IntentQueries.takeable(dsl, time, id, provider, limit));
    }

    /**
     * Takes over intents that nobody holds any more, or that this session holds and may try again now.
     *
     * @param limit how many at most, 1 to 1000
     * @return the intents, now held by this session, oldest first
     */
    public List<MachineIntent> takeIntents(ProviderType provider, int limit) throws InterruptedException {
        checkIntents(limit);
        return inTransaction(tx -> IntentQueries.take(tx.context(), time, id, provider, limit));
    }

    private static void checkIntents(int limit) {
        if (limit < 1 || limit > 1000) {
            throw new IllegalArgumentException("the limit of intents is from 1 to 1000, not " + limit);
        }
    }

    /**
     * Interrupts the calling thread if the session is lost before the guard is closed.
     *
     * <p>Use it around anything that must not go on without the session. When the guard is closed, the
     * interruption that came from it is cleared; {@link LossGuard#isLost()} tells that there was one. An
     * interruption by somebody else is kept if it was there first; one that comes after the loss cannot be told
     * from it.
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

    void heartbeatArrived(long newDeadlineNanos) {
        synchronized (lock) {
            if (newDeadlineNanos - deadlineNanos > 0) {
                deadlineNanos = newDeadlineNanos;
            }
        }
    }

    void loseIfOverdue() {
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
        keeper.forget(this);
        log.warn("Lost {}: {}; the work that runs under it is interrupted", this, reason);
    }

    private void fireGuards() {
        // All are asked before any is fired: one thread may have several.
        guards.forEach(guard -> guard.interruptedBefore = guard.thread.isInterrupted());
        guards.forEach(LossGuard::fire);
    }

    /** Remembers work whose cancellation could not be written, so that a later heartbeat writes it. */
    void abandon(Work work) {
        abandoned.add(work);
    }

    void releaseAbandonedWork() {
        for (Work work = abandoned.poll(); work != null; work = abandoned.poll()) {
            if (!work.tryCancel()) {
                return; // It put itself back in line.
            }
        }
    }

    /**
     * Ends the session and releases everything it holds. Closing a lost or closed session does nothing.
     *
     * <p>If the database cannot be reached, the session expires there by itself.
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
        keeper.forget(this);
        Uninterruptibly.run(() -> {
            try {
                transactions.run("closing " + this, this::delete);
            } catch (BmdbException e) {
                log.warn(
                        "{} could not be closed and is left to expire after {}: {}",
                        this,
                        Spans.text(interval),
                        e.getMessage());
            }
        });
    }

    private boolean delete(DSLContext dsl) {
        // The lock comes first: a transaction of this session that is still under way ends before it, and so none
        // can release work that is recorded as canceled here, or take work that is not.
        Optional<Record> row = dsl.select(transactions.first())
                // While this waited for a machine that somebody keeps locked, the reaper would pass over the session.
                .select(Transactions.IN_A_HURRY)
                .from(SESSIONS)
                .where(SESSIONS.SESSION_ID.eq(id))
                .forUpdate()
                .fetchOptional();
        if (row.isEmpty()) {
            return false;
        }
        transactions.checkFirst(row.get());
        if (WorkQueries.lockMachinesOf(dsl, id)) {
            WorkQueries.recordCanceled(dsl, time, id, DSL.val("the session was closed"));
        }
        dsl.deleteFrom(SESSIONS).where(SESSIONS.SESSION_ID.eq(id)).execute();
        return true;
    }

    /** Names the session and its component. */
    @Override
    public String toString() {
        return "session " + id + " of " + Escaped.text(component);
    }
}
