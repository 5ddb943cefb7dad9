package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.DueQueue;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.ProviderRows;
import dev.shepherd.bmdb.internal.TagQueries;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.listing.UpdateQueries;
import dev.shepherd.bmdb.recovery.RecoveryLimits.Claimed;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The recovery of one provider's machines under one policy: what is claimed within its limits, and the attempts on a
 * machine. Safe for use by several threads.
 *
 * <p>The methods that take a transaction are called in the work that holds the machine.
 */
public final class Recoveries {

    /** The kind of a backoff of agent start that gives a machine time to boot. */
    public static final String BOOTING = "booting";

    /** The kind of a backoff of recovery that gives an attempt time to take effect. */
    public static final String RECOVERING = "recovering";

    private static final String ACTION = "action";

    private final Database database;
    private final ProviderType provider;
    private final RecoveryPolicy policy;
    private final DueQueue.Part part;

    /** The last session under which the queue was compared with the policy. */
    private volatile @Nullable UUID comparedBy;

    private Recoveries(Database database, ProviderType provider, RecoveryPolicy policy) {
        this.database = database;
        this.provider = provider;
        this.policy = policy;
        this.part = new DueQueue.Part(WorkProcess.RECOVERY, provider.name());
    }

    /** Binds the recovery of a provider's machines to a policy. */
    public static Recoveries of(Bmdb bmdb, ProviderType provider, RecoveryPolicy policy) {
        return new Recoveries(bmdb.unwrap(Database.class), provider, policy);
    }

    /**
     * Claims machines to bring back, under {@link WorkProcess#RECOVERY}: those that docs/recovery.md names, as many as
     * the limits of the policy leave room for. Recoverers of one provider take turns here, so that together they keep
     * to the limits. Also records which machines are back, and where recovery freezes.
     *
     * @param limit how many to claim at most, 1 to 1000
     * @return what was claimed, and what was looked at
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost
     * @throws BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public RecoveryClaims claim(BmdbSession session, int limit) throws InterruptedException {
        WorkQueries.checkLimit(limit);
        renewQueueIfPolicyChanged(session);
        AtomicReference<Claimed> claimed = new AtomicReference<>(Claimed.AGAIN);
        List<Work> work;
        do {
            work = database.claiming(session).take(WorkProcess.RECOVERY, provider, db -> {
                Claimed taken = new RecoveryLimits(db, provider, policy).claim(session.id(), limit);
                claimed.set(taken);
                return taken.claims();
            });
        } while (claimed.get() == Claimed.AGAIN);
        return new RecoveryClaims(work, Objects.requireNonNull(claimed.get()).outlook());
    }

    /**
     * Renews the entries of the provider's machines if they were postponed under another policy: one with shorter spans
     * must not wait for the ends of longer ones. Asked once for each session.
     */
    private void renewQueueIfPolicyChanged(BmdbSession session) throws InterruptedException {
        if (session.id().equals(comparedBy)) {
            return;
        }
        String spans = Thresholds.spans(policy);
        boolean changed = session.inTransaction(tx -> !RecoveryLooks.isQueuedBy(Handle.of(tx.dsl()), provider, spans));
        if (changed) {
            Optional<UUID> last = Optional.of(DueQueue.FIRST);
            while (last.isPresent()) {
                UUID after = last.get();
                last = session.inTransaction(tx -> new DueQueue(Handle.of(tx.dsl())).armNext(part, after));
            }
            session.useTransaction(tx -> RecoveryLooks.queuedBy(Handle.of(tx.dsl()), provider, spans));
        }
        comparedBy = session.id();
    }

    /** Reads what was tried to bring a machine back; empty if nothing was. */
    public Optional<RecoveryState> state(BmdbTransaction tx, UUID machineId) {
        return RecoveryStates.state(Handle.of(tx.dsl()), machineId);
    }

    /** Returns what counts against a machine now: nothing if it was back for long enough. */
    public RecoveryState counted(BmdbTransaction tx, UUID machineId) {
        Handle db = Handle.of(tx.dsl());
        return RecoveryStates.state(db, machineId)
                .orElseGet(RecoveryState::none)
                .counted(policy, MachineQueries.now(db));
    }

    /** Returns what came of the last attempt on a machine, for people; empty if there was none. */
    public Optional<String> lastOutcome(BmdbTransaction tx, UUID machineId) {
        return WorkQueries.lastBackoffCause(Handle.of(tx.dsl()), WorkProcess.RECOVERY, machineId);
    }

    /**
     * Tells whether a machine that is held for recovery is still due: not if its agent was heard meanwhile, if recovery
     * was frozen or paused, or during the cooldown of another attempt.
     */
    public boolean isDue(BmdbTransaction tx, UUID machineId) {
        return new RecoveryLimits(Handle.of(tx.dsl()), provider, policy).isStillDue(machineId);
    }

    /**
     * Records that an attempt on a machine begins, if {@link #isDue} still holds. To be called immediately before the
     * provider.
     *
     * <p>A reinstallation ends all that is known of the machine's disks: AgentStarted and AgentHeartbeat, the SSH host
     * key and the OSInstallationReport are cleared already now, so that no further report of the agent that is about to
     * be wiped is accepted. {@link #refused} and {@link #notTried} put them back.
     *
     * @param action what is about to be done: anything but {@link RecoveryAction#QUARANTINE}
     * @param approval the claim of the work that gates gave their approval to; empty if none is needed
     * @return the attempt; empty if the machine is to be left alone, since it is no longer due, or its approval was withdrawn or has
     *     lapsed
     */
    public Optional<RecoveryAttempt> begin(
            BmdbTransaction tx, UUID machineId, RecoveryAction action, Optional<UUID> approval) {
        Handle.of(tx.dsl()).lock(machineId);
        return isDue(tx, machineId) && isApproved(tx, machineId, action, approval)
                ? Optional.of(begun(tx, machineId, action))
                : Optional.empty();
    }

    private static boolean isApproved(
            BmdbTransaction tx, UUID machineId, RecoveryAction action, Optional<UUID> approval) {
        DisruptionKind kind = action == RecoveryAction.REINSTALL ? DisruptionKind.REINSTALL : DisruptionKind.REBOOT;
        return approval.isEmpty() || Disruptions.use(tx, machineId, kind, approval.get());
    }

    /**
     * Tells what would keep an operator from rebooting or reinstalling a machine now: a pause, a freeze or a limit of
     * recovery. Empty if nothing does. Only {@link #beginIntervention} knows for sure.
     */
    public Optional<Refusal> refusal(UUID machineId, RecoveryAction action) throws InterruptedException {
        return database.transactions()
                .read(
                        "asking whether machine " + machineId + " may be rebooted",
                        db -> new RecoveryLimits(db, provider, policy).refusal(machineId, action));
    }

    /** What became of an operator's wish: an attempt that begins, or why there is none. Exactly one of them is there. */
    public record Begun(Optional<RecoveryAttempt> attempt, Optional<Refusal> refusal) {}

    /**
     * Records that an attempt on a machine begins because an operator wants it, whether or not its agent is silent.
     * Takes its turn with recoverers, so that the limits hold for both together. Otherwise like {@link #begin}.
     *
     * @param action {@link RecoveryAction#REBOOT} or {@link RecoveryAction#REINSTALL}
     * @param force whether to begin even if {@link #refusal} says no
     * @param approval as for {@link #begin}
     */
    public Begun beginIntervention(
            BmdbTransaction tx, UUID machineId, RecoveryAction action, boolean force, Optional<UUID> approval) {
        Handle db = Handle.of(tx.dsl());
        db.lock(machineId);
        // No recoverer may have made it yet.
        ProviderRows.ensure(db, provider);
        RecoveryLimits limits = new RecoveryLimits(db, provider, policy);
        limits.lock();
        Optional<Refusal> refusal = force ? Optional.empty() : limits.refusal(machineId, action);
        if (refusal.isEmpty() && !isApproved(tx, machineId, action, approval)) {
            refusal = Optional.of(new Refusal(
                    Refusal.Kind.HELD_BACK, "the approval that the gates gave was withdrawn, or has lapsed"));
        }
        return refusal.isPresent()
                ? new Begun(Optional.empty(), refusal)
                : new Begun(Optional.of(begun(tx, machineId, action)), Optional.empty());
    }

    private RecoveryAttempt begun(BmdbTransaction tx, UUID machineId, RecoveryAction action) {
        Handle db = Handle.of(tx.dsl());
        Optional<RecoveryState> before = state(tx, machineId);
        RecoveryState counted = counted(tx, machineId);
        boolean reinstall = action == RecoveryAction.REINSTALL;
        RecoveryStates.begin(
                db,
                machineId,
                new RecoveryState(
                        action,
                        counted.attemptedAt(),
                        true,
                        counted.attempts() + (reinstall ? 0 : 1),
                        counted.reinstalls() + (reinstall ? 1 : 0),
                        counted.failedCalls(),
                        Optional.empty()));
        tell(db, EventKind.ATTEMPT_DECIDED, machineId, action);
        if (reinstall) {
            // Should this process end now, it is as after a call of unknown outcome.
            leaveTimeToBoot(db, machineId, action);
        }
        return new RecoveryAttempt(
                machineId, action, before, counted, reinstall ? WipedTags.delete(db, machineId) : WipedTags.NONE);
    }

    /**
     * Has the agent started again on a machine that was rebooted, reinstalled or given up: clears AgentStarted and
     * AgentHeartbeat, and keeps the initializer off until the machine has booted. After a reinstallation its SSH host
     * key and the OSInstallationReport are cleared as well; an installation that was fulfilled is pending again.
     *
     * <p>A rebooted machine with a fulfilled installation keeps its tags, since no agent is started on it again; nor is
     * it in recovery.
     *
     * @param callFailed whether the provider failed the call, so that it is unknown whether it had an effect
     */
    public void restartTakeover(BmdbTransaction tx, UUID machineId, RecoveryAction action, boolean callFailed) {
        Handle db = Handle.of(tx.dsl());
        db.lock(machineId);
        if (action != RecoveryAction.QUARANTINE) {
            db.tell(
                    EventKind.ATTEMPT_SENT,
                    machineId,
                    Map.of(ACTION, action.databaseName(), "answered", String.valueOf(!callFailed)));
        }
        if (action != RecoveryAction.REINSTALL && isInstallationFulfilled(db, machineId)) {
            RecoveryStates.end(db, machineId, callFailed);
            RecoveryStates.prove(db, machineId);
            return;
        }
        if (action == RecoveryAction.REINSTALL) {
            WipedTags.delete(db, machineId);
        } else {
            // In this order: an agent is heard only while it is started.
            TagQueries.clearAgentStarted(db, machineId);
            TagQueries.clearAgentHeartbeat(db, machineId);
        }
        TagQueries.clearUnreachable(db, machineId);
        WorkQueries.clearBackoff(db, WorkProcess.AGENT_START, machineId);
        if (action != RecoveryAction.AGENT_RESTART) {
            leaveTimeToBoot(db, machineId, action);
        }
        RecoveryStates.end(db, machineId, callFailed);
        UpdateQueries.checkSoon(db, machineId);
    }

    private static boolean isInstallationFulfilled(Handle db, UUID machineId) {
        return db.dsl()
                .fetchExists(
                        MACHINES, MACHINES.MACHINE_ID.eq(machineId).and(MachineConditions.installationFulfilled()));
    }

    private void leaveTimeToBoot(Handle db, UUID machineId, RecoveryAction action) {
        if (policy.bootTime().toSeconds() > 0) {
            WorkQueries.backOff(
                    db,
                    WorkProcess.AGENT_START,
                    machineId,
                    Backoff.constant(policy.bootTime()),
                    new Work.Cause(
                            BOOTING,
                            "recovery was attempted (" + action.databaseName()
                                    + "); the machine is given time to boot"),
                    0);
        }
    }

    /**
     * Records that the provider refused an attempt, which counts against the machine as a failed call. Its agent is
     * heard again.
     */
    public void refused(BmdbTransaction tx, RecoveryAttempt attempt) {
        Handle db = Handle.of(tx.dsl());
        db.lock(attempt.machineId());
        // An older proof no longer counts: the machine is in recovery from now on.
        tell(db, EventKind.ATTEMPT_REFUSED, attempt.machineId(), attempt.action());
        RecoveryStates.uncount(db, attempt.machineId(), attempt.counted());
        putBack(db, attempt);
    }

    /** Records that the provider did not even look at the machine: everything is as if it had not been asked. */
    public void notTried(BmdbTransaction tx, RecoveryAttempt attempt) {
        Handle db = Handle.of(tx.dsl());
        db.lock(attempt.machineId());
        tell(db, EventKind.ATTEMPT_REFUSED, attempt.machineId(), attempt.action());
        RecoveryStates.restore(db, attempt.machineId(), attempt.before());
        putBack(db, attempt);
    }

    private static void tell(Handle db, EventKind kind, UUID machineId, RecoveryAction action) {
        db.tell(kind, machineId, Map.of(ACTION, action.databaseName()));
    }

    private static void putBack(Handle db, RecoveryAttempt attempt) {
        if (attempt.action() == RecoveryAction.REINSTALL) {
            WorkQueries.clearBackoff(db, WorkProcess.AGENT_START, attempt.machineId());
            attempt.wiped().putBack(db);
        }
    }
}
