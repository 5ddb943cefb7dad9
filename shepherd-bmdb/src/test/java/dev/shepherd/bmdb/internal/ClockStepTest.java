package dev.shepherd.bmdb.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.QueueCheck;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What a database whose clock stood a day ahead leaves behind, and what becomes of it. */
class ClockStepTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final Duration STEP = Duration.ofDays(1);

    /** Every column that says when something happened or comes. A new one has to be thought about here. */
    @Test
    void eachColumnOfTimeIsKnown() throws Exception {
        assertThat(db.rows("select table_name || '.' || column_name from information_schema.columns"
                        + " where table_schema = 'public' and data_type = 'timestamp with time zone'"
                        + " and table_name not in (select table_name from information_schema.views)"))
                .containsExactlyInAnyOrder(
                        "machines.machine_created_at",
                        "machine_agent_heartbeat.agent_heartbeat_at",
                        "machine_agent_started.agent_started_at",
                        "machine_unreachable.unreachable_since",
                        "machine_recovery.recovery_attempted_at",
                        "machine_recovery.recovery_proved_at",
                        "work_backoff.until",
                        "recovery_freeze.frozen_at",
                        "recovery_freeze.silent_since",
                        "recovery_freeze.calm_since",
                        "recovery_freeze.ignored_until",
                        "pauses.paused_at",
                        "pauses.paused_until",
                        "work_schedule.scheduled_at",
                        "work_schedule.due_at",
                        "work_due.due_at",
                        "machine_provided.provider_check_at",
                        "machine_intent.retry_at",
                        "machine_rollout.rollout_step_at",
                        "machine_rollout.rollout_until",
                        "machine_disruption.disruption_at",
                        "machine_disruption.disruption_asked_at",
                        "machine_disruption.disruption_until",
                        "machine_disruption.disruption_deadline",
                        "providers.recovery_looked_at",
                        "providers.recovery_looking_since",
                        "sessions.session_deadline",
                        // These are shown, or order, and nothing waits for them.
                        "sessions.session_created_at",
                        "work.work_started_at",
                        "work_history.timestamp",
                        "machine_intent.intent_made_at",
                        "machine_ssh_host_key.ssh_host_key_set_at",
                        "machine_quarantine.quarantined_at",
                        "recovery_freeze.released_at",
                        "machines_forgotten.forgotten_at",
                        "operator_actions.acted_at",
                        "fleet_events.event_at",
                        "fleet_event_inbox.event_at",
                        // Only compared for equality: at worst a silence is told of twice.
                        "machine_silence.silent_since",
                        "agent_executables.stored_at",
                        "rollouts.rollout_started_at",
                        "rollouts.rollout_ended_at",
                        "machine_hardware_report.hardware_report_at",
                        "machine_hardware_report.hardware_read_at",
                        "hardware_history.changed_at",
                        "fleet_samples.sampled_at",
                        // Counts and samples from the future are made again at once.
                        "fleet_counted.counted_at",
                        "fleet_counted.sampled_at");
    }

    @Test
    void nothingIsBlockedForTheLengthOfAStepBack() throws Exception {
        UUID machine = machine();
        leaveTimesOfTomorrow(machine);

        db.session().useTransaction(tx -> {
            ClockStep.repair(Handle.of(tx.dsl()), STEP);
        });

        assertThat(db.rows("select 'machine', machine_created_at <= now() from machines"
                        + " union all select 'heartbeat', agent_heartbeat_at <= now() from machine_agent_heartbeat"
                        + " union all select 'start', agent_started_at <= now() from machine_agent_started"
                        + " union all select 'attempt', recovery_attempted_at <= now() from machine_recovery"
                        + " union all select 'backoff', until <= now() + interval '5 min' from work_backoff"
                        + " union all select 'frozen', frozen_at <= now() and silent_since <= now()"
                        + "   and calm_since <= now() and ignored_until <= now() from recovery_freeze"
                        + " union all select 'pause', paused_at <= now() and paused_until <= now() + interval '1 h'"
                        + "   from pauses"
                        + " union all select 'schedule', due_at <= now() + interval '1 h' from work_schedule"
                        + " union all select 'check', provider_check_at <= now() + interval '1 h' from machine_provided"
                        + " union all select 'rollout', rollout_step_at <= now() and rollout_until <= now() + interval '1 h'"
                        + "   from machine_rollout"
                        + " union all select 'disruption', disruption_asked_at <= now() and disruption_until <= now() + interval '1 h'"
                        + "   from machine_disruption"
                        + " union all select 'looks', recovery_looked_at <= now() from providers"))
                .containsExactlyInAnyOrder(
                        "machine|t",
                        "heartbeat|t",
                        "start|t",
                        "attempt|t",
                        "backoff|t",
                        "frozen|t",
                        "pause|t",
                        "schedule|t",
                        "check|t",
                        "rollout|t",
                        "disruption|t",
                        "looks|t");
        assertThat(db.rows("select process from work_due where due_at > now() + interval '1 h'"))
                .isEmpty();
        assertThat(Operator.of(db.bmdb()).verifyQueue(RecoveryPolicy.DEFAULT)).matches(QueueCheck::isRight);
    }

    @Test
    void aHeartbeatOfSessionsThatComesFromEarlierHasTimesMended() throws Exception {
        UUID machine = machine();
        leaveTimesOfTomorrow(machine);
        SessionKeeper keeper = db.keeper();

        keeper.mendTimes();
        assertThat(db.number("select count(*) from machine_agent_heartbeat where agent_heartbeat_at > now()"))
                .isEqualTo(1);

        keeper.noteTime(db.bmdb().now().plus(STEP).atOffset(ZoneOffset.UTC));
        keeper.noteTime(db.bmdb().now().atOffset(ZoneOffset.UTC));
        keeper.mendTimes();

        assertThat(db.number("select count(*) from machine_agent_heartbeat where agent_heartbeat_at > now()"))
                .isZero();
    }

    private static UUID machine() throws Exception {
        db.providedMachines(1);
        db.execute("insert into providers (provider) select distinct provider from machine_provided");
        return UUID.fromString(db.rows("select machine_id from machines").get(0));
    }

    private static void leaveTimesOfTomorrow(UUID machine) throws Exception {
        String tomorrow = "now() + interval '1 day'";
        for (String statement : List.of(
                "update machines set machine_created_at = " + tomorrow,
                "insert into machine_agent_started values ('" + machine + "', " + tomorrow + ", '\\x01')",
                "insert into machine_agent_heartbeat values ('" + machine + "', " + tomorrow + ")",
                "insert into machine_recovery values ('" + machine + "', 'Reboot', " + tomorrow
                        + ", false, 1, 0, 0, null)",
                "insert into work_backoff (machine_id, process, until, cause, last_interval_seconds)" + " values ('"
                        + machine + "', 'ShepherdRecovery', " + tomorrow + " + interval '1 min', 'x', 60)",
                "insert into recovery_freeze (provider, location, frozen_at, silent_since, freeze_evidence, calm_since,"
                        + " ignored_until) values ('', '', " + tomorrow + ", " + tomorrow + ", 'x', " + tomorrow + ", "
                        + tomorrow + ")",
                "insert into agent_executables values (sha256('a'), null, 1, now())",
                "insert into rollouts (provider, agent_sha256, rollout_state, rollout_canary, rollout_batch,"
                        + " rollout_bake_seconds, rollout_max_failures, rollout_wave, rollout_pass, rollout_machines,"
                        + " rollout_done, rollout_passed, rollout_started_at, rollout_started_by)"
                        + " values ('test', sha256('a'), 'Running', 1, 1, 60, 0, 0, 1, 1, 0, 0, " + tomorrow + ", 'a')",
                "insert into machine_rollout select '" + machine + "', rollout_id, 'Baking', " + tomorrow + ", "
                        + tomorrow + " + interval '30 min' from rollouts",
                "insert into machine_disruption values ('" + machine
                        + "', gen_random_uuid(), 'Reboot', 'HeldBack', now(), " + tomorrow
                        + " + interval '30 min', null, false, null, 'windows', 'x', " + tomorrow + ")",
                "insert into pauses values (gen_random_uuid(), '" + machine + "', null, null, 'a', 'b', " + tomorrow
                        + ", " + tomorrow + " + interval '30 min')",
                "insert into work_schedule values ('" + machine + "', 'Own', " + tomorrow + " + interval '30 min', "
                        + tomorrow + ")",
                "update machine_provided set provider_check_at = " + tomorrow + " + interval '30 min'",
                "update providers set recovery_looked_at = " + tomorrow + ", recovery_looking_since = " + tomorrow)) {
            db.execute(statement);
        }
    }
}
