package dev.shepherd.bmdb.operator;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES_FORGOTTEN;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.PAUSES;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_HISTORY;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.OperatorText;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.PlannedRecovery;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.DueQueue;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.TagQueries;
import dev.shepherd.bmdb.internal.Transactions;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.schema.tables.records.PausesRecord;
import dev.shepherd.bmdb.recovery.FreezeQueries;
import dev.shepherd.bmdb.recovery.RecoveryLimits;
import dev.shepherd.bmdb.recovery.RecoveryStates;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What an operator does to a running fleet: pause, quarantine, release, forget. All of it takes effect for every
 * process at its next claim, and needs no session. Safe for use by several threads.
 */
public final class Operator {

    private static final Logger log = LoggerFactory.getLogger(Operator.class);

    private final Transactions transactions;

    private Operator(Transactions transactions) {
        this.transactions = transactions;
    }

    /** Returns what an operator of a fleet sees and does. */
    public static Operator of(Bmdb bmdb) {
        return new Operator(bmdb.unwrap(Database.class).transactions());
    }

    /**
     * Explains what the loops would do with a machine now, and why.
     *
     * @param policy the policy that the machine's provider is run with
     * @return empty if there is no such machine
     */
    public Optional<Explanation> explain(UUID machineId, RecoveryPolicy policy) throws InterruptedException {
        return transactions.read(
                "explaining machine " + machineId, db -> ExplainQueries.explain(db, policy, machineId));
    }

    /**
     * Says what a recoverer of a provider would do now. Its cost grows with the fleet while any machine is to be
     * recovered.
     *
     * @param canReboot whether the provider can reboot at all
     */
    public PlannedRecovery planRecovery(ProviderType provider, RecoveryPolicy policy, boolean canReboot)
            throws InterruptedException {
        return transactions.read(
                "planning the recovery of provider " + provider,
                db -> new RecoveryLimits(db, provider, policy).plan(canReboot));
    }

    /** Reads why a machine is quarantined; empty if it is not. */
    public Optional<Quarantine> quarantine(UUID machineId) throws InterruptedException {
        return transactions.ask("reading machine " + machineId, db -> ExplainQueries.quarantine(db, machineId));
    }

    /** Reads which machines are quarantined, and why; the longest first. */
    public Map<UUID, Quarantine> quarantined() throws InterruptedException {
        return transactions.ask("reading the quarantined machines", ExplainQueries::quarantined);
    }

    /** Reads what was tried to bring a machine back; empty if nothing was. */
    public Optional<RecoveryState> recovery(UUID machineId) throws InterruptedException {
        return transactions.ask("reading machine " + machineId, db -> RecoveryStates.state(db, machineId));
    }

    /** Counts machines, work and backoffs. Reads every machine: use it for a dashboard, not in a loop. */
    public Statistics statistics() throws InterruptedException {
        return transactions.read("reading the statistics", StatisticsQueries::statistics);
    }

    /**
     * Keeps loops off for a while. Work that was claimed before goes on.
     *
     * @param machineId which machine, or null for all
     * @param provider the machines of which provider, or null for all
     * @param process which process, or null for all. If both it and the machine are null, the provider itself is left
     *     alone: its provisioner and updater do not call it
     * @param by who asks for it: one line of 1 to 128 characters, not blank, without control characters
     * @param reason why: one line of 1 to 1,000 characters, not blank, without control characters
     * @param duration for how long, or null for until it is ended
     * @return the pause
     * @throws BmdbException if there is no such machine, or the database cannot be reached
     */
    public Pause pause(
            @Nullable UUID machineId,
            @Nullable ProviderType provider,
            @Nullable WorkProcess process,
            String by,
            String reason,
            @Nullable Duration duration)
            throws InterruptedException {
        OperatorText.checkName(by);
        OperatorText.checkReason("reason", reason);
        if (duration != null && (duration.isNegative() || duration.isZero())) {
            throw new IllegalArgumentException("a pause must be longer than zero, not " + Spans.text(duration));
        }
        Pause pause = transactions.runAlone("a pause", db -> {
            if (machineId != null) {
                WorkQueries.requireMachine(db, machineId);
            }
            return pause(db.dsl()
                    .insertInto(PAUSES)
                    .set(PAUSES.PAUSE_ID, UUID.randomUUID())
                    .set(PAUSES.MACHINE_ID, machineId)
                    .set(PAUSES.PROVIDER, provider == null ? null : provider.name())
                    .set(PAUSES.PROCESS, process == null ? null : process.name())
                    .set(PAUSES.PAUSED_BY, by)
                    .set(PAUSES.PAUSE_REASON, reason)
                    .set(PAUSES.PAUSED_AT, db.time().now())
                    .set(
                            PAUSES.PAUSED_UNTIL,
                            duration == null
                                    ? DSL.castNull(PAUSES.PAUSED_UNTIL.getDataType())
                                    : db.time().nowPlus(duration))
                    .returning()
                    .fetchSingle());
        });
        log.info(
                "Paused {}{} on behalf of {}: {}",
                pause.scope(),
                pause.until().map(until -> " until " + until).orElse(""),
                Escaped.text(by),
                Escaped.text(reason));
        return pause;
    }

    /** Ends a pause. Returns false if there is none with this id. */
    public boolean resume(UUID pauseId) throws InterruptedException {
        boolean ended = transactions.runAlone(
                "the end of pause " + pauseId,
                db -> db.dsl()
                                .deleteFrom(PAUSES)
                                .where(PAUSES.PAUSE_ID.eq(pauseId))
                                .execute()
                        == 1);
        if (ended) {
            log.info("Pause {} was ended", pauseId);
        }
        return ended;
    }

    /** Returns the pauses in force, the oldest first. */
    public List<Pause> pauses() throws InterruptedException {
        return transactions.ask("reading the pauses", db -> pauses(db, DSL.noCondition()));
    }

    /** Returns the pauses in force that keep a provider from being called. */
    public List<Pause> pauses(ProviderType provider) throws InterruptedException {
        return transactions.ask(
                "reading the pauses of provider " + provider,
                db -> pauses(
                        db,
                        PAUSES.MACHINE_ID
                                .isNull()
                                .and(PAUSES.PROCESS.isNull())
                                .and(PAUSES.PROVIDER.isNull().or(PAUSES.PROVIDER.eq(provider.name())))));
    }

    static List<Pause> pauses(Handle db, Condition which) {
        return db.dsl()
                .selectFrom(PAUSES)
                .where(WorkQueries.isOn(db))
                .and(which)
                .orderBy(PAUSES.PAUSED_AT, PAUSES.PAUSE_ID)
                .fetch(Operator::pause);
    }

    private static Pause pause(PausesRecord row) {
        return new Pause(
                row.getPauseId(),
                Optional.ofNullable(row.getMachineId()),
                Optional.ofNullable(row.getProvider()).map(ProviderType::new),
                Optional.ofNullable(row.getProcess()).map(WorkProcess::new),
                row.getPausedBy(),
                row.getPauseReason(),
                row.getPausedAt().toInstant(),
                Optional.ofNullable(row.getPausedUntil()).map(OffsetDateTime::toInstant));
    }

    /**
     * Quarantines a machine: no loop touches it until it is released. If it is quarantined already, its cause stays.
     *
     * @param by who asks for it: one line of 1 to 128 characters, not blank, without control characters
     * @param cause why: one line of 1 to 1,000 characters, not blank, without control characters
     * @throws BmdbException if there is no such machine, or the database cannot be reached
     */
    public void quarantine(UUID machineId, String by, String cause) throws InterruptedException {
        OperatorText.checkName(by);
        OperatorText.checkReason("cause", cause);
        transactions.runAlone("quarantining machine " + machineId, db -> {
            WorkQueries.requireMachine(db, machineId);
            TagQueries.quarantine(db, machineId, by, cause);
            return true;
        });
        log.info("Machine {}: quarantined by {}: {}", machineId, Escaped.text(by), Escaped.text(cause));
    }

    /**
     * Releases a machine from quarantine with a clean record: its attempts are counted from zero, and its backoffs are
     * cleared.
     *
     * @param by who asks for it: one line of 1 to 128 characters, not blank, without control characters
     * @return false if the machine was not quarantined
     */
    public boolean release(UUID machineId, String by) throws InterruptedException {
        OperatorText.checkName(by);
        boolean released = transactions.runAlone("releasing machine " + machineId, db -> {
            if (!TagQueries.release(db, machineId)) {
                return false;
            }
            TagQueries.clearRecovery(db, machineId);
            TagQueries.clearUnreachable(db, machineId);
            db.dsl()
                    .deleteFrom(WORK_BACKOFF)
                    .where(WORK_BACKOFF.MACHINE_ID.eq(machineId))
                    .execute();
            return true;
        });
        if (released) {
            log.info("Machine {}: released by {}", machineId, Escaped.text(by));
        }
        return released;
    }

    /** Returns where recovery is frozen, and why. */
    public List<Freeze> freezes() throws InterruptedException {
        return transactions.ask("reading the freezes", FreezeQueries::inForce);
    }

    /**
     * Ends a freeze. Agents that are silent now are no evidence for another one: their machines are recovered, within
     * the limits.
     *
     * @param by who asks for it: one line of 1 to 128 characters, not blank, without control characters
     * @return false if the freeze is over already
     */
    public boolean release(Freeze freeze, String by) throws InterruptedException {
        OperatorText.checkName(by);
        boolean released = transactions.runAlone(
                "releasing " + freeze.scope(),
                db -> FreezeQueries.release(
                        db,
                        freeze.provider().map(ProviderType::name).orElse(""),
                        freeze.location().orElse(""),
                        by,
                        Duration.ZERO));
        if (released) {
            log.warn("Recovery of {} is no longer frozen: released by {}", freeze.scope(), Escaped.text(by));
        }
        return released;
    }

    /**
     * Deletes all that is recorded of a machine, except its history, which {@link Bmdb#history} still reads. For a
     * machine that the provider no longer has. One that it still has would be found and recorded again, or be a fatal
     * discrepancy.
     *
     * @param by who asks for it: one line of 1 to 128 characters, not blank, without control characters
     * @return false if there is no such machine
     * @throws MachineBusyException if a session works on the machine; nothing was deleted
     */
    public boolean forget(UUID machineId, String by) throws InterruptedException {
        OperatorText.checkName(by);
        boolean forgotten = transactions.runAlone("forgetting machine " + machineId, db -> {
            // Claims take this lock first: once it is held, no session can begin to work on the machine.
            if (db.dsl()
                    .selectOne()
                    .from(MACHINES)
                    .where(MACHINES.MACHINE_ID.eq(machineId))
                    .forUpdate()
                    .fetch()
                    .isEmpty()) {
                return false;
            }
            db.holds(machineId);
            if (db.dsl().fetchExists(WORK, WORK.MACHINE_ID.eq(machineId))) {
                throw new MachineBusyException(
                        machineId, "machine " + machineId + " is being worked on and cannot be forgotten now");
            }
            remember(db, machineId, by);
            TagQueries.deleteMachine(db, machineId);
            return true;
        });
        if (forgotten) {
            log.warn("Machine {}: forgotten on behalf of {}", machineId, Escaped.text(by));
        }
        return forgotten;
    }

    /**
     * Compares the queue of due work with the tags that it is derived from. Reads every machine. The database keeps the
     * queue correct; an error comes from changes that bypassed it, such as a restore without triggers.
     *
     * @param policy the policy that recoverers run with
     */
    public QueueCheck verifyQueue(RecoveryPolicy policy) throws InterruptedException {
        return transactions.read("verifying the queue", db -> QueueQueries.check(db, policy));
    }

    /**
     * Rebuilds the queue of due work, a few thousand machines at a time; loops go on meanwhile. Recoverers then look at
     * every machine once.
     *
     * @return how many machines there are
     */
    public long rebuildQueue() throws InterruptedException {
        transactions.runAlone("dropping what is queued for machines that are gone", db -> new DueQueue(db).sweep());
        Optional<UUID> last = Optional.of(DueQueue.FIRST);
        while (last.isPresent()) {
            UUID after = last.get();
            last = transactions.runAlone("rebuilding the queue", db -> new DueQueue(db).armNext(after));
        }
        return transactions.ask("counting machines", db -> (long) db.dsl().fetchCount(MACHINES));
    }

    /** Keeps the machine's provider id, so that its history can be found. */
    private void remember(Handle db, UUID machineId, String by) {
        db.dsl()
                .insertInto(
                        MACHINES_FORGOTTEN,
                        MACHINES_FORGOTTEN.MACHINE_ID,
                        MACHINES_FORGOTTEN.PROVIDER,
                        MACHINES_FORGOTTEN.PROVIDER_ID,
                        MACHINES_FORGOTTEN.FORGOTTEN_AT,
                        MACHINES_FORGOTTEN.FORGOTTEN_BY)
                .select(DSL.select(
                                MACHINES.MACHINE_ID,
                                MACHINE_PROVIDED.PROVIDER,
                                MACHINE_PROVIDED.PROVIDER_ID,
                                db.time().now(),
                                DSL.val(by))
                        .from(MACHINES)
                        .leftJoin(MACHINE_PROVIDED)
                        .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .where(MACHINES.MACHINE_ID.eq(machineId)))
                .onConflict(MACHINES_FORGOTTEN.MACHINE_ID)
                .doUpdate()
                .set(MACHINES_FORGOTTEN.FORGOTTEN_AT, db.time().now())
                .set(MACHINES_FORGOTTEN.FORGOTTEN_BY, by)
                .execute();
        // An older version of this library, which may run beside this one, does not name the provider.
        db.dsl()
                .update(WORK_HISTORY)
                .set(WORK_HISTORY.PROVIDER, MACHINE_PROVIDED.PROVIDER)
                .set(WORK_HISTORY.PROVIDER_ID, MACHINE_PROVIDED.PROVIDER_ID)
                .from(MACHINE_PROVIDED)
                .where(WORK_HISTORY.MACHINE_ID.eq(machineId))
                .and(MACHINE_PROVIDED.MACHINE_ID.eq(machineId))
                .and(WORK_HISTORY.PROVIDER.isNull())
                .execute();
    }
}
