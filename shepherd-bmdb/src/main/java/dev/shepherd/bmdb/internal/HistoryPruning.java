package dev.shepherd.bmdb.internal;

import static dev.shepherd.bmdb.internal.schema.Tables.HARDWARE_HISTORY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES_FORGOTTEN;
import static dev.shepherd.bmdb.internal.schema.Tables.OPERATOR_ACTIONS;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_HISTORY;

import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.internal.event.FeedQueries;
import dev.shepherd.bmdb.threads.LastingThread;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jooq.Field;
import org.jooq.Record3;
import org.jooq.TableField;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletes events, history, what operators did and how hardware changed, once it is old enough. In small batches with pauses
 * between them, each a transaction of its own that locks nothing but rows that are history; of all processes one does so
 * at a time, which holds an advisory lock for a batch. Reads along the primary keys, which count up with time, so that it
 * needs no index, and looks at one batch when there is nothing to do.
 */
public final class HistoryPruning implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(HistoryPruning.class);

    static final int BATCH = 1000;

    /** "shephist", as a number: what one process at a time locks. */
    static final long LOCK = 0x7368_6570_6869_7374L;

    private static final Duration INTERVAL = Duration.ofMinutes(10);
    private static final Duration PAUSE = Duration.ofMillis(100);
    private static final Duration LONGEST_STOP = Duration.ofSeconds(10);

    private final Transactions transactions;
    private final Optional<Duration> historyRetention;
    private final Duration eventRetention;
    private final CountDownLatch closed = new CountDownLatch(1);
    private @Nullable LastingThread thread;

    /** Used by the thread alone. */
    private boolean first = true;

    /** @param historyRetention how long history is kept; empty for as long as there is a database */
    public HistoryPruning(Transactions transactions, Optional<Duration> historyRetention, Duration eventRetention) {
        this.transactions = transactions;
        this.historyRetention = historyRetention;
        this.eventRetention = eventRetention;
    }

    /** Starts to prune now and then, unless that has been started already. */
    public synchronized void start() {
        if (thread == null && closed.getCount() > 0) {
            thread = LastingThread.start("shepherd-history", () -> closed.getCount() == 0, INTERVAL, this::turn);
        }
    }

    private void turn() throws InterruptedException {
        // What lives shortly leaves the events to others.
        if (first && historyRetention.isEmpty()) {
            first = false;
            closed.await(INTERVAL.toMillis(), TimeUnit.MILLISECONDS);
            return;
        }
        first = false;
        try {
            prune();
        } catch (BmdbException e) {
            if (closed.getCount() == 0) {
                return; // Its connections are being closed.
            }
            log.warn("Old history could not be deleted; trying again in {}: {}", Spans.text(INTERVAL), e.getMessage());
        }
        closed.await(INTERVAL.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Deletes what is old enough now, unless another process is doing so. Returns how many rows. */
    public long prune() throws InterruptedException {
        long events = pruneEvents();
        return historyRetention.isEmpty() ? events : events + pruneHistory(historyRetention.get());
    }

    private long pruneEvents() throws InterruptedException {
        long deleted = 0;
        boolean more = true;
        while (more && !isClosing()) {
            more = transactions.runAlone(
                    "placing old events", db -> isAlone(db) && FeedQueries.place(db) == FeedQueries.BATCH);
        }
        int batch = BATCH;
        while (batch == BATCH && !isClosing()) {
            batch = transactions.runAlone(
                    "deleting old events", db -> isAlone(db) ? FeedQueries.prune(db, eventRetention, BATCH) : 0);
            deleted += batch;
        }
        if (deleted > 0) {
            log.info("Deleted {} event(s) that are older than {}", deleted, Spans.text(eventRetention));
        }
        return deleted;
    }

    private long pruneHistory(Duration retention) throws InterruptedException {
        long history = prune("old history", retention, WORK_HISTORY.HISTORY_ID, WORK_HISTORY.TIMESTAMP);
        long actions = prune("old operator actions", retention, OPERATOR_ACTIONS.ACTION_ID, OPERATOR_ACTIONS.ACTED_AT);
        long changes =
                prune("old changes of hardware", retention, HARDWARE_HISTORY.CHANGE_ID, HARDWARE_HISTORY.CHANGED_AT);
        long names = pruneNames(retention);
        if (history + actions + changes + names > 0) {
            log.info(
                    "Deleted what is older than {}: {} line(s) of history, {} operator action(s), {} change(s) of hardware, {}"
                            + " forgotten machine(s)",
                    Spans.text(retention),
                    history,
                    actions,
                    changes,
                    names);
        }
        return history + actions + changes + names;
    }

    /**
     * What became of a batch.
     *
     * @param last where the next one begins
     */
    private record Batch(long last, int deleted, boolean more) {
        static final Batch NONE = new Batch(0, 0, false);
    }

    private long prune(String what, Duration retention, TableField<?, Long> id, TableField<?, OffsetDateTime> time)
            throws InterruptedException {
        long deleted = 0;
        Batch batch = new Batch(Long.MIN_VALUE, 0, true);
        while (batch.more() && !isClosing()) {
            long from = batch.last();
            batch = transactions.runAlone(
                    "deleting " + what, db -> isAlone(db) ? pruneNext(db, retention, id, time, from) : Batch.NONE);
            deleted += batch.deleted();
        }
        return deleted;
    }

    /** The pause between two batches. */
    private boolean isClosing() throws InterruptedException {
        return closed.await(PAUSE.toMillis(), TimeUnit.MILLISECONDS);
    }

    private static boolean isAlone(Handle db) {
        return db.dsl()
                .select(DSL.field("pg_try_advisory_xact_lock({0})", Boolean.class, DSL.inline(LOCK)))
                .fetchSingle()
                .value1();
    }

    /** The lines of work that is under way stay: they say who asked for it. */
    private static Batch pruneNext(
            Handle db, Duration retention, TableField<?, Long> id, TableField<?, OffsetDateTime> time, long from) {
        Field<OffsetDateTime> before = db.time().nowMinus(retention);
        Record3<Long, Integer, Integer> looked = db.dsl()
                .resultQuery(
                        "with looked as (select {0} as id, {1} < {2} as old from {3} where {0} > {4} order by {0}"
                                + " limit {5}), gone as (delete from {3} using looked where {0} = looked.id"
                                + " and looked.old {6} returning 1)"
                                + " select coalesce(max(id), 0), count(*) filter (where old),"
                                + " (select count(*) from gone) from looked",
                        id,
                        time,
                        before,
                        DSL.table(time.getTable().getUnqualifiedName()),
                        DSL.val(from),
                        DSL.inline(BATCH),
                        time.equals(WORK_HISTORY.TIMESTAMP)
                                ? DSL.sql(
                                        "and not exists (select 1 from work where work.claim_id = work_history.claim_id"
                                                + " and work.machine_id = work_history.machine_id)")
                                : DSL.sql(""))
                .coerce(
                        DSL.field("last", Long.class),
                        DSL.field("old", Integer.class),
                        DSL.field("gone", Integer.class))
                .fetchSingle();
        return new Batch(looked.value1(), looked.value3(), looked.value2() > 0);
    }

    /** Names of forgotten machines are needed for as long as there is history of them. */
    private long pruneNames(Duration retention) throws InterruptedException {
        long deleted = 0;
        int batch = BATCH;
        while (batch == BATCH && !isClosing()) {
            batch = transactions.runAlone(
                    "deleting the names of forgotten machines",
                    db -> isAlone(db)
                            ? db.dsl()
                                    .deleteFrom(MACHINES_FORGOTTEN)
                                    .where(MACHINES_FORGOTTEN.MACHINE_ID.in(DSL.select(MACHINES_FORGOTTEN.MACHINE_ID)
                                            .from(MACHINES_FORGOTTEN)
                                            .where(MACHINES_FORGOTTEN.FORGOTTEN_AT.lt(
                                                    db.time().nowMinus(retention)))
                                            .andNotExists(DSL.selectOne()
                                                    .from(WORK_HISTORY)
                                                    .where(WORK_HISTORY.MACHINE_ID.eq(MACHINES_FORGOTTEN.MACHINE_ID)))
                                            .limit(BATCH)))
                                    .execute()
                            : 0);
            deleted += batch;
        }
        return deleted;
    }

    /** Stops, after the batch that is under way. */
    @Override
    public void close() {
        closed.countDown();
    }

    /** Waits for the end of the thread. Returns false if that takes too long. */
    public synchronized boolean awaitEnd() throws InterruptedException {
        return thread == null || thread.awaitEnd(LONGEST_STOP);
    }
}
