package dev.shepherd.bmdb.operator;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.not;

import dev.shepherd.bmdb.Eligibility;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.DueQueue;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.recovery.RecoveryRules;
import java.util.Map;
import java.util.stream.Collectors;
import org.jooq.Condition;

/** The statements that count the fleet. */
final class StatisticsQueries {

    private StatisticsQueries() {}

    static Statistics statistics(Handle db) {
        Condition fulfilled = MachineConditions.installationFulfilled();
        return new Statistics(
                db.dsl().fetchCount(MACHINES),
                db.dsl().fetchCount(MACHINE_PROVIDED),
                db.dsl().fetchCount(MACHINE_AGENT_STARTED),
                db.dsl()
                        .fetchCount(
                                MACHINE_AGENT_HEARTBEAT,
                                MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT.ge(
                                        db.time().nowMinus(Eligibility.SILENT_AFTER_HEARTBEAT))),
                db.dsl()
                        .fetchCount(
                                MACHINES,
                                MachineConditions.installationRequested().and(not(fulfilled))),
                db.dsl().fetchCount(MACHINES, fulfilled),
                waiting(db, WorkProcess.AGENT_START, MachineConditions.dueForAgentStart(db.time())),
                waiting(db, WorkProcess.RECOVERY, new RecoveryRules(db.time(), RecoveryPolicy.DEFAULT).eligible()),
                db.dsl().fetchCount(MACHINE_RECOVERY, MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull()),
                db.dsl().fetchCount(MACHINE_RECOVERY, MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNotNull()),
                db.dsl().fetchCount(MACHINE_QUARANTINE),
                byProcess(db.dsl()
                        .select(WORK.PROCESS, count())
                        .from(WORK)
                        .groupBy(WORK.PROCESS)
                        .fetchMap(WORK.PROCESS, count())),
                byProcess(db.dsl()
                        .select(WORK_BACKOFF.PROCESS, count())
                        .from(WORK_BACKOFF)
                        .where(WORK_BACKOFF.UNTIL.gt(db.time().now()))
                        .groupBy(WORK_BACKOFF.PROCESS)
                        .fetchMap(WORK_BACKOFF.PROCESS, count())));
    }

    private static long waiting(Handle db, WorkProcess process, Condition eligible) {
        return db.dsl()
                .fetchCount(MACHINES, DueQueue.isUp(db, process).and(WorkQueries.claimable(db, process, eligible)));
    }

    private static Map<WorkProcess, Long> byProcess(Map<String, Integer> counts) {
        return counts.entrySet().stream()
                .collect(Collectors.toMap(
                        entry -> new WorkProcess(entry.getKey()),
                        entry -> entry.getValue().longValue()));
    }
}
