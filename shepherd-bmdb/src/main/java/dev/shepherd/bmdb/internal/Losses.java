package dev.shepherd.bmdb.internal;

import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.inline;

import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.WorkProcess;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.IntFunction;
import org.jooq.DataType;
import org.jooq.Field;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;
import org.jspecify.annotations.Nullable;

/**
 * Counts lost work against its machine: work whose session expired before the work ended. So a machine that takes down
 * every process that works on it is backed off for longer and longer, and then quarantined. A process that dies for
 * another reason costs its machines a second or two.
 *
 * <p>Runs in the transaction that deletes the session: each loss is counted once, together with the release of the
 * machine, or not at all. {@code docs/decisions/0017-machines-that-take-their-process-along.md} has the reasons.
 */
public final class Losses {

    /** The name under which this quarantines. */
    static final String REAPER = "reaper";

    private static final String EXPIRED = "the session expired";

    private final Backoff backoff;
    private final int most;

    /**
     * Makes the rule.
     *
     * @param backoff for how long a machine is left alone after a loss
     * @param most how many losses in a row have it quarantined
     */
    public Losses(Backoff backoff, int most) {
        this.backoff = backoff;
        this.most = most;
    }

    /** A machine that was quarantined. */
    record Quarantined(UUID machineId, String cause) {}

    /** A piece of work that is lost now: how many losses in a row that makes, and what followed from the last one. */
    private record Lost(
            UUID machineId,
            WorkProcess process,
            int inARow,
            @Nullable Duration lastPeriod) {

        /** Access is claimed by a machine's id regardless of losses, and a person may end a program at any time. */
        boolean counts() {
            return !process.equals(WorkProcess.ACCESS);
        }
    }

    /** What follows from a loss. */
    private record Verdict(Lost lost, Duration period, boolean isOver, String history) {}

    /**
     * Records that the work of a session that has expired goes away with it. The caller has locked the session's row,
     * and deletes it after this.
     *
     * @return which machines were quarantined, to be told once this is committed
     */
    List<Quarantined> record(Handle db, UUID sessionId) {
        if (!WorkQueries.lockMachinesOf(db, sessionId)) {
            return List.of();
        }
        // Under the locks of the machines, which all hold that change a backoff of theirs.
        List<Lost> all = lost(db, sessionId);
        List<Verdict> verdicts = all.stream().map(lost -> verdict(lost, all)).toList();
        WorkQueries.recordCanceled(
                db,
                sessionId,
                DSL.field(
                        "(select history from unnest({0}, {1}, {2}) as lost (machine_id, process, history)"
                                + " where lost.machine_id = work.machine_id and lost.process = work.process)",
                        SQLDataType.CLOB,
                        machineIds(verdicts),
                        processes(verdicts),
                        array(verdicts, SQLDataType.CLOB, Verdict::history, String[]::new)));
        leaveAlone(
                db, verdicts.stream().filter(verdict -> verdict.lost().counts()).toList());
        List<Quarantined> quarantined = verdicts.stream()
                .filter(Verdict::isOver)
                .map(verdict -> new Quarantined(verdict.lost().machineId(), quarantineCause(verdict.lost())))
                .toList();
        quarantined.forEach(one -> TagQueries.quarantine(db, one.machineId(), REAPER, one.cause()));
        return quarantined;
    }

    private Verdict verdict(Lost lost, List<Lost> all) {
        if (!lost.counts()) {
            return new Verdict(lost, Duration.ZERO, false, EXPIRED);
        }
        Duration period = backoff.next(lost.lastPeriod());
        boolean isOver = isOver(lost, all);
        String history = String.format(
                Locale.ROOT,
                "%s, loss %d in a row: %s",
                EXPIRED,
                lost.inARow(),
                isOver ? "quarantined" : "left alone for " + Spans.text(period));
        return new Verdict(lost, period, isOver, history);
    }

    private static List<Lost> lost(Handle db, UUID sessionId) {
        return db.dsl()
                .select(WORK.MACHINE_ID, WORK.PROCESS, WORK_BACKOFF.LOSSES, WORK_BACKOFF.LOSS_INTERVAL_SECONDS)
                .from(WORK)
                .leftJoin(WORK_BACKOFF)
                .on(WORK_BACKOFF.MACHINE_ID.eq(WORK.MACHINE_ID))
                .and(WORK_BACKOFF.PROCESS.eq(WORK.PROCESS))
                .where(WORK.SESSION_ID.eq(sessionId))
                .orderBy(WORK.MACHINE_ID, WORK.PROCESS)
                .fetch(row -> {
                    Integer before = row.value3();
                    Long period = row.value4();
                    return new Lost(
                            row.value1(),
                            new WorkProcess(row.value2()),
                            1 + (before == null ? 0 : before),
                            period == null || period == 0 ? null : Duration.ofSeconds(period));
                });
    }

    /**
     * Tells whether it was lost too often. Not if another machine that was lost with it was lost half as often: then it
     * may be that one, or neither. They come back at different times, so that the next loss tells them apart; and at
     * twice the number it is quarantined regardless of others. A quarantine does not keep an embedder's own processes
     * off a machine, so they never lead to one.
     */
    private boolean isOver(Lost lost, List<Lost> all) {
        if (!lost.process().isShepherds() || lost.inARow() < most) {
            return false;
        }
        return lost.inARow() >= 2 * most
                || all.stream()
                        .filter(other -> other.counts() && !other.machineId().equals(lost.machineId()))
                        .allMatch(other -> 2 * other.inARow() <= lost.inARow());
    }

    private static String quarantineCause(Lost lost) {
        return String.format(
                Locale.ROOT,
                "%d claims in a row (%s) were lost with their process, which died, froze or lost the database: see its"
                        + " log first",
                lost.inARow(),
                lost.process());
    }

    /** Leaves the backoff of an ordinary failure as long as it was, and what the next failure goes on from. */
    private void leaveAlone(Handle db, List<Verdict> verdicts) {
        if (verdicts.isEmpty()) {
            return;
        }
        db.dsl()
                .execute(
                        "insert into work_backoff"
                                + " (machine_id, process, until, cause, kind, last_interval_seconds, losses, loss_interval_seconds)"
                                + " select machine_id, process, {0} + millis * interval '1 millisecond', 'lost ' || losses"
                                + " || ' time(s) in a row with the process that worked on it, which died, froze or lost the'"
                                + " || ' database',"
                                + " 'lost', 0, losses, seconds"
                                + " from unnest({1}, {2}, {3}, {4}, {5}) as lost (machine_id, process, millis, losses, seconds)"
                                + " on conflict (machine_id, process) do update set"
                                + " until = greatest(work_backoff.until, excluded.until), cause = excluded.cause,"
                                + " kind = excluded.kind,"
                                + " losses = excluded.losses, loss_interval_seconds = excluded.loss_interval_seconds",
                        db.time().now(),
                        machineIds(verdicts),
                        processes(verdicts),
                        array(
                                verdicts,
                                SQLDataType.BIGINT,
                                verdict -> verdict.period().toMillis() + backoff.jitterOf(verdict.period()),
                                Long[]::new),
                        array(
                                verdicts,
                                SQLDataType.INTEGER,
                                verdict -> verdict.lost().inARow(),
                                Integer[]::new),
                        array(
                                verdicts,
                                SQLDataType.BIGINT,
                                verdict -> verdict.period().toSeconds(),
                                Long[]::new));
    }

    private static Field<UUID[]> machineIds(List<Verdict> verdicts) {
        return array(verdicts, SQLDataType.UUID, verdict -> verdict.lost().machineId(), UUID[]::new);
    }

    private static Field<String[]> processes(List<Verdict> verdicts) {
        return array(
                verdicts, SQLDataType.CLOB, verdict -> verdict.lost().process().name(), String[]::new);
    }

    private static <T> Field<T[]> array(
            List<Verdict> verdicts, DataType<T> type, Function<Verdict, T> value, IntFunction<T[]> make) {
        return DSL.val(verdicts.stream().map(value).toArray(make), type.getArrayDataType());
    }

    /** Returns how many losses in a row there were, for people. */
    public static int inARow(Handle db, UUID machineId, WorkProcess process) {
        return db.dsl()
                .select(coalesce(WORK_BACKOFF.LOSSES, inline(0)))
                .from(WORK_BACKOFF)
                .where(WORK_BACKOFF.MACHINE_ID.eq(machineId))
                .and(WORK_BACKOFF.PROCESS.eq(process.name()))
                .fetchOptional(0, Integer.class)
                .orElse(0);
    }
}
