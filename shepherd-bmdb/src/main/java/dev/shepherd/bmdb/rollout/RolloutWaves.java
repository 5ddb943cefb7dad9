package dev.shepherd.bmdb.rollout;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_DISRUPTION;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static dev.shepherd.bmdb.internal.schema.Tables.ROLLOUTS;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.field;
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
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import dev.shepherd.bmdb.recovery.DisruptionQueries;
import dev.shepherd.bmdb.recovery.RecoveryPlaces;
import dev.shepherd.bmdb.recovery.Silence;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/**
 * Chooses the machines of the next wave: as many as the rollout wants and the limits of recovery leave room for. Runs
 * under the lock on the provider's row, while no machine of the provider is at work in a rollout.
 */
final class RolloutWaves {

    /** How many machines that wait are looked at together. */
    private static final int SLICE = 500;

    /** How many slices one look reads at most: the rest has time until the next one. */
    private static final int MOST_SLICES = 10;

    /** How many more are locked together than may be chosen: some of them are left alone. */
    private static final int SPARE = 200;

    static final UUID FIRST = new UUID(0, 0);

    /** So many machines may be held back by gates while others go on. More of them are not even chosen. */
    private static final int MOST_HELD_BACK = 1_000;

    private static final Field<String> LOCATION = coalesce(MACHINE_PROVIDED.PROVIDER_LOCATION, inline(""));

    private final Handle db;
    private final RolloutQueries queries;
    private final ProviderType provider;
    private final RecoveryPolicy policy;
    private final Silence silence;
    private final Consumer<String> tell;
    private final Instant now;

    RolloutWaves(
            Handle db,
            RolloutQueries queries,
            ProviderType provider,
            RecoveryPolicy policy,
            Silence silence,
            Consumer<String> tell) {
        this.db = db;
        this.queries = queries;
        this.provider = provider;
        this.policy = policy;
        this.silence = silence;
        this.tell = tell;
        this.now = MachineQueries.now(db);
    }

    /** A machine that waits, and where it is. */
    private record Waiting(UUID id, String location, boolean isHeldBack) {}

    /** A machine that waits, and what keeps it from being chosen; null if nothing does but perhaps its silence. */
    private record Candidate(
            UUID id,
            String location,
            Map<String, String> labels,
            @Nullable String obstacle,
            @Nullable Instant lastSign) {}

    /**
     * What the rollout waits for now.
     *
     * @param what in words
     * @param isReady whether the next look has something to do at once
     * @param from where it should begin: those before have no room just now
     */
    record Next(String what, boolean isReady, UUID from) {}

    /**
     * Begins the next wave, or ends the rollout if no machine is left.
     *
     * @param from the machine after which to begin, among those that wait; after the last one, the first follows
     */
    Next next(RolloutRow rollout, UUID from) {
        boolean isCanary = rollout.done() < rollout.canary();
        RecoveryPlaces places = new RecoveryPlaces(db, provider, policy);
        int most = Math.min(isCanary ? rollout.canary() - rollout.done() : rollout.batch(), places.ofProvider());
        if (most == 0) {
            String room = places.frozen().isEmpty()
                    ? "room within the limits of recovery"
                    : "recovery to be no longer frozen: "
                            + places.frozen().get(0).evidence();
            return new Next(room, false, from);
        }
        Optional<String> gates = heldBack(rollout);
        if (gates.isPresent()) {
            return new Next(gates.get(), false, from);
        }
        Set<UUID> chosen = new LinkedHashSet<>();
        UUID after = from;
        boolean isAnyLeft = false;
        boolean isPastEnd = from.equals(FIRST);
        for (int slice = 0; slice < MOST_SLICES && chosen.size() < most; slice++) {
            List<Waiting> waiting = waiting(rollout, after);
            if (waiting.isEmpty() && isPastEnd) {
                break;
            }
            isPastEnd |= waiting.isEmpty();
            after = waiting.isEmpty() ? FIRST : waiting.get(waiting.size() - 1).id();
            isAnyLeft |= choose(rollout, waiting, most, places, chosen);
        }
        if (!chosen.isEmpty()) {
            begin(rollout, chosen, isCanary);
            // The next look goes on behind them: what comes first, and waits again, must not keep others from their
            // turn.
            return new Next(
                    "machines of wave " + (rollout.wave() + 1) + " of rollout " + rollout.id(), false, last(chosen));
        }
        if (isAnyLeft) {
            return new Next(
                    "the machines that are left: for room at their locations or by their labels, for their agents to be"
                            + " heard, or for gates that hold them back",
                    false,
                    after);
        }
        return waiting(rollout, FIRST).isEmpty() ? endOfPass(rollout) : new Next("its next machines", true, after);
    }

    private static UUID last(Set<UUID> chosen) {
        UUID last = FIRST;
        for (UUID id : chosen) {
            last = id;
        }
        return last;
    }

    private List<Waiting> waiting(RolloutRow rollout, UUID after) {
        // Not a join, for which the database might read all machines.
        Field<String> location = coalesce(
                field(select(MACHINE_PROVIDED.PROVIDER_LOCATION)
                        .from(MACHINE_PROVIDED)
                        .where(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINE_ROLLOUT.MACHINE_ID))),
                inline(""));
        Condition isHeldBack = exists(selectOne()
                .from(MACHINE_DISRUPTION)
                .where(MACHINE_DISRUPTION.MACHINE_ID.eq(MACHINE_ROLLOUT.MACHINE_ID))
                .and(isHeldBack()));
        return db.dsl()
                .select(MACHINE_ROLLOUT.MACHINE_ID, location, field(isHeldBack))
                .from(MACHINE_ROLLOUT)
                .where(MACHINE_ROLLOUT.ROLLOUT_ID.eq(rollout.id()))
                .and(MACHINE_ROLLOUT.ROLLOUT_STEP.eq(inline(RolloutStep.WAITING.databaseName())))
                .and(MACHINE_ROLLOUT.MACHINE_ID.gt(after))
                .orderBy(MACHINE_ROLLOUT.MACHINE_ID)
                .limit(SLICE)
                .fetch(row -> new Waiting(row.value1(), row.value2(), row.value3()));
    }

    private Condition isHeldBack() {
        return DisruptionQueries.isOfRollout()
                .and(MACHINE_DISRUPTION.DISRUPTION_UNTIL.gt(db.time().now()));
    }

    /** Says what gates hold back, if it is so much that no further machine is chosen. */
    private Optional<String> heldBack(RolloutRow rollout) {
        int held = db.dsl()
                .fetchCount(selectOne()
                        .from(MACHINE_DISRUPTION)
                        .join(MACHINE_ROLLOUT)
                        .on(MACHINE_ROLLOUT.MACHINE_ID.eq(MACHINE_DISRUPTION.MACHINE_ID))
                        .where(MACHINE_ROLLOUT.ROLLOUT_ID.eq(rollout.id()))
                        .and(MACHINE_ROLLOUT.ROLLOUT_STEP.eq(inline(RolloutStep.WAITING.databaseName())))
                        .and(isHeldBack())
                        .limit(MOST_HELD_BACK));
        return held < MOST_HELD_BACK
                ? Optional.empty()
                : Optional.of("gates, which hold back " + MOST_HELD_BACK + " of its machines");
    }

    /**
     * Chooses machines of a slice, and passes over those that are left alone. Only machines that have room are locked, and
     * no more at a time than may be chosen, and a few.
     *
     * @return whether some of the slice still wait
     */
    private boolean choose(RolloutRow rollout, List<Waiting> slice, int most, RecoveryPlaces places, Set<UUID> chosen) {
        List<UUID> withRoom = slice.stream()
                .filter(machine ->
                        !machine.isHeldBack() && places.hasPlace(machine.location()) && !chosen.contains(machine.id()))
                .map(Waiting::id)
                .toList();
        Map<String, List<UUID>> passed = new LinkedHashMap<>();
        int ended = 0;
        for (int from = 0; from < withRoom.size() && chosen.size() < most; from += most + SPARE) {
            List<UUID> some = withRoom.subList(from, Math.min(withRoom.size(), from + most + SPARE));
            for (Candidate candidate : candidates(rollout, queries.lockFree(some))) {
                String obstacle = candidate.obstacle();
                if (obstacle == null && isSilent(candidate)) {
                    if (!silence.isProved(Objects.requireNonNull(candidate.lastSign()), candidate.location())) {
                        continue; // Perhaps no process was there to hear it: it waits until that is known.
                    }
                    obstacle = "its agent is not heard";
                }
                if (obstacle != null) {
                    passed.computeIfAbsent(obstacle, any -> new ArrayList<>()).add(candidate.id());
                    ended++;
                } else if (chosen.size() < most && places.take(candidate.location(), candidate.labels())) {
                    chosen.add(candidate.id());
                    ended++;
                }
            }
        }
        passed.forEach((obstacle, ids) -> queries.step(ids, RolloutStep.PASSED, null, obstacle));
        return ended < slice.size();
    }

    private boolean isSilent(Candidate candidate) {
        return candidate.lastSign() != null
                && candidate.lastSign().plus(policy.silentAfterHeartbeat()).isBefore(now);
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
                        inline("it is in recovery"));
        Field<OffsetDateTime> lastSign =
                coalesce(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT, MACHINE_AGENT_STARTED.AGENT_STARTED_AT);
        return db.dsl()
                .select(MACHINES.MACHINE_ID, LOCATION, LabelQueries.textOf(MACHINES.MACHINE_ID), obstacle, lastSign)
                .from(MACHINES)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_AGENT_STARTED)
                .on(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_AGENT_HEARTBEAT)
                .on(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .where(MACHINES.MACHINE_ID.eq(DSL.any(ids.toArray(UUID[]::new))))
                .orderBy(MACHINES.MACHINE_ID)
                .fetch(row -> new Candidate(
                        row.value1(),
                        row.value2(),
                        LabelQueries.labels(row.value3()),
                        row.value4(),
                        row.value5() == null ? null : row.value5().toInstant()));
    }

    private void begin(RolloutRow rollout, Set<UUID> chosen, boolean isCanary) {
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
    private Next endOfPass(RolloutRow rollout) {
        if (rollout.pass() == RolloutRow.FIRST_PASS) {
            RolloutEnrolment enrolment = RolloutEnrolment.of(db, provider, rollout);
            enrolment.pass(RolloutRow.LISTING_AGAIN);
            boolean areThereMore = enrolment.nextOfSecondPass();
            if (areThereMore || !waiting(rollout, FIRST).isEmpty()) {
                return new Next("another look at machines that were left alone, or are new", areThereMore, FIRST);
            }
        }
        queries.end(rollout.id(), RolloutState.COMPLETED, null);
        tell.accept("rollout " + rollout.id() + " is complete");
        return new Next("nothing", false, FIRST);
    }
}
