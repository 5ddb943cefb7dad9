package dev.shepherd.bmdb;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_INSTALLED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REQUEST;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_DUE_EXPECTED;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_RULES;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_SCHEDULE;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Explanation.Rule;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;
import org.jooq.Condition;
import org.jooq.Field;

/**
 * Which machines come into question for a process. That nobody works on the machine already and that it is not
 * backed off is asked of every process and not said here. Immutable.
 */
public final class Eligibility {

    /** How long an agent may be silent after its start before its machine is recovered: 30 min. */
    public static final Duration SILENT_AFTER_START = Duration.ofMinutes(30);

    /** How long an agent may be silent after a heartbeat before its machine is recovered: 10 min. */
    public static final Duration SILENT_AFTER_HEARTBEAT = Duration.ofMinutes(10);

    private static final String NO_RULE = "";

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
        return new Eligibility(time -> field(select(WORK_DUE_EXPECTED.DUE_AT)
                        .from(WORK_DUE_EXPECTED)
                        .where(WORK_DUE_EXPECTED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .and(WORK_DUE_EXPECTED.PROCESS.eq(inline(WorkProcess.AGENT_START.name()))))
                .le(time.now()));
    }

    /**
     * Machines of a provider to bring back, by the rules of {@link RecoveryRules} and what the loops share. The limits on
     * how many machines are in recovery are not part of it: who claims by it alone goes past them.
     */
    static Eligibility recovery(ProviderType provider, RecoveryPolicy policy) {
        return queued(WorkProcess.RECOVERY, provider, recovery(policy));
    }

    /** The part of {@link #recovery(ProviderType, RecoveryPolicy)} that does not depend on the provider. */
    static Eligibility recovery(RecoveryPolicy policy) {
        return recovery(policy, ruleFor(WorkProcess.RECOVERY).eq(inline(NO_RULE)));
    }

    /** The same of a machine that is held for it. */
    static Eligibility recoveryOfHeld(ProviderType provider, RecoveryPolicy policy) {
        return queued(
                WorkProcess.RECOVERY,
                provider,
                recovery(policy, ruleFor(WorkProcess.RECOVERY).in(inline(NO_RULE), inline(Rule.WORKED_ON.name()))));
    }

    private static Eligibility recovery(RecoveryPolicy policy, Condition noRule) {
        return new Eligibility(
                time -> noRule.and(new RecoveryRules(time, policy).due().le(time.now())));
    }

    /** The rule of {@code work_rules} that keeps a process off the machine of {@code machines}; empty if none does. */
    private static Field<String> ruleFor(WorkProcess process) {
        return coalesce(
                field(select(coalesce(WORK_RULES.RULE, inline(NO_RULE)))
                        .from(WORK_RULES)
                        .where(WORK_RULES.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .and(WORK_RULES.PROCESS.eq(inline(process.name())))),
                inline(Rule.NOT_PROVIDED.name()));
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

    static Condition installationRequested() {
        return exists(selectOne()
                .from(MACHINE_OS_INSTALLATION_REQUEST)
                .where(MACHINE_OS_INSTALLATION_REQUEST.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
    }

    static Condition installationFulfilled() {
        return exists(selectOne().from(MACHINE_INSTALLED).where(MACHINE_INSTALLED.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
    }
}
