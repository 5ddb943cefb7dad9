package dev.shepherd.bmdb;

import static dev.shepherd.bmdb.internal.schema.Tables.SESSIONS;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jooq.Field;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the sessions of this process alive, notices when one is lost, and reaps those of anybody that have
 * died.
 *
 * <p><strong>Why a lost session is noticed in time.</strong> The deadline in the database is set when a
 * heartbeat arrives there, so it is never earlier than the moment the heartbeat was sent plus the interval. The
 * deadline kept here is exactly that moment, on this process's monotonic clock: it passes before the one in the
 * database does, whatever happens to the answer, as long as the two clocks run at the same speed. It is looked
 * at by a thread of its own, which no hanging connection can hold up. A process that was stopped and resumed
 * finds its deadline in the past before anything else. None of this carries the safety: nothing commits without
 * a proof in the database (see {@link BmdbSession}). It only ends useless and dangerous work early.
 *
 * <p>All sessions of a process share one statement per beat, and a connection that nothing else uses.
 */
final class SessionKeeper implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(SessionKeeper.class);

    /** Heartbeats are sent twice an interval; a failed one is sent again ten times an interval. */
    private static final int BEATS_PER_INTERVAL = 2;

    private static final int RETRIES_PER_INTERVAL = 10;

    private final Transactions heartbeats;
    private final Transactions reaping;
    private final Duration interval;
    private final DatabaseTime time;
    private final Map<UUID, BmdbSession> sessions = new ConcurrentHashMap<>();
    private final Object lock = new Object();
    private @Nullable ScheduledExecutorService executor;
    private boolean closed;

    SessionKeeper(Transactions heartbeats, Transactions reaping, Duration interval, DatabaseTime time) {
        this.heartbeats = heartbeats;
        this.reaping = reaping;
        this.interval = interval;
        this.time = time;
    }

    /** Takes a session on; the first one starts the threads. */
    void keep(BmdbSession session) {
        synchronized (lock) {
            if (closed) {
                throw new IllegalStateException("the database is closed");
            }
            sessions.put(session.id(), session);
            if (executor == null) {
                executor = start();
            }
        }
    }

    void forget(BmdbSession session) {
        sessions.remove(session.id());
    }

    private ScheduledExecutorService start() {
        AtomicInteger number = new AtomicInteger();
        ScheduledExecutorService started = Executors.newScheduledThreadPool(3, task -> {
            Thread thread = new Thread(task, "shepherd-bmdb-sessions-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        });
        long millis = interval.toMillis();
        started.schedule(() -> beatAndReschedule(started), millis / BEATS_PER_INTERVAL, TimeUnit.MILLISECONDS);
        started.scheduleWithFixedDelay(
                this::watch, millis / RETRIES_PER_INTERVAL, millis / RETRIES_PER_INTERVAL, TimeUnit.MILLISECONDS);
        started.scheduleWithFixedDelay(this::reapQuietly, millis, millis, TimeUnit.MILLISECONDS);
        return started;
    }

    private void beatAndReschedule(ScheduledExecutorService on) {
        boolean beaten = false;
        try {
            beaten = beat();
        } catch (InterruptedException e) {
            return; // The keeper is being closed.
        } catch (RuntimeException e) {
            log.warn(
                    "A heartbeat of {} session(s) failed and is sent again until their deadline: {}",
                    sessions.size(),
                    e.getMessage());
            log.debug("The failure of the heartbeat", e);
        }
        long delay = interval.toMillis() / (beaten ? BEATS_PER_INTERVAL : RETRIES_PER_INTERVAL);
        synchronized (lock) {
            if (!closed) {
                on.schedule(() -> beatAndReschedule(on), delay, TimeUnit.MILLISECONDS);
            }
        }
    }

    /** Sends one heartbeat for all sessions. Returns true if it arrived. */
    private boolean beat() throws InterruptedException {
        List<BmdbSession> beating = List.copyOf(sessions.values());
        if (beating.isEmpty()) {
            return true;
        }
        long sentAt = System.nanoTime();
        UUID[] ids = beating.stream().map(BmdbSession::id).toArray(UUID[]::new);
        Set<UUID> alive = heartbeats.run(
                "a heartbeat",
                dsl -> dsl.update(SESSIONS)
                        .set(SESSIONS.SESSION_DEADLINE, deadline())
                        .where(SESSIONS.SESSION_ID.eq(DSL.any(ids)))
                        .and(SESSIONS.SESSION_DEADLINE.gt(DatabaseTime.transactionTime()))
                        .returningResult(SESSIONS.SESSION_ID)
                        .fetchSet(SESSIONS.SESSION_ID));
        for (BmdbSession session : beating) {
            if (alive.contains(session.id())) {
                session.heartbeatArrived(sentAt + interval.toNanos());
            } else {
                session.lose("the database no longer has it: its deadline had passed", null);
            }
        }
        return true;
    }

    static Field<java.time.OffsetDateTime> deadline() {
        return DSL.field(
                "now() + {0} * interval '1 second'",
                SQLDataType.TIMESTAMPWITHTIMEZONE, SESSIONS.SESSION_INTERVAL_SECONDS);
    }

    private void watch() {
        for (BmdbSession session : sessions.values()) {
            session.loseIfOverdue();
        }
    }

    private void reapQuietly() {
        sessions.values().forEach(BmdbSession::releaseAbandonedWork);
        try {
            int reaped = reap();
            if (reaped > 0) {
                log.info("Reaped {} expired session(s) and released what they held", reaped);
            }
        } catch (InterruptedException e) {
            // The keeper is being closed.
        } catch (RuntimeException e) {
            log.warn("Expired sessions could not be reaped, trying again in {}: {}", interval, e.getMessage());
        }
    }

    /**
     * Deletes the sessions whose deadline has passed, and with them their work. A session that is in the middle
     * of a transaction is locked by it and skipped: it goes at a later round.
     *
     * @return how many there were
     */
    int reap() throws InterruptedException {
        return reaping.run("reaping expired sessions", dsl -> {
            List<UUID> expired = dsl.select(SESSIONS.SESSION_ID)
                    .from(SESSIONS)
                    .where(SESSIONS.SESSION_DEADLINE.lt(DatabaseTime.transactionTime()))
                    .forUpdate()
                    .skipLocked()
                    .fetch(SESSIONS.SESSION_ID);
            if (!expired.isEmpty()) {
                WorkQueries.recordCanceled(dsl, time, WORK.SESSION_ID.in(expired), "the session expired");
                dsl.deleteFrom(SESSIONS).where(SESSIONS.SESSION_ID.in(expired)).execute();
            }
            return expired.size();
        });
    }

    /** Stops the threads. Sessions that are still open are left to expire. */
    @Override
    public void close() {
        ScheduledExecutorService stopping;
        synchronized (lock) {
            closed = true;
            stopping = executor;
            executor = null;
        }
        sessions.values().forEach(session -> session.lose("the database was closed", null));
        sessions.clear();
        if (stopping != null) {
            stopping.shutdownNow();
        }
    }
}
