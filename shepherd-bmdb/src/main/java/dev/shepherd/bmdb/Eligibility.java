package dev.shepherd.bmdb;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REPORT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REQUEST;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_UNREACHABLE;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_HISTORY;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_SCHEDULE;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;
import org.jooq.Condition;

/**
 * Which machines come into question for a process. That nobody works on the machine already and that it is not
 * backed off is asked of every process and not said here. Immutable.
 */
public final class Eligibility {

    /** How long an agent may be silent after its start before its machine is recovered: 30 min. */
    public static final Duration SILENT_AFTER_START = Duration.ofMinutes(30);

    /** How long an agent may be silent after a heartbeat before its machine is recovered: 10 min. */
    public static final Duration SILENT_AFTER_HEARTBEAT = Duration.ofMinutes(10);

    private final Function<DatabaseTime, Condition> condition;

    /** The part of the due queue that holds all machines that this can be true of; empty if they are not queued. */
    private final Optional<DueQueue.Part> queue;

    private Eligibility(Function<DatabaseTime, Condition> condition) {
        this(condition, Optional.empty());
    }

    private Eligibility(Function<DatabaseTime, Condition> condition, Optional<DueQueue.Part> queue) {
        this.condition = condition;
        this.queue = queue;
    }

    /**
     * Machines of a provider to start the agent on: those without a started agent and without a fulfilled
     * installation, that are neither set aside nor missing at the provider, nor still being provisioned there.
     */
    public static Eligibility agentStart(ProviderType provider) {
        return queued(WorkProcess.AGENT_START, provider, agentStart());
    }

    /** The part of {@link #agentStart(ProviderType)} that does not depend on the provider. */
    static Eligibility agentStart() {
        return new Eligibility(time -> not(agentStarted())
                .and(not(installationFulfilled()))
                .and(present())
                .and(not(provisioning())));
    }

    /**
     * Machines of a provider to bring back. Their agent fell silent: it was started, and never heard for longer than
     * {@link RecoveryPolicy#silentAfterStart()} or not for longer than {@link RecoveryPolicy#silentAfterHeartbeat()}.
     * Or it could not be started: its SSH server was not reached {@link RecoveryPolicy#unreachableAttempts()} times in a
     * row, or the machine was acted on, its agent could not be started for whatever reason, and that for {@link
     * RecoveryPolicy#stuckAfter()}.
     *
     * <p>All that only where there is no fulfilled installation, the machine is neither set aside nor missing at the
     * provider nor being provisioned there, and the last attempt is longer ago than {@link RecoveryPolicy#cooldown()}. The limits on how many
     * machines are in recovery are not part of it.
     */
    public static Eligibility recovery(ProviderType provider, RecoveryPolicy policy) {
        return queued(WorkProcess.RECOVERY, provider, recovery(policy));
    }

    /** The part of {@link #recovery(ProviderType, RecoveryPolicy)} that does not depend on the provider. */
    static Eligibility recovery(RecoveryPolicy policy) {
        return new Eligibility(time -> silent(time, policy)
                .or(not(agentStarted()).and(unreachable(policy).or(stuck(time, policy))))
                .and(not(installationFulfilled()))
                .and(present())
                .and(not(provisioning()))
                .and(not(coolingDown(time, policy))));
    }

    /** The agent was started, and fell silent. */
    static Condition silent(DatabaseTime time, RecoveryPolicy policy) {
        Condition neverHeard = exists(selectOne()
                        .from(MACHINE_AGENT_STARTED)
                        .where(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .and(MACHINE_AGENT_STARTED.AGENT_STARTED_AT.lt(time.nowMinus(policy.silentAfterStart()))))
                .and(not(exists(selectOne()
                        .from(MACHINE_AGENT_HEARTBEAT)
                        .where(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINES.MACHINE_ID)))));
        Condition notHeardForLong = exists(selectOne()
                .from(MACHINE_AGENT_HEARTBEAT)
                .where(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT.lt(time.nowMinus(policy.silentAfterHeartbeat()))));
        return agentStarted().and(neverHeard.or(notHeardForLong));
    }

    /** SSH never reached the machine, though it was tried often enough. */
    private static Condition unreachable(RecoveryPolicy policy) {
        return exists(selectOne()
                .from(MACHINE_UNREACHABLE)
                .where(MACHINE_UNREACHABLE.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_UNREACHABLE.UNREACHABLE_ATTEMPTS.ge(policy.unreachableAttempts())));
    }

    /**
     * The machine was acted on and its agent could not be started: whatever keeps it from that, it must not be left. That
     * nobody tried to start it says nothing of the machine.
     */
    private static Condition stuck(DatabaseTime time, RecoveryPolicy policy) {
        return exists(selectOne()
                .from(MACHINE_RECOVERY)
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull())
                .and(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT.le(time.nowMinus(policy.stuckAfter())))
                .and(failedToStartSinceRecovery()));
    }

    /** A takeover has failed since the machine of a row of {@code machine_recovery} was acted on. */
    static Condition failedToStartSinceRecovery() {
        return exists(selectOne()
                .from(WORK_HISTORY)
                .where(WORK_HISTORY.MACHINE_ID.eq(MACHINE_RECOVERY.MACHINE_ID))
                .and(WORK_HISTORY.PROCESS.eq(inline(WorkProcess.AGENT_START.name())))
                .and(WORK_HISTORY.EVENT.eq(inline(WorkEvent.FAILED.databaseName())))
                .and(WORK_HISTORY.TIMESTAMP.gt(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT)));
    }

    private static Condition coolingDown(DatabaseTime time, RecoveryPolicy policy) {
        return exists(selectOne()
                .from(MACHINE_RECOVERY)
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT.gt(time.nowMinus(policy.cooldown()))));
    }

    /** The provider is installing it: it is silent because of that, and to reboot it would undo what is being done. */
    static Condition provisioning() {
        return exists(selectOne()
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_PROVIDED.PROVIDER_STATUS.eq(inline(ProviderStatus.PROVISIONING.databaseName()))));
    }

    /** Neither set aside, nor gone at the provider: what answers at its address then may be somebody else's machine. */
    static Condition present() {
        Condition quarantined = exists(
                selectOne().from(MACHINE_QUARANTINE).where(MACHINE_QUARANTINE.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
        Condition missing = exists(selectOne()
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_PROVIDED.PROVIDER_STATUS.eq(inline(ProviderStatus.MISSING.databaseName()))));
        return not(quarantined).and(not(missing));
    }

    /**
     * Machines that were scheduled for a process of an embedder's own, by {@link BmdbTransaction#schedule}, and have
     * come up.
     */
    public static Eligibility scheduled(WorkProcess process) {
        return new Eligibility(
                time -> exists(selectOne()
                        .from(WORK_SCHEDULE)
                        .where(WORK_SCHEDULE.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .and(WORK_SCHEDULE.PROCESS.eq(process.name()))
                        .and(WORK_SCHEDULE.DUE_AT.le(time.now()))),
                Optional.of(DueQueue.Part.scheduled(process)));
    }

    /**
     * Any condition of an embedder's own. Claims by it read every machine of the fleet: where that is too dear, schedule
     * the machines instead, see {@link #scheduled}.
     *
     * @param condition a condition in which {@code machines.machine_id} is the machine in question
     */
    public static Eligibility where(Condition condition) {
        return new Eligibility(time -> condition);
    }

    private static Eligibility queued(WorkProcess process, ProviderType provider, Eligibility rest) {
        return new Eligibility(
                time -> provided(provider).and(rest.condition(time)),
                Optional.of(new DueQueue.Part(process, provider.name())));
    }

    /** Narrows this down by a condition. */
    Eligibility and(Condition narrower) {
        return new Eligibility(time -> condition(time).and(narrower), queue);
    }

    /** Returns the part of the due queue to look into; empty if every machine has to be looked at. */
    Optional<DueQueue.Part> queue(WorkProcess process) {
        return queue.filter(part -> part.process().equals(process));
    }

    Condition condition(DatabaseTime time) {
        return condition.apply(time);
    }

    static Condition provided(ProviderType provider) {
        return exists(selectOne()
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_PROVIDED.PROVIDER.eq(provider.name())));
    }

    static Condition agentStarted() {
        return exists(selectOne()
                .from(MACHINE_AGENT_STARTED)
                .where(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
    }

    static Condition installationRequested() {
        return exists(selectOne()
                .from(MACHINE_OS_INSTALLATION_REQUEST)
                .where(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
    }

    /** The one definition of a fulfilled installation: a successful report of the requested generation. */
    static Condition installationFulfilled() {
        return exists(selectOne()
                .from(MACHINE_OS_INSTALLATION_REQUEST)
                .join(MACHINE_OS_INSTALLATION_REPORT)
                .on(MACHINE_OS_INSTALLATION_REPORT.MACHINE_ID.eq(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID))
                .where(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_OS_INSTALLATION_REPORT.GENERATION.eq(MACHINE_OS_INSTALLATION_REQUEST.GENERATION))
                .and(MACHINE_OS_INSTALLATION_REPORT.OS_INSTALLATION_RESULT.eq(
                        inline(InstallationResult.SUCCESS.databaseName()))));
    }
}
