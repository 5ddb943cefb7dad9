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
 * of the migrations is the property {@code migrations}.
 */
public final class MigratedPostgresDatabase extends PostgresDatabase {

    /** What Flyway reports of every step is noise in a build. Held here, since loggers are weakly referenced. */
    private static final Logger FLYWAY = Logger.getLogger("org.flywaydb");

    private @Nullable PostgresServer server;
    private @Nullable Connection connection;

    @Override
    protected DSLContext create0() {
        if (connection == null) {
            try {
                FLYWAY.setLevel(Level.WARNING);
                server = PostgresServer.startTemporary();
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
