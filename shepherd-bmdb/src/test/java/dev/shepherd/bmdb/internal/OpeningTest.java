package dev.shepherd.bmdb.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbConfig.Migration;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.postgres.TestPostgres;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

/** Databases that cannot be used, and what a process prints that opens one. */
class OpeningTest {

    private static final String ROLE =
            "opener_" + UUID.randomUUID().toString().replace("-", "").substring(0, 12);
    private static final String PASSWORD = "hunter2";

    private String url = "";
    private String database = "";

    @BeforeEach
    void makeADatabaseAndARole() throws SQLException {
        url = TestPostgres.shared().freshDatabase();
        database = url.replaceFirst(".*/([^/?]*)[?].*", "$1");
        execute("create role " + ROLE + " login password '" + PASSWORD + "'");
        execute("alter database " + database + " owner to " + ROLE);
    }

    @AfterEach
    void dropThem() throws SQLException {
        execute("drop database if exists " + database + "_latin1");
        execute("alter database " + database + " owner to current_user");
        execute("drop owned by " + ROLE + " cascade");
        execute("drop role " + ROLE);
        TestPostgres.shared().drop(url);
    }

    /** A program that embeds the library, with a logger that shows what libraries log. */
    static final class Embedder {
        public static void main(String[] args) throws InterruptedException {
            try (Bmdb bmdb = Bmdb.open(args[0])) {
                Operator.of(bmdb).statistics();
                System.out.println("opened");
            } catch (BmdbException e) {
                System.out.println(e.getMessage());
            }
        }
    }

    @Test
    void anotherEncodingThanUtf8IsRefusedByName() throws Exception {
        // The template's provider of locales may know UTF-8 only.
        execute("create database " + database
                + "_latin1 encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'"
                + (major() < 15 ? "" : " locale_provider libc"));
        String latin1 = url.replace("/" + database + "?", "/" + database + "_latin1?");
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setUrl(latin1);

        assertThatThrownBy(() -> Bmdb.open(latin1))
                .isInstanceOf(BmdbException.class)
                .hasMessageContaining(database + "_latin1 has the encoding LATIN1")
                .hasMessageContaining("it must be UTF8");
        assertThatThrownBy(() -> Bmdb.open(source)).hasMessageContaining("has the encoding LATIN1");
    }

    @Test
    void aRoleThatOnlyReadsIsToldApartFromADatabaseThatIsAway() throws Exception {
        execute("alter role " + ROLE + " set default_transaction_read_only = on");

        assertThatThrownBy(() -> Bmdb.open(asRole().build()))
                .isInstanceOf(BmdbException.class)
                .hasMessageContaining(
                        database + " takes no writes: default_transaction_read_only is on for the role " + ROLE)
                .hasMessageNotContaining("cannot be reached");
    }

    @Test
    void aDatabaseThatOnlyReadsIsToldApartToo() throws Exception {
        execute("alter database " + database + " set default_transaction_read_only = on");
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setUrl(url);

        for (Runnable opening :
                List.<Runnable>of(() -> Bmdb.open(asRole().build()), () -> Bmdb.open(url), () -> Bmdb.open(source))) {
            assertThatThrownBy(opening::run)
                    .hasMessageContaining(
                            "takes no writes: default_transaction_read_only is on for the database " + database);
        }
    }

    @Test
    void connectionsThatOnlyReadAreRefusedWhereTheSchemaMayHaveToBeMigrated() {
        Bmdb.open(url).close();
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setUrl(url);
        source.setReadOnly(true);
        source.setReadOnlyMode("always");

        assertThatThrownBy(() -> Bmdb.open(source)).hasMessageContaining("takes no writes");
        assertThatCode(() -> Bmdb.open(BmdbConfig.builder()
                                .dataSource(source)
                                .migration(Migration.CHECK)
                                .build())
                        .close())
                .doesNotThrowAnyException();
    }

    @Test
    void aTimeZoneThatTheDatabaseDoesNotKnowIsNamedWithWhatToDo() throws Exception {
        String output = embedder("-Duser.timezone=IST");

        assertThat(output)
                .contains(database + " does not know the time zone of this JVM, IST")
                .contains("-Duser.timezone=UTC");
        assertThat(embedder("-Duser.timezone=UTC")).endsWith("opened\n");
    }

    @Test
    void anEmbeddersLogIsSparedTheBannerOfJooq() throws Exception {
        String output = embedder("-Duser.timezone=UTC");

        // That the log is shown at all.
        assertThat(output).contains("INFO org.jooq");
        assertThat(output)
                .doesNotContainIgnoringCase("thank you for using")
                .doesNotContainIgnoringCase("tip of the day");
    }

    @Test
    void whoWantsTheBannerOfJooqGetsIt() throws Exception {
        assertThat(embedder("-Duser.timezone=UTC", "-Dorg.jooq.no-logo=false"))
                .containsIgnoringCase("thank you for using");
    }

    private int major() throws SQLException {
        try (Connection connection = DriverManager.getConnection(url)) {
            return connection.getMetaData().getDatabaseMajorVersion();
        }
    }

    private String embedder(String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(
                "-XX:TieredStopAtLevel=1",
                "-Xmx128m",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
                "-cp",
                System.getProperty("java.class.path")));
        command.addAll(List.of(options));
        command.add(Embedder.class.getName());
        command.add(url);
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        return output;
    }

    private BmdbConfig.Builder asRole() {
        return BmdbConfig.builder()
                .jdbcUrl(url.replaceFirst("[?].*", ""))
                .username(ROLE)
                .password(PASSWORD);
    }

    private void execute(String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute("set default_transaction_read_only = off");
            statement.execute(sql);
        }
    }
}
