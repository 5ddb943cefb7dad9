package dev.shepherd.bmdb.fleet;

import static dev.shepherd.bmdb.internal.schema.Tables.FLEET_SILENT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_DISRUPTION;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_INSTALLED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_DUE;
import static org.jooq.impl.DSL.choose;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.noCondition;
import static org.jooq.impl.DSL.notExists;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;
import static org.jooq.impl.DSL.when;

import dev.shepherd.api.ProviderStatus;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.DatabaseTime;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import dev.shepherd.bmdb.recovery.DisruptionQueries;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jooq.CaseConditionStep;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.Select;
import org.jooq.Table;
import org.jspecify.annotations.Nullable;

/**
 * What puts a machine into a state, once for its line, for the filter and for the counts. Each condition and its opposite are
 * written so that the planner can turn the joins around: it then begins at the few quarantined machines, or reads the whole fleet in
 * order, whichever is less.
 */
final class MachineStates {

    /** A state, and when a machine is in it if it is in none before; or, and so on, if it is not. */
    private record Rule(MachineState state, Condition is, Condition isNot) {}

    private final DatabaseTime time;
    private final List<Rule> rules;

    MachineStates(DatabaseTime time, RecoveryPolicies policies) {
        this.time = time;
        Condition noAgent = MACHINE_AGENT_STARTED.MACHINE_ID.isNull();
        Condition hasAgent = MACHINE_AGENT_STARTED.MACHINE_ID.isNotNull();
        Field<OffsetDateTime> heard = MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT;
        Field<OffsetDateTime> heardFrom = nowMinus(time, policies, RecoveryPolicy::silentAfterHeartbeat);
        Field<OffsetDateTime> startedFrom = nowMinus(time, policies, RecoveryPolicy::silentAfterStart);
        rules = List.of(
                rule(MachineState.QUARANTINED, MACHINE_QUARANTINE.MACHINE_ID),
                rule(MachineState.MISSING, ProviderStatus.MISSING),
                new Rule(MachineState.INSTALLED, exists(installed()), notExists(installed())),
                rule(MachineState.PROVISIONING, ProviderStatus.PROVISIONING),
                rule(MachineState.HELD_BACK, MACHINE_DISRUPTION.MACHINE_ID),
                rule(MachineState.RECOVERING, MACHINE_RECOVERY.MACHINE_ID),
                rule(MachineState.TAKEOVER, WORK.MACHINE_ID),
                new Rule(
                        MachineState.FAILING,
                        noAgent.and(WORK_BACKOFF.MACHINE_ID.isNotNull()),
                        hasAgent.or(WORK_BACKOFF.MACHINE_ID.isNull())),
                new Rule(MachineState.WAITING, noAgent, hasAgent),
                new Rule(
                        MachineState.SILENT,
                        heard.lt(heardFrom)
                                .or(heard.isNull().and(MACHINE_AGENT_STARTED.AGENT_STARTED_AT.lt(startedFrom))),
                        heard.ge(heardFrom)
                                .or(heard.isNull().and(MACHINE_AGENT_STARTED.AGENT_STARTED_AT.ge(startedFrom)))),
                new Rule(MachineState.STARTED, heard.isNull(), heard.isNotNull()));
    }

    /** Returns the time before now by a span of the policy of each row's provider. */
    private static Field<OffsetDateTime> nowMinus(
            DatabaseTime time, RecoveryPolicies policies, Function<RecoveryPolicy, Duration> span) {
        Field<OffsetDateTime> from = time.nowMinus(span.apply(policies.usual()));
        Map<Field<String>, Field<OffsetDateTime>> differing = policies.others().entrySet().stream()
                .filter(other -> !span.apply(other.getValue()).equals(span.apply(policies.usual())))
                .collect(Collectors.toMap(
                        other -> inline(other.getKey().name()), other -> time.nowMinus(span.apply(other.getValue()))));
        // Without a case where none is needed: the planner sees through a constant better.
        return differing.isEmpty()
                ? from
                : choose(MACHINE_PROVIDED.PROVIDER).mapFields(differing).otherwise(from);
    }

    /** A machine is in the state if it has a row in a table. */
    private static Rule rule(MachineState state, Field<UUID> key) {
        return new Rule(state, key.isNotNull(), key.isNull());
    }

    private static Rule rule(MachineState state, ProviderStatus status) {
        Field<String> said = MACHINE_PROVIDED.PROVIDER_STATUS;
        Field<String> name = inline(status.databaseName());
        return new Rule(state, said.eq(name), coalesce(said, inline("")).ne(name));
    }

    private static Select<?> installed() {
        return selectOne().from(MACHINE_INSTALLED).where(MACHINE_INSTALLED.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID));
    }

    /** The machines with all that the states depend on: one row for each machine that has a provider. */
    Table<? extends Record> machines() {
        return withTags(MACHINE_PROVIDED);
    }

    /**
     * The same of the machines that can be in a state, where a smaller table has them all. It comes first: the planner turns only so
     * many joins around.
     *
     * @param knowsSilent whether all silent machines are noted
     */
    Table<? extends Record> machines(MachineState state, boolean knowsSilent) {
        Table<?> few = few(state, knowsSilent);
        if (few == null) {
            return machines();
        }
        Field<UUID> machineId = few.field(MACHINE_PROVIDED.MACHINE_ID);
        return withTags(few.join(MACHINE_PROVIDED).on(MACHINE_PROVIDED.MACHINE_ID.eq(machineId)));
    }

    private static @Nullable Table<?> few(MachineState state, boolean knowsSilent) {
        return switch (state) {
            case INSTALLED -> MACHINE_INSTALLED;
            // One that waits for its agent has an entry in the queue of due work.
            case FAILING, WAITING ->
                select(WORK_DUE.MACHINE_ID)
                        .from(WORK_DUE)
                        .where(WORK_DUE.PROCESS.eq(inline(WorkProcess.AGENT_START.name())))
                        .asTable("waiting");
            case HELD_BACK ->
                select(MACHINE_DISRUPTION.MACHINE_ID)
                        .from(MACHINE_DISRUPTION)
                        .where(DisruptionQueries.holdsRecoveryBack())
                        .asTable("held_back");
            case SILENT -> knowsSilent ? FLEET_SILENT : null;
            default -> null;
        };
    }

    private Table<? extends Record> withTags(Table<?> machines) {
        return machines.leftJoin(MACHINE_QUARANTINE)
                .on(MACHINE_QUARANTINE.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .leftJoin(MACHINE_DISRUPTION)
                .on(MACHINE_DISRUPTION.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .and(DisruptionQueries.holdsRecoveryBack())
                .leftJoin(MACHINE_RECOVERY)
                .on(MACHINE_RECOVERY.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .and(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull())
                .leftJoin(WORK)
                .on(WORK.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .and(WORK.PROCESS.eq(inline(WorkProcess.AGENT_START.name())))
                .leftJoin(MACHINE_AGENT_STARTED)
                .on(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .leftJoin(MACHINE_AGENT_HEARTBEAT)
                .on(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .leftJoin(WORK_BACKOFF)
                .on(WORK_BACKOFF.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .and(WORK_BACKOFF.PROCESS.eq(inline(WorkProcess.AGENT_START.name())))
                .and(WORK_BACKOFF.UNTIL.gt(time.now()));
    }

    /** The name of a machine's state. */
    Field<String> state() {
        CaseConditionStep<String> cases = null;
        for (Rule rule : rules) {
            Field<String> name = inline(rule.state().name());
            cases = cases == null ? when(rule.is(), name) : cases.when(rule.is(), name);
        }
        if (cases == null) {
            throw new IllegalStateException("no state has a rule");
        }
        return cases.otherwise(inline(MachineState.UP.name())).as("state");
    }

    /** Whether a machine is in a state. */
    Condition is(MachineState state) {
        Condition before = noCondition();
        for (Rule rule : rules) {
            if (rule.state() == state) {
                return before.and(rule.is());
            }
            before = before.and(rule.isNot());
        }
        return before;
    }
}
