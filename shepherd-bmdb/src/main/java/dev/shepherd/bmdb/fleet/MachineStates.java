package dev.shepherd.bmdb.fleet;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_INSTALLED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
import static org.jooq.impl.DSL.condition;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.noCondition;
import static org.jooq.impl.DSL.selectOne;
import static org.jooq.impl.DSL.when;

import dev.shepherd.api.ProviderStatus;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.DatabaseTime;
import java.util.EnumMap;
import java.util.Map;
import org.jooq.CaseConditionStep;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.Table;

/**
 * What puts a machine into a state, once for its line, for the filter and for the counts. The tables are joined rather than asked
 * for row by row: the planner can then begin at the few quarantined machines, or read the whole fleet by hashing.
 */
final class MachineStates {

    private final DatabaseTime time;

    /** When each state applies, if none before it does. The last one needs no condition. */
    private final Map<MachineState, Condition> conditions = new EnumMap<>(MachineState.class);

    MachineStates(DatabaseTime time, RecoveryPolicy policy) {
        this.time = time;
        conditions.put(MachineState.QUARANTINED, MACHINE_QUARANTINE.MACHINE_ID.isNotNull());
        conditions.put(MachineState.MISSING, status(ProviderStatus.MISSING));
        conditions.put(
                MachineState.INSTALLED,
                exists(selectOne()
                        .from(MACHINE_INSTALLED)
                        .where(MACHINE_INSTALLED.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))));
        conditions.put(MachineState.PROVISIONING, status(ProviderStatus.PROVISIONING));
        conditions.put(MachineState.RECOVERING, MACHINE_RECOVERY.MACHINE_ID.isNotNull());
        conditions.put(MachineState.TAKEOVER, WORK.MACHINE_ID.isNotNull());
        Condition noAgent = MACHINE_AGENT_STARTED.MACHINE_ID.isNull();
        conditions.put(MachineState.FAILING, noAgent.and(WORK_BACKOFF.MACHINE_ID.isNotNull()));
        conditions.put(MachineState.WAITING, noAgent);
        Field<?> heard = MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT;
        conditions.put(
                MachineState.SILENT,
                MACHINE_AGENT_HEARTBEAT
                        .AGENT_HEARTBEAT_AT
                        .lt(time.nowMinus(policy.silentAfterHeartbeat()))
                        .or(heard.isNull()
                                .and(MACHINE_AGENT_STARTED.AGENT_STARTED_AT.lt(
                                        time.nowMinus(policy.silentAfterStart())))));
        conditions.put(MachineState.STARTED, heard.isNull());
    }

    private static Condition status(ProviderStatus status) {
        return MACHINE_PROVIDED.PROVIDER_STATUS.eq(inline(status.databaseName()));
    }

    /** The machines with all that the states depend on: one row for each machine that has a provider. */
    Table<? extends Record> machines() {
        return MACHINE_PROVIDED
                .leftJoin(MACHINE_QUARANTINE)
                .on(MACHINE_QUARANTINE.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
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
        for (Map.Entry<MachineState, Condition> one : conditions.entrySet()) {
            String name = one.getKey().name();
            cases = cases == null ? when(one.getValue(), inline(name)) : cases.when(one.getValue(), inline(name));
        }
        if (cases == null) {
            throw new IllegalStateException("no state has a condition");
        }
        return cases.otherwise(inline(MachineState.UP.name())).as("state");
    }

    /** Whether a machine is in a state. */
    Condition is(MachineState state) {
        Condition is = conditions.getOrDefault(state, noCondition());
        for (Map.Entry<MachineState, Condition> before : conditions.entrySet()) {
            if (before.getKey().compareTo(state) < 0) {
                // Not true is more than false: a machine without a row in one of the tables is neither.
                is = is.and(condition("({0}) is not true", before.getValue()));
            }
        }
        return is;
    }
}
