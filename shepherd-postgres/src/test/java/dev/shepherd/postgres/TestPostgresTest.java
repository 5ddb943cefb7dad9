package dev.shepherd.postgres;

import static dev.shepherd.postgres.Children.execute;
import static dev.shepherd.postgres.Children.query;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.postgres.Children.Child;
import dev.shepherd.postgres.PostgresException.Reason;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class TestPostgresTest {

    private static final Supplier<Containers.Offer> NO_CONTAINER = () -> new Containers.Offer(null, "no engine here");
    private static final Supplier<PostgresServer> UNWANTED = () -> {
        throw new AssertionError("no server was to be started");
    };

    private static PostgresServer server;
    private static TestPostgres postgres;

    @BeforeAll
    static void start() {
        server = PostgresServer.startTemporary();
        postgres = anotherOnTheServer();
    }

    /** What another JVM that uses the same server has. */
    private static TestPostgres anotherOnTheServer() {
        return TestPostgres.choose(server.jdbcUrl(), null, NO_CONTAINER, UNWANTED);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static final Consumer<String> NOTES = url -> run(url, "create table notes as select 'filled' as text");

    private static void run(String url, String sql) {
        try {
            execute(url, sql);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void theServerThatThePropertyNamesComesFirst() {
        TestPostgres chosen =
                TestPostgres.choose(server.jdbcUrl(), "jdbc:postgresql://nowhere.invalid/x", NO_CONTAINER, UNWANTED);

        assertThat(chosen).asString().startsWith("external PostgreSQL 17.").contains("shepherd.test.jdbc-url");
        assertThat(chosen.toString()).doesNotContain("password");
    }

    @Test
    void theServerThatTheEnvironmentNamesComesNext() {
        TestPostgres chosen = TestPostgres.choose(" ", server.jdbcUrl(), NO_CONTAINER, UNWANTED);

        assertThat(chosen).asString().startsWith("external").contains("SHEPHERD_TEST_JDBC_URL");
    }

    @Test
    void aContainerComesBeforeAnEmbeddedServer() {
        TestPostgres chosen = TestPostgres.choose(
                null, null, () -> new Containers.Offer(server.jdbcUrl(), "an engine answers"), UNWANTED);

        assertThat(chosen).asString().startsWith("containerized").endsWith("an engine answers");
    }

    @Test
    void anEmbeddedServerComesLastAndSaysWhy() {
        TestPostgres chosen = TestPostgres.choose(null, "", NO_CONTAINER, () -> server);

        assertThat(chosen).asString().startsWith("embedded").endsWith("no engine here");
    }

    @Test
    void aServerThatIsNamedButDoesNotAnswerIsAnErrorThatKeepsThePassword() {
        String wrong = server.jdbcUrl().replaceFirst("password=.*", "password=secret");

        for (String url : List.of(wrong, "postgresql://me:secret@db/x", "jdbc:postgresql:x?password=secret")) {
            assertThatThrownBy(() -> TestPostgres.choose(url, null, NO_CONTAINER, UNWANTED))
                    .isInstanceOfSatisfying(
                            PostgresException.class, e -> assertThat(e.reason()).isEqualTo(Reason.NOT_STARTED))
                    .hasMessageContaining("shepherd.test.jdbc-url")
                    .hasMessageNotContaining("secret");
        }
    }

    @Test
    void freshDatabasesAreEmptyAndIndependent() throws SQLException {
        String first = postgres.freshDatabase();
        String second = postgres.freshDatabase();
        NOTES.accept(first);

        assertThat(first).isNotEqualTo(second);
        assertThat(query(second, "select count(*) from pg_tables where schemaname = 'public'"))
                .isEqualTo("0");
    }

    @Test
    void copiesOfATemplateAreIndependentOfOneAnother() throws SQLException {
        String first = postgres.freshDatabase("independent", NOTES);
        String second = postgres.freshDatabase("independent", NOTES);
        execute(first, "update notes set text = 'changed'");
        String third = postgres.freshDatabase("independent", NOTES);

        assertThat(query(first, "select text from notes")).isEqualTo("changed");
        assertThat(query(second, "select text from notes")).isEqualTo("filled");
        assertThat(query(third, "select text from notes")).isEqualTo("filled");
    }

    @Test
    void keysTellTemplatesApart() throws SQLException {
        postgres.freshDatabase("one key", NOTES);
        String other = postgres.freshDatabase("another key", url -> run(url, "create table other ()"));

        assertThat(query(other, "select tablename from pg_tables where schemaname = 'public'"))
                .isEqualTo("other");
    }

    @Test
    void aRaceForOneTemplateFillsItOnce() throws Exception {
        AtomicInteger fills = new AtomicInteger();
        Consumer<String> fill = url -> {
            fills.incrementAndGet();
            NOTES.accept(url);
        };
        int racers = 8;
        CyclicBarrier start = new CyclicBarrier(racers);
        Set<String> urls = ConcurrentHashMap.newKeySet();
        ExecutorService threads = Executors.newFixedThreadPool(racers);
        try {
            List<Future<?>> races = new ArrayList<>();
            for (int i = 0; i < racers; i++) {
                // Half of them share an instance, as threads of one JVM do; the others are on their own.
                TestPostgres own = i % 2 == 0 ? postgres : anotherOnTheServer();
                races.add(threads.submit(() -> {
                    start.await(60, TimeUnit.SECONDS);
                    for (int round = 0; round < 3; round++) {
                        String url = own.freshDatabase("raced for", fill);
                        urls.add(url);
                        assertThat(query(url, "select text from notes")).isEqualTo("filled");
                    }
                    return null;
                }));
            }
            for (Future<?> race : races) {
                race.get(120, TimeUnit.SECONDS);
            }
        } finally {
            threads.shutdownNow();
        }

        assertThat(fills).hasValue(1);
        assertThat(urls).hasSize(3 * racers);
    }

    @Test
    void aTemplateWhoseFillingFailedIsFilledAnew() throws SQLException {
        Consumer<String> failing = url -> {
            NOTES.accept(url);
            throw new IllegalStateException("cannot fill");
        };

        assertThatIllegalStateException()
                .isThrownBy(() -> postgres.freshDatabase("fails first", failing))
                .withMessage("cannot fill");
        String url = postgres.freshDatabase("fails first", NOTES);

        assertThat(query(url, "select text from notes")).isEqualTo("filled");
    }

    @Test
    void aTemplateWhoseFillerDiedIsFilledAnew() throws SQLException {
        String template = "shepherd_template_" + hash("died");
        server.createDatabase(template + "_new");
        run(server.jdbcUrl(template + "_new"), "create table half ()");

        String url = postgres.freshDatabase("died", NOTES);

        assertThat(query(url, "select string_agg(tablename, ',') from pg_tables where schemaname = 'public'"))
                .isEqualTo("notes");
    }

    private static String hash(String key) {
        return Templates.nameOf(key).substring("shepherd_template_".length());
    }

    @Test
    void aTemplateThatSomebodyDroppedIsFilledAgain() throws SQLException {
        postgres.freshDatabase("dropped", NOTES);
        server.dropDatabase(Templates.nameOf("dropped"));

        String url = postgres.freshDatabase("dropped", NOTES);

        assertThat(query(url, "select text from notes")).isEqualTo("filled");
    }

    @Test
    void connectionsThatTheFillerLeavesOpenAreNotInTheWay() throws SQLException {
        List<Connection> left = new ArrayList<>();
        String url = postgres.freshDatabase("left open", template -> {
            NOTES.accept(template);
            try {
                left.add(DriverManager.getConnection(template));
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
        });

        assertThat(query(url, "select text from notes")).isEqualTo("filled");
        assertThat(left.get(0).isValid(5)).isFalse();
        assertThatThrownBy(() -> DriverManager.getConnection(server.jdbcUrl(Templates.nameOf("left open"))))
                .isInstanceOf(SQLException.class)
                .hasMessageContaining("not currently accepting connections");
    }

    @Test
    void aTemplateCannotBeFilledFromItself() {
        assertThatIllegalStateException()
                .isThrownBy(() -> postgres.freshDatabase("itself", url -> postgres.freshDatabase("itself", NOTES)))
                .withMessageContaining("itself");
    }

    @Test
    void databasesMadeHereAreDroppedAndNoOthers() throws SQLException {
        String url = postgres.freshDatabase();
        try (Connection connection = DriverManager.getConnection(url)) {
            postgres.drop(url + "&ApplicationName=test");
            postgres.drop(url);

            assertThat(connection.isValid(5)).isFalse();
        }
        assertThat(server.databaseExists(Databases.nameIn(url))).isFalse();

        assertThatIllegalArgumentException().isThrownBy(() -> postgres.drop(server.jdbcUrl()));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> postgres.drop("jdbc:postgresql://db.invalid/shepherd_test_1"));
    }

    @Test
    void databasesLeftOnAnExternalServerGoWithTheJvm() throws Exception {
        try (Child child = Children.start(
                Children.Tester.class, List.of("-D" + TestPostgres.URL_PROPERTY + "=" + server.jdbcUrl()))) {
            assertThat(child.line()).contains("INFO", "Tests run on the external PostgreSQL");
            String name = child.line();
            assertThat(server.databaseExists(name)).isTrue();

            child.release();

            assertThat(server.databaseExists(name)).isFalse();
        }
    }

    @Test
    void aCopyTakesMilliseconds() {
        Consumer<String> twentyTables = url -> {
            for (int i = 0; i < 20; i++) {
                run(
                        url,
                        "create table t" + i + " (id uuid primary key, at timestamptz); create index on t" + i
                                + " (at)");
            }
        };
        postgres.freshDatabase("measured", twentyTables);
        int rounds = 20;
        long start = System.nanoTime();
        List<String> urls = new ArrayList<>();
        for (int i = 0; i < rounds; i++) {
            urls.add(postgres.freshDatabase("measured", twentyTables));
        }
        long copied = System.nanoTime();
        urls.forEach(postgres::drop);
        long dropped = System.nanoTime();

        System.out.printf(
                "A fresh database from a template of 20 tables: %d ms; to drop it: %d ms%n",
                Duration.ofNanos(copied - start).dividedBy(rounds).toMillis(),
                Duration.ofNanos(dropped - copied).dividedBy(rounds).toMillis());
        assertThat(urls).doesNotHaveDuplicates();
    }
}
