package dev.shepherd.bmdb.rollout;

import static dev.shepherd.bmdb.internal.schema.Tables.ROLLOUTS;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import java.util.Objects;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.Record;
import org.jooq.SQL;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/**
 * Has machines wait for their turn in a rollout, some thousands in a transaction. In the order of their ids: the last one
 * that waits says where the transaction before has ended. Machines that others have locked are left out, so that nothing
 * waits for them; they are met after the first pass.
 */
public final class RolloutEnrolment {

    /** How many machines one transaction lists at most. */
    public static final int BATCH = 5_000;

    private static final String LAST =
            "select coalesce((select machine_id from machine_rollout where rollout_id = {0} and rollout_step = 'Waiting'"
                    + " order by machine_id desc limit 1), '00000000-0000-0000-0000-000000000000')";

    /**
     * Machines of the provider, after a certain one, that do not run the rollout's agent. No join here, and arrays below:
     * for a join with some thousands of machines, the database would read all there are.
     */
    private static final String NEXT = "select p.machine_id from machine_provided p"
            + " where p.provider = {0} and p.machine_id > {1} and (select s.agent_sha256 from machine_agent_started s"
            + " where s.machine_id = p.machine_id) is distinct from {2}"
            + " and {4} order by p.machine_id limit {3}";

    /** Machines with another agent that the rollout has not met. */
    private static final String MISSED = "select p.machine_id from machine_provided p"
            + " join machine_agent_started s on s.machine_id = p.machine_id"
            + " left join machine_rollout o on o.machine_id = p.machine_id"
            + " where p.provider = {0} and o.rollout_id is distinct from {1} and s.agent_sha256 is distinct from {2}"
            + " and {4} limit {3}";

    private static final String PASSED = "select machine_id from machine_rollout"
            + " where rollout_id = {0} and rollout_step = 'Passed' order by machine_id limit {1}";

    private static final String FREE = "select m.machine_id from machines m"
            + " where m.machine_id = any (array(select machine_id from batch))"
            + " order by m.machine_id for no key update skip locked";

    private static final String PUT =
            "insert into machine_rollout (machine_id, rollout_id, rollout_step, rollout_step_at)"
                    + " select machine_id, {0}, 'Waiting', {1} from free"
                    + " on conflict (machine_id) do update set rollout_id = excluded.rollout_id,"
                    + " rollout_step = excluded.rollout_step, rollout_step_at = excluded.rollout_step_at,"
                    + " rollout_wave = null, rollout_cause = null"
                    + " where machine_rollout.rollout_id <> excluded.rollout_id and machine_rollout.rollout_until is null"
                    + " returning 1";

    private static final String AGAIN = "update machine_rollout set rollout_step = 'Waiting', rollout_step_at = {0},"
            + " rollout_cause = null where machine_id = any (array(select machine_id from free)) and rollout_step = 'Passed'"
            + " returning 1";

    private final Handle db;
    private final ProviderType provider;
    private final long rolloutId;
    private final byte[] sha256;
    private final Condition selected;

    /**
     * Names a rollout, and the executable that its machines are to get.
     *
     * @param selector which machines it is for; null for all of the provider's
     */
    public RolloutEnrolment(
            Handle db, ProviderType provider, long rolloutId, byte[] sha256, @Nullable Selector selector) {
        this.db = db;
        this.provider = provider;
        this.rolloutId = rolloutId;
        this.sha256 = sha256.clone();
        this.selected = selector == null
                ? DSL.trueCondition()
                : LabelQueries.matches(DSL.field(DSL.name("p", "machine_id"), UUID.class), selector);
    }

    static RolloutEnrolment of(Handle db, ProviderType provider, RolloutRow rollout) {
        return new RolloutEnrolment(db, provider, rollout.id(), rollout.sha256(), rollout.selector());
    }

    /** How many machines there were to list, at most {@link #BATCH}, and of how many that was done. */
    private record Done(int found, int written) {
        boolean isAll() {
            return found < BATCH || written == 0;
        }
    }

    /**
     * Lists the next machines of a rollout that has yet to list all, so that none has had its turn.
     *
     * @return whether there are more
     */
    public boolean next() {
        UUID last = Objects.requireNonNull(
                db.dsl().fetchSingle(LAST, DSL.inline(rolloutId)).get(0, UUID.class));
        boolean isAll = put(DSL.sql(
                                NEXT,
                                DSL.val(provider.name()),
                                DSL.val(last),
                                DSL.val(sha256),
                                DSL.inline(BATCH),
                                selected))
                        .found()
                < BATCH;
        if (isAll) {
            pass(RolloutRow.FIRST_PASS);
        }
        return !isAll;
    }

    /**
     * Prepares the second pass: those that were left alone wait again, and so do machines that were recorded and taken
     * over, or locked, while the others were listed.
     *
     * @return whether there are more
     */
    boolean nextOfSecondPass() {
        Done again = done(
                DSL.sql(PASSED, DSL.inline(rolloutId), DSL.inline(BATCH)),
                DSL.sql(AGAIN, db.time().now()));
        db.dsl()
                .update(ROLLOUTS)
                .set(ROLLOUTS.ROLLOUT_PASSED, ROLLOUTS.ROLLOUT_PASSED.minus(again.written()))
                .where(ROLLOUTS.ROLLOUT_ID.eq(rolloutId))
                .execute();
        boolean isAll = again.isAll()
                && put(DSL.sql(
                                MISSED,
                                DSL.val(provider.name()),
                                DSL.inline(rolloutId),
                                DSL.val(sha256),
                                DSL.inline(BATCH),
                                selected))
                        .isAll();
        if (isAll) {
            pass(RolloutRow.SECOND_PASS);
        }
        return !isAll;
    }

    private Done put(SQL batch) {
        Done done = done(batch, DSL.sql(PUT, DSL.inline(rolloutId), db.time().now()));
        db.dsl()
                .update(ROLLOUTS)
                .set(ROLLOUTS.ROLLOUT_MACHINES, ROLLOUTS.ROLLOUT_MACHINES.plus(done.written()))
                .where(ROLLOUTS.ROLLOUT_ID.eq(rolloutId))
                .execute();
        return done;
    }

    /** Locks those of a batch that no other transaction has locked, and writes their rows. */
    private Done done(SQL batch, SQL write) {
        Record row = db.dsl()
                .fetchSingle(
                        "with batch as materialized ({0}), free as materialized (" + FREE + "), written as ({1})"
                                + " select (select count(*)::int from batch), (select count(*)::int from written)",
                        batch,
                        write);
        return new Done(row.get(0, Integer.class), row.get(1, Integer.class));
    }

    void pass(int pass) {
        db.dsl()
                .update(ROLLOUTS)
                .set(ROLLOUTS.ROLLOUT_PASS, pass)
                .where(ROLLOUTS.ROLLOUT_ID.eq(rolloutId))
                .execute();
    }
}
