package dev.shepherd.bmdb.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbConfig.Migration;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.SchemaException;
import dev.shepherd.bmdb.SchemaException.Reason;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.postgres.TestPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;
import org.postgresql.ds.PGSimpleDataSource;

class SchemaTest {

    private String url = "";

    @BeforeEach
    void makeAnEmptyDatabase() {
        url = TestPostgres.shared().freshDatabase();
    }

    @AfterEach
    void dropIt() {
        TestPostgres.shared().drop(url);
    }

    @Test
    void migratingAnEmptyDatabaseMakesItUsable() throws Exception {
        try (Bmdb bmdb = Bmdb.open(url);
                BmdbSession session = bmdb.startSession("test", "host")) {
            assertThat(session.<Boolean>inTransaction(tx -> true)).isTrue();
        }

        assertThat(tables("public")).contains("machines", "sessions", "work", "shepherd_schema_history");
    }

    @Test
    void migratingAgainChangesNothing() throws Exception {
        Bmdb.open(url).close();
        List<String> before = rows("select installed_rank, version, installed_on from shepherd_schema_history");

        Bmdb.open(url).close();

        assertThat(rows("select installed_rank, version, installed_on from shepherd_schema_history"))
                .isEqualTo(before);
    }

    @Test
    void manyMayMigrateAtOnce() throws Exception {
        Race.run(4, i -> {
            Bmdb.open(url).close();
            return true;
        });

        assertThat(rows("select version from shepherd_schema_history where version = '1'"))
                .hasSize(1);
    }

    @Test
    void manyMayMigrateAtOnceAlsoBesideSomebodyElsesTables() throws Exception {
        execute("create table customers (id int)");

        Race.run(4, i -> {
            Bmdb.open(url).close();
            return true;
        });

        assertThat(rows("select version from shepherd_schema_history where version = '1'"))
                .hasSize(1);
    }

    @Test
    void checkingAnEmptyDatabaseSaysWhatToDoAndDoesNothing() throws Exception {
        assertThatThrownBy(this::check)
                .satisfies(reason(Reason.ABSENT))
                .hasMessageContaining("there is no fleet in the database at jdbc:postgresql://")
                .hasMessageContaining("its schema public has no tables of Shepherd")
                .hasMessageContaining("BmdbConfig.Migration");

        assertThat(tables("public")).isEmpty();
    }

    @Test
    void checkingAnOldDatabaseSaysWhatToDo() throws Exception {
        Bmdb.open(url).close();
        execute("delete from shepherd_schema_history where version <> '1'");

        assertThatThrownBy(this::check)
                .satisfies(reason(Reason.OUTDATED))
                .hasMessageContaining(" is at version 1,")
                .hasMessageContaining("needs version " + Schema.VERSION)
                .hasMessageContaining("BmdbConfig.Migration");
    }

    @Test
    void theVersionIsThatOfTheNewestMigration() throws Exception {
        Path migrations = Path.of("src", "main", "resources", "dev", "shepherd", "bmdb", "migration");
        try (Stream<Path> files = Files.list(migrations)) {
            assertThat(files.map(file -> file.getFileName().toString().replaceFirst("V(\\d+)__.*", "$1"))
                            .mapToInt(Integer::parseInt)
                            .max())
                    .hasValue(Schema.VERSION);
        }
    }

    @Test
    void checkingAMigratedDatabaseIsQuiet() {
        Bmdb.open(url).close();

        assertThatCode(this::check).doesNotThrowAnyException();
    }

    @Test
    void anOlderLibraryGoesOnWhileTheFleetIsBeingUpgraded() throws Exception {
        Bmdb.open(url).close();
        execute("insert into shepherd_schema_history"
                + " select installed_rank + 1000, '1000', 'later', type, 'V1000__later.sql', 7, installed_by,"
                + " installed_on, execution_time, success from shepherd_schema_history where version = '1'");

        assertThatCode(this::check).doesNotThrowAnyException();
        assertThatCode(() -> Bmdb.open(url).close()).doesNotThrowAnyException();
    }

    @Test
    void anEmbeddersTablesAndMigrationsLiveInTheSameDatabase() throws Exception {
        execute("create table customers (id int)");
        Flyway embedders = Flyway.configure()
                .dataSource(url, null, null)
                .locations("classpath:dev/shepherd/bmdb/nothing")
                .failOnMissingLocations(false)
                .baselineOnMigrate(true)
                .load();
        embedders.migrate();

        try (Bmdb bmdb = Bmdb.open(url)) {
            assertThat(Operator.of(bmdb).statistics().machines()).isZero();
        }

        assertThatCode(embedders::validate).doesNotThrowAnyException();
        assertThat(tables("public"))
                .contains("customers", "flyway_schema_history", "shepherd_schema_history", "machines");
        assertThatCode(this::check).doesNotThrowAnyException();
    }

    @Test
    void aFleetThatIsToBeginAloneRefusesTheTablesOfOthers() throws Exception {
        for (int i = 0; i < 5; i++) {
            execute("create table customers" + i + " (id int)");
        }

        assertThatThrownBy(() -> openAlone(url))
                .satisfies(reason(Reason.SHARED))
                .hasMessageContaining(
                        "its schema public has tables of others: customers0, customers1, customers2 and 2" + " more");

        assertThat(tables("public")).hasSize(5);
    }

    @Test
    void aFleetThatIsToBeginAloneRefusesAnotherOneInTheSameDatabase() throws Exception {
        Bmdb.open(url).close();
        execute("create schema elsewhere");
        String other = url + "&currentSchema=elsewhere";

        assertThatThrownBy(() -> openAlone(other))
                .satisfies(reason(Reason.SHARED))
                .hasMessageContaining("has a fleet in its schema public, and none in elsewhere")
                .hasMessageContaining("currentSchema=public");
        assertThatThrownBy(() -> check(other))
                .satisfies(reason(Reason.ABSENT))
                .hasMessageContaining("its schema elsewhere has no tables of Shepherd, but its schema public has")
                .hasMessageContaining("currentSchema=public");

        assertThat(tables("elsewhere")).isEmpty();
    }

    @Test
    void aFleetThatIsAloneOrBegunAlreadyIsMigrated() throws Exception {
        openAlone(url);
        execute("create table customers (id int)");

        assertThatCode(() -> openAlone(url)).doesNotThrowAnyException();
    }

    @Test
    void manyMayBeginAloneAtOnce() throws Exception {
        Race.run(4, i -> {
            openAlone(url);
            return true;
        });

        assertThat(tables("public")).contains("machines");
    }

    @Test
    void tablesOfExtensionsAreNoOnes() throws Exception {
        execute("create table owned (id int)");
        execute("create extension if not exists plpgsql");
        execute("alter extension plpgsql add table owned");

        assertThatCode(() -> openAlone(url)).doesNotThrowAnyException();
    }

    @Test
    void theTablesMayBeInASchemaOfTheirOwn() throws Exception {
        execute("create schema fleet");

        try (Bmdb bmdb = Bmdb.open(url + "&currentSchema=fleet");
                BmdbSession session = bmdb.startSession("test", "host")) {
            assertThat(session.<Boolean>inTransaction(tx -> true)).isTrue();
        }

        assertThat(tables("fleet")).contains("machines", "shepherd_schema_history");
        assertThat(tables("public")).isEmpty();
    }

    @Test
    void anEmbeddersPoolOfThreeConnectionsIsEnough() throws Exception {
        HikariConfig pool = new HikariConfig();
        pool.setJdbcUrl(url);
        pool.setMaximumPoolSize(3);
        pool.setConnectionTimeout(3000);

        try (HikariDataSource source = new HikariDataSource(pool);
                Bmdb bmdb = Bmdb.open(source);
                BmdbSession session = bmdb.startSession("test", "host")) {
            assertThat(session.<Boolean>inTransaction(tx -> true)).isTrue();
        }
    }

    @Test
    void aMigrationThatCannotBeDoneLeavesNothingBehind() throws Exception {
        execute("create table work (id int)");

        assertThatThrownBy(() -> Bmdb.open(url))
                .isInstanceOf(SchemaException.class)
                .hasMessageContaining("work");

        assertThat(tables("public")).doesNotContain("machines");
    }

    @Test
    void flywayIsToldTheUrlWithoutItsParametersAndHasTheDriversConnection() throws Exception {
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setUrl(url);

        try (Connection connection = PlainUrls.of(source).getConnection()) {
            assertThat(connection.getMetaData().getURL())
                    .startsWith("jdbc:postgresql://")
                    .doesNotContain("?");
            assertThat(connection.unwrap(PGConnection.class)).isNotNull();
            try (Statement statement = connection.createStatement()) {
                assertThatThrownBy(() -> statement.execute("select 1 from absent"))
                        .isInstanceOfSatisfying(
                                SQLException.class,
                                e -> assertThat(e.getSQLState()).isEqualTo("42P01"));
            }
        }
    }

    @Test
    void everyTableHasAPrimaryKey() throws Exception {
        Bmdb.open(url).close();

        // Logical replication, and with it many an upgrade without downtime, asks for one.
        assertThat(rows("select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
                        + " and not exists (select from pg_index where indrelid = pg_class.oid and indisprimary)"))
                .isEmpty();
    }

    @Test
    void everyForeignKeyThatIsDeletedThroughHasAnIndex() throws Exception {
        Bmdb.open(url).close();

        assertThat(rows("select conrelid::regclass, conkey from pg_constraint c where contype = 'f'"
                        + " and confdeltype in ('c', 'n') and not exists (select from pg_index i"
                        + " where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])"))
                .isEmpty();
    }

    private void check() {
        check(url);
    }

    private static void check(String url) {
        open(url, Migration.CHECK);
    }

    private static void openAlone(String url) {
        open(url, Migration.MIGRATE_ALONE);
    }

    private static void open(String url, Migration migration) {
        Bmdb.open(BmdbConfig.builder().jdbcUrl(url).migration(migration).build())
                .close();
    }

    private static Consumer<Throwable> reason(Reason reason) {
        return e -> assertThat(e)
                .isInstanceOfSatisfying(
                        SchemaException.class,
                        refused -> assertThat(refused.reason()).isEqualTo(reason));
    }

    private List<String> tables(String schema) throws SQLException {
        return rows("select tablename from pg_tables where schemaname = '" + schema + "'");
    }

    private void execute(String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private List<String> rows(String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(sql)) {
            List<String> rows = new ArrayList<>();
            while (result.next()) {
                rows.add(result.getString(1) + "|"
                        + (result.getMetaData().getColumnCount() > 1 ? result.getString(2) : ""));
            }
            return rows.stream()
                    .map(row -> row.endsWith("|") ? row.substring(0, row.length() - 1) : row)
                    .toList();
        }
    }
}
