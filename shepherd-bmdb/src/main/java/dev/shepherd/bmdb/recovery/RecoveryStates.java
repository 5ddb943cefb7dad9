package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.internal.DatabaseTime;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.TagQueries;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.impl.DSL;

/** The statements on {@code machine_recovery}: what was tried to bring a machine back, and whether it is back. */
public final class RecoveryStates {

    private RecoveryStates() {}

    /**
     * Notes which machines are back: their agent was started and heard since the last attempt. Only that ends a
     * recovery and clears its backoff.
     *
     * <p>A heartbeat that an agent sent while its machine was being rebooted is no proof. The end of the work that
     * rebooted it clears both tags, and from then on the old agent's key is no longer that of the machine; what counts
     * is a heartbeat together with a started agent while no session works on the machine.
     */
    static void proveHeard(Handle db, ProviderType provider, RecoveryPolicy policy) {
        // An attempt that was cut short may yet have its effect: then the agent was heard on its way down.
        Condition settled = MACHINE_RECOVERY
                .RECOVERY_UNDER_WAY
                .isFalse()
                .or(MACHINE_AGENT_STARTED.AGENT_STARTED_AT.gt(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT))
                .or(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT.gt(
                        DatabaseTime.shifted(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT, policy.cooldown())));
        List<UUID> open = db.dsl()
                .select(MACHINE_RECOVERY.MACHINE_ID)
                .from(MACHINE_RECOVERY)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINE_RECOVERY.MACHINE_ID))
                .join(MACHINE_AGENT_STARTED)
                .on(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINE_RECOVERY.MACHINE_ID))
                .join(MACHINE_AGENT_HEARTBEAT)
                .on(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINE_RECOVERY.MACHINE_ID))
                .where(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull())
                .and(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT.gt(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT))
                .and(settled)
                .and(not(exists(selectOne()
                        .from(WORK)
                        .where(WORK.MACHINE_ID.eq(MACHINE_RECOVERY.MACHINE_ID))
                        .and(WORK.PROCESS.eq(WorkProcess.RECOVERY.name())))))
                .orderBy(MACHINE_RECOVERY.MACHINE_ID)
                .forUpdate()
                .of(MACHINE_RECOVERY)
                .skipLocked()
                .fetch(MACHINE_RECOVERY.MACHINE_ID);
        if (open.isEmpty()) {
            return;
        }
        UUID[] proved = open.toArray(UUID[]::new);
        db.dsl()
                .update(MACHINE_RECOVERY)
                .set(MACHINE_RECOVERY.RECOVERY_PROVED_AT, db.time().now())
                .set(MACHINE_RECOVERY.RECOVERY_UNDER_WAY, false)
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(DSL.any(proved)))
                .and(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull())
                .execute();
        db.dsl()
                .deleteFrom(WORK_BACKOFF)
                .where(WORK_BACKOFF.MACHINE_ID.eq(DSL.any(proved)))
                .and(WORK_BACKOFF.PROCESS.eq(WorkProcess.RECOVERY.name()))
                .execute();
        open.forEach(machineId -> db.tell(EventKind.BACK, machineId, Map.of()));
    }

    public static Optional<RecoveryState> state(Handle db, UUID machineId) {
        return Optional.ofNullable(states(db, List.of(machineId)).get(machineId));
    }

    /** What was tried to bring machines back; without those of which nothing was. */
    static Map<UUID, RecoveryState> states(Handle db, List<UUID> machineIds) {
        return db.dsl()
                .selectFrom(MACHINE_RECOVERY)
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(DSL.any(machineIds.toArray(UUID[]::new))))
                .fetchMap(
                        MACHINE_RECOVERY.MACHINE_ID,
                        row -> new RecoveryState(
                                RecoveryAction.ofDatabaseName(row.getRecoveryAction()),
                                row.getRecoveryAttemptedAt().toInstant(),
                                row.getRecoveryUnderWay(),
                                row.getRecoveryAttempts(),
                                row.getRecoveryReinstalls(),
                                row.getRecoveryFailedCalls(),
                                Optional.ofNullable(row.getRecoveryProvedAt()).map(OffsetDateTime::toInstant)));
    }

    /** Writes an attempt that begins now. */
    static void begin(Handle db, UUID machineId, RecoveryState state) {
        db.dsl()
                .insertInto(MACHINE_RECOVERY)
                .set(MACHINE_RECOVERY.MACHINE_ID, machineId)
                .set(MACHINE_RECOVERY.RECOVERY_ACTION, state.action().databaseName())
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT, db.time().now())
                .set(MACHINE_RECOVERY.RECOVERY_UNDER_WAY, true)
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTS, state.attempts())
                .set(MACHINE_RECOVERY.RECOVERY_REINSTALLS, state.reinstalls())
                .set(MACHINE_RECOVERY.RECOVERY_FAILED_CALLS, state.failedCalls())
                .onConflict(MACHINE_RECOVERY.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_RECOVERY.RECOVERY_ACTION, state.action().databaseName())
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT, db.time().now())
                .set(MACHINE_RECOVERY.RECOVERY_UNDER_WAY, true)
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTS, state.attempts())
                .set(MACHINE_RECOVERY.RECOVERY_REINSTALLS, state.reinstalls())
                .set(MACHINE_RECOVERY.RECOVERY_FAILED_CALLS, state.failedCalls())
                .setNull(MACHINE_RECOVERY.RECOVERY_PROVED_AT)
                .execute();
    }

    /** Restores what was recorded before an attempt that the provider refused without looking at the machine. */
    static void restore(Handle db, UUID machineId, Optional<RecoveryState> before) {
        if (before.isEmpty()) {
            TagQueries.clearRecovery(db, machineId);
            return;
        }
        RecoveryState state = before.get();
        db.dsl()
                .update(MACHINE_RECOVERY)
                .set(MACHINE_RECOVERY.RECOVERY_ACTION, state.action().databaseName())
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT, at(state.attemptedAt()))
                .set(MACHINE_RECOVERY.RECOVERY_UNDER_WAY, state.underWay())
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTS, state.attempts())
                .set(MACHINE_RECOVERY.RECOVERY_REINSTALLS, state.reinstalls())
                .set(MACHINE_RECOVERY.RECOVERY_FAILED_CALLS, state.failedCalls())
                .set(
                        MACHINE_RECOVERY.RECOVERY_PROVED_AT,
                        state.provedAt().map(RecoveryStates::at).orElse(null))
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(machineId))
                .execute();
    }

    private static OffsetDateTime at(Instant instant) {
        return instant.atOffset(ZoneOffset.UTC);
    }

    /** Takes an attempt back that had no effect, and counts the call as failed. The cooldown stays. */
    static void uncount(Handle db, UUID machineId, RecoveryState counted) {
        db.dsl()
                .update(MACHINE_RECOVERY)
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTS, counted.attempts())
                .set(MACHINE_RECOVERY.RECOVERY_REINSTALLS, counted.reinstalls())
                .set(MACHINE_RECOVERY.RECOVERY_FAILED_CALLS, MACHINE_RECOVERY.RECOVERY_FAILED_CALLS.plus(1))
                .set(MACHINE_RECOVERY.RECOVERY_UNDER_WAY, false)
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(machineId))
                .execute();
    }

    /** Ends an attempt that had its effect, or whose outcome is unknown. The cooldown starts again. */
    static void end(Handle db, UUID machineId, boolean callFailed) {
        db.dsl()
                .update(MACHINE_RECOVERY)
                .set(MACHINE_RECOVERY.RECOVERY_UNDER_WAY, false)
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT, db.time().now())
                .setNull(MACHINE_RECOVERY.RECOVERY_PROVED_AT)
                .set(
                        MACHINE_RECOVERY.RECOVERY_FAILED_CALLS,
                        callFailed ? MACHINE_RECOVERY.RECOVERY_FAILED_CALLS.plus(1) : inline(0))
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(machineId))
                .execute();
    }

    /** Ends the recovery of a machine whose agent need not be heard. */
    static void prove(Handle db, UUID machineId) {
        db.dsl()
                .update(MACHINE_RECOVERY)
                .set(MACHINE_RECOVERY.RECOVERY_PROVED_AT, db.time().now())
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(machineId))
                .execute();
        db.tell(EventKind.BACK, machineId, Map.of());
    }
}
