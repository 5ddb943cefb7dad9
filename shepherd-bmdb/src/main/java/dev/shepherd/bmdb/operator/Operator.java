package dev.shepherd.bmdb.operator;

import static dev.shepherd.bmdb.internal.schema.Tables.HARDWARE_HISTORY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.OPERATOR_ACTIONS;
import static dev.shepherd.bmdb.internal.schema.Tables.PAUSES;
import static dev.shepherd.bmdb.internal.schema.Tables.ROLLOUTS;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.PlannedRecovery;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.DueQueue;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.Transactions;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.schema.tables.records.PausesRecord;
import dev.shepherd.bmdb.recovery.DisruptionQueries;
import dev.shepherd.bmdb.recovery.FreezeQueries;
import dev.shepherd.bmdb.recovery.RecoveryLimits;
import dev.shepherd.bmdb.recovery.RecoveryStates;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/**
 * What an operator sees of a running fleet. {@link OperatorActions} changes it. Needs no session. Safe for use by several
 * threads.
 */
public final class Operator {

    private final Transactions transactions;

    private Operator(Transactions transactions) {
        this.transactions = transactions;
    }

    /** Returns what an operator of a fleet sees. */
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

    /** Reads what gates said of taking a machine down, and what became of it; empty if they were not asked. */
    public Optional<MachineDisruption> disruption(UUID machineId) throws InterruptedException {
        return transactions.ask("reading machine " + machineId, db -> DisruptionQueries.of(db, machineId));
    }

    /** Counts machines, work and backoffs. Reads every machine: use it for a dashboard, not in a loop. */
    public Statistics statistics() throws InterruptedException {
        return transactions.read("reading the statistics", StatisticsQueries::statistics);
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
                                .and(PAUSES.PAUSE_SELECTOR.isNull())
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

    static Pause pause(PausesRecord row) {
        return new Pause(
                row.getPauseId(),
                Optional.ofNullable(row.getMachineId()),
                Optional.ofNullable(row.getPauseSelector()).map(Selector::parse),
                Optional.ofNullable(row.getProvider()).map(ProviderType::new),
                Optional.ofNullable(row.getProcess()).map(WorkProcess::new),
                row.getPausedBy(),
                row.getPauseReason(),
                row.getPausedAt().toInstant(),
                Optional.ofNullable(row.getPausedUntil()).map(OffsetDateTime::toInstant));
    }

    /** Returns where recovery is frozen, and why. */
    public List<Freeze> freezes() throws InterruptedException {
        return transactions.ask("reading the freezes", FreezeQueries::inForce);
    }

    /**
     * Reads what operators did, newest first.
     *
     * @param machineId to which machine, even one that was forgotten; null for all that was done to the fleet
     * @param before the {@link OperatorAction#id} of the last one of the page before; null for the first page
     * @param limit how many at most, at least 1
     */
    public List<OperatorAction> actions(@Nullable UUID machineId, @Nullable Long before, int limit)
            throws InterruptedException {
        Condition which = machineId == null ? DSL.noCondition() : OPERATOR_ACTIONS.MACHINE_ID.eq(machineId);
        return readActions(which, before, limit);
    }

    /**
     * Reads what operators did to the machines that have, or had, an id of a provider, newest first. Otherwise as
     * {@link #actions(UUID, Long, int)}.
     */
    public List<OperatorAction> actions(ProviderType provider, ProviderID id, @Nullable Long before, int limit)
            throws InterruptedException {
        return readActions(
                OPERATOR_ACTIONS.PROVIDER.eq(provider.name()).and(OPERATOR_ACTIONS.PROVIDER_ID.eq(id.value())),
                before,
                limit);
    }

    private List<OperatorAction> readActions(Condition which, @Nullable Long before, int limit)
            throws InterruptedException {
        requireLimit(limit);
        return transactions.ask("reading what operators did", db -> ActionQueries.actions(db, which, before, limit));
    }

    /** Reads the last hardware report of a machine's agent; empty if there is none. */
    public Optional<HardwareReport> hardwareReport(UUID machineId) throws InterruptedException {
        return transactions.ask(
                "reading the hardware report of machine " + machineId,
                db -> ActionQueries.hardwareReport(db, machineId));
    }

    /**
     * Reads how a machine's hardware changed, newest first. What its first report said is no change. At most 200 changes
     * of a machine are kept.
     *
     * @param machineId which machine, even one that was forgotten
     * @param before the {@link HardwareHistoryEntry#id} of the last one of the page before; null for the first page
     * @param limit how many at most, at least 1
     */
    public List<HardwareHistoryEntry> hardwareHistory(UUID machineId, @Nullable Long before, int limit)
            throws InterruptedException {
        return readHardwareHistory(HARDWARE_HISTORY.MACHINE_ID.eq(machineId), before, limit);
    }

    /**
     * Reads how the hardware of the machines changed that have, or had, an id of a provider, newest first. Otherwise as
     * {@link #hardwareHistory(UUID, Long, int)}.
     */
    public List<HardwareHistoryEntry> hardwareHistory(
            ProviderType provider, ProviderID id, @Nullable Long before, int limit) throws InterruptedException {
        return readHardwareHistory(
                HARDWARE_HISTORY.PROVIDER.eq(provider.name()).and(HARDWARE_HISTORY.PROVIDER_ID.eq(id.value())),
                before,
                limit);
    }

    private List<HardwareHistoryEntry> readHardwareHistory(Condition which, @Nullable Long before, int limit)
            throws InterruptedException {
        requireLimit(limit);
        return transactions.ask(
                "reading how hardware changed", db -> ActionQueries.hardwareHistory(db, which, before, limit));
    }

    /** Reads all sessions and what they hold, by component and where they run. */
    public List<LiveSession> sessions() throws InterruptedException {
        return transactions.read("reading the sessions", ActionQueries::sessions);
    }

    /**
     * Reads backoffs in force, in the order of the machines' ids.
     *
     * @param after the machine of the last one of the page before; null for the first page
     * @param limit how many at most, at least 1
     */
    public List<BackedOff> backoffs(BackoffFilter which, @Nullable UUID after, int limit) throws InterruptedException {
        requireLimit(limit);
        return transactions.ask("reading backoffs", db -> ActionQueries.backoffs(db, which, after, limit));
    }

    private static void requireLimit(int limit) {
        if (limit < 1) {
            throw new IllegalArgumentException("the limit is at least 1, not " + limit);
        }
    }

    /**
     * Reads all rollouts that are under way, at most one of each provider, and after them the last ones that have ended; of
     * both, the newest first.
     *
     * @param ended how many that have ended at most, at least 1
     */
    public List<Rollout> rollouts(int ended) throws InterruptedException {
        requireLimit(ended);
        return transactions.read("the rollouts", db -> {
            List<Rollout> rollouts =
                    new ArrayList<>(RolloutActions.read(db, ROLLOUTS.ROLLOUT_ENDED_AT.isNull(), Integer.MAX_VALUE));
            rollouts.addAll(RolloutActions.read(db, ROLLOUTS.ROLLOUT_ENDED_AT.isNotNull(), ended));
            return rollouts;
        });
    }

    /** Reads a rollout; empty if there is none with this id. */
    public Optional<Rollout> rollout(long id) throws InterruptedException {
        return transactions.read(
                "rollout " + id,
                db -> RolloutActions.read(db, ROLLOUTS.ROLLOUT_ID.eq(id), 1).stream()
                        .findFirst());
    }

    /**
     * Compares the queue of due work with the tags that it is derived from. Reads every machine. The database keeps the
     * queue correct; an error comes from changes that bypassed it, such as a restore without triggers.
     *
     * @param policy the policy that recoverers run with
     */
    public QueueCheck verifyQueue(RecoveryPolicy policy) throws InterruptedException {
        return verifyQueue(RecoveryPolicies.of(policy));
    }

    /** Does the same where the providers are run with different policies. */
    public QueueCheck verifyQueue(RecoveryPolicies policies) throws InterruptedException {
        return transactions.read("verifying the queue", db -> QueueQueries.check(db, policies));
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
}
