package dev.shepherd.bmdb;

import dev.shepherd.api.ProviderType;
import java.time.Duration;
import org.jooq.DSLContext;
import org.jooq.impl.DSL;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Notices that the database's clock went back, and mends what that would block.
 *
 * <p>A look of recovery that is noted further ahead than any transaction can be old was taken before the clock went back.
 * Then whatever is noted as having happened later than now is taken to have happened now, and no backoff lasts longer than
 * its period. That only makes machines look alive for longer, so nothing is rebooted because of a step. The changed rows
 * have the database make their entries of the due queue again. Until then a look costs one read of one row.
 */
final class ClockStep {

    private static final Logger log = LoggerFactory.getLogger(ClockStep.class);

    /** How far ahead of now a time may be because the transaction that wrote it began later. */
    static final Duration TOLERANCE = Duration.ofMinutes(1);

    private ClockStep() {}

    static void repair(DSLContext dsl, DatabaseTime time, ProviderType provider) {
        var step = dsl.fetchOptional(
                "select extract(epoch from recovery_looked_at - ({0}))::bigint from providers"
                        + " where provider = {1} and recovery_looked_at > {0} + interval '1 minute'",
                time.now(), DSL.val(provider.name()));
        if (step.isEmpty()) {
            return;
        }
        ProviderRows.lock(dsl, provider);
        // Machines before their tags, as in all transactions of the library.
        dsl.execute(
                "select 1 from machines m where exists (select 1 from machine_provided p"
                        + " where p.machine_id = m.machine_id and p.provider = {0}) order by machine_id for no key update",
                DSL.val(provider.name()));
        for (String column : new String[] {
            "machine_agent_heartbeat.agent_heartbeat_at",
            "machine_agent_started.agent_started_at",
            "machine_unreachable.unreachable_since",
            "machine_recovery.recovery_attempted_at",
            "machine_recovery.recovery_proved_at"
        }) {
            String table = column.substring(0, column.indexOf('.'));
            String name = column.substring(column.indexOf('.') + 1);
            dsl.execute(
                    "update " + table + " t set " + name + " = {0} from machine_provided p"
                            + " where p.machine_id = t.machine_id and p.provider = {1} and t." + name + " > {0}",
                    time.now(),
                    DSL.val(provider.name()));
        }
        dsl.execute(
                "update work_backoff b set until = {0} + b.last_interval_seconds * interval '1 second'"
                        + " from machine_provided p where p.machine_id = b.machine_id and p.provider = {1}"
                        // Twice the period is more than any jitter adds.
                        + " and b.until > {0} + (2 * b.last_interval_seconds + 60) * interval '1 second'",
                time.now(), DSL.val(provider.name()));
        dsl.execute(
                "update recovery_freeze set frozen_at = least(frozen_at, {0}), silent_since = least(silent_since, {0}),"
                        + " calm_since = least(calm_since, {0}), ignored_until = least(ignored_until, {0})"
                        + " where provider in ('', {1})",
                time.now(), DSL.val(provider.name()));
        dsl.execute(
                "update providers set recovery_looked_at = {0}, recovery_looking_since = {0} where provider = {1}",
                time.now(), DSL.val(provider.name()));
        log.warn(
                "The database's clock went back by about {} s. Times of provider {} that were later than now are set to now",
                step.get().get(0, Long.class),
                provider);
    }
}
