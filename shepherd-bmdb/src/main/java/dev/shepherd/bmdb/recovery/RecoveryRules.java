package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_DISRUPTION;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_UNREACHABLE;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_HISTORY;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_RULES;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.greatest;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.least;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;
import static org.jooq.impl.DSL.when;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Explanation.Rule;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.MachineRecord.ActiveBackoff;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.WorkEvent;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.internal.DatabaseTime;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.Table;
import org.jooq.impl.SQLDataType;

/**
 * What keeps recovery off a machine under a policy: each rule once. Claims, the due queue, the plan and the explanation
 * all follow from this list, and from the rules that agent start shares, which the view {@code work_rules} holds.
 *
 * <p>A rule says until when it blocks if only time passes. A machine is due from the last of these moments on. A new
 * rule is one more entry in the list.
 */
public final class RecoveryRules {

    private static final Field<OffsetDateTime> NEVER =
            field("'infinity'::timestamptz", SQLDataType.TIMESTAMPWITHTIMEZONE);
    private static final Field<OffsetDateTime> AT_ONCE =
            field("'-infinity'::timestamptz", SQLDataType.TIMESTAMPWITHTIMEZONE);

    public static final String END_OF_BACKOFF = "time; or deleting its backoff";

    private static final String NO_RULE = "";

    private static final Condition IS_STARTED = MACHINE_AGENT_STARTED.MACHINE_ID.isNotNull();

    private final DatabaseTime time;
    private final RecoveryPolicy policy;
    private final List<RecoveryRule> rules;

    /**
     * One rule.
     *
     * @param name what it is called
     * @param until until when it blocks: at once if it does not, never if only a change ends that
     * @param soonest the same, assuming that what does not touch the queue (a first heartbeat) happens at once. No
     *     later than {@code until}
     * @param because what it says of a machine, in words
     * @param change what ends it, in words
     */
    private record RecoveryRule(
            Rule name,
            Field<OffsetDateTime> until,
            Field<OffsetDateTime> soonest,
            Function<Facts, String> because,
            String change) {}

    /** What is known of a machine when a rule is put into words. */
    public record Facts(
            MachineRecord machine,
            Optional<RecoveryState> recovery,
            int unreachableAttempts,
            Optional<MachineDisruption> disruption) {}

    /**
     * The first rule that blocks.
     *
     * @param until when it blocks if only time passes; empty if time does not end it
     */
    public record InTheWay(Rule name, String because, String change, Optional<Instant> until) {}

    public RecoveryRules(DatabaseTime time, RecoveryPolicy policy) {
        this.time = time;
        this.policy = policy;
        this.rules = List.of(hasNoAgent(), isHeard(), isRolledOut(), coolsDown(), isBackedOff(), isHeldBack());
    }

    private RecoveryRules(DatabaseTime time, RecoveryPolicy policy, List<RecoveryRule> rules) {
        this.time = time;
        this.policy = policy;
        this.rules = rules;
    }

    /** The same rules, as if no gate held anything back. */
    RecoveryRules withoutGates() {
        return new RecoveryRules(
                time,
                policy,
                rules.stream().filter(rule -> rule.name() != Rule.HELD_BACK).toList());
    }

    /**
     * It has no agent. That concerns recovery if takeovers failed to reach its SSH server often enough, or if recovery
     * was attempted and its agent could not be started for long enough since, for any reason. If no takeover was
     * attempted, that says nothing about the machine.
     */
    private RecoveryRule hasNoAgent() {
        Field<OffsetDateTime> stuck = DatabaseTime.shifted(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT, policy.stuckAfter());
        Condition isOpen = MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull();
        return rule(
                Rule.NO_AGENT,
                when(IS_STARTED, AT_ONCE)
                        .when(MACHINE_UNREACHABLE.UNREACHABLE_ATTEMPTS.ge(policy.unreachableAttempts()), AT_ONCE)
                        .when(isOpen.and(stuck.gt(time.now())), stuck)
                        .when(isOpen.and(failedToStartSinceRecovery()), stuck)
                        // Only another failed takeover makes it due, and the end of that renews its entry.
                        .otherwise(NEVER),
                facts -> String.format(
                        Locale.ROOT,
                        "its agent has yet to be started; %d of %d takeovers in a row did not reach it",
                        facts.unreachableAttempts(),
                        policy.unreachableAttempts()),
                "further takeovers that do not reach it");
    }

    private static RecoveryRule rule(
            Rule name, Field<OffsetDateTime> until, Function<Facts, String> because, String change) {
        return new RecoveryRule(name, until, until, because, change);
    }

    /** A takeover has failed since the last attempt to recover the machine of a row of {@code machine_recovery}. */
    private static Condition failedToStartSinceRecovery() {
        return exists(selectOne()
                .from(WORK_HISTORY)
                .where(WORK_HISTORY.MACHINE_ID.eq(MACHINE_RECOVERY.MACHINE_ID))
                .and(WORK_HISTORY.PROCESS.eq(inline(WorkProcess.AGENT_START.name())))
                .and(WORK_HISTORY.EVENT.eq(inline(WorkEvent.FAILED.databaseName())))
                .and(WORK_HISTORY.TIMESTAMP.gt(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT)));
    }

    /** Its agent has not been silent for long enough. */
    private RecoveryRule isHeard() {
        Field<OffsetDateTime> neverHeard =
                DatabaseTime.shifted(MACHINE_AGENT_STARTED.AGENT_STARTED_AT, policy.silentAfterStart());
        Field<OffsetDateTime> heard =
                DatabaseTime.shifted(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT, policy.silentAfterHeartbeat());
        // It may be heard for the first time at any moment, and fall silent then.
        Field<OffsetDateTime> heardAtOnce = time.nowPlus(policy.silentAfterHeartbeat());
        Condition isHeard = MACHINE_AGENT_HEARTBEAT.MACHINE_ID.isNotNull();
        Condition hasNoAgent = IS_STARTED.not();
        return new RecoveryRule(
                Rule.HEARD,
                when(hasNoAgent, AT_ONCE).when(isHeard, heard).otherwise(neverHeard),
                when(hasNoAgent, AT_ONCE).when(isHeard, heard).otherwise(least(neverHeard, heardAtOnce)),
                facts -> facts.machine()
                        .agentHeartbeatAt()
                        .map(at -> "its agent was heard at " + at)
                        .orElseGet(() -> facts.machine()
                                .agentStarted()
                                .map(agent ->
                                        "its agent was started at " + agent.startedAt() + " and has yet to be heard")
                                .orElse("it has no agent")),
                "its agent staying silent until then");
    }

    /** A rollout works on it, and looks after it itself: a reboot would not bring a better agent. */
    private static RecoveryRule isRolledOut() {
        return rule(
                Rule.ROLLOUT,
                coalesce(MACHINE_ROLLOUT.ROLLOUT_UNTIL, AT_ONCE),
                facts -> "a rollout works on it, and puts the former agent back if the new one is not heard",
                "the end of the rollout's work on it");
    }

    private RecoveryRule coolsDown() {
        return rule(
                Rule.COOLDOWN,
                coalesce(DatabaseTime.shifted(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT, policy.cooldown()), AT_ONCE),
                facts -> facts.recovery()
                        .map(state -> "recovery was attempted (%s) at %s"
                                .formatted(state.action().databaseName(), state.attemptedAt()))
                        .orElse("recovery was attempted"),
                "time");
    }

    private RecoveryRule isBackedOff() {
        return rule(
                Rule.BACKED_OFF,
                coalesce(WORK_BACKOFF.UNTIL, AT_ONCE),
                facts -> backoff(facts.machine(), WorkProcess.RECOVERY)
                        .map(RecoveryRules::describe)
                        .orElse("it is backed off"),
                END_OF_BACKOFF);
    }

    private static RecoveryRule isHeldBack() {
        return rule(
                Rule.HELD_BACK,
                when(MACHINE_DISRUPTION.DISRUPTION_UNTIL.ge(inline(DisruptionQueries.NEVER)), NEVER)
                        .otherwise(coalesce(MACHINE_DISRUPTION.DISRUPTION_UNTIL, AT_ONCE)),
                facts -> facts.disruption().flatMap(MachineDisruption::explain).orElse("a gate holds it back"),
                "the gate's consent; its agent being heard; or asking the gates again");
    }

    /**
     * A machine of a provider is to be brought back. The limits on how many machines are in recovery are not part of
     * it: a claim by this condition alone would bypass them.
     */
    public Condition eligible(ProviderType provider) {
        return MachineConditions.provided(provider).and(eligible());
    }

    /** The part of {@link #eligible(ProviderType)} that does not depend on the provider. */
    public Condition eligible() {
        return eligible(sharedRule().eq(inline(NO_RULE)));
    }

    /** {@link #eligible(ProviderType)} of a machine that is held for it. */
    Condition eligibleWhileHeld(ProviderType provider) {
        return MachineConditions.provided(provider)
                .and(eligible(sharedRule().in(inline(NO_RULE), inline(Rule.WORKED_ON.name()))));
    }

    private Condition eligible(Condition noSharedRule) {
        return noSharedRule.and(due().le(time.now()));
    }

    /** The rule of {@code work_rules} that keeps recovery off the machine of {@code machines}; empty if none does. */
    private static Field<String> sharedRule() {
        return coalesce(
                field(select(coalesce(WORK_RULES.RULE, inline(NO_RULE)))
                        .from(WORK_RULES)
                        .where(WORK_RULES.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .and(WORK_RULES.PROCESS.eq(inline(WorkProcess.RECOVERY.name())))),
                inline(Rule.NOT_PROVIDED.name()));
    }

    public static Optional<ActiveBackoff> backoff(MachineRecord machine, WorkProcess process) {
        return machine.backoffs().stream()
                .filter(backoff -> backoff.process().equals(process))
                .findFirst();
    }

    public static String describe(ActiveBackoff backoff) {
        return "it is left alone for %s, until %s: %s"
                .formatted(
                        Spans.text(Duration.ofSeconds(backoff.lastIntervalSeconds())),
                        backoff.until(),
                        backoff.cause());
    }

    /** When the machine of {@code machines} is due if only time passes. */
    public Field<OffsetDateTime> due() {
        return ofTheMachine(RecoveryRule::until);
    }

    /** The first moment at which the machine of {@code machines} can be due, regardless of its agent. */
    public Field<OffsetDateTime> soonest() {
        return ofTheMachine(RecoveryRule::soonest);
    }

    /** A subquery with one value, which is looked up machine by machine: a join may be made to read the fleet. */
    private Field<OffsetDateTime> ofTheMachine(Function<RecoveryRule, Field<OffsetDateTime>> moment) {
        Field<OffsetDateTime> last = rules.stream()
                .map(moment)
                .reduce((one, other) -> greatest(one, other))
                .orElseThrow();
        return field(select(last).from(facts()).where(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID)));
    }

    /** Returns the first rule that keeps recovery off a machine that has a provider; empty if none does. */
    public Optional<InTheWay> inTheWay(Handle db, Facts facts) {
        Record moments = db.dsl()
                .select(rules.stream()
                        .map(rule -> field(rule.until().gt(time.now())))
                        .toList())
                .select(rules.stream()
                        .map(rule -> when(
                                rule.until().gt(time.now()).and(rule.until().lt(NEVER)), rule.until()))
                        .toList())
                .from(facts())
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(facts.machine().machineId()))
                .fetchSingle();
        for (int i = 0; i < rules.size(); i++) {
            if (moments.get(i, Boolean.class)) {
                RecoveryRule rule = rules.get(i);
                OffsetDateTime until = moments.get(rules.size() + i, OffsetDateTime.class);
                return Optional.of(new InTheWay(
                        rule.name(),
                        rule.because().apply(facts),
                        rule.change(),
                        Optional.ofNullable(until).map(OffsetDateTime::toInstant)));
            }
        }
        return Optional.empty();
    }

    /** Machines with the rows that the rules look at. */
    private static Table<?> facts() {
        return MACHINE_PROVIDED
                .leftJoin(MACHINE_AGENT_STARTED)
                .on(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .leftJoin(MACHINE_AGENT_HEARTBEAT)
                .on(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .leftJoin(MACHINE_UNREACHABLE)
                .on(MACHINE_UNREACHABLE.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .leftJoin(MACHINE_RECOVERY)
                .on(MACHINE_RECOVERY.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .leftJoin(MACHINE_ROLLOUT)
                .on(MACHINE_ROLLOUT.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .leftJoin(WORK_BACKOFF)
                .on(WORK_BACKOFF.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .and(WORK_BACKOFF.PROCESS.eq(inline(WorkProcess.RECOVERY.name())))
                .leftJoin(MACHINE_DISRUPTION)
                .on(MACHINE_DISRUPTION.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .and(DisruptionQueries.isOfRecovery());
    }
}
