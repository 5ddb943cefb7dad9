package dev.shepherd.bmdb.internal;

import dev.shepherd.api.ProviderType;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.jooq.Field;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Repairs what is blocked after the database's clock went back. Events recorded as later than now count as having
 * happened now, no backoff lasts longer than its period, and scheduled times come earlier by the step. That only makes
 * machines look alive for longer, so nothing is rebooted because of a step.
 *
 * <p>Sessions notice a step, since their heartbeats return the database's time; so does recovery, by the time of its
 * last look, in processes started after the step. Decision 10 says what a step does to each time.
 */
public final class ClockStep {

    private static final Logger log = LoggerFactory.getLogger(ClockStep.class);

    /** How far ahead of now a time may be because the transaction that wrote it began later. */
    static final Duration TOLERANCE = Duration.ofMinutes(1);

    /** What happened, and so cannot be later than now. */
    private static final List<String> EVENTS = List.of(
            "machine_agent_heartbeat.agent_heartbeat_at",
            "machine_agent_started.agent_started_at",
            "machine_unreachable.unreachable_since",
            "machine_recovery.recovery_attempted_at",
            "machine_recovery.recovery_proved_at",
            "machine_rollout.rollout_step_at",
            "machine_disruption.disruption_at",
            "machine_disruption.disruption_asked_at");

    private ClockStep() {}

    /**
     * Corrects all times if recovery's last look at a provider is later than now. Otherwise costs one read of one row.
     */
    public static void repairIfLookedLater(Handle db, ProviderType provider) {
        db.dsl()
                .fetchOptional(
                        "select extract(epoch from recovery_looked_at - ({0}))::bigint from providers"
                                + " where provider = {1} and recovery_looked_at > {0} + {2} * interval '1 second'",
                        db.time().now(), DSL.val(provider.name()), DSL.inline(TOLERANCE.toSeconds()))
                .ifPresent(row -> repair(db, Duration.ofSeconds(row.get(0, Long.class))));
    }

    /**
     * Corrects all times. Doing it twice is harmless.
     *
     * @param step by how much the clock went back, at the least
     */
    public static void repair(Handle db, Duration step) {
        Field<?> now = db.time().now();
        Field<?> back = DSL.field("{0} * interval '1 second'", Object.class, DSL.inline(step.toSeconds()));
        // Providers, then machines, then their tags, as in all transactions of the library.
        db.dsl().execute("select 1 from providers order by provider for update");
        UUID[] created = lateMachines(db, now);
        if (created.length > 0) {
            Field<UUID[]> ids = DSL.val(created, SQLDataType.UUID.getArrayDataType());
            db.dsl().execute("update machines set machine_created_at = {0} where machine_id = any ({1})", now, ids);
            db.dsl().execute("select work_due_arm({0})", ids);
        }
        db.dsl()
                .execute(
                        "update machine_rollout set rollout_until = rollout_until - {1}"
                                + " where rollout_step_at > {0} and rollout_until is not null",
                        now, back);
        db.dsl()
                .execute(
                        "update machine_disruption set disruption_until = disruption_until - {1},"
                                + " disruption_deadline = disruption_deadline - {1} where disruption_asked_at > {0}",
                        now, back);
        EVENTS.forEach(event -> {
            String table = event.substring(0, event.indexOf('.'));
            String column = event.substring(event.indexOf('.') + 1);
            db.dsl().execute("update " + table + " set " + column + " = {0} where " + column + " > {0}", now);
        });
        db.dsl()
                .execute(
                        "update work_backoff set until = {0}"
                                + " + greatest(last_interval_seconds, loss_interval_seconds) * interval '1 second'"
                                // Twice the period is more than any jitter adds.
                                + " where until > {0} + (2 * greatest(last_interval_seconds, loss_interval_seconds) + 60)"
                                + " * interval '1 second'",
                        now);
        db.dsl()
                .execute(
                        "update recovery_freeze set frozen_at = least(frozen_at, {0}), silent_since = least(silent_since, {0}),"
                                + " calm_since = least(calm_since, {0}), ignored_until = least(ignored_until, {0})",
                        now);
        // By the clock of the step, both when it was said and until when.
        db.dsl()
                .execute(
                        "update pauses set paused_at = {0}, paused_until = paused_until - {1}"
                                + " where paused_at > {0} + interval '1 minute'",
                        now, back);
        db.dsl()
                .execute(
                        "update work_schedule set scheduled_at = {0}, due_at = due_at - {1}"
                                + " where scheduled_at > {0} + interval '1 minute'",
                        now, back);
        // Not said when: what lies further ahead than usual comes earlier, which at worst asks a provider too early.
        db.dsl()
                .execute(
                        "update machine_provided set provider_check_at = greatest({0}, provider_check_at - {1})"
                                + " where provider_check_at > {0} + interval '1 hour'",
                        now, back);
        db.dsl()
                .execute(
                        "update machine_intent set retry_at = greatest({0}, retry_at - {1})"
                                + " where retry_at > {0} + interval '1 hour'",
                        now, back);
        db.dsl()
                .execute(
                        "update providers set recovery_looked_at = {0}, recovery_looking_since = {0}"
                                + " where recovery_looked_at > {0}",
                        now);
        log.warn(
                "The database's clock went back by about {} s; times that were later than now were set back",
                step.toSeconds());
    }

    /** Locks the machines that have a time later than now. Returns those that were created later. */
    private static UUID[] lateMachines(Handle db, Field<?> now) {
        StringBuilder late = new StringBuilder("m.machine_created_at > {0}");
        EVENTS.forEach(event -> {
            String table = event.substring(0, event.indexOf('.'));
            late.append(" or m.machine_id in (select machine_id from " + table + " where " + event + " > {0})");
        });
        return db
                .dsl()
                .fetch(
                        "select m.machine_id, m.machine_created_at > {0} from machines m where " + late
                                + " order by m.machine_id for no key update",
                        now)
                .stream()
                .filter(row -> row.get(1, Boolean.class))
                .map(row -> row.get(0, UUID.class))
                .toArray(UUID[]::new);
    }
}
