package dev.shepherd.build;

import dev.shepherd.postgres.PostgresServer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.flywaydb.core.Flyway;
import org.jooq.DSLContext;
import org.jooq.SQLDialect;
import org.jooq.impl.DSL;
import org.jooq.meta.postgres.PostgresDatabase;
import org.jspecify.annotations.Nullable;

/**
 * What jOOQ's generator reads the schema from: a throwaway PostgreSQL with all migrations applied. The folder
 * of the migrations is the property {@code migrations}; the server lives below the one in the property {@code tmpdir}.
 */
public final class MigratedPostgresDatabase extends PostgresDatabase {

    /** What Flyway reports of every step is noise in a build. Held here, since loggers are weakly referenced. */
    private static final Logger FLYWAY = Logger.getLogger("org.flywaydb");

    private static final String TMPDIR = "shepherd.postgres.tmpdir";

    private @Nullable PostgresServer server;
    private @Nullable Connection connection;

    @Override
    protected DSLContext create0() {
        if (connection == null) {
            try {
                FLYWAY.setLevel(Level.WARNING);
                server = startServer(getProperties().getProperty("tmpdir"));
                String url = server.jdbcUrl();
                Flyway.configure()
                        .dataSource(url, null, null)
                        .locations("filesystem:" + getProperties().getProperty("migrations"))
                        .table("shepherd_schema_history")
                        .load()
                        .migrate();
                connection = DriverManager.getConnection(url);
                setConnection(connection);
            } catch (SQLException e) {
                throw new IllegalStateException("the migrated database cannot be opened", e);
            }
        }
        return DSL.using(connection, SQLDialect.POSTGRES);
    }

    /** Starts it where the tests have theirs, so that PostgreSQL is unpacked once in a build. */
    private static PostgresServer startServer(String tmpdir) {
        String before = System.getProperty(TMPDIR);
        System.setProperty(TMPDIR, tmpdir);
        try {
            return PostgresServer.startTemporary();
        } finally {
            if (before == null) {
                System.clearProperty(TMPDIR);
            } else {
                System.setProperty(TMPDIR, before);
            }
        }
    }

    @Override
    public void close() {
        try {
            if (connection != null) {
                connection.close();
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        } finally {
            connection = null;
            if (server != null) {
                server.close();
                server = null;
            }
            super.close();
        }
    }
}
