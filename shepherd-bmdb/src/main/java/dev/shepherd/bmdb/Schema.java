package dev.shepherd.bmdb;

import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.MigrationInfoService;
import org.flywaydb.core.api.MigrationState;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The schema of the database and its versions. */
final class Schema {

    private static final Logger log = LoggerFactory.getLogger(Schema.class);

    /** Not Flyway's own default, so that an embedder's migrations can live in the same database. */
    private static final String HISTORY_TABLE = "shepherd_schema_history";

    private final Flyway flyway;

    Schema(DataSource dataSource) {
        FluentConfiguration configuration = Flyway.configure(Schema.class.getClassLoader())
                .dataSource(dataSource)
                .locations("classpath:dev/shepherd/bmdb/migration")
                .table(HISTORY_TABLE)
                // Another schema's tables may be there already: ours start from nothing beside them.
                .baselineOnMigrate(true)
                .baselineVersion("0");
        flyway = configuration.load();
    }

    void migrate() {
        try {
            int applied = flyway.migrate().migrationsExecuted;
            if (applied > 0) {
                log.info("Migrated the database by {} step(s) to version {}", applied, current());
            }
        } catch (FlywayException e) {
            throw new SchemaException("the schema could not be migrated: " + e.getMessage(), e);
        }
        warnIfNewer();
    }

    void check() {
        try {
            MigrationInfoService info = flyway.info();
            MigrationInfo[] pending = info.pending();
            if (pending.length > 0) {
                throw new SchemaException(
                        ("the schema is %s, but this version of the library needs version %s: let this version open the"
                                        + " database once with BmdbConfig.Migration.MIGRATE")
                                .formatted(
                                        info.current() == null
                                                ? "not there"
                                                : "at version " + info.current().getVersion(),
                                        pending[pending.length - 1].getVersion()),
                        null);
            }
        } catch (FlywayException e) {
            throw new SchemaException("the schema could not be checked: " + e.getMessage(), e);
        }
        warnIfNewer();
    }

    private String current() {
        MigrationInfo current = flyway.info().current();
        return current == null ? "none" : String.valueOf(current.getVersion());
    }

    /** Tables and columns stay, so an older library may go on while a fleet is being upgraded. */
    private void warnIfNewer() {
        for (MigrationInfo migration : flyway.info().all()) {
            if (migration.getState() == MigrationState.FUTURE_SUCCESS) {
                log.warn("The schema is at version {}, newer than this library knows", migration.getVersion());
            }
        }
    }
}
