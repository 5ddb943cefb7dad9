package dev.shepherd.web;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Machines written straight into a database. */
final class TestFleet {

    private final String url;

    TestFleet(String url) {
        this.url = url;
    }

    /** Forgets all that an earlier test left. */
    void clear() throws SQLException {
        execute(
                "truncate machines, machine_provided, machine_quarantine, work_backoff, pauses, recovery_freeze, work_history,"
                        + " sessions, operator_actions, fleet_counted, fleet_counts, fleet_silent, fleet_figures,"
                        + " fleet_samples, fleet_hardware, hardware_history, rollouts, agent_executables cascade");
    }

    void execute(String sql, Object... parameters) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < parameters.length; i++) {
                statement.setObject(i + 1, parameters[i]);
            }
            statement.execute();
        }
    }

    UUID machine(String id, String location) throws SQLException {
        UUID machineId = UUID.randomUUID();
        execute("insert into machines (machine_id) values (?)", machineId);
        execute(
                "insert into machine_provided (machine_id, provider, provider_id, provider_ip_address, provider_location,"
                        + " provider_status) values (?, 'racks', ?, '192.0.2.7', ?, 'Running')",
                machineId,
                id,
                location);
        return machineId;
    }

    /** Writes what a gate said of a reboot: {@code HeldBack}, {@code Draining}, {@code Refused} or {@code UnderWay}. */
    void disruption(UUID machine, String state, @Nullable String gate, String why) throws SQLException {
        execute(
                "insert into machine_disruption (machine_id, disruption_id, disruption_kind, disruption_state, disruption_at,"
                        + " disruption_until, disruption_deadline, disruption_drained, disruption_gate, disruption_why)"
                        + " select ?, gen_random_uuid(), 'Reboot', s, now(),"
                        + " case when s <> 'UnderWay' then now() + interval '1 hour' end,"
                        + " case when s = 'Draining' then now() + interval '2 hours' end, s = 'Draining', ?::text, ?"
                        + " from (values (?::text)) v (s)",
                machine,
                gate,
                why,
                state);
    }

    /** Writes a hardware report as a process of an older version would, and a change that it may have told of. */
    void hardware(UUID machine, byte[] report, String change) throws SQLException {
        execute(
                "insert into machine_hardware_report (machine_id, hardware_report_raw, hardware_report_at)"
                        + " values (?, ?, now())",
                machine,
                report);
        execute(
                "insert into hardware_history (machine_id, changed_at, kind, change) values (?, now(), 'DISK_FAILING', ?)",
                machine,
                change);
    }

    /**
     * Makes a rollout, and a machine that it works on or has failed on.
     *
     * @return its number
     */
    long rollout(String state, String cause, String version, UUID machine, String step, String why)
            throws SQLException {
        execute(
                "insert into agent_executables values (sha256(?::bytea), ?, 17000000, now()) on conflict do nothing",
                version.getBytes(StandardCharsets.UTF_8),
                version);
        boolean ended = !List.of("Running", "Paused").contains(state);
        try (Connection connection = DriverManager.getConnection(url);
                PreparedStatement statement = connection.prepareStatement(
                        "insert into rollouts (provider, agent_sha256, rollout_state, rollout_cause, rollout_canary,"
                                + " rollout_batch, rollout_bake_seconds, rollout_max_failures, rollout_wave, rollout_pass,"
                                + " rollout_machines, rollout_done, rollout_passed, rollout_started_at, rollout_started_by,"
                                + " rollout_ended_at) values ('racks', sha256(?::bytea), ?, ?, 5, 50, 900, 2, 3, 1, 140, 25, 4,"
                                + " now() - interval '50 minutes', 'nightshift', case when ? then now() end)"
                                + " returning rollout_id")) {
            statement.setBytes(1, version.getBytes(StandardCharsets.UTF_8));
            statement.setString(2, state);
            statement.setString(3, cause);
            statement.setBoolean(4, ended);
            var result = statement.executeQuery();
            result.next();
            long id = result.getLong(1);
            execute(
                    "insert into machine_rollout (machine_id, rollout_id, rollout_step, rollout_step_at, rollout_until,"
                            + " rollout_cause) values (?, ?, ?, now(), case when ? in ('Chosen', 'Starting', 'Baking', 'Returning')"
                            + " then now() + interval '1 hour' end, ?)",
                    machine,
                    id,
                    step,
                    step,
                    why);
            return id;
        }
    }

    /** Writes a text into each place that takes one from a provider, a machine, a process or a person. */
    UUID hostile(String text) throws SQLException {
        UUID machine = machine(text, text);
        execute("update machine_provided set provider_reservation_id = ? where machine_id = ?", text, machine);
        execute("insert into machine_quarantine values (?, now(), ?, ?)", machine, text, text + "\u202e\u001b[31m");
        execute("insert into machine_ssh_host_key values (?, ?, now())", machine, text);
        disruption(machine, "HeldBack", text, text + "\u202e\u001b[31m");
        execute("insert into machine_unreachable values (?, now(), 3)", machine);
        execute(
                "insert into work_backoff (machine_id, process, until, cause, last_interval_seconds)"
                        + " values (?, 'ShepherdAgentStart', now() + interval '1 hour', ?, 60)",
                machine,
                text);
        execute("insert into pauses values (gen_random_uuid(), ?, null, null, ?, ?, now(), null)", machine, text, text);
        execute(
                "insert into recovery_freeze (provider, location, frozen_at, silent_since, freeze_evidence)"
                        + " values ('racks', ?, now(), now(), ?)",
                text,
                text);
        execute(
                "insert into work_history (machine_id, process, event, failed_cause, note)"
                        + " values (?, 'ShepherdAgentStart', 'Failed', ?, ?)",
                machine,
                text,
                text);
        execute(
                "insert into sessions (session_component_name, session_runtime_info, session_interval_seconds,"
                        + " session_deadline) values (?, ?, 5, now())",
                text,
                text);
        execute(
                "insert into operator_actions (acted_at, acted_by, channel, verb, reason, machine_id, provider,"
                        + " provider_id, subject, details) values (now(), ?, 'Page', 'Quarantine', ?, ?, 'racks', ?, ?, ?)",
                text,
                text,
                machine,
                text,
                text,
                text);
        rollout("Stopped", text, "<b>2</b>", machine, "Failed", text);
        execute("update rollouts set rollout_started_by = ?", text);
        return machine;
    }

    /**
     * Makes a fleet as one may look on a day like any other: machines of three providers in every state, a day of samples, and
     * what operators did. Returns a machine that something happened to.
     */
    UUID lively() throws SQLException {
        execute("insert into machines (machine_id, machine_created_at)"
                + " select md5('m' || i)::uuid, now() - interval '10 days' from generate_series(1, 412) i");
        execute("""
                insert into machine_provided (machine_id, provider, provider_id, provider_reservation_id,
                    provider_ip_address, provider_location, provider_status)
                select md5('m' || i)::uuid, p.provider,
                    case p.provider when 'metal' then 'dev-' || substr(md5('m' || i), 1, 8)
                        else 'rack-' || (i % 9 + 1) || '-' || lpad((i % 42 + 1)::text, 2, '0') || '-' || i end,
                    case p.provider when 'metal' then 'res-' || substr(md5('r' || i), 1, 8) end,
                    '192.0.2.' || (i % 250 + 1),
                    case p.provider when 'metal' then (array['ams1', 'fra2', 'sjc1'])[i % 3 + 1]
                        when 'racks' then 'hall ' || (i % 2 + 1) end,
                    case when i = 31 then 'Missing' when i in (40, 41, 43) then 'Provisioning' when i % 50 = 9 then 'Stopped'
                        else 'Running' end
                from generate_series(1, 412) i,
                    lateral (select case when i <= 240 then 'metal' when i <= 380 then 'racks' else 'static' end) p (provider)
                """);
        execute("""
                insert into machine_agent_started select md5('m' || i)::uuid, now() - interval '9 days' * random(),
                    decode(repeat('00', 32), 'hex')
                from generate_series(1, 412) i where i % 17 <> 5 and i not in (12, 31, 40, 41, 43, 260)
                """);
        execute("""
                insert into machine_agent_heartbeat select machine_id, now() - interval '50 s' * random()
                from machine_agent_started where machine_id <> md5('m400')::uuid
                """);
        execute("""
                update machine_agent_heartbeat set agent_heartbeat_at = now() - interval '40 minutes'
                where machine_id in (select md5('m' || i)::uuid from unnest(array[250, 252, 254, 256]) i)
                """);
        execute("update machine_agent_started set agent_started_at = now() - interval '1 minute'"
                + " where machine_id = md5('m400')::uuid");
        execute("""
                insert into machine_quarantine values (md5('m7')::uuid, now() - interval '3 hours', 'recoverer',
                        'three reboots in 2 h did not bring it back'),
                    (md5('m90')::uuid, now() - interval '2 days', 'oncall', 'disk 3 reports errors; ticket 4411')
                """);
        execute("""
                insert into machine_recovery select md5('m' || i)::uuid, 'Reboot', now() - interval '4 minutes', false, 1, 0, 0,
                    null
                from unnest(array[12, 260]) i
                """);
        execute("""
                insert into work_backoff (machine_id, process, until, cause, last_interval_seconds, failures)
                select md5('m' || i)::uuid, 'ShepherdAgentStart', now() + interval '11 minutes',
                    (array['cannot log in by SSH: the host refused the key', 'no answer on port 22 within 10 s'])[i % 2 + 1],
                    600, 4
                from generate_series(1, 412) i where i % 17 = 5 and i % 4 <> 0
                """);
        execute("""
                insert into machine_os_installation_request select md5('m' || i)::uuid, 1, '' from generate_series(60, 66) i
                """);
        execute("""
                insert into machine_os_installation_report select machine_id, generation, 'Success', ''
                from machine_os_installation_request
                """);
        UUID session = UUID.randomUUID();
        execute(
                "insert into sessions values (?, 'initializer of metal', 'ops-1.example.com, process 4711',"
                        + " now() - interval '5 hours', 3600, now() + interval '1 hour')",
                session);
        execute(
                "insert into work (machine_id, session_id, process) select md5('m' || i)::uuid, ?, 'ShepherdAgentStart'"
                        + " from unnest(array[56, 124]) i",
                session);
        execute("""
                insert into pauses values (gen_random_uuid(), null, 'static', null, 'nightshift', 'the switch of row 4 is replaced',
                    now() - interval '35 minutes', now() + interval '25 minutes')
                """);
        execute("""
                insert into fleet_samples select sampled, p, machines, machines - 9 - (5 * (1 + sin(t / 9.0)))::int
                        - case when t between 96 and 108 then 40 else 0 end,
                    case when t between 100 and 112 then 12 else (t % 3) end, 2,
                    case when t % 48 < 5 then 9 - t % 5 when t % 17 = 3 then 1 else 0 end,
                    case when t between 98 and 110 then 11 - abs(104 - t) else 0 end,
                    case when t % 31 < 4 or t between 96 and 108 then 3 + t % 4 else 0 end
                from generate_series(1, 287) t, lateral (select now() - interval '5 minutes' * (288 - t)) a (sampled),
                    (values ('metal', 240), ('racks', 140), ('static', 32)) v (p, machines)
                """);
        UUID machine = new UUID(0, 0);
        try (Connection connection = DriverManager.getConnection(url);
                PreparedStatement statement = connection.prepareStatement("select md5('m12')::uuid")) {
            var result = statement.executeQuery();
            if (result.next()) {
                machine = result.getObject(1, UUID.class);
            }
        }
        execute(
                "insert into machine_ssh_host_key values (?, 'ssh-ed25519"
                        + " AAAAC3NzaC1lZDI1NTE5AAAAIGFuIGV4YW1wbGUsIG9mIG5vIHVzZSBhdCBhbGw=', now() - interval '9 days')",
                machine);
        execute("""
                insert into work_history (machine_id, provider, provider_id, process, event, "timestamp", failed_cause, note)
                select p.machine_id, p.provider, p.provider_id, h.process, h.event, now() - h.ago, h.cause, h.note
                from machine_provided p, (values
                    ('ShepherdAgentStart', 'Started', interval '9 days 10 minutes', null, null),
                    ('ShepherdAgentStart', 'Finished', interval '9 days 9 minutes', null, null),
                    ('ShepherdAccess', 'Started', interval '26 hours 2 minutes', null, 'Reboot on behalf of nightshift: new kernel'),
                    ('ShepherdAccess', 'Finished', interval '26 hours 1 minute', null, null),
                    ('ShepherdAgentStart', 'Started', interval '25 hours 55 minutes', null, null),
                    ('ShepherdAgentStart', 'Failed', interval '25 hours 54 minutes', 'no answer on port 22 within 10 s', null),
                    ('ShepherdAgentStart', 'Started', interval '25 hours 50 minutes', null, null),
                    ('ShepherdAgentStart', 'Finished', interval '25 hours 49 minutes', null, null),
                    ('ShepherdRecovery', 'Started', interval '5 minutes', null, null),
                    ('ShepherdRecovery', 'Finished', interval '4 minutes', null, null)) h (process, event, ago, cause, note)
                where p.machine_id = ?
                """, machine);
        execute("""
                insert into operator_actions (acted_at, acted_by, channel, verb, reason, machine_id, provider, provider_id)
                select now() - interval '26 hours 2 minutes', 'nightshift', 'CommandLine', 'Reboot', 'new kernel', machine_id, provider,
                    provider_id
                from machine_provided where machine_id = ?
                """, machine);
        UUID failed = UUID.fromString("00000000-0000-0000-0000-0000000000f1");
        execute("insert into machines (machine_id) values (?)", failed);
        rollout(
                "Stopped",
                "3 machine(s) failed or fell silent, and at most 2 may",
                "2.1",
                failed,
                "Returned",
                "the new agent is silent for 10 min 4 s");
        rollout("Running", null, "2.2", machine, "Baking", null);
        return machine;
    }
}
