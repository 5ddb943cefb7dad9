package dev.shepherd.bmdb.rollout;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static dev.shepherd.bmdb.internal.schema.Tables.ROLLOUTS;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.schema.tables.records.RolloutsRecord;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/** The statements on {@code rollouts} and {@code machine_rollout}, for one provider. */
final class RolloutQueries {

    /** How long a machine may take to be taken over, or to be put back, before its rollout gives it up. */
    static final Duration TURN = Duration.ofHours(1);

    private static final Condition IS_UNDER_WAY = ROLLOUTS.ROLLOUT_ENDED_AT.isNull();
    private static final Condition IS_ACTIVE = MACHINE_ROLLOUT.ROLLOUT_UNTIL.isNotNull();

    private final Handle db;
    private final ProviderType provider;

    RolloutQueries(Handle db, ProviderType provider) {
        this.db = db;
        this.provider = provider;
    }

    private Condition isOurs() {
        return ROLLOUTS.PROVIDER.eq(provider.name());
    }

    /** Asks whether there is a rollout under way, or one that has ended and still has machines to put back. */
    boolean isThereAny() {
        return db.dsl()
                .fetchExists(selectOne()
                        .from(ROLLOUTS)
                        .where(isOurs())
                        .and(IS_UNDER_WAY.or(DSL.exists(selectOne()
                                .from(MACHINE_ROLLOUT)
                                .where(MACHINE_ROLLOUT.ROLLOUT_ID.eq(ROLLOUTS.ROLLOUT_ID))
                                .and(IS_ACTIVE)))));
    }

    Optional<RolloutRow> underWay() {
        return db.dsl().selectFrom(ROLLOUTS).where(isOurs()).and(IS_UNDER_WAY).fetchOptional(RolloutQueries::row);
    }

    Optional<RolloutRow> rollout(long id) {
        return db.dsl().selectFrom(ROLLOUTS).where(ROLLOUTS.ROLLOUT_ID.eq(id)).fetchOptional(RolloutQueries::row);
    }

    private static RolloutRow row(RolloutsRecord row) {
        return new RolloutRow(
                row.getRolloutId(),
                row.getAgentSha256(),
                row.getRolloutState(),
                row.getRolloutCanary(),
                row.getRolloutBatch(),
                Duration.ofSeconds(row.getRolloutBakeSeconds()),
                row.getRolloutMaxFailures(),
                row.getRolloutWave(),
                row.getRolloutPass(),
                row.getRolloutDone(),
                row.getRolloutSelector() == null ? null : Selector.parse(row.getRolloutSelector()));
    }

    boolean isAnyActive() {
        return db.dsl().fetchExists(MACHINE_ROLLOUT, isActiveOfOurs());
    }

    /** An active row of a rollout of this provider. */
    Condition isActiveOfOurs() {
        return IS_ACTIVE.and(MACHINE_ROLLOUT.ROLLOUT_ID.in(
                select(ROLLOUTS.ROLLOUT_ID).from(ROLLOUTS).where(isOurs())));
    }

    List<UUID> active() {
        return db.dsl()
                .select(MACHINE_ROLLOUT.MACHINE_ID)
                .from(MACHINE_ROLLOUT)
                .where(isActiveOfOurs())
                .orderBy(MACHINE_ROLLOUT.MACHINE_ID)
                .fetch(MACHINE_ROLLOUT.MACHINE_ID);
    }

    /** Locks those of some machines that nobody else has locked, and returns them. */
    List<UUID> lockFree(Collection<UUID> machineIds) {
        List<UUID> locked = db.dsl()
                .select(MACHINES.MACHINE_ID)
                .from(MACHINES)
                .where(MACHINES.MACHINE_ID.eq(DSL.any(machineIds.toArray(UUID[]::new))))
                .orderBy(MACHINES.MACHINE_ID)
                .forNoKeyUpdate()
                .skipLocked()
                .fetch(MACHINES.MACHINE_ID);
        locked.forEach(db::holds);
        return locked;
    }

    /**
     * Gives those of some machines whose step began before a moment as much time from then on as they had at first, at the
     * least.
     */
    void extend(Collection<UUID> machineIds, Instant since) {
        OffsetDateTime from = since.atOffset(ZoneOffset.UTC);
        db.dsl()
                .update(MACHINE_ROLLOUT)
                .set(MACHINE_ROLLOUT.ROLLOUT_UNTIL, from.plus(TURN))
                .where(MACHINE_ROLLOUT.MACHINE_ID.eq(DSL.any(machineIds.toArray(UUID[]::new))))
                .and(MACHINE_ROLLOUT.ROLLOUT_STEP_AT.lt(from))
                .and(MACHINE_ROLLOUT.ROLLOUT_UNTIL.lt(from.plus(TURN)))
                .execute();
    }

    /** Has a machine's turn last until its time from a moment on, at the least. */
    void extend(UUID machineId, Instant from) {
        db.dsl()
                .update(MACHINE_ROLLOUT)
                .set(
                        MACHINE_ROLLOUT.ROLLOUT_UNTIL,
                        DSL.greatest(
                                MACHINE_ROLLOUT.ROLLOUT_UNTIL,
                                DSL.val(from.atOffset(ZoneOffset.UTC).plus(TURN))))
                .where(MACHINE_ROLLOUT.MACHINE_ID.eq(machineId))
                .and(IS_ACTIVE)
                .execute();
    }

    /** How many machines of a rollout failed, whatever became of them since. */
    int failures(long rolloutId) {
        return db.dsl()
                .fetchCount(
                        MACHINE_ROLLOUT,
                        MACHINE_ROLLOUT.ROLLOUT_ID.eq(rolloutId).and(RolloutStep.isTrouble()));
    }

    /** Moves machines on. Those whose step is active have until then to take the next one. */
    void step(Collection<UUID> machineIds, RolloutStep step, @Nullable Duration limit, @Nullable String cause) {
        if (machineIds.isEmpty()) {
            return;
        }
        Field<OffsetDateTime> until = limit == null
                ? DSL.castNull(MACHINE_ROLLOUT.ROLLOUT_UNTIL.getDataType())
                : db.time().nowPlus(limit);
        db.dsl()
                .update(MACHINE_ROLLOUT)
                .set(MACHINE_ROLLOUT.ROLLOUT_STEP, step.databaseName())
                .set(MACHINE_ROLLOUT.ROLLOUT_STEP_AT, db.time().now())
                .set(MACHINE_ROLLOUT.ROLLOUT_UNTIL, until)
                .set(MACHINE_ROLLOUT.ROLLOUT_CAUSE, cause)
                .where(MACHINE_ROLLOUT.MACHINE_ID.eq(DSL.any(machineIds.toArray(UUID[]::new))))
                .execute();
        if (step == RolloutStep.DONE) {
            count(machineIds, ROLLOUTS.ROLLOUT_DONE);
        } else if (step == RolloutStep.PASSED) {
            count(machineIds, ROLLOUTS.ROLLOUT_PASSED);
        }
    }

    /** The two that grow with the fleet are not counted when somebody asks. */
    private void count(Collection<UUID> machineIds, org.jooq.TableField<RolloutsRecord, Integer> counter) {
        db.dsl()
                .update(ROLLOUTS)
                .set(counter, counter.plus(machineIds.size()))
                .where(ROLLOUTS.ROLLOUT_ID.eq(select(MACHINE_ROLLOUT.ROLLOUT_ID)
                        .from(MACHINE_ROLLOUT)
                        .where(MACHINE_ROLLOUT.MACHINE_ID.eq(
                                machineIds.iterator().next()))))
                .execute();
    }

    /** Has a machine wait for its turn, unless the rollout has met it already, or is not for it. */
    void enrol(UUID machineId, RolloutRow rollout) {
        if (!db.dsl()
                .fetchExists(MACHINES, MACHINES.MACHINE_ID.eq(machineId).and(rollout.isFor(MACHINES.MACHINE_ID)))) {
            return;
        }
        long rolloutId = rollout.id();
        int isNew = db.dsl()
                .insertInto(MACHINE_ROLLOUT)
                .set(MACHINE_ROLLOUT.MACHINE_ID, machineId)
                .set(MACHINE_ROLLOUT.ROLLOUT_ID, rolloutId)
                .set(MACHINE_ROLLOUT.ROLLOUT_STEP, RolloutStep.WAITING.databaseName())
                .set(MACHINE_ROLLOUT.ROLLOUT_STEP_AT, db.time().now())
                .onConflict(MACHINE_ROLLOUT.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_ROLLOUT.ROLLOUT_ID, rolloutId)
                .set(MACHINE_ROLLOUT.ROLLOUT_STEP, RolloutStep.WAITING.databaseName())
                .set(MACHINE_ROLLOUT.ROLLOUT_STEP_AT, db.time().now())
                .setNull(MACHINE_ROLLOUT.ROLLOUT_WAVE)
                .setNull(MACHINE_ROLLOUT.ROLLOUT_CAUSE)
                .where(MACHINE_ROLLOUT.ROLLOUT_ID.ne(rolloutId))
                .execute();
        if (isNew > 0) {
            db.dsl()
                    .update(ROLLOUTS)
                    .set(ROLLOUTS.ROLLOUT_MACHINES, ROLLOUTS.ROLLOUT_MACHINES.plus(isNew))
                    .where(ROLLOUTS.ROLLOUT_ID.eq(rolloutId))
                    .execute();
        }
    }

    void end(long rolloutId, String state, @Nullable String cause) {
        db.dsl()
                .update(ROLLOUTS)
                .set(ROLLOUTS.ROLLOUT_STATE, state)
                .set(ROLLOUTS.ROLLOUT_CAUSE, cause)
                .set(ROLLOUTS.ROLLOUT_ENDED_AT, db.time().now())
                .where(ROLLOUTS.ROLLOUT_ID.eq(rolloutId))
                .and(IS_UNDER_WAY)
                .execute();
    }
}
