package dev.shepherd.postgres;

import dev.shepherd.postgres.PostgresException.Reason;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;

/** A PostgreSQL server that this process started. */
public final class PostgresServer implements AutoCloseable {

    private final EmbeddedPostgres postgres;

    private PostgresServer(EmbeddedPostgres postgres) {
        this.postgres = postgres;
    }

    /** Starts a server whose data goes with it. */
    public static PostgresServer startTemporary() {
        try {
            return new PostgresServer(EmbeddedPostgres.builder().start());
        } catch (IOException e) {
            throw new PostgresException(Reason.NOT_STARTED, "PostgreSQL did not start", e);
        }
    }

    /** Starts a server whose data stays in a folder and survives a restart. */
    public static PostgresServer startIn(Path folder) {
        try {
            return new PostgresServer(EmbeddedPostgres.builder()
                    .setDataDirectory(folder.resolve("data"))
                    .setCleanDataDirectory(false)
                    .setServerConfig("fsync", "on")
                    .start());
        } catch (IOException e) {
            throw new PostgresException(Reason.NOT_STARTED, "PostgreSQL did not start in " + folder, e);
        }
    }

    /** Returns the URL, with user and password, of the server's default database. */
    public String jdbcUrl() {
        return jdbcUrl("postgres");
    }

    /** Returns the URL, with user and password, of a database, which need not exist. */
    public String jdbcUrl(String database) {
        return postgres.getJdbcUrl("postgres", database);
    }

    /** Makes an empty database and returns its URL. */
    public String createDatabase(String name) {
        return createDatabase(name, "template0");
    }

    /** Makes a database as a copy of another and returns its URL. Sessions on the other are ended. */
    public String createDatabase(String name, String template) {
        execute("create database \"" + name + "\" template \"" + template + "\"");
        return jdbcUrl(name);
    }

    /** Drops a database, if it exists, and ends the sessions on it. */
    public void dropDatabase(String name) {
        execute("drop database if exists \"" + name + "\" with (force)");
    }

    /** Tells whether there is such a database. */
    public boolean databaseExists(String name) {
        try (Connection connection = postgres.getPostgresDatabase().getConnection();
                var query = connection.prepareStatement("select 1 from pg_database where datname = ?")) {
            query.setString(1, name);
            return query.executeQuery().next();
        } catch (SQLException e) {
            throw new PostgresException(Reason.REFUSED, "PostgreSQL refused: " + e.getMessage(), e);
        }
    }

    private void execute(String sql) {
        try (Connection connection = postgres.getPostgresDatabase().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new PostgresException(Reason.REFUSED, "PostgreSQL refused: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        try {
            postgres.close();
        } catch (IOException e) {
            throw new PostgresException(Reason.NOT_STOPPED, "PostgreSQL did not stop", e);
        }
    }
}
