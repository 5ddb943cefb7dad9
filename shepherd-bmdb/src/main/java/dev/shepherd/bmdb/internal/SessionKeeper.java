package dev.shepherd.bmdb.internal;

import static dev.shepherd.bmdb.internal.schema.Tables.SESSIONS;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.meters.DatabaseEvents;
import dev.shepherd.bmdb.threads.LastingThread;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.Record2;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the sessions of this process alive, notices when one is lost, and reaps expired sessions of any process.
 *
 * <p><strong>Why a lost session is noticed in time.</strong> The deadline in the database is set when a heartbeat
 * arrives there, so it is never earlier than the moment the heartbeat was sent plus the interval. The deadline kept
 * here is exactly that moment, on this process's monotonic clock: it passes before the one in the database does,
 * whatever happens to the answer, as long as the two clocks run at the same speed. A separate thread watches it, which
 * no hanging connection can hold up. A process that was stopped and resumed finds its deadline in the past before
 * anything else; one whose whole machine was suspended may not, since the clock can stop with it, and learns it from
 * the next heartbeat or transaction. Safety does not depend on any of this: nothing commits without a proof in the
 * database (see {@link BmdbSession}). It only ends useless or dangerous work early.
 *
 * <p>All sessions of a process share one statement per heartbeat, on a connection of their own.
 */
public final class SessionKeeper implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(SessionKeeper.class);

    /** Why a session is lost that the database no longer knows. */
    public static final String EXPIRED = "the database no longer has it: its deadline had passed";

    /** Heartbeats are sent twice an interval; a failed one is sent again ten times an interval. */
    private static final int BEATS_PER_INTERVAL = 2;

    private static final int RETRIES_PER_INTERVAL = 10;

    /** With a long interval, what does not depend on it is still done at least this often. */
    private static final Duration LONGEST_RETRY = Duration.ofSeconds(5);

    private static final Duration LONGEST_REAPING = Duration.ofSeconds(30);

    private static final Duration LEAST_PAUSE = Duration.ofMillis(1);

    private final Transactions heartbeats;
    private final Transactions reaping;
    private final Duration interval;
    private final Losses losses;
    private final DatabaseEvents events;
    private final Map<UUID, Kept> sessions = new ConcurrentHashMap<>();
    private final Object lock = new Object();

    /** The latest time of the database that a heartbeat brought along. Only used by the heartbeats' thread. */
    private OffsetDateTime latest = OffsetDateTime.MIN;

    /** By how many seconds the clock went back, until that is corrected. */
    private final AtomicLong stepBack = new AtomicLong();

    private final List<LastingThread> threads = new ArrayList<>();
    private volatile boolean closed;

    public SessionKeeper(
            Transactions heartbeats, Transactions reaping, Duration interval, Losses losses, DatabaseEvents events) {
        this.heartbeats = heartbeats;
        this.reaping = reaping;
        this.interval = interval;
        this.losses = losses;
        this.events = events;
    }

    /** A session, as far as it is kept alive here. Safe for use by several threads. */
    public interface Kept {

        UUID id();

        /** Notes that a heartbeat arrived, and until when the session lives by that, on the monotonic clock. */
        void heartbeatArrived(long deadlineNanos);

        void loseIfOverdue();

        void lose(String reason);

        /** Releases work whose cancellation could not be written. */
        void releaseAbandonedWork();
    }

    /** Takes a session on; the first one starts the threads. */
    public void keep(Kept session) {
        synchronized (lock) {
            if (closed) {
                throw new IllegalStateException("the database is closed");
            }
            sessions.put(session.id(), session);
            start();
        }
    }

    public void forget(Kept session) {
        sessions.remove(session.id());
    }

    /** Forgets a session that is lost. */
    public void lost(Kept session) {
        // Those that end with the database are not lost: they were not closed.
        if (!closed) {
            events.sessionLost();
        }
        forget(session);
    }

    /** Returns how many sessions are kept. */
    public int size() {
        return sessions.size();
    }

    private void start() {
        // The first beat comes at once: in a JVM that has just started it takes long, since all that it needs is loaded
        // with it. One after the other, so that what cannot be started is started with the next session.
        Map<String, Upkeep> all = Map.of(
                "1", new Upkeep(this::beat, Duration.ZERO),
                "2", new Upkeep(this::watch, retry()),
                "3", new Upkeep(this::reapAndRelease, atMost(LONGEST_REAPING, interval)));
        for (String number : List.of("1", "2", "3").subList(threads.size(), all.size())) {
            threads.add(LastingThread.start(
                    "shepherd-bmdb-sessions-" + number,
                    this::isClosed,
                    retry(),
                    Objects.requireNonNull(all.get(number))));
        }
    }

    private boolean isClosed() {
        return closed;
    }

    /** A step of the upkeep. Returns how long after its start it is to be done again. */
    @FunctionalInterface
    private interface Step {
        Duration run() throws InterruptedException;
    }

    /** Does a step at its own pace, regardless of exceptions from the one before. Used by one thread. */
    private static final class Upkeep implements LastingThread.Turn {
        private final Step step;
        private long dueAt;

        Upkeep(Step step, Duration delay) {
            this.step = step;
            this.dueAt = System.nanoTime() + delay.toNanos();
        }

        @Override
        public void run() throws InterruptedException {
            TimeUnit.NANOSECONDS.sleep(Math.max(1, dueAt - System.nanoTime()));
            long startedAt = System.nanoTime();
            dueAt = startedAt; // If it throws, the thread pauses.
            dueAt = Math.max(startedAt + step.run().toNanos(), System.nanoTime() + LEAST_PAUSE.toNanos());
        }
    }

    /** Sends one heartbeat for all sessions. */
    private Duration beat() throws InterruptedException {
        boolean arrived = false;
        try {
            arrived = sendHeartbeat();
        } catch (BmdbException e) {
            events.heartbeatFailed();
            log.warn(
                    "A heartbeat of {} session(s) failed and is sent again until their deadline: {}",
                    sessions.size(),
                    e.getMessage());
            log.debug("The failure of the heartbeat", Escaped.failure(e));
        }
        return arrived ? interval.dividedBy(BEATS_PER_INTERVAL) : retry();
    }

    /** What a heartbeat found. */
    private record Heartbeat(
            long sentAt,
            Set<UUID> arrived,
            Set<UUID> busy,
            @Nullable OffsetDateTime at) {}

    /** Sends one heartbeat for all sessions. Returns true if it arrived for all that are alive. */
    private boolean sendHeartbeat() throws InterruptedException {
        List<Kept> beating = List.copyOf(sessions.values());
        if (beating.isEmpty()) {
            return true;
        }
        UUID[] ids = beating.stream().map(Kept::id).toArray(UUID[]::new);
        Heartbeat heartbeat = heartbeats.run("a heartbeat", db -> heartbeat(db, ids));
        noteTime(heartbeat.at());
        for (Kept session : beating) {
            if (heartbeat.arrived().contains(session.id())) {
                session.heartbeatArrived(heartbeat.sentAt() + interval.toNanos());
            } else if (!heartbeat.busy().contains(session.id())) {
                session.lose(EXPIRED);
            }
        }
        return heartbeat.busy().isEmpty();
    }

    /** Notes the database's time. If it went back, the upkeep repairs what that blocks. */
    void noteTime(@Nullable OffsetDateTime at) {
        if (at == null) {
            return;
        }
        long back =
                latest == OffsetDateTime.MIN ? 0 : Duration.between(at, latest).toSeconds();
        if (back > ClockStep.TOLERANCE.toSeconds()) {
            stepBack.accumulateAndGet(back, Math::max);
        }
        latest = at;
    }

    /** Repairs what a step of the clock blocks, if there was one since it was last done. */
    void mendTimes() throws InterruptedException {
        long step = stepBack.get();
        if (step > 0) {
            reaping.run("correcting times after a step of the clock", db -> {
                ClockStep.repair(db, Duration.ofSeconds(step));
                return true;
            });
            stepBack.compareAndSet(step, 0);
        }
    }

    /**
     * Extends the deadlines. A row that is about to be deleted is skipped rather than waited for: one session must not
     * hold up the heartbeats of others. The next heartbeat sees whether it is still there.
     */
    private static Heartbeat heartbeat(Handle db, UUID[] ids) {
        long sentAt = System.nanoTime();
        Condition alive =
                SESSIONS.SESSION_ID.eq(DSL.any(ids)).and(SESSIONS.SESSION_DEADLINE.gt(DatabaseTime.transactionTime()));
        Map<UUID, OffsetDateTime> moved = db.dsl()
                .update(SESSIONS)
                .set(SESSIONS.SESSION_DEADLINE, deadline())
                .where(SESSIONS.SESSION_ID.in(DSL.select(SESSIONS.SESSION_ID)
                        .from(SESSIONS)
                        .where(alive)
                        .forNoKeyUpdate()
                        .skipLocked()))
                .returningResult(SESSIONS.SESSION_ID, DatabaseTime.transactionTime())
                .fetchMap(Record2::value1, Record2::value2);
        Set<UUID> arrived = moved.keySet();
        OffsetDateTime at = moved.values().stream().findAny().orElse(null);
        if (arrived.size() == ids.length) {
            return new Heartbeat(sentAt, arrived, Set.of(), at);
        }
        Set<UUID> busy =
                db.dsl().select(SESSIONS.SESSION_ID).from(SESSIONS).where(alive).fetchSet(SESSIONS.SESSION_ID);
        busy.removeAll(arrived);
        return new Heartbeat(sentAt, arrived, busy, at);
    }

    static Field<OffsetDateTime> deadline() {
        return DSL.field(
                "now() + {0} * interval '1 second'",
                SQLDataType.TIMESTAMPWITHTIMEZONE, SESSIONS.SESSION_INTERVAL_SECONDS);
    }

    private Duration watch() {
        for (Kept session : sessions.values()) {
            session.loseIfOverdue();
        }
        return retry();
    }

    private Duration reapAndRelease() throws InterruptedException {
        Duration next = atMost(LONGEST_REAPING, interval);
        try {
            mendTimes();
            int reaped = reap();
            if (reaped > 0) {
                log.info("Reaped {} expired session(s) and released what they held", reaped);
            }
        } catch (BmdbException e) {
            log.warn("The upkeep of sessions failed and is retried: {}", Escaped.text(e.getMessage()));
            next = retry();
        }
        sessions.values().forEach(Kept::releaseAbandonedWork);
        return next;
    }

    private Duration retry() {
        return atMost(LONGEST_RETRY, interval.dividedBy(RETRIES_PER_INTERVAL));
    }

    private static Duration atMost(Duration limit, Duration duration) {
        return duration.compareTo(limit) > 0 ? limit : duration;
    }

    /**
     * Deletes the sessions whose deadline has passed, and with them their work. A session that is in the middle of a
     * transaction is locked by it and skipped: it goes at a later round. So does one that holds a machine which another
     * transaction keeps locked.
     *
     * @return how many there were
     */
    public int reap() throws InterruptedException {
        shorten();
        Set<UUID> stuck = new HashSet<>();
        int reaped = 0;
        while (true) {
            AtomicReference<@Nullable UUID> next = new AtomicReference<>();
            try {
                // One by one, so that a session which cannot be reaped does not hold up the others.
                Optional<List<Losses.Quarantined>> quarantined =
                        reaping.run("reaping an expired session", db -> reapNext(db, stuck, next));
                if (quarantined.isEmpty()) {
                    return reaped;
                }
                quarantined
                        .get()
                        .forEach(one ->
                                log.error("Machine {}: quarantined: {}", one.machineId(), Escaped.text(one.cause())));
                events.sessionReaped();
                reaped++;
            } catch (BmdbException e) {
                UUID session = next.get();
                if (session == null || !Transactions.isLockTimeout(e)) {
                    throw e;
                }
                stuck.add(session);
                log.warn(
                        "Expired session {} holds a machine that has been locked for over {}: its work is released"
                                + " later",
                        session,
                        Spans.text(Transactions.PATIENCE));
            }
        }
    }

    /**
     * Shortens leases that end later than any heartbeat can have set: the database's clock went back, and a session
     * that died before would hold its machines for as long as the step was. One that lives has its next heartbeat in
     * time, as after its start.
     */
    private void shorten() throws InterruptedException {
        Field<OffsetDateTime> atMost = DatabaseTime.shifted(DatabaseTime.transactionTime(), ClockStep.TOLERANCE);
        Condition tooLong = SESSIONS.SESSION_DEADLINE
                // By the index: where the clock goes on, it leaves the few that have a long interval, or none.
                .gt(atMost)
                .and(SESSIONS.SESSION_DEADLINE.gt(DSL.field(
                        "{0} + {1} * interval '1 second'",
                        SQLDataType.TIMESTAMPWITHTIMEZONE, atMost, SESSIONS.SESSION_INTERVAL_SECONDS)));
        if (!reaping.ask("looking for leases that are too long", db -> db.dsl().fetchExists(SESSIONS, tooLong))) {
            return;
        }
        int shortened = reaping.run(
                "shortening leases",
                db -> db.dsl()
                        .update(SESSIONS)
                        .set(SESSIONS.SESSION_DEADLINE, deadline())
                        .where(SESSIONS.SESSION_ID.in(DSL.select(SESSIONS.SESSION_ID)
                                .from(SESSIONS)
                                .where(tooLong)
                                .forNoKeyUpdate()
                                .skipLocked()))
                        .execute());
        if (shortened > 0) {
            log.warn("The database's clock went back: {} session(s) had a lease beyond their interval", shortened);
        }
    }

    /**
     * Reaps one of the expired sessions. Returns which machines were quarantined for it; empty if there is no session
     * but those that are known to be stuck.
     */
    private Optional<List<Losses.Quarantined>> reapNext(
            Handle db, Set<UUID> stuck, AtomicReference<@Nullable UUID> next) {
        Optional<Record> row = db.dsl()
                .select(SESSIONS.SESSION_ID, SESSIONS.SESSION_COMPONENT_NAME, SESSIONS.SESSION_RUNTIME_INFO)
                .select(reaping.first())
                .select(Transactions.IN_A_HURRY)
                .from(SESSIONS)
                .where(SESSIONS.SESSION_DEADLINE.lt(DatabaseTime.transactionTime()))
                .and(SESSIONS.SESSION_ID.notIn(stuck))
                .orderBy(SESSIONS.SESSION_DEADLINE)
                .limit(1)
                .forUpdate()
                .skipLocked()
                .fetchOptional();
        if (row.isEmpty()) {
            return Optional.empty();
        }
        reaping.checkFirst(row.get());
        UUID expired = row.get().get(SESSIONS.SESSION_ID);
        next.set(expired);
        List<Losses.Quarantined> quarantined = losses.record(db, expired);
        db.dsl().deleteFrom(SESSIONS).where(SESSIONS.SESSION_ID.eq(expired)).execute();
        db.tellOfFleet(
                EventKind.SESSION_LOST,
                null,
                Map.of(
                        "session",
                        expired.toString(),
                        "component",
                        row.get().get(SESSIONS.SESSION_COMPONENT_NAME),
                        "runtime",
                        row.get().get(SESSIONS.SESSION_RUNTIME_INFO)));
        return Optional.of(quarantined);
    }

    /** Stops the threads. Sessions that are still open are left to expire. */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
            threads.forEach(LastingThread::interrupt);
        }
        sessions.values().forEach(session -> session.lose("the database was closed"));
        sessions.clear();
    }

    /** Waits until the threads have ended, after {@link #close}. Returns false if they have not by then. */
    public boolean awaitEnd(Duration limit) throws InterruptedException {
        List<LastingThread> ending;
        synchronized (lock) {
            ending = List.copyOf(threads);
        }
        long end = System.nanoTime() + limit.toNanos();
        boolean ended = true;
        for (LastingThread thread : ending) {
            ended &= thread.awaitEnd(Duration.ofNanos(end - System.nanoTime()));
        }
        return ended;
    }
}
