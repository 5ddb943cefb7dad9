package dev.shepherd.bmdb.rollout;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static dev.shepherd.bmdb.internal.schema.Tables.ROLLOUTS;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;
import static org.jooq.impl.DSL.when;

import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import dev.shepherd.bmdb.recovery.LabelPlaces;
import dev.shepherd.bmdb.recovery.RecoveryLimits;
import dev.shepherd.bmdb.recovery.RecoveryLimits.Places;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import org.jooq.Field;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/**
 * Chooses the machines of the next wave: as many as the rollout wants and the limits of recovery leave room for. Runs
 * under the lock on the provider's row, while no machine of the provider is at work in a rollout.
 */
final class RolloutWaves {

    /** How many machines that wait are looked at, and locked, at a time. */
    private static final int SLICE = 200;

    /** How many slices one look reads at most: the rest has time until the next one. */
    private static final int MOST_SLICES = 25;

    private static final UUID FIRST = new UUID(0, 0);

    private static final Field<String> LOCATION = coalesce(MACHINE_PROVIDED.PROVIDER_LOCATION, inline(""));

    private final Handle db;
    private final RolloutQueries queries;
    private final ProviderType provider;
    private final RecoveryPolicy policy;
    private final Consumer<String> tell;

    RolloutWaves(
            Handle db, RolloutQueries queries, ProviderType provider, RecoveryPolicy policy, Consumer<String> tell) {
        this.db = db;
        this.queries = queries;
        this.provider = provider;
        this.policy = policy;
        this.tell = tell;
    }

    /** A machine that waits, and what keeps it from being chosen; null if nothing does. */
    private record Candidate(
            UUID id,
            String location,
            Map<String, String> labels,
            @Nullable String obstacle) {}

    /**
     * Begins the next wave, or ends the rollout if no machine is left.
     *
     * @return what it waits for now
     */
    String next(RolloutRow rollout) {
        boolean isCanary = rollout.done() < rollout.canary();
        int wanted = isCanary ? rollout.canary() - rollout.done() : rollout.batch();
        Places places = new RecoveryLimits(db, provider, policy).places();
        if (places.all() == 0) {
            return places.frozen().isEmpty()
                    ? "room within the limits of recovery"
                    : "recovery to be no longer frozen: "
                            + places.frozen().get(0).evidence();
        }
        Map<String, Integer> free = new HashMap<>(places.byLocation());
        List<UUID> chosen = new ArrayList<>();
        UUID after = FIRST;
        for (int slice = 0; slice < MOST_SLICES; slice++) {
            List<UUID> waiting = waiting(rollout, after);
            if (waiting.isEmpty()) {
                break;
            }
            after = waiting.get(waiting.size() - 1);
            choose(rollout, waiting, Math.min(wanted, places.all()), free, places.byLabels(), chosen);
            if (chosen.size() >= Math.min(wanted, places.all())) {
                break;
            }
        }
        if (!chosen.isEmpty()) {
            begin(rollout, chosen, isCanary);
            return "machines of wave " + (rollout.wave() + 1) + " of rollout " + rollout.id();
        }
        if (!waiting(rollout, FIRST).isEmpty()) {
            return "room within the limits of recovery at the locations, or for the labels, of the machines that are left";
        }
        return endOfPass(rollout);
    }

    private List<UUID> waiting(RolloutRow rollout, UUID after) {
        return db.dsl()
                .select(MACHINE_ROLLOUT.MACHINE_ID)
                .from(MACHINE_ROLLOUT)
                .where(MACHINE_ROLLOUT.ROLLOUT_ID.eq(rollout.id()))
                .and(MACHINE_ROLLOUT.ROLLOUT_STEP.eq(inline(RolloutStep.WAITING.databaseName())))
                .and(MACHINE_ROLLOUT.MACHINE_ID.gt(after))
                .orderBy(MACHINE_ROLLOUT.MACHINE_ID)
                .limit(SLICE)
                .fetch(MACHINE_ROLLOUT.MACHINE_ID);
    }

    private void choose(
            RolloutRow rollout,
            List<UUID> waiting,
            int most,
            Map<String, Integer> free,
            LabelPlaces byLabels,
            List<UUID> chosen) {
        Map<String, List<UUID>> passed = new LinkedHashMap<>();
        List<UUID> locked = queries.lockFree(waiting);
        List<UUID> busy = new ArrayList<>(waiting);
        busy.removeAll(locked);
        if (!busy.isEmpty()) {
            passed.put("it was being worked on", busy);
        }
        for (Candidate candidate : candidates(rollout, locked)) {
            if (candidate.obstacle() != null) {
                passed.computeIfAbsent(candidate.obstacle(), obstacle -> new ArrayList<>())
                        .add(candidate.id());
            } else if (chosen.size() < most
                    && free.getOrDefault(candidate.location(), 1) > 0
                    && byLabels.take(candidate.labels())) {
                free.computeIfPresent(candidate.location(), (location, left) -> left - 1);
                chosen.add(candidate.id());
            }
        }
        passed.forEach((obstacle, ids) -> queries.step(ids, RolloutStep.PASSED, null, obstacle));
    }

    /** What keeps a machine from being chosen is left alone with it: nothing of it is a failure. */
    private List<Candidate> candidates(RolloutRow rollout, List<UUID> ids) {
        Field<String> obstacle = when(
                        exists(selectOne()
                                .from(MACHINE_QUARANTINE)
                                .where(MACHINE_QUARANTINE.MACHINE_ID.eq(MACHINES.MACHINE_ID))),
                        inline("it is quarantined"))
                .when(
                        MACHINE_PROVIDED.PROVIDER_STATUS.eq(inline(ProviderStatus.MISSING.databaseName())),
                        inline("its provider no longer knows it"))
                .when(
                        MACHINE_PROVIDED.PROVIDER_STATUS.eq(inline(ProviderStatus.PROVISIONING.databaseName())),
                        inline("its provider is installing it"))
                .when(MachineConditions.installationFulfilled(), inline("its operating system is installed"))
                .when(MachineConditions.installationRequested(), inline("its operating system is being installed"))
                .when(not(WorkQueries.notWorkedOn(WorkProcess.AGENT_START)), inline("it was being worked on"))
                .when(WorkQueries.paused(db, WorkProcess.AGENT_START), inline("it is paused"))
                .when(MACHINE_AGENT_STARTED.MACHINE_ID.isNull(), inline("it has no agent"))
                .when(MACHINE_AGENT_STARTED.AGENT_SHA256.eq(rollout.sha256()), inline("it runs this agent already"))
                .when(
                        exists(selectOne()
                                .from(MACHINE_RECOVERY)
                                .where(MACHINE_RECOVERY.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                                .and(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull())),
                        inline("it is in recovery"))
                .when(
                        coalesce(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT, MACHINE_AGENT_STARTED.AGENT_STARTED_AT)
                                .lt(db.time().nowMinus(policy.silentAfterHeartbeat())),
                        inline("its agent is not heard"));
        return db.dsl()
                .select(MACHINES.MACHINE_ID, LOCATION, obstacle, LabelQueries.textOf(MACHINES.MACHINE_ID))
                .from(MACHINES)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_AGENT_STARTED)
                .on(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_AGENT_HEARTBEAT)
                .on(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .where(MACHINES.MACHINE_ID.eq(DSL.any(ids.toArray(UUID[]::new))))
                .orderBy(MACHINES.MACHINE_ID)
                .fetch(row ->
                        new Candidate(row.value1(), row.value2(), LabelQueries.labels(row.value4()), row.value3()));
    }

    private void begin(RolloutRow rollout, List<UUID> chosen, boolean isCanary) {
        queries.step(chosen, RolloutStep.CHOSEN, RolloutQueries.TURN, null);
        int wave = rollout.wave() + 1;
        db.dsl()
                .update(MACHINE_ROLLOUT)
                .set(MACHINE_ROLLOUT.ROLLOUT_WAVE, wave)
                .where(MACHINE_ROLLOUT.MACHINE_ID.eq(DSL.any(chosen.toArray(UUID[]::new))))
                .execute();
        db.dsl()
                .update(ROLLOUTS)
                .set(ROLLOUTS.ROLLOUT_WAVE, wave)
                .where(ROLLOUTS.ROLLOUT_ID.eq(rollout.id()))
                .execute();
        tell.accept(String.format(
                Locale.ROOT,
                "wave %d of rollout %d begins: %d machine(s)%s",
                wave,
                rollout.id(),
                chosen.size(),
                isCanary ? ", as canaries" : ""));
    }

    /** Those that were left alone are looked at once more: what was in the way may be over. */
    private String endOfPass(RolloutRow rollout) {
        if (rollout.pass() == 1) {
            int missed = enrolMissed(rollout);
            int again = db.dsl()
                    .update(MACHINE_ROLLOUT)
                    .set(MACHINE_ROLLOUT.ROLLOUT_STEP, RolloutStep.WAITING.databaseName())
                    .setNull(MACHINE_ROLLOUT.ROLLOUT_CAUSE)
                    .where(MACHINE_ROLLOUT.ROLLOUT_ID.eq(rollout.id()))
                    .and(MACHINE_ROLLOUT.ROLLOUT_STEP.eq(inline(RolloutStep.PASSED.databaseName())))
                    .execute();
            db.dsl()
                    .update(ROLLOUTS)
                    .set(ROLLOUTS.ROLLOUT_PASS, 2)
                    .set(ROLLOUTS.ROLLOUT_PASSED, 0)
                    .set(ROLLOUTS.ROLLOUT_MACHINES, ROLLOUTS.ROLLOUT_MACHINES.plus(missed))
                    .where(ROLLOUTS.ROLLOUT_ID.eq(rollout.id()))
                    .execute();
            if (again + missed > 0) {
                return "another look at " + (again + missed) + " machine(s) that were left alone, or are new";
            }
        }
        queries.end(rollout.id(), RolloutQueries.COMPLETED, null);
        tell.accept("rollout " + rollout.id() + " is complete");
        return "nothing";
    }

    /** Machines that were recorded and taken over while the rollout was being started are in no list yet. */
    private int enrolMissed(RolloutRow rollout) {
        return db.dsl()
                .insertInto(
                        MACHINE_ROLLOUT,
                        MACHINE_ROLLOUT.MACHINE_ID,
                        MACHINE_ROLLOUT.ROLLOUT_ID,
                        MACHINE_ROLLOUT.ROLLOUT_STEP,
                        MACHINE_ROLLOUT.ROLLOUT_STEP_AT)
                .select(select(
                                MACHINE_PROVIDED.MACHINE_ID,
                                inline(rollout.id()),
                                inline(RolloutStep.WAITING.databaseName()),
                                db.time().now())
                        .from(MACHINE_PROVIDED)
                        .join(MACHINE_AGENT_STARTED)
                        .on(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                        .leftJoin(MACHINE_ROLLOUT)
                        .on(MACHINE_ROLLOUT.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                        .where(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                        .and(MACHINE_ROLLOUT.MACHINE_ID.isNull())
                        .and(rollout.isFor(MACHINE_PROVIDED.MACHINE_ID))
                        .and(MACHINE_AGENT_STARTED.AGENT_SHA256.isDistinctFrom(rollout.sha256())))
                .onConflictDoNothing()
                .execute();
    }
}
