package dev.shepherd.bmdb.internal;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.SchemaException;
import dev.shepherd.bmdb.SchemaException.Reason;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Set;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The schema of the database and its versions. */
final class Schema {

    /** Of the newest of the migrations, which this library needs. */
    static final int VERSION = 25;

    private static final Logger log = LoggerFactory.getLogger(Schema.class);

    /** Not Flyway's own default, so that an embedder's migrations can live in the same database. */
    private static final String HISTORY_TABLE = "shepherd_schema_history";

    /** Of {@code pg_advisory_xact_lock}: any number that nothing else uses in this database. */
    private static final long LOCK = 0x5368_6570_6865_7264L;

    /** feature_not_supported and undefined_function. */
    private static final Set<String> WITHOUT_ADVISORY_LOCKS = Set.of("0A000", "42883");

    private static final int MOST_NAMED = 3;

    private final DataSource dataSource;
    private final String where;

    /** @param where names the database in messages */
    Schema(DataSource dataSource, String where) {
        this.dataSource = dataSource;
        this.where = where;
    }

    private Flyway flyway() {
        return Flyway.configure(Schema.class.getClassLoader())
                .dataSource(PlainUrls.of(dataSource))
                .locations("classpath:dev/shepherd/bmdb/migration")
                .table(HISTORY_TABLE)
                // Tables of others may be there already: ours start from nothing beside them. Flyway's own guard
                // against that knows of no permission and of no other schema; see checkCompany.
                .baselineOnMigrate(true)
                .baselineVersion("0")
                .load();
    }

    /**
     * Migrates, while no other process does. Flyway takes a lock too, but only after it has decided what kind of
     * database this is: two processes that do so at once can mistake each other's half-made table for a foreign one,
     * and fail.
     *
     * @param alone whether to begin a fleet only where there is nothing else
     */
    void migrate(boolean alone) {
        try (Connection guard = dataSource.getConnection()) {
            boolean autoCommit = guard.getAutoCommit();
            guard.setAutoCommit(false);
            try {
                lock(guard);
                if (!isBegun(guard)) {
                    checkCompany(guard, alone);
                }
                migrateLocked(guard);
            } finally {
                guard.rollback();
                guard.setAutoCommit(autoCommit);
            }
        } catch (SQLException e) {
            throw new SchemaException(
                    Reason.FAILED, "the schema of " + where + " could not be migrated: " + e.getMessage(), e);
        }
    }

    private static boolean isBegun(Connection connection) throws SQLException {
        return !strings(
                        connection,
                        "select 1 from pg_class where relname = '" + HISTORY_TABLE
                                + "' and relnamespace = (select oid from pg_namespace where nspname = current_schema())")
                .isEmpty();
    }

    /** Looks at what else is in a database in which a fleet is about to begin. */
    private void checkCompany(Connection connection, boolean alone) throws SQLException {
        String schema = currentSchema(connection);
        List<String> fleets = fleetsElsewhere(connection);
        if (!fleets.isEmpty()) {
            String message = "%s has a fleet in its schema %s, and none in %s, where this connection makes its tables"
                    .formatted(where, named(fleets), schema);
            if (alone) {
                throw new SchemaException(
                        Reason.SHARED,
                        message + ": if that fleet is meant, add currentSchema=" + fleets.get(0) + " to the URL",
                        null);
            }
            log.warn("Beginning another fleet: {}", Escaped.text(message));
        }
        List<String> tables = alone ? foreignTables(connection) : List.of();
        if (!tables.isEmpty()) {
            throw new SchemaException(
                    Reason.SHARED,
                    "there is no fleet in %s, but its schema %s has tables of others: %s; a fleet begins in an empty schema"
                            .formatted(where, schema, named(tables)),
                    null);
        }
    }

    private static String currentSchema(Connection connection) throws SQLException {
        return strings(connection, "select coalesce(current_schema(), '(none: the search_path names no schema)')")
                .get(0);
    }

    private static List<String> fleetsElsewhere(Connection connection) throws SQLException {
        return strings(
                connection,
                "select nspname from pg_class c join pg_namespace n on n.oid = relnamespace where relname = '"
                        + HISTORY_TABLE + "' and nspname is distinct from current_schema() order by nspname");
    }

    /** Tables of extensions hold no data of users. */
    private static List<String> foreignTables(Connection connection) throws SQLException {
        return strings(connection, """
                select relname from pg_class c
                where relnamespace = (select oid from pg_namespace where nspname = current_schema())
                    and relkind in ('r', 'p', 'v', 'm', 'f')
                    and not exists (select from pg_depend
                        where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
                order by relname""");
    }

    private static String named(List<String> names) {
        int more = names.size() - MOST_NAMED;
        return more <= 0
                ? String.join(", ", names)
                : String.join(", ", names.subList(0, MOST_NAMED)) + " and " + more + " more";
    }

    private static List<String> strings(Connection connection, String query) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(query)) {
            List<String> strings = new ArrayList<>();
            while (rows.next()) {
                strings.add(Objects.requireNonNull(rows.getString(1)));
            }
            return strings;
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
            log.debug("The database has no advisory locks: migrating without", Escaped.failure(e));
        }
    }

    private void migrateLocked(Connection guard) throws SQLException {
        try {
            Flyway flyway = flyway();
            int applied = flyway.migrate().migrationsExecuted;
            OptionalInt version = version(guard);
            if (applied > 0) {
                log.info("Migrated the database by {} step(s) to version {}", applied, version.orElseThrow());
            }
            warnIfNewer(version.orElseThrow());
        } catch (FlywayException e) {
            throw new SchemaException(
                    Reason.FAILED, "the schema of " + where + " could not be migrated: " + e.getMessage(), e);
        }
    }

    /** Asks the database alone, without Flyway: loading that takes longer than what most short commands do. */
    void check() {
        try (Connection connection = dataSource.getConnection()) {
            OptionalInt version = isBegun(connection) ? version(connection) : OptionalInt.empty();
            if (version.isEmpty()) {
                throw absent(connection);
            }
            if (version.getAsInt() < VERSION) {
                throw new SchemaException(
                        Reason.OUTDATED,
                        "the schema of %s is at version %s, and this version of the library needs version %s: %s"
                                .formatted(
                                        where,
                                        version.getAsInt(),
                                        VERSION,
                                        "a process of this version that migrates it, such as 'shepherd run', brings it"
                                                + " there (BmdbConfig.Migration)"),
                        null);
            }
            warnIfNewer(version.getAsInt());
        } catch (SQLException e) {
            throw new SchemaException(
                    Reason.FAILED, "the schema of " + where + " could not be checked: " + e.getMessage(), e);
        }
    }

    private static OptionalInt version(Connection connection) throws SQLException {
        return strings(connection, "select version from " + HISTORY_TABLE + " where success and version ~ '^[0-9]+$'")
                .stream()
                .mapToInt(Integer::parseInt)
                .max();
    }

    private SchemaException absent(Connection connection) throws SQLException {
        List<String> elsewhere = fleetsElsewhere(connection);
        return new SchemaException(
                Reason.ABSENT,
                "there is no fleet in %s: its schema %s has no tables of Shepherd, %s"
                        .formatted(
                                where,
                                currentSchema(connection),
                                elsewhere.isEmpty()
                                        ? "which a process that migrates makes, such as 'shepherd run'"
                                                + " (BmdbConfig.Migration)"
                                        : "but its schema " + named(elsewhere) + " has: add currentSchema="
                                                + elsewhere.get(0) + " to the URL"),
                null);
    }

    /** Tables and columns stay, so an older library may go on while a fleet is being upgraded. */
    private static void warnIfNewer(int version) {
        if (version > VERSION) {
            log.warn("The schema is at version {}, newer than this library knows", version);
        }
    }
}
