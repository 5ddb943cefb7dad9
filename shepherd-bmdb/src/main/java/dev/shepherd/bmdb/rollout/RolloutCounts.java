package dev.shepherd.bmdb.rollout;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static org.jooq.impl.DSL.count;

import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.schema.tables.records.RolloutsRecord;
import java.util.EnumMap;
import java.util.Map;

/**
 * How many machines of a rollout are how far. Only the steps with few machines are counted when they are asked for: those that
 * wait are what is left of all.
 */
public final class RolloutCounts {

    private final Map<RolloutStep, Integer> machines = new EnumMap<>(RolloutStep.class);

    private RolloutCounts() {}

    /** Counts the machines of a rollout. */
    public static RolloutCounts of(Handle db, RolloutsRecord rollout) {
        RolloutCounts counts = new RolloutCounts();
        db.dsl()
                .select(MACHINE_ROLLOUT.ROLLOUT_STEP, count())
                .from(MACHINE_ROLLOUT)
                .where(MACHINE_ROLLOUT.ROLLOUT_ID.eq(rollout.getRolloutId()))
                .and(MACHINE_ROLLOUT.ROLLOUT_UNTIL.isNotNull().or(RolloutStep.isTrouble()))
                .groupBy(MACHINE_ROLLOUT.ROLLOUT_STEP)
                .forEach(row -> counts.machines.put(RolloutStep.ofDatabaseName(row.value1()), row.value2()));
        int few = counts.machines.values().stream().mapToInt(Integer::intValue).sum();
        counts.machines.put(RolloutStep.DONE, rollout.getRolloutDone());
        counts.machines.put(RolloutStep.PASSED, rollout.getRolloutPassed());
        counts.machines.put(
                RolloutStep.WAITING,
                rollout.getRolloutMachines() - few - rollout.getRolloutDone() - rollout.getRolloutPassed());
        return counts;
    }

    /** Returns how many machines are in a step. */
    public int of(RolloutStep step) {
        return machines.getOrDefault(step, 0);
    }
}
