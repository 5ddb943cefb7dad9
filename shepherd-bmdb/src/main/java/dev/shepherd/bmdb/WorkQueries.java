package dev.shepherd.bmdb;

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
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.DSLContext;
import org.jooq.Field;
import org.jooq.Record1;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;
import org.jspecify.annotations.Nullable;

/** The statements behind {@link Work} and its claiming. All run in a transaction that has proved its session. */
final class WorkQueries {

    private static final int LONGEST_CAUSE = 4000;

    private WorkQueries() {}

    /** A row of {@code work} that has just been written. */
    record Claim(UUID machineId, UUID claimId) {}

    /**
     * Claims up to {@code limit} machines, the longest due ones first.
     *
     * <p>The candidates' rows in {@code machines} are locked, and locked ones are skipped, so claimers at the same
     * time look at different machines. The locks alone are not enough: another claimer may have finished with a
     * machine between this statement's snapshot and its lock. So the condition is asked again by the insert,
     * whose snapshot is taken under the locks, and the unique keys of {@code work} decide what is left.
     *
     * <p>The locks are of the kind that foreign keys do not wait for.
     */
    static List<Claim> claim(
            DSLContext dsl,
            DatabaseTime time,
            UUID sessionId,
            WorkProcess process,
            Eligibility eligibility,
            int limit) {
        Condition claimable = claimable(time, process, eligibility);
        List<UUID> candidates = dsl.select(MACHINES.MACHINE_ID)
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
                        dsl,
                        time,
                        sessionId,
                        process,
                        MACHINES.MACHINE_ID
                                .eq(any(candidates.toArray(UUID[]::new)))
                                .and(claimable));
    }

    /** Claims one machine. Returns the one claim, or none if the machine is worked on. */
    static List<Claim> claimMachine(
            DSLContext dsl,
            DatabaseTime time,
            UUID sessionId,
            WorkProcess process,
            UUID machineId,
            @Nullable String note) {
        if (lockMachines(dsl, machineId) == 0) {
            throw new BmdbException("there is no machine " + machineId, null, null);
        }
        Condition which = MACHINES.MACHINE_ID.eq(machineId).and(notWorkedOn(process));
        return insert(dsl, time, sessionId, process, which, note);
    }

    /** Waits for claims of these machines that are under way, and keeps others out. Returns how many there are. */
    static int lockMachines(DSLContext dsl, UUID... machineIds) {
        return new PreparedSql<>(
                        "select machine_id from machines where machine_id = any (?) order by machine_id for no key update",
                        row -> true,
                        new Object[] {machineIds})
                .fetch(dsl)
                .size();
    }

    /** Tells which of some claims, whose transaction may or may not have been committed, were. */
    static List<Claim> committed(DSLContext dsl, UUID sessionId, WorkProcess process, List<Claim> claims) {
        UUID[] machineIds = claims.stream().map(Claim::machineId).toArray(UUID[]::new);
        lockMachines(dsl, machineIds);
        return dsl.select(WORK.MACHINE_ID, WORK.CLAIM_ID)
                .from(WORK)
                .where(WORK.MACHINE_ID.eq(any(machineIds)))
                .and(WORK.PROCESS.eq(process.name()))
                .and(WORK.SESSION_ID.eq(sessionId))
                .and(WORK.CLAIM_ID.eq(any(claims.stream().map(Claim::claimId).toArray(UUID[]::new))))
                .fetch(row -> new Claim(row.value1(), row.value2()));
    }

    /** Takes machines whose rows are locked, and records it. */
    static List<Claim> insert(DSLContext dsl, DatabaseTime time, UUID sessionId, WorkProcess process, Condition which) {
        return insert(dsl, time, sessionId, process, which, null);
    }

    private static List<Claim> insert(
            DSLContext dsl,
            DatabaseTime time,
            UUID sessionId,
            WorkProcess process,
            Condition which,
            @Nullable String note) {
        var claiming = DSL.insertInto(WORK, WORK.MACHINE_ID, WORK.SESSION_ID, WORK.PROCESS, WORK.WORK_STARTED_AT)
                .select(select(MACHINES.MACHINE_ID, val(sessionId), val(process.name()), time.moment())
                        .from(MACHINES)
                        .where(which))
                .onConflictDoNothing()
                .returning(WORK.MACHINE_ID, WORK.SESSION_ID, WORK.PROCESS, WORK.WORK_STARTED_AT, WORK.CLAIM_ID);
        return dsl.resultQuery(
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
    static Condition claimable(DatabaseTime time, WorkProcess process, Eligibility eligibility) {
        return eligibility
                .condition(time)
                .and(notWorkedOn(process))
                .and(not(paused(time, process)))
                .and(not(DSL.exists(selectOne()
                        .from(WORK_BACKOFF)
                        .where(WORK_BACKOFF.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .and(WORK_BACKOFF.PROCESS.eq(process.name()))
                        .and(WORK_BACKOFF.UNTIL.gt(time.now())))));
    }

    /** Somebody paused the machine, its provider, the process, or a combination of them. */
    static Condition paused(DatabaseTime time, WorkProcess process) {
        return DSL.exists(selectOne()
                .from(PAUSES)
                .where(covers(
                        MACHINES.MACHINE_ID,
                        field(select(MACHINE_PROVIDED.PROVIDER)
                                .from(MACHINE_PROVIDED)
                                .where(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))),
                        process))
                .and(isOn(time)));
    }

    /** The pause of {@code pauses} is of a process on a machine of a provider. */
    static Condition covers(Field<UUID> machineId, Field<String> provider, WorkProcess process) {
        return DSL.condition("pause_covers({0}, {1}, {2}, {3})", PAUSES, machineId, provider, inline(process.name()));
    }

    /** The pause of {@code pauses} has not ended. */
    static Condition isOn(DatabaseTime time) {
        return PAUSES.PAUSED_UNTIL.isNull().or(PAUSES.PAUSED_UNTIL.gt(time.now()));
    }

    private static Condition notWorkedOn(WorkProcess process) {
        Condition excluding = process.isShepherds()
                ? DSL.condition("is_shepherds({0})", WORK.PROCESS)
                : WORK.PROCESS.eq(process.name());
        return not(DSL.exists(selectOne()
                .from(WORK)
                .where(WORK.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(excluding)));
    }

    /**
     * Locks the rows of claims, and their machines, in the order of the machines' ids. Returns the claims that there are.
     * The others are gone for good, if the transactions that would have made or ended them have ended.
     */
    static PreparedSql<UUID> lock(UUID sessionId, List<Work> work) {
        return new PreparedSql<>(
                "select work_lock(?, ?, ?)",
                row -> row.getObject(1, UUID.class),
                sessionId,
                work.stream().map(Work::machineId).toArray(UUID[]::new),
                work.stream().map(Work::claimId).toArray(UUID[]::new));
    }

    /**
     * Deletes the rows of claims, records how they ended, and takes back what is done with: the backoff, and what a process
     * of an embedder's own was scheduled for when it was claimed, but not what came later. What was written before in the
     * same transaction has made the machines what they are now; only from here on are they due for anything.
     */
    static void end(DSLContext dsl, DatabaseTime time, UUID sessionId, List<? extends Ending<?>> endings) {
        new PreparedSql<>(
                        "select work_end(?, ?, ?, ?, ?, ?, ?::interval)",
                        row -> true,
                        sessionId,
                        endings.stream().map(Ending::machineId).toArray(UUID[]::new),
                        endings.stream().map(Ending::claimId).toArray(UUID[]::new),
                        endings.stream()
                                .map(ending -> ending.event().databaseName())
                                .toArray(String[]::new),
                        endings.stream().map(Ending::cause).toArray(String[]::new),
                        endings.stream().map(Ending::clearsBackoff).toArray(Boolean[]::new),
                        time.ahead())
                .fetch(dsl);
    }

    /**
     * Locks the machines that a session works on. Machines before work: whoever claims one of them by its id waits
     * here, not in the middle of it. Returns false if there are none.
     */
    static boolean lockMachinesOf(DSLContext dsl, UUID sessionId) {
        UUID[] machineIds = dsl.select(WORK.MACHINE_ID).from(WORK).where(WORK.SESSION_ID.eq(sessionId)).fetch().stream()
                .map(Record1::value1)
                .toArray(UUID[]::new);
        if (machineIds.length > 0) {
            lockMachines(dsl, machineIds);
        }
        return machineIds.length > 0;
    }

    /** Records that work goes away with its session, whose row the caller has locked, and the machines. */
    static void recordCanceled(DSLContext dsl, DatabaseTime time, UUID sessionId, Field<String> why) {
        dsl.insertInto(
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
                                time.moment(),
                                why,
                                WORK.CLAIM_ID,
                                WORK.SESSION_ID)
                        .from(WORK)
                        .leftJoin(MACHINE_PROVIDED)
                        .on(MACHINE_PROVIDED.MACHINE_ID.eq(WORK.MACHINE_ID))
                        .where(WORK.SESSION_ID.eq(sessionId)))
                .execute();
    }

    static boolean exists(DSLContext dsl, UUID claimId, UUID machineId) {
        return dsl.fetchExists(WORK, WORK.MACHINE_ID.eq(machineId).and(WORK.CLAIM_ID.eq(claimId)));
    }

    static boolean isRecorded(DSLContext dsl, UUID claimId, UUID machineId, WorkEvent event) {
        return dsl.fetchExists(selectOne()
                .from(WORK_HISTORY)
                .where(WORK_HISTORY.MACHINE_ID.eq(machineId))
                .and(WORK_HISTORY.CLAIM_ID.eq(claimId))
                .and(WORK_HISTORY.EVENT.eq(event.databaseName())));
    }

    static void clearBackoff(DSLContext dsl, WorkProcess process, UUID machineId) {
        dsl.deleteFrom(WORK_BACKOFF)
                .where(WORK_BACKOFF.MACHINE_ID.eq(machineId))
                .and(WORK_BACKOFF.PROCESS.eq(process.name()))
                .execute();
    }

    /**
     * Starts or lengthens a backoff. Returns its period.
     *
     * @param failures how many failures it adds to those in a row
     */
    static Duration backOff(
            DSLContext dsl,
            DatabaseTime time,
            WorkProcess process,
            UUID machineId,
            Backoff backoff,
            String cause,
            int failures) {
        Duration previous = dsl.select(WORK_BACKOFF.LAST_INTERVAL_SECONDS)
                .from(WORK_BACKOFF)
                .where(WORK_BACKOFF.MACHINE_ID.eq(machineId))
                .and(WORK_BACKOFF.PROCESS.eq(process.name()))
                .fetchOptional(WORK_BACKOFF.LAST_INTERVAL_SECONDS)
                .filter(seconds -> seconds > 0) // Zero: it was only ever lost.
                .map(Duration::ofSeconds)
                .orElse(null);
        Duration period = backoff.next(previous);
        var until = time.nowPlus(period.plusMillis(backoff.jitterOf(period)));
        dsl.insertInto(WORK_BACKOFF)
                .set(WORK_BACKOFF.MACHINE_ID, machineId)
                .set(WORK_BACKOFF.PROCESS, process.name())
                .set(WORK_BACKOFF.UNTIL, until)
                .set(WORK_BACKOFF.CAUSE, cause)
                .set(WORK_BACKOFF.LAST_INTERVAL_SECONDS, period.toSeconds())
                .set(WORK_BACKOFF.FAILURES, failures)
                .onConflict(WORK_BACKOFF.MACHINE_ID, WORK_BACKOFF.PROCESS)
                .doUpdate()
                .set(WORK_BACKOFF.UNTIL, until)
                .set(WORK_BACKOFF.CAUSE, cause)
                .set(WORK_BACKOFF.LAST_INTERVAL_SECONDS, period.toSeconds())
                .set(WORK_BACKOFF.FAILURES, WORK_BACKOFF.FAILURES.plus(failures))
                .execute();
        return period;
    }

    static int failuresInARow(DSLContext dsl, WorkProcess process, UUID machineId) {
        return dsl.select(WORK_BACKOFF.FAILURES)
                .from(WORK_BACKOFF)
                .where(WORK_BACKOFF.MACHINE_ID.eq(machineId))
                .and(WORK_BACKOFF.PROCESS.eq(process.name()))
                .fetchOptional(WORK_BACKOFF.FAILURES)
                .orElse(0);
    }

    /** Makes a text fit for the database, and for all who read it there: one line, and not too long. */
    static String shorten(String text) {
        if (text.isBlank()) {
            return "no cause was given";
        }
        // What is escaped is longer.
        String line = text.length() <= LONGEST_CAUSE ? Escaped.text(text) : Escaped.text(text, LONGEST_CAUSE - 1);
        return line.length() <= LONGEST_CAUSE ? line : Escaped.text(line, LONGEST_CAUSE - 1);
    }
}
