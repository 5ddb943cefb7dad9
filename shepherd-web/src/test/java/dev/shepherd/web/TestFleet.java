package dev.shepherd.web;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.UUID;

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
                        + " sessions, operator_actions, fleet_counted, fleet_counts, fleet_silent, fleet_samples cascade");
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
}
