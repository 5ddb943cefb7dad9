package dev.shepherd.bmdb.internal;

import dev.shepherd.bmdb.BmdbConfig.Migration;
import dev.shepherd.bmdb.BmdbException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.TimeZone;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Checks, when a database is opened, whether it can be used, and explains why if not. */
public final class Opening {

    private static final Logger log = LoggerFactory.getLogger(Opening.class);

    /** invalid_parameter_value. */
    private static final String INVALID_VALUE = "22023";

    private final DataSource source;
    private final String where;
    private final Migration migration;
    private final Duration socketTimeout;

    /**
     * Prepares to open a database.
     *
     * @param source connections whose answers are waited for as long as a migration may take
     * @param where names the database, without secrets
     * @param socketTimeout how long later connections wait for an answer
     */
    public Opening(DataSource source, String where, Migration migration, Duration socketTimeout) {
        this.source = source;
        this.where = where;
        this.migration = migration;
        this.socketTimeout = socketTimeout;
    }

    /** Connects, checks the database and sees to its schema. */
    public void run() {
        try (Connection connection = source.getConnection()) {
            check(connection);
            warnOfSlowFailover(connection);
        } catch (SQLException e) {
            throw unreachable(e);
        }
        Schema schema = new Schema(source, where);
        switch (migration) {
            case MIGRATE -> schema.migrate(false);
            case MIGRATE_ALONE -> schema.migrate(true);
            case CHECK -> schema.check();
        }
    }

    private void warnOfSlowFailover(Connection connection) throws SQLException {
        // A migration's connection waits without end, regardless of the URL.
        List<String> reasons = source instanceof PrimarySource primary
                ? SlowFailover.reasons(primary.driver(), socketTimeout)
                : SlowFailover.reasons(connection);
        reasons.forEach(reason -> log.warn("A failover to a new primary may take longer than necessary: {}", reason));
    }

    private void check(Connection connection) throws SQLException {
        String encoding = string(connection, "select current_setting('server_encoding')");
        if (!"UTF8".equals(encoding)) {
            throw new BmdbException(
                    where + " has the encoding " + encoding
                            + ", which cannot hold every id and name: it must be"
                            + " UTF8 (create database … encoding 'UTF8' template template0)",
                    null,
                    null);
        }
        if (migration != Migration.CHECK
                && "on".equals(string(connection, "select current_setting('transaction_read_only')"))) {
            throw readOnly(connection, null);
        }
    }

    /** Says why there is no connection. */
    public BmdbException unreachable(Exception e) {
        Throwable root = e;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String message = String.valueOf(root.getMessage());
        String state = SqlStates.of(e);
        if (INVALID_VALUE.equals(state) && message.contains("TimeZone")) {
            return new BmdbException(
                    where + " does not know the time zone of this JVM, "
                            + TimeZone.getDefault().getID() + ", which the driver tells it: start the JVM with"
                            + " -Duser.timezone=UTC",
                    state,
                    e);
        }
        BmdbException readOnly = message.contains("targetServerType") ? readOnly(e) : null;
        return readOnly != null ? readOnly : new BmdbException(where + " cannot be reached: " + message, state, e);
    }

    /** The driver looked for a server that takes writes. Asks one that does not, if there is any, for the reason. */
    private @Nullable BmdbException readOnly(Exception e) {
        if (!(source instanceof PrimarySource primary)) {
            return null;
        }
        PGSimpleDataSource connections = primary.driver();
        String wanted = connections.getTargetServerType();
        connections.setTargetServerType("any");
        try (Connection connection = connections.getConnection()) {
            return readOnly(connection, e);
        } catch (SQLException none) {
            e.addSuppressed(none);
            return null;
        } finally {
            connections.setTargetServerType(wanted);
        }
    }

    private BmdbException readOnly(Connection connection, @Nullable Exception e) throws SQLException {
        String why;
        if ("t".equals(string(connection, "select pg_is_in_recovery()"))) {
            why = "it is a standby (pg_is_in_recovery)";
        } else if ("on".equals(string(connection, "select current_setting('default_transaction_read_only')"))) {
            why = "default_transaction_read_only is on for " + string(connection, """
                            select case source
                                when 'user' then 'the role ' || current_user
                                when 'database' then 'the database ' || current_database()
                                when 'database user'
                                    then 'the role ' || current_user || ' in the database ' || current_database()
                                when 'client' then 'this connection'
                                else 'the server (' || source || ')' end
                            from pg_settings where name = 'default_transaction_read_only'""");
        } else {
            why = "its connections are read-only";
        }
        return new BmdbException(where + " takes no writes: " + why, e == null ? null : SqlStates.of(e), e);
    }

    private static @Nullable String string(Connection connection, String query) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            return row.next() ? row.getString(1) : null;
        }
    }
}
