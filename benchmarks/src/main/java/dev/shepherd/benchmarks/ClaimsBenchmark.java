package dev.shepherd.benchmarks;

import com.github.kagkarlsson.scheduler.Scheduler;
import com.github.kagkarlsson.scheduler.task.helper.OneTimeTask;
import com.github.kagkarlsson.scheduler.task.helper.Tasks;
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Eligibility;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Claims and ends of agent start, by several workers, on the machines of a large fleet that are due: as the library does
 * it, as db-scheduler works off as many one-time tasks, and by the plain query over the fleet that the queue replaces. All
 * three on one database, in turns.
 */
final class ClaimsBenchmark implements Benchmark {

    private static final ProviderType PROVIDER = new ProviderType("bench");

    /** How many machines a worker takes at once, which is the library's own way of claiming. */
    private static final int BATCH = 20;

    /** In how many turns the due machines are worked off, with events and without; fewer if they are few. */
    private static final int TURNS = 20;

    /** Longer than any stall of a machine that is busy otherwise. */
    private static final Duration SESSION_INTERVAL = Duration.ofSeconds(60);

    private static final long LONGEST_SECONDS = 600;

    /** serialization_failure, deadlock_detected, unique_violation: what the plain way runs into and tries again. */
    private static final List<String> CONFLICTS = List.of("40001", "40P01", "23505");

    @Override
    public String name() {
        return "claims";
    }

    @Override
    public String description() {
        return "Claims and ends of work a second, beside db-scheduler and the plain query over the fleet.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("machines", 100_000L);
        options.put("due", 20_000L);
        options.put("workers", 8L);
        options.put("rounds", 3L);
        options.put("original-seconds", 10L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        int machines = Math.toIntExact(Benchmark.option(options, "machines"));
        int due = Math.toIntExact(Benchmark.option(options, "due"));
        int workers = Math.toIntExact(Benchmark.option(options, "workers"));
        int rounds = Math.toIntExact(Benchmark.option(options, "rounds"));
        progress.stage("starting a PostgreSQL that keeps what it commits");
        try (BenchmarkDatabase database = BenchmarkDatabase.start("claims");
                Bmdb bmdb = Bmdb.open(BmdbConfig.builder()
                        .jdbcUrl(database.url())
                        .poolSize(workers)
                        .sessionInterval(SESSION_INTERVAL)
                        .build());
                Bmdb eventless = Bmdb.open(BmdbConfig.builder()
                        .jdbcUrl(database.url())
                        .poolSize(workers)
                        .sessionInterval(SESSION_INTERVAL)
                        .events(false)
                        .build());
                HikariDataSource pool = pool(database.url(), workers + 2)) {
            progress.stage("recording " + machines + " machines, of which " + due + " have no agent");
            fill(database, machines, due);
            Turns all = new Turns();
            double[] shepherd = new double[rounds];
            double[] dbScheduler = new double[rounds];
            double[] original = new double[rounds];
            // A first time that does not count, since nothing has been compiled yet.
            for (int round = -1; round < rounds; round++) {
                String which = round < 0 ? "warming up" : "round " + (round + 1) + " of " + rounds;
                progress.stage(which + ": Shepherd, with events and without in turns");
                Turns turns = shepherd(database, bmdb, eventless, due, workers);
                progress.stage(which + ": db-scheduler");
                double dbSchedulerPerSecond = dbScheduler(database, pool, due, workers);
                progress.stage(which + ": the plain query");
                double originalPerSecond = original(
                        database, pool, workers, round < 0 ? 1 : Benchmark.option(options, "original-seconds"));
                if (round >= 0) {
                    all.add(turns);
                    shepherd[round] = median(turns.with);
                    dbScheduler[round] = dbSchedulerPerSecond;
                    original[round] = originalPerSecond;
                }
            }
            return new Figures()
                    .put("shepherd_per_s", Math.round(median(shepherd)))
                    .put("without_events_per_s", Math.round(median(all.without)))
                    .put("dbscheduler_per_s", Math.round(median(dbScheduler)))
                    .put("original_per_s", Math.round(median(original)))
                    .put("ratio_without_events", median(all.ratios()), 3)
                    .put("ratio_dbscheduler", median(ratios(shepherd, dbScheduler)), 2)
                    .put("ratio_original", median(ratios(shepherd, original)), 2)
                    .put("machines", machines)
                    .put("due", due)
                    .put("workers", workers)
                    .put("rounds", rounds)
                    .put("processors", Runtime.getRuntime().availableProcessors());
        }
    }

    private static double[] ratios(double[] some, double[] others) {
        double[] ratios = new double[some.length];
        for (int i = 0; i < some.length; i++) {
            ratios[i] = some[i] / others[i];
        }
        return ratios;
    }

    private static double median(List<Double> numbers) {
        return median(numbers.stream().mapToDouble(each -> each).toArray());
    }

    private static double median(double[] numbers) {
        double[] sorted = numbers.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    static HikariDataSource pool(String url, int size) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setMaximumPoolSize(size);
        return new HikariDataSource(config);
    }

    private static void fill(BenchmarkDatabase database, int machines, int due) throws SQLException {
        database.execute("insert into machines select gen_random_uuid(), now() - n * interval '1 second'"
                + " from generate_series(1, " + machines + ") n");
        database.execute(
                "insert into machine_provided (machine_id, provider, provider_id)"
                        + " select machine_id, ?, machine_id::text from machines",
                PROVIDER.name());
        database.execute("insert into machine_agent_started select machine_id, now(), ''"
                + " from machines order by machine_id offset " + due);
        database.execute(
                "create table due_machines as select machine_id from machines" + " order by machine_id limit " + due);
        // The columns that db-scheduler asks for.
        database.script("create table scheduled_tasks (task_name text not null, task_instance text not null,"
                + " task_data bytea, execution_time timestamptz not null, picked boolean not null, picked_by text,"
                + " last_success timestamptz, last_failure timestamptz, consecutive_failures int,"
                + " last_heartbeat timestamptz, version bigint not null, priority smallint,"
                + " primary key (task_name, task_instance));"
                + " create index scheduled_tasks_by_time on scheduled_tasks (execution_time);"
                + " create index scheduled_tasks_by_heartbeat on scheduled_tasks (last_heartbeat)");
    }

    /** Makes the same machines due again, and tidies up after the previous run. */
    private static void reset(BenchmarkDatabase database) throws SQLException {
        database.execute("delete from machine_agent_started s using due_machines d where d.machine_id = s.machine_id");
        database.execute("truncate work_history, fleet_event_inbox");
        database.execute("vacuum analyze");
        database.execute("checkpoint");
    }

    /** What was done in a second, turn by turn: with events, and without beside it. */
    private static final class Turns {
        private final List<Double> with = new ArrayList<>();
        private final List<Double> without = new ArrayList<>();

        void add(Turns others) {
            with.addAll(others.with);
            without.addAll(others.without);
        }

        List<Double> ratios() {
            List<Double> ratios = new ArrayList<>();
            for (int i = 0; i < with.size(); i++) {
                ratios.add(with.get(i) / without.get(i));
            }
            return ratios;
        }
    }

    /**
     * Works off what is due in short turns, with events and without: what slows this machine down for some seconds slows
     * both. Each goes first in every other pair.
     */
    private static Turns shepherd(BenchmarkDatabase database, Bmdb bmdb, Bmdb eventless, int due, int workers)
            throws Exception {
        reset(database);
        Turns turns = new Turns();
        int pairs = Math.max(1, Math.min(TURNS, due / BATCH) / 2);
        int turn = due / (2 * pairs);
        try (BmdbSession session = bmdb.startSession("benchmark", "");
                BmdbSession without = eventless.startSession("benchmark", "")) {
            for (int pair = 0; pair < pairs; pair++) {
                if (pair % 2 == 0) {
                    turns.with.add(turn(session, turn, workers));
                    turns.without.add(turn(without, turn, workers));
                } else {
                    turns.without.add(turn(without, turn, workers));
                    turns.with.add(turn(session, turn, workers));
                }
            }
            turn(session, due, workers); // What may be left.
        }
        check(database, due);
        return turns;
    }

    /** Claims and finishes so many machines, and returns how many it did a second. */
    private static double turn(BmdbSession session, int machines, int workers) throws Exception {
        AtomicInteger left = new AtomicInteger(machines);
        AtomicInteger done = new AtomicInteger();
        double seconds = time(workers, () -> {
            for (int batch = BATCH; batch > 0 && left.getAndAdd(-BATCH) > 0; ) {
                List<Work> claimed = session.claim(WorkProcess.AGENT_START, Eligibility.agentStart(PROVIDER), BATCH);
                session.finishAll(
                        claimed,
                        (tx, all) -> tx.putAgentsStarted(
                                all.stream().collect(Collectors.toMap(Work::machineId, work -> new byte[32]))));
                batch = claimed.size();
                done.addAndGet(batch);
            }
            return true;
        });
        return done.get() / seconds;
    }

    /** Every machine has an agent, was claimed once and finished once, or the figure means nothing. */
    private static void check(BenchmarkDatabase database, long due) throws SQLException {
        long started =
                database.number("select count(*) from machine_agent_started join due_machines using (machine_id)");
        long finished = database.number("select count(distinct machine_id) from work_history where event = 'Finished'");
        long lines = database.number("select count(*) from work_history");
        if (started != due || finished != due || lines != 2 * due) {
            throw new IllegalStateException(String.format(
                    Locale.ROOT,
                    "of %d machines, %d were started, %d finished, with %d lines of history",
                    due,
                    started,
                    finished,
                    lines));
        }
    }

    private static double time(int workers, Callable<Boolean> worker) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(workers);
        try {
            long startedAt = System.nanoTime();
            List<Future<Boolean>> running = new ArrayList<>();
            for (int i = 0; i < workers; i++) {
                running.add(executor.submit(worker));
            }
            for (Future<Boolean> one : running) {
                one.get(LONGEST_SECONDS, TimeUnit.SECONDS);
            }
            return (System.nanoTime() - startedAt) / 1e9;
        } finally {
            executor.shutdownNow();
        }
    }

    private static double dbScheduler(BenchmarkDatabase database, DataSource pool, int due, int workers)
            throws Exception {
        reset(database);
        database.execute("truncate scheduled_tasks");
        database.execute("insert into scheduled_tasks (task_name, task_instance, execution_time, picked, version)"
                + " select 'agent-start', machine_id::text, now(), false, 1 from due_machines");
        database.execute("vacuum analyze scheduled_tasks");
        CountDownLatch left = new CountDownLatch(due);
        OneTimeTask<Void> task = Tasks.oneTime("agent-start").execute((instance, context) -> left.countDown());
        Scheduler scheduler = Scheduler.create(pool, task)
                .threads(workers)
                .pollUsingLockAndFetch(1.0, 4.0)
                .pollingInterval(Duration.ofMillis(100))
                .build();
        long startedAt = System.nanoTime();
        scheduler.start();
        try {
            if (!left.await(LONGEST_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException("db-scheduler left " + left.getCount() + " tasks undone");
            }
            return due / ((System.nanoTime() - startedAt) / 1e9);
        } finally {
            scheduler.stop();
        }
    }

    private static double original(BenchmarkDatabase database, DataSource pool, int workers, long seconds)
            throws Exception {
        reset(database);
        // The plain way has no queue to keep.
        queue(database, "disable");
        UUID session = UUID.randomUUID();
        database.execute(
                "insert into sessions values (?, 'benchmark', '', now(), 3600, now() + interval '1 hour')", session);
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        double took = time(workers, () -> {
            try (Connection connection = pool.getConnection()) {
                connection.setAutoCommit(false);
                // Two that look at the same machine would otherwise take it one after the other.
                connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
                while (System.nanoTime() < until && claimAndFinish(connection, session)) {
                    // As long as there are any.
                }
            }
            return true;
        });
        long done = database.number("select count(*) from work_history where event = 'Finished'");
        database.execute("delete from sessions where session_id = ?", session);
        queue(database, "enable");
        // Made due again by the triggers, as all that is not in the queue now is.
        database.execute("delete from machine_agent_started s using due_machines d where d.machine_id = s.machine_id");
        return done / took;
    }

    private static void queue(BenchmarkDatabase database, String what) throws SQLException {
        for (String table : List.of("work", "work_backoff", "machine_agent_started")) {
            database.execute("alter table " + table + " " + what + " trigger user");
        }
    }

    /** One claim and one end, each a transaction of its own. Returns false if there is nothing left. */
    private static boolean claimAndFinish(Connection connection, UUID session) throws SQLException {
        UUID machine = repeat(connection, () -> {
            UUID found = find(connection);
            if (found != null) {
                update(
                        connection,
                        "insert into work (machine_id, session_id, process) values (?, ?, 'ShepherdAgentStart')",
                        found,
                        session);
                update(
                        connection,
                        "insert into work_history (machine_id, process, event)"
                                + " values (?, 'ShepherdAgentStart', 'Started')",
                        found);
            }
            return found;
        });
        if (machine == null) {
            return false;
        }
        repeat(connection, () -> {
            update(connection, "delete from work where machine_id = ? and session_id = ?", machine, session);
            update(connection, "insert into machine_agent_started values (?, now(), '')", machine);
            update(
                    connection,
                    "insert into work_history (machine_id, process, event)"
                            + " values (?, 'ShepherdAgentStart', 'Finished')",
                    machine);
            return machine;
        });
        return true;
    }

    private interface Part {
        @Nullable
        UUID run() throws SQLException;
    }

    private static @Nullable UUID repeat(Connection connection, Part part) throws SQLException {
        while (true) {
            try {
                UUID result = part.run();
                connection.commit();
                return result;
            } catch (SQLException e) {
                connection.rollback();
                if (!CONFLICTS.contains(e.getSQLState())
                        || Thread.currentThread().isInterrupted()) {
                    throw e;
                }
            }
        }
    }

    private static @Nullable UUID find(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("select p.machine_id from machine_provided p"
                        + " left join work w on w.machine_id = p.machine_id"
                        + " and w.process in ('ShepherdAccess', 'ShepherdAgentStart', 'ShepherdRecovery')"
                        + " left join work_backoff b on b.machine_id = p.machine_id"
                        + " and b.process = 'ShepherdAgentStart' and b.until > now()"
                        + " left join machine_agent_started s on s.machine_id = p.machine_id"
                        + " left join machine_os_installation_request r on r.machine_id = p.machine_id"
                        + " left join machine_os_installation_report t on t.machine_id = p.machine_id"
                        + " and t.generation = r.generation and t.os_installation_result = 'Success'"
                        + " where p.provider = 'bench' and w.machine_id is null and b.machine_id is null"
                        + " and s.machine_id is null and t.machine_id is null limit 1");
                ResultSet row = statement.executeQuery()) {
            return row.next() ? row.getObject(1, UUID.class) : null;
        }
    }

    private static void update(Connection connection, String sql, Object... parameters) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < parameters.length; i++) {
                statement.setObject(i + 1, parameters[i]);
            }
            statement.executeUpdate();
        }
    }
}
