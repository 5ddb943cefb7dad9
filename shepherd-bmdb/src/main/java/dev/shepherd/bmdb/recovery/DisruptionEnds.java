package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_DISRUPTION;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static dev.shepherd.bmdb.internal.schema.Tables.ROLLOUTS;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.notExists;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.disruption.DisruptionState;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import java.util.List;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.impl.DSL;

/** Which rows of {@code machine_disruption} are over, and how they end. Each statement that writes expects that the machine is locked. */
final class DisruptionEnds {

    private DisruptionEnds() {}

    /**
     * Reads what is over: what a gate held back that is no longer due, and what was done and is well again. And what drain
     * hooks have yet to be told of.
     */
    static List<MachineDisruption> over(Handle db, ProviderType provider, RecoveryPolicy policy, int limit) {
        // The few machines by their ids, or the database may read all there are.
        Field<UUID[]> few = DSL.array(select(MACHINE_DISRUPTION.MACHINE_ID).from(MACHINE_DISRUPTION));
        return db.dsl()
                .select(MACHINE_DISRUPTION.fields())
                .from(MACHINES)
                .join(MACHINE_DISRUPTION)
                .on(MACHINE_DISRUPTION.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .where(MACHINES.MACHINE_ID.eq(DSL.any(few)))
                .and(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(isOver(db, provider, policy)
                        .or(MACHINE_DISRUPTION
                                .DISRUPTION_DRAINED
                                .isTrue()
                                .and(DisruptionQueries.isOneOf(DisruptionState.HELD_BACK, DisruptionState.REFUSED))
                                .and(isNotWorkedOn())))
                .orderBy(MACHINE_DISRUPTION.DISRUPTION_AT, MACHINE_DISRUPTION.MACHINE_ID)
                .limit(limit)
                .fetchInto(MACHINE_DISRUPTION)
                .map(DisruptionQueries::disruption);
    }

    private static Condition isNotWorkedOn() {
        return notExists(selectOne().from(WORK).where(WORK.MACHINE_ID.eq(MACHINE_DISRUPTION.MACHINE_ID)));
    }

    private static Condition isOver(Handle db, ProviderType provider, RecoveryPolicy policy) {
        Condition isDone = DisruptionQueries.is(DisruptionState.UNDER_WAY);
        Condition isOpen = exists(selectOne()
                .from(MACHINE_RECOVERY)
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(MACHINE_DISRUPTION.MACHINE_ID))
                .and(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull()));
        // The agent of a machine with an installed system is not waited for.
        Condition isBooting = MachineConditions.installationFulfilled()
                .and(MACHINE_DISRUPTION.DISRUPTION_AT.gt(db.time().nowMinus(policy.bootTime())));
        Condition isDue = RecoveryLimits.isStillDue(
                db, new RecoveryRules(db.time(), policy).withoutGates().eligibleWhileHeld(provider));
        Condition isRolledOut = exists(selectOne()
                .from(MACHINE_ROLLOUT)
                .where(MACHINE_ROLLOUT.MACHINE_ID.eq(MACHINE_DISRUPTION.MACHINE_ID))
                .and(MACHINE_ROLLOUT.ROLLOUT_UNTIL.isNotNull()));
        Condition isToBeRolledOut = exists(selectOne()
                .from(MACHINE_ROLLOUT)
                .join(ROLLOUTS)
                .on(ROLLOUTS.ROLLOUT_ID.eq(MACHINE_ROLLOUT.ROLLOUT_ID))
                .where(MACHINE_ROLLOUT.MACHINE_ID.eq(MACHINE_DISRUPTION.MACHINE_ID))
                .and(MACHINE_ROLLOUT
                        .ROLLOUT_STEP
                        .eq(inline("Chosen"))
                        .or(MACHINE_ROLLOUT
                                .ROLLOUT_STEP
                                .eq(inline("Waiting"))
                                .and(not(DisruptionQueries.is(DisruptionState.DRAINING)))))
                .and(ROLLOUTS.ROLLOUT_ENDED_AT.isNull()));
        Condition ofRecovery =
                isDone.and(not(isOpen)).and(not(isBooting)).or(not(isDone).and(not(isDue)));
        Condition ofRollout = isDone.and(not(isRolledOut)).or(not(isDone).and(not(isToBeRolledOut)));
        // The work that an approval was given to is gone: no other can take it up.
        return isNotWorkedOn()
                .and(DisruptionQueries.is(DisruptionState.APPROVED)
                        .or(DisruptionQueries.isOfRecovery().and(ofRecovery.or(not(MachineConditions.present()))))
                        .or(DisruptionQueries.isOfRollout().and(ofRollout)));
    }

    /**
     * Deletes what is known of a disruption if it is over, and otherwise notes that drain hooks know how it ended.
     * Does nothing if it has moved on since it was read.
     */
    static void end(Handle db, ProviderType provider, RecoveryPolicy policy, MachineDisruption read) {
        int ended = db.dsl()
                .deleteFrom(MACHINE_DISRUPTION)
                .using(MACHINES)
                .where(MACHINES.MACHINE_ID.eq(MACHINE_DISRUPTION.MACHINE_ID))
                .and(isAsRead(read))
                .and(isOver(db, provider, policy))
                .execute();
        if (ended == 0) {
            toldOfEnd(db, read);
        }
    }

    private static Condition isAsRead(MachineDisruption read) {
        return MACHINE_DISRUPTION
                .MACHINE_ID
                .eq(read.machineId())
                .and(MACHINE_DISRUPTION.DISRUPTION_ID.eq(read.id()))
                .and(DisruptionQueries.is(read.state()));
    }

    /**
     * Has what is over be held back, so that drain hooks can be told how it ended: work that asks for the machine from then on begins
     * another drain.
     */
    static void oweEnd(Handle db, ProviderType provider, RecoveryPolicy policy, MachineDisruption read) {
        boolean isDone = read.state() == DisruptionState.UNDER_WAY;
        db.dsl()
                .update(MACHINE_DISRUPTION)
                .set(MACHINE_DISRUPTION.DISRUPTION_STATE, DisruptionState.HELD_BACK.databaseName())
                .set(MACHINE_DISRUPTION.DISRUPTION_AT, db.time().now())
                .set(MACHINE_DISRUPTION.DISRUPTION_UNTIL, db.time().now())
                .setNull(MACHINE_DISRUPTION.DISRUPTION_DEADLINE)
                .setNull(MACHINE_DISRUPTION.DISRUPTION_CLAIM)
                .setNull(MACHINE_DISRUPTION.DISRUPTION_GATE)
                .set(MACHINE_DISRUPTION.DISRUPTION_DONE, isDone)
                .set(
                        MACHINE_DISRUPTION.DISRUPTION_WHY,
                        isDone ? "it is done, and drain hooks have yet to hear of it" : "it is no longer due")
                .from(MACHINES)
                .where(MACHINES.MACHINE_ID.eq(MACHINE_DISRUPTION.MACHINE_ID))
                .and(isAsRead(read))
                .and(isOver(db, provider, policy))
                .execute();
    }

    /** Notes that drain hooks know how it ended: what may begin from here on is another disruption. */
    static void toldOfEnd(Handle db, MachineDisruption read) {
        db.dsl()
                .update(MACHINE_DISRUPTION)
                .set(MACHINE_DISRUPTION.DISRUPTION_ID, UUID.randomUUID())
                .set(MACHINE_DISRUPTION.DISRUPTION_DRAINED, false)
                .set(MACHINE_DISRUPTION.DISRUPTION_DONE, false)
                .where(isAsRead(read))
                .and(DisruptionQueries.isOneOf(DisruptionState.HELD_BACK, DisruptionState.REFUSED))
                .execute();
    }
}
