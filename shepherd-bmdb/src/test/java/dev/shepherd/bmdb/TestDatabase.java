package dev.shepherd.bmdb;

import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.BmdbConfig.Migration;
import dev.shepherd.bmdb.internal.SessionKeeper;
import dev.shepherd.postgres.TestPostgres;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A fresh, migrated database for a test class, with what its tests open on it. After each test everything is
 * closed, every row is gone and the time is right again.
 */
public final class TestDatabase implements BeforeAllCallback, AfterEachCallback, AfterAllCallback {

    public static final ProviderType PROVIDER = new ProviderType("test");

    /** A session interval for those who wait for the end of one. */
    public static final Duration SHORT = Duration.ofSeconds(1);

    /** A session interval that a heartbeat keeps to on a busy machine, and that can still be waited for. */
    public static final Duration LASTING = Duration.ofSeconds(3);

    private final Deque<AutoCloseable> opened = new ArrayDeque<>();
    private final AtomicReference<Duration> offset = new AtomicReference<>(Duration.ZERO);
    private String url = "";
    private @Nullable Bmdb shared;
    private @Nullable Connection own;

    @Override
    public void beforeAll(ExtensionContext context) {
        url = TestPostgres.shared().freshDatabase("bmdb", template -> {
            Bmdb.open(template).close();
            warmUp(template);
            try (Connection connection = DriverManager.getConnection(template)) {
                execute(connection, "delete from sessions"); // It may have been lost.
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    /** Lets the JVM load what a session needs, so that none is lost to that. */
    private static void warmUp(String url) {
        BmdbConfig config =
                BmdbConfig.builder().jdbcUrl(url).sessionInterval(SHORT).build();
        try (Bmdb bmdb = Bmdb.open(config);
                BmdbSession session = bmdb.startSession("warm-up", "")) {
            await().until(() -> !session.isAlive()
                    || bmdb.<Boolean>query(dsl -> dsl.fetchExists(DSL.selectOne()
                            .from("sessions")
                            .where("session_deadline > session_created_at + interval '1 second'"))));
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void afterEach(ExtensionContext context) throws Exception {
        closeAll();
        offset.set(Duration.ZERO);
        execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                + " and pid <> pg_backend_pid() and state <> 'idle'");
        // Faster than truncating where there is little; those that others refer to come last.
        execute(String.join(
                "; ",
                rows("select format('delete from %I', tablename) from pg_tables"
                        + " where schemaname = 'public' and tablename <> 'shepherd_schema_history'"
                        + " order by array_position(array['rollouts', 'agent_executables', 'machine_intent', 'providers', 'machines', 'sessions', 'work_due']::name[],"
                        + " tablename) nulls first")));
    }

    @Override
    public void afterAll(ExtensionContext context) throws SQLException {
        // A second run of the class, which tells whether a failure comes back, begins with a new database.
        if (shared != null) {
            shared.close();
            shared = null;
        }
        if (own != null) {
            own.close();
            own = null;
        }
        TestPostgres.shared().drop(url);
    }

    public String url() {
        return url;
    }

    public BmdbConfig.Builder config() {
        return BmdbConfig.builder()
                .jdbcUrl(url)
                .migration(Migration.CHECK)
                .poolSize(4)
                .sessionInterval(Duration.ofMinutes(1))
                .timeOffset(offset::get);
    }

    /** Returns the database as all tests of the class share it, with sessions that outlive any pause. */
    public Bmdb bmdb() {
        if (shared == null) {
            shared = Bmdb.open(config().poolSize(10).build());
        }
        return shared;
    }

    /** Starts a session on {@link #bmdb()}, until the end of the test. */
    public BmdbSession session() throws InterruptedException {
        return closeLater(bmdb().startSession("test", "host"));
    }

    /** Opens the database once more, as another process would, until the end of the test. */
    public Bmdb open() {
        return open(config -> {});
    }

    public Bmdb open(Consumer<BmdbConfig.Builder> settings) {
        BmdbConfig.Builder config = config();
        settings.accept(config);
        return closeLater(Bmdb.open(config.build()));
    }

    public <T extends AutoCloseable> T closeLater(T resource) {
        opened.push(resource);
        return resource;
    }

    public void closeAll() throws Exception {
        while (!opened.isEmpty()) {
            opened.pop().close();
        }
    }

    /** Moves the time of tags, backoff and eligibility. */
    public void advance(Duration by) {
        offset.updateAndGet(by::plus);
    }

    /** Returns by how much the time was moved. */
    public Duration offset() {
        return offset.get();
    }

    public Connection connect() throws SQLException {
        return DriverManager.getConnection(url);
    }

    /** Opens a connection in the middle of a transaction, until the end of the test. */
    public Connection transaction() throws SQLException {
        Connection connection = closeLater(connect());
        connection.setAutoCommit(false);
        return connection;
    }

    /** Locks machines, as somebody in the middle of a transaction, which is to be rolled back. */
    public Connection lock(List<UUID> machineIds) throws SQLException {
        Connection somebody = transaction();
        for (UUID machineId : machineIds) {
            execute(somebody, "select 1 from machines where machine_id = ? for update", machineId);
        }
        return somebody;
    }

    private Connection own() throws SQLException {
        if (own == null) {
            own = connect();
        }
        return own;
    }

    public synchronized void execute(String sql, Object... parameters) throws SQLException {
        execute(own(), sql, parameters);
    }

    public static void execute(Connection connection, String sql, Object... parameters) throws SQLException {
        try (PreparedStatement statement = prepare(connection, sql, parameters)) {
            statement.execute();
        }
    }

    /** Reads rows, the columns of each joined by {@code |}. */
    public synchronized List<String> rows(String sql, Object... parameters) throws SQLException {
        try (PreparedStatement statement = prepare(own(), sql, parameters);
                ResultSet result = statement.executeQuery()) {
            List<String> rows = new ArrayList<>();
            int columns = result.getMetaData().getColumnCount();
            while (result.next()) {
                List<String> row = new ArrayList<>();
                for (int i = 1; i <= columns; i++) {
                    row.add(result.getString(i));
                }
                rows.add(row.stream().map(String::valueOf).collect(Collectors.joining("|")));
            }
            return rows;
        }
    }

    /** Reads one number. */
    public long number(String sql, Object... parameters) throws SQLException {
        return Long.parseLong(rows(sql, parameters).get(0));
    }

    private static PreparedStatement prepare(Connection connection, String sql, Object... parameters)
            throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        for (int i = 0; i < parameters.length; i++) {
            statement.setObject(i + 1, parameters[i]);
        }
        return statement;
    }

    /** Records a machine without any tag. */
    public UUID machine() throws SQLException {
        UUID id = UUID.randomUUID();
        execute("insert into machines (machine_id) values (?)", id);
        return id;
    }

    /** Records a machine of {@link #PROVIDER}. */
    public UUID providedMachine() throws SQLException {
        UUID id = machine();
        execute(
                "insert into machine_provided (machine_id, provider, provider_id) values (?, ?, ?)",
                id,
                PROVIDER.name(),
                "id-" + id);
        return id;
    }

    /** Records many machines of {@link #PROVIDER}. */
    public void providedMachines(int count) throws SQLException {
        execute(
                "with made as (insert into machines select gen_random_uuid() from generate_series(1, ?)"
                        + " returning machine_id)"
                        + " insert into machine_provided (machine_id, provider, provider_id)"
                        + " select machine_id, ?, machine_id::text from made",
                count,
                PROVIDER.name());
    }

    /** Returns the history of a machine, oldest first. */
    public List<String> history(UUID machineId) throws SQLException {
        return rows(
                "select process, event, failed_cause from work_history where machine_id = ? order by history_id",
                machineId);
    }

    /** Returns who works on a machine. */
    public List<String> work(UUID machineId) throws SQLException {
        return rows("select process from work where machine_id = ? order by process", machineId);
    }

    /** Makes a session look as if its last heartbeat was too long ago. */
    public void expire(BmdbSession session) throws SQLException {
        execute(
                "update sessions set session_deadline = now() - interval '1 second' where session_id = ?",
                session.id());
    }

    /** Returns the names of the threads that this library has running. */
    public static List<String> threads() {
        return threadsBeside(Set.of());
    }

    /**
     * Returns the names of those that are not among others. Threads are compared, not names: what an earlier test began
     * may end at any moment.
     */
    public static List<String> threadsBeside(Set<Thread> others) {
        return allThreads().stream()
                .filter(thread -> !others.contains(thread))
                .map(Thread::getName)
                .filter(name -> name.startsWith("shepherd"))
                .sorted()
                .toList();
    }

    public static Set<Thread> allThreads() {
        return Thread.getAllStackTraces().keySet();
    }

    /** Claims a machine under any process, also for recovery past its limits. */
    public Optional<Work> hold(BmdbSession session, WorkProcess process, UUID machineId) throws InterruptedException {
        return session.claims().claimMachine(process, machineId, null);
    }

    public SessionKeeper keeper() {
        return bmdb().keeper();
    }
}
