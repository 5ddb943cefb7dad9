package dev.shepherd.benchmarks.torture;

import dev.shepherd.benchmarks.torture.ManagerProcess.Frozen;
import dev.shepherd.bmdb.event.StoredEvent;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * All that is held against one another in the end: what managers logged, when they stood still, and what the database
 * has.
 *
 * @param maxMachines how many machines there may be
 * @param effects what managers did
 * @param frozen when they did not run
 * @param killed when which of them was killed, in microseconds since the epoch
 * @param sessions the numbers of the managers, by the sessions that they ever had
 * @param history what the database recorded of work, in its order
 * @param machines what the database has of machines
 * @param steps what became of machines in rollouts, in its order
 * @param agents the keys of the agents that run, by the machines' ids in the database
 * @param told the events of the feed, as a reader finds them that begins when all is over
 * @param followed the same, as a reader found them that was there all the time
 * @param leftovers what should not be there in the end, in words
 */
record Evidence(
        int maxMachines,
        List<Effect> effects,
        List<Frozen> frozen,
        Map<Integer, Long> killed,
        Map<UUID, Integer> sessions,
        List<HistoryLine> history,
        List<MachineRow> machines,
        List<StepLine> steps,
        Map<UUID, String> agents,
        List<StoredEvent> told,
        List<StoredEvent> followed,
        List<String> leftovers) {

    /** A row of {@code work_history}; times in microseconds since the epoch. */
    record HistoryLine(
            long id,
            UUID machine,
            String process,
            String event,
            long micros,
            Optional<String> cause,
            UUID claim,
            UUID session) {}

    /** A machine in the database. */
    record MachineRow(UUID id, String providerId, Optional<String> agentKey, String build, long inspections) {}

    /** A step of a machine in a rollout; times in microseconds since the epoch. */
    record StepLine(UUID machine, String step, boolean isActive, long micros) {}

    /** Lets the database note which manager a session is of, in the transaction that makes the session. */
    static void noteSessions(String jdbcUrl) throws SQLException {
        try (Connection connection = DriverManager.getConnection(jdbcUrl);
                Statement statement = connection.createStatement()) {
            statement.execute(
                    "create table torture_sessions (session_id uuid primary key, runtime_info text not null)");
            statement.execute("create function torture_note_session() returns trigger language plpgsql as $$"
                    + " begin insert into torture_sessions values (new.session_id, new.session_runtime_info);"
                    + " return null; end $$");
            statement.execute("create trigger torture_note_session after insert on sessions for each row"
                    + " execute function torture_note_session()");
            statement.execute("create table torture_steps (step_id bigint generated always as identity primary key,"
                    + " machine_id uuid not null, step text not null, active boolean not null,"
                    + " at timestamptz not null default clock_timestamp())");
            statement.execute("create function torture_note_step() returns trigger language plpgsql as $$"
                    // Each machine waits in the beginning. One that waits again was held back, and is not looked after.
                    + " begin if new.rollout_step <> 'Waiting' or tg_op = 'UPDATE' and old.rollout_step <> 'Waiting' then"
                    + " insert into torture_steps (machine_id, step, active)"
                    + " values (new.machine_id, new.rollout_step, new.rollout_until is not null); end if;"
                    + " return null; end $$");
            statement.execute("create trigger torture_note_step after insert or update on machine_rollout"
                    + " for each row execute function torture_note_step()");
        }
    }

    /** Reads what the database has. */
    static Evidence read(
            String jdbcUrl,
            int maxMachines,
            List<Effect> effects,
            List<Frozen> frozen,
            Map<Integer, Long> killed,
            Map<UUID, String> agents,
            List<StoredEvent> told,
            List<StoredEvent> followed,
            List<String> leftovers)
            throws SQLException {
        List<String> all = new ArrayList<>(leftovers);
        Map<UUID, Integer> sessions = new HashMap<>();
        List<HistoryLine> history = new ArrayList<>();
        List<MachineRow> machines = new ArrayList<>();
        List<StepLine> steps = new ArrayList<>();
        try (Connection connection = DriverManager.getConnection(jdbcUrl)) {
            each(connection, "select session_id, runtime_info from torture_sessions", row -> {
                String[] words = row.getString(2).split(" ");
                sessions.put(row.getObject(1, UUID.class), Integer.parseInt(words[words.length - 1]));
            });
            each(
                    connection,
                    "select history_id, machine_id, process, event, (extract(epoch from \"timestamp\") * 1000000)::bigint,"
                            + " failed_cause, claim_id, session_id from work_history order by history_id",
                    row -> history.add(new HistoryLine(
                            row.getLong(1),
                            row.getObject(2, UUID.class),
                            row.getString(3),
                            row.getString(4),
                            row.getLong(5),
                            Optional.ofNullable(row.getString(6)),
                            row.getObject(7, UUID.class),
                            row.getObject(8, UUID.class))));
            each(
                    connection,
                    "select machine_id, provider_id, encode(agent_public_key, 'hex'),"
                            + " coalesce(encode(agent_sha256, 'hex'), ''),"
                            + " coalesce(('x' || encode(hardware_report_raw, 'hex'))::bit(64)::bigint, 0)"
                            + " from machine_provided left join machine_agent_started using (machine_id)"
                            + " left join machine_hardware_report using (machine_id) order by provider_id",
                    row -> machines.add(new MachineRow(
                            row.getObject(1, UUID.class),
                            row.getString(2),
                            Optional.ofNullable(row.getString(3)),
                            row.getString(4),
                            row.getLong(5))));
            each(
                    connection,
                    "select machine_id, step, active, (extract(epoch from at) * 1000000)::bigint from torture_steps"
                            + " order by at, step_id",
                    row -> steps.add(new StepLine(
                            row.getObject(1, UUID.class), row.getString(2), row.getBoolean(3), row.getLong(4))));
            each(connection, "select count(*) from machine_rollout where rollout_until is not null", row -> {
                if (row.getLong(1) > 0) {
                    all.add(row.getLong(1) + " machine(s) are still at work in a rollout");
                }
            });
            for (String table :
                    List.of("work", "machine_intent", "sessions", "machine_quarantine", "machine_disruption")) {
                each(connection, "select count(*) from " + table, row -> {
                    if (row.getLong(1) > 0) {
                        all.add(row.getLong(1) + " row(s) are left in " + table);
                    }
                });
            }
        }
        return new Evidence(
                maxMachines, effects, frozen, killed, sessions, history, machines, steps, agents, told, followed, all);
    }

    @FunctionalInterface
    private interface Reader {
        void read(ResultSet row) throws SQLException;
    }

    private static void each(Connection connection, String sql, Reader reader) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql);
                ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                reader.read(rows);
            }
        }
    }
}
