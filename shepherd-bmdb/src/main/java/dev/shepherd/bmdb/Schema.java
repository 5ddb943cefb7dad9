package dev.shepherd.bmdb;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Set;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.MigrationInfoService;
import org.flywaydb.core.api.MigrationState;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The schema of the database and its versions. */
final class Schema {

    private static final Logger log = LoggerFactory.getLogger(Schema.class);

    /** Not Flyway's own default, so that an embedder's migrations can live in the same database. */
    private static final String HISTORY_TABLE = "shepherd_schema_history";

    /** Of {@code pg_advisory_xact_lock}: any number that nobody else uses in this database. */
    private static final long LOCK = 0x5368_6570_6865_7264L;

    /** feature_not_supported and undefined_function. */
    private static final Set<String> WITHOUT_ADVISORY_LOCKS = Set.of("0A000", "42883");

    private final DataSource dataSource;
    private final Flyway flyway;

    Schema(DataSource dataSource) {
        this.dataSource = dataSource;
        FluentConfiguration configuration = Flyway.configure(Schema.class.getClassLoader())
                .dataSource(PlainUrls.of(dataSource))
                .locations("classpath:dev/shepherd/bmdb/migration")
                .table(HISTORY_TABLE)
                // Another schema's tables may be there already: ours start from nothing beside them.
                .baselineOnMigrate(true)
                .baselineVersion("0");
        flyway = configuration.load();
    }

    /**
     * Migrates, while nobody else does. Flyway takes a lock too, but only after it has made up its mind about what
     * kind of database it has before it: two that do that at once can mistake each other's half-made table for
     * somebody else's, and fail.
     */
    void migrate() {
        try (Connection guard = dataSource.getConnection()) {
            boolean autoCommit = guard.getAutoCommit();
            guard.setAutoCommit(false);
            try {
                lock(guard);
                migrateAlone();
            } finally {
                guard.rollback();
                guard.setAutoCommit(autoCommit);
            }
        } catch (SQLException e) {
            throw new SchemaException("the schema could not be migrated: " + e.getMessage(), e);
        }
    }

    private static void lock(Connection guard) throws SQLException {
        try (Statement statement = guard.createStatement()) {
            statement.execute("set local idle_in_transaction_session_timeout = 0");
            statement.execute("set local lock_timeout = '10min'");
            statement.execute("select pg_advisory_xact_lock(" + LOCK + ")");
        } catch (SQLException e) {
            if (!WITHOUT_ADVISORY_LOCKS.contains(String.valueOf(e.getSQLState()))) {
                throw e;
            }
            log.debug("The database has no advisory locks: migrating without", e);
        }
    }

    private void migrateAlone() {
        try {
            int applied = flyway.migrate().migrationsExecuted;
            MigrationInfoService info = flyway.info();
            if (applied > 0) {
                log.info("Migrated the database by {} step(s) to version {}", applied, version(info.current()));
            }
            warnIfNewer(info);
        } catch (FlywayException e) {
            throw new SchemaException("the schema could not be migrated: " + e.getMessage(), e);
        }
    }

    void check() {
        try {
            MigrationInfoService info = flyway.info();
            MigrationInfo[] pending = info.pending();
            if (pending.length > 0) {
                throw new SchemaException(
                        ("the schema is %s, but this version of the library needs version %s: let this version open"
                                        + " the database once with BmdbConfig.Migration.MIGRATE")
                                .formatted(
                                        info.current() == null ? "not there" : "at version " + version(info.current()),
                                        version(pending[pending.length - 1])),
                        null);
            }
            warnIfNewer(info);
        } catch (FlywayException e) {
            throw new SchemaException("the schema could not be checked: " + e.getMessage(), e);
        }
    }

    private static String version(@Nullable MigrationInfo migration) {
        return migration == null ? "none" : String.valueOf(migration.getVersion());
    }

    /** Tables and columns stay, so an older library may go on while a fleet is being upgraded. */
    private static void warnIfNewer(MigrationInfoService info) {
        for (MigrationInfo migration : info.all()) {
            if (migration.getState() == MigrationState.FUTURE_SUCCESS) {
                log.warn("The schema is at version {}, newer than this library knows", migration.getVersion());
            }
        }
    }
}
