package dev.shepherd.bmdb.internal;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.PAUSES;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_HISTORY;
import static org.jooq.impl.DSL.any;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;
import static org.jooq.impl.DSL.val;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkEvent;
import dev.shepherd.bmdb.WorkProcess;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BiFunction;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.Record1;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;
import org.jspecify.annotations.Nullable;

/** The statements that claim and end {@link Work}. All run in a transaction that has proved its session. */
public final class WorkQueries {

    private static final int LONGEST_CAUSE = 4000;

    private WorkQueries() {}

    /** A row of {@code work} that has just been written. */
    public record Claim(UUID machineId, UUID claimId) {}

    /**
     * How a claim ends.
     *
     * @param cause why, for people; null if that needs no words
     * @param clearsBackoff whether the process may come back at once
     */
    public record End(
            Claim claim, WorkEvent event, @Nullable String cause, boolean clearsBackoff) {}

    /**
     * Claims up to {@code limit} machines, the longest due ones first.
     *
     * <p>The candidates' rows in {@code machines} are locked, and locked ones are skipped, so claimers at the same time
     * look at different machines. The locks alone are not enough: another claimer may have finished with a machine
     * between this statement's snapshot and its lock. So the insert checks the condition again, whose snapshot is taken
     * under the locks, and the unique keys of {@code work} decide what is left.
     *
     * <p>The locks are of the kind that foreign keys do not wait for.
     */
    public static List<Claim> claim(Handle db, UUID sessionId, WorkProcess process, Condition eligible, int limit) {
        Condition claimable = claimable(db, process, eligible);
        List<UUID> candidates = db.dsl()
                .select(MACHINES.MACHINE_ID)
                .from(MACHINES)
                .where(claimable)
                .orderBy(MACHINES.MACHINE_CREATED_AT, MACHINES.MACHINE_ID)
                .limit(limit)
                .forNoKeyUpdate()
                .of(MACHINES)
                .skipLocked()
                .fetch(MACHINES.MACHINE_ID);
        return candidates.isEmpty()
                ? List.of()
                : insert(
                        db,
                        sessionId,
                        process,
                        MACHINES.MACHINE_ID
                                .eq(any(candidates.toArray(UUID[]::new)))
                                .and(claimable));
    }

    /** Claims one machine. Returns the one claim, or none if the machine is worked on. */
    public static List<Claim> claimMachine(
            Handle db, UUID sessionId, WorkProcess process, UUID machineId, @Nullable String note) {
        requireMachine(db, machineId);
        Condition which = MACHINES.MACHINE_ID.eq(machineId).and(notWorkedOn(process));
        return insert(db, sessionId, process, which, note);
    }

    public static void checkLimit(int limit) {
        if (limit < 1 || limit > 1000) {
            throw new IllegalArgumentException("the limit of a claim is from 1 to 1000, not " + limit);
        }
    }

    /**
     * Locks a machine.
     *
     * @throws BmdbException if there is no such machine
     */
    public static void requireMachine(Handle db, UUID machineId) {
        if (!lockMachine(db, machineId)) {
            throw new BmdbException("there is no machine " + machineId, null, null);
        }
    }

    /** Locks a machine. Returns false if there is none with this id. */
    public static boolean lockMachine(Handle db, UUID machineId) {
        return lockMachines(db, machineId) == 1;
    }

    /**
     * Locks machines until the transaction ends, and notes that in the handle: waits for claims of them that are under way,
     * and keeps others out. Returns how many there are.
     */
    static int lockMachines(Handle db, UUID... machineIds) {
        int locked = new PreparedSql<>(
                        "select machine_id from machines where machine_id = any (?) order by machine_id for no key update",
                        row -> true,
                        new Object[] {machineIds})
                .fetch(db)
                .size();
        for (UUID machineId : machineIds) {
            db.holds(machineId);
        }
        return locked;
    }

    /** Tells which of some claims, whose transaction may or may not have been committed, were. */
    public static List<Claim> committed(Handle db, UUID sessionId, WorkProcess process, List<Claim> claims) {
        UUID[] machineIds = claims.stream().map(Claim::machineId).toArray(UUID[]::new);
        lockMachines(db, machineIds);
        return db.dsl()
                .select(WORK.MACHINE_ID, WORK.CLAIM_ID)
                .from(WORK)
                .where(WORK.MACHINE_ID.eq(any(machineIds)))
                .and(WORK.PROCESS.eq(process.name()))
                .and(WORK.SESSION_ID.eq(sessionId))
                .and(WORK.CLAIM_ID.eq(any(claims.stream().map(Claim::claimId).toArray(UUID[]::new))))
                .fetch(row -> new Claim(row.value1(), row.value2()));
    }

    /** Takes machines whose rows are locked, and records it. */
    static List<Claim> insert(Handle db, UUID sessionId, WorkProcess process, Condition which) {
        return insert(db, sessionId, process, which, null);
    }

    private static List<Claim> insert(
            Handle db, UUID sessionId, WorkProcess process, Condition which, @Nullable String note) {
        var claiming = DSL.insertInto(WORK, WORK.MACHINE_ID, WORK.SESSION_ID, WORK.PROCESS, WORK.WORK_STARTED_AT)
                .select(select(
                                MACHINES.MACHINE_ID,
                                val(sessionId),
                                val(process.name()),
                                db.time().moment())
                        .from(MACHINES)
                        .where(which))
                .onConflictDoNothing()
                .returning(WORK.MACHINE_ID, WORK.SESSION_ID, WORK.PROCESS, WORK.WORK_STARTED_AT, WORK.CLAIM_ID);
        return db.dsl()
                .resultQuery(
                        "with claimed as ({0}), recorded as ("
                                + "insert into work_history (machine_id, provider, provider_id, process, event,"
                                + " \"timestamp\", note, claim_id, session_id)"
                                + " select c.machine_id, p.provider, p.provider_id, c.process, {1}, c.work_started_at,"
                                + " {2}, c.claim_id, c.session_id"
                                + " from claimed c left join machine_provided p on p.machine_id = c.machine_id"
                                + ") select machine_id, claim_id from claimed",
                        claiming, inline(WorkEvent.STARTED.databaseName()), val(note, SQLDataType.CLOB))
                .fetch(row -> new Claim(row.get(0, UUID.class), row.get(1, UUID.class)));
    }

    /** The definition of a machine that can be claimed now. */
    public static Condition claimable(Handle db, WorkProcess process, Condition eligible) {
        return eligible.and(notWorkedOn(process))
                .and(not(paused(db, process)))
                .and(not(DSL.exists(selectOne()
                        .from(WORK_BACKOFF)
                        .where(WORK_BACKOFF.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .and(WORK_BACKOFF.PROCESS.eq(process.name()))
                        .and(WORK_BACKOFF.UNTIL.gt(db.time().now())))));
    }

    /** The machine, its provider, the process, or a combination of them is paused. */
    public static Condition paused(Handle db, WorkProcess process) {
        return DSL.exists(selectOne()
                .from(PAUSES)
                .where(covers(
                        MACHINES.MACHINE_ID,
                        field(select(MACHINE_PROVIDED.PROVIDER)
                                .from(MACHINE_PROVIDED)
                                .where(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))),
                        process))
                .and(isOn(db)));
    }

    /** The pause of {@code pauses} is of a process on a machine of a provider. */
    public static Condition covers(Field<UUID> machineId, Field<String> provider, WorkProcess process) {
        return DSL.condition("pause_covers({0}, {1}, {2}, {3})", PAUSES, machineId, provider, inline(process.name()));
    }

    /** The pause of {@code pauses} has not ended. */
    public static Condition isOn(Handle db) {
        return PAUSES.PAUSED_UNTIL.isNull().or(PAUSES.PAUSED_UNTIL.gt(db.time().now()));
    }

    /** No session holds the machine of {@code machines} under the process, or one that excludes it. */
    public static Condition notWorkedOn(WorkProcess process) {
        Condition excluding = process.isShepherds()
                ? DSL.condition("is_shepherds({0})", WORK.PROCESS)
                : WORK.PROCESS.eq(process.name());
        return not(DSL.exists(selectOne()
                .from(WORK)
                .where(WORK.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(excluding)));
    }

    /**
     * Locks the rows of claims, and their machines, in the order of the machines' ids. Returns the claims that there
     * are. The others are gone for good, if the transactions that would have made or ended them have ended.
     */
    public static PreparedSql<UUID> lock(UUID sessionId, List<Claim> claims) {
        return new PreparedSql<>(
                "select work_lock(?, ?, ?)",
                row -> row.getObject(1, UUID.class),
                sessionId,
                claims.stream().map(Claim::machineId).toArray(UUID[]::new),
                claims.stream().map(Claim::claimId).toArray(UUID[]::new));
    }

    /**
     * Deletes the rows of claims, records how they ended, and takes back what is no longer needed: the backoff, and
     * what an embedder's own process was scheduled for when it was claimed, but not what came later. What was written
     * before in the same transaction has made the machines what they are now; only from here on are they due for
     * anything.
     */
    public static PreparedSql<Boolean> end(Handle db, UUID sessionId, List<End> ends) {
        return new PreparedSql<>(
                "select work_end(?, ?, ?, ?, ?, ?, ?::interval)",
                row -> true,
                sessionId,
                ends.stream().map(end -> end.claim().machineId()).toArray(UUID[]::new),
                ends.stream().map(end -> end.claim().claimId()).toArray(UUID[]::new),
                ends.stream().map(end -> end.event().databaseName()).toArray(String[]::new),
                ends.stream().map(End::cause).toArray(String[]::new),
                ends.stream().map(End::clearsBackoff).toArray(Boolean[]::new),
                db.time().ahead());
    }

    /** Takes claims out of the history, their beginnings and their ends: nothing came of them that is not known already. */
    public static void forget(Handle db, List<Claim> claims) {
        db.dsl()
                .deleteFrom(WORK_HISTORY)
                .where(WORK_HISTORY.MACHINE_ID.eq(
                        any(claims.stream().map(Claim::machineId).toArray(UUID[]::new))))
                .and(WORK_HISTORY.CLAIM_ID.eq(
                        any(claims.stream().map(Claim::claimId).toArray(UUID[]::new))))
                .execute();
    }

    /**
     * Locks the machines that a session works on. Machines before work: a claim of one of them by its id waits here,
     * not half-way. Returns false if there are none.
     */
    public static boolean lockMachinesOf(Handle db, UUID sessionId) {
        UUID[] machineIds =
                db.dsl().select(WORK.MACHINE_ID).from(WORK).where(WORK.SESSION_ID.eq(sessionId)).fetch().stream()
                        .map(Record1::value1)
                        .toArray(UUID[]::new);
        if (machineIds.length > 0) {
            lockMachines(db, machineIds);
        }
        return machineIds.length > 0;
    }

    /** Records that work goes away with its session, whose row the caller has locked, and the machines. */
    public static void recordCanceled(Handle db, UUID sessionId, Field<String> why) {
        db.dsl()
                .insertInto(
                        WORK_HISTORY,
                        WORK_HISTORY.MACHINE_ID,
                        WORK_HISTORY.PROVIDER,
                        WORK_HISTORY.PROVIDER_ID,
                        WORK_HISTORY.PROCESS,
                        WORK_HISTORY.EVENT,
                        WORK_HISTORY.TIMESTAMP,
                        WORK_HISTORY.FAILED_CAUSE,
                        WORK_HISTORY.CLAIM_ID,
                        WORK_HISTORY.SESSION_ID)
                .select(select(
                                WORK.MACHINE_ID,
                                MACHINE_PROVIDED.PROVIDER,
                                MACHINE_PROVIDED.PROVIDER_ID,
                                WORK.PROCESS,
                                val(WorkEvent.CANCELED.databaseName()),
                                db.time().moment(),
                                why,
                                WORK.CLAIM_ID,
                                WORK.SESSION_ID)
                        .from(WORK)
                        .leftJoin(MACHINE_PROVIDED)
                        .on(MACHINE_PROVIDED.MACHINE_ID.eq(WORK.MACHINE_ID))
                        .where(WORK.SESSION_ID.eq(sessionId)))
                .execute();
    }

    public static boolean exists(Handle db, UUID claimId, UUID machineId) {
        return db.dsl().fetchExists(WORK, WORK.MACHINE_ID.eq(machineId).and(WORK.CLAIM_ID.eq(claimId)));
    }

    public static boolean isRecorded(Handle db, UUID claimId, UUID machineId, WorkEvent event) {
        return db.dsl()
                .fetchExists(selectOne()
                        .from(WORK_HISTORY)
                        .where(WORK_HISTORY.MACHINE_ID.eq(machineId))
                        .and(WORK_HISTORY.CLAIM_ID.eq(claimId))
                        .and(WORK_HISTORY.EVENT.eq(event.databaseName())));
    }

    public static void clearBackoff(Handle db, WorkProcess process, UUID machineId) {
        db.dsl()
                .deleteFrom(WORK_BACKOFF)
                .where(WORK_BACKOFF.MACHINE_ID.eq(machineId))
                .and(WORK_BACKOFF.PROCESS.eq(process.name()))
                .execute();
    }

    /** Returns why a process backed off from a machine last, whether or not that is over. */
    public static Optional<String> lastBackoffCause(Handle db, WorkProcess process, UUID machineId) {
        return db.dsl()
                .select(WORK_BACKOFF.CAUSE)
                .from(WORK_BACKOFF)
                .where(WORK_BACKOFF.MACHINE_ID.eq(machineId))
                .and(WORK_BACKOFF.PROCESS.eq(process.name()))
                .fetchOptional(WORK_BACKOFF.CAUSE);
    }

    /**
     * Starts or lengthens a backoff. Returns its period.
     *
     * @param failures how many failures it adds to those in a row
     */
    public static Duration backOff(
            Handle db, WorkProcess process, UUID machineId, Backoff backoff, Work.Cause cause, int failures) {
        Duration previous = db.dsl()
                .select(WORK_BACKOFF.LAST_INTERVAL_SECONDS)
                .from(WORK_BACKOFF)
                .where(WORK_BACKOFF.MACHINE_ID.eq(machineId))
                .and(WORK_BACKOFF.PROCESS.eq(process.name()))
                .fetchOptional(WORK_BACKOFF.LAST_INTERVAL_SECONDS)
                .filter(seconds -> seconds > 0) // Zero: it was only ever lost.
                .map(Duration::ofSeconds)
                .orElse(null);
        Duration period = backoff.next(previous);
        var until = db.time().nowPlus(period.plusMillis(backoff.jitterOf(period)));
        db.dsl()
                .insertInto(WORK_BACKOFF)
                .set(WORK_BACKOFF.MACHINE_ID, machineId)
                .set(WORK_BACKOFF.PROCESS, process.name())
                .set(WORK_BACKOFF.UNTIL, until)
                .set(WORK_BACKOFF.CAUSE, shorten(cause.text()))
                .set(WORK_BACKOFF.KIND, cause.kind())
                .set(WORK_BACKOFF.LAST_INTERVAL_SECONDS, period.toSeconds())
                .set(WORK_BACKOFF.FAILURES, failures)
                .onConflict(WORK_BACKOFF.MACHINE_ID, WORK_BACKOFF.PROCESS)
                .doUpdate()
                .set(WORK_BACKOFF.UNTIL, until)
                .set(WORK_BACKOFF.CAUSE, shorten(cause.text()))
                .set(WORK_BACKOFF.KIND, cause.kind())
                .set(WORK_BACKOFF.LAST_INTERVAL_SECONDS, period.toSeconds())
                .set(WORK_BACKOFF.FAILURES, WORK_BACKOFF.FAILURES.plus(failures))
                .execute();
        return period;
    }

    /** Makes something of what a process backed off for last from a machine, and how often in a row it failed there. */
    public static <T> Optional<T> failures(
            Handle db, WorkProcess process, UUID machineId, BiFunction<String, Integer, T> kindAndCount) {
        return db.dsl()
                .select(WORK_BACKOFF.KIND, WORK_BACKOFF.FAILURES)
                .from(WORK_BACKOFF)
                .where(WORK_BACKOFF.MACHINE_ID.eq(machineId))
                .and(WORK_BACKOFF.PROCESS.eq(process.name()))
                .fetchOptional(row -> kindAndCount.apply(row.value1(), row.value2()));
    }

    /** Makes a text fit for the database and its readers: one line, and not too long. */
    public static String shorten(String text) {
        if (text.isBlank()) {
            return "no cause was given";
        }
        // What is escaped is longer.
        String line = text.length() <= LONGEST_CAUSE ? Escaped.text(text) : Escaped.text(text, LONGEST_CAUSE - 1);
        return line.length() <= LONGEST_CAUSE ? line : Escaped.text(line, LONGEST_CAUSE - 1);
    }
}
