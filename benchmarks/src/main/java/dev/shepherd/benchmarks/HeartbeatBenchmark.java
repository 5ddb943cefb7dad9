package dev.shepherd.benchmarks;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.agent.AgentReply;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Heartbeats of a fleet. Every machine has beaten once before the measurement begins; then they beat in turns, with so
 * many calls under way at any moment. The load comes from the same process, and the database from the same machine.
 */
final class HeartbeatBenchmark implements Benchmark {

    private static final long WARM_UP_SECONDS = 3;
    private static final long LAST_ANSWER_SECONDS = 30;

    @Override
    public String name() {
        return "heartbeats";
    }

    @Override
    public String description() {
        return "Heartbeats through AgentCallback: how many a second, how long one takes, what it does to the table.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("machines", 100_000L);
        options.put("seconds", 30L);
        options.put("in-flight", 1_000L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        int machines = Math.toIntExact(Benchmark.option(options, "machines"));
        int inFlight = Math.toIntExact(Benchmark.option(options, "in-flight"));
        long seconds = Benchmark.option(options, "seconds");
        progress.stage("starting a PostgreSQL that keeps what it commits");
        try (BenchmarkDatabase database = BenchmarkDatabase.start("heartbeats");
                Bmdb bmdb = Bmdb.open(
                        BmdbConfig.builder().jdbcUrl(database.url()).poolSize(8).build());
                AgentCallback callback = AgentCallback.of(bmdb)) {
            progress.stage("recording " + machines + " machines with an agent each");
            List<AgentCall> calls = fill(database, machines);
            callback.start();
            Load load = new Load(callback, calls, inFlight);
            progress.stage("every machine beats once");
            load.beat(machines, Long.MAX_VALUE);
            database.execute("vacuum analyze machine_agent_heartbeat");
            double before = tableMegabytes(database);
            progress.stage("warming up for " + WARM_UP_SECONDS + " s");
            load.beat(Long.MAX_VALUE, WARM_UP_SECONDS);
            progress.stage("measuring for " + seconds + " s");
            long startedAt = System.nanoTime();
            Latencies latencies = load.beat(Long.MAX_VALUE, seconds);
            double took = (System.nanoTime() - startedAt) / 1e9;
            double after = tableMegabytes(database);
            callback.close();
            bmdb.close();
            database.awaitCounts();
            return new Figures()
                    .put("per_s", Math.round(latencies.count() / took))
                    .put("p50_ms", latencies.millis(0.5), 2)
                    .put("p99_ms", latencies.millis(0.99), 2)
                    .put("max_ms", latencies.millis(1), 2)
                    .put("heartbeats", latencies.count())
                    .put("machines", machines)
                    .put("in_flight", inFlight)
                    .put("seconds", took, 1)
                    .put("table_mb_before", before, 2)
                    .put("table_mb_after", after, 2)
                    .put("bloat_ratio", after / before, 2)
                    .put("live_tuples", database.number("select count(*) from machine_agent_heartbeat"))
                    .put("dead_tuples", counted(database, "n_dead_tup"))
                    .put("hot_updates_share", hotUpdatesShare(database), 4)
                    .put("autovacuums", counted(database, "autovacuum_count"))
                    .put("processors", Runtime.getRuntime().availableProcessors());
        }
    }

    private static List<AgentCall> fill(BenchmarkDatabase database, int machines) throws SQLException {
        database.execute("insert into machines select gen_random_uuid() from generate_series(1, " + machines + ")");
        database.execute("insert into machine_agent_started select machine_id, now(), sha256(machine_id::text::bytea)"
                + " from machines");
        database.execute("analyze");
        List<AgentCall> calls = new ArrayList<>(machines);
        try (Statement statement = database.connection().createStatement();
                ResultSet rows = statement.executeQuery("select machine_id, agent_public_key from machine_agent_started"
                        + " order by agent_public_key")) {
            while (rows.next()) {
                calls.add(AgentCall.of(rows.getObject(1, UUID.class), rows.getBytes(2)));
            }
        }
        return calls;
    }

    private static double tableMegabytes(BenchmarkDatabase database) throws SQLException {
        return database.number("select pg_total_relation_size('machine_agent_heartbeat')") / 1048576.0;
    }

    private static long counted(BenchmarkDatabase database, String column) throws SQLException {
        return database.number(
                "select " + column + " from pg_stat_user_tables where relname = 'machine_agent_heartbeat'");
    }

    private static double hotUpdatesShare(BenchmarkDatabase database) throws SQLException {
        return database.number("select round(n_tup_hot_upd * 10000.0 / greatest(n_tup_upd, 1)) from pg_stat_user_tables"
                        + " where relname = 'machine_agent_heartbeat'")
                / 10_000.0;
    }

    /** The machines, beating in turns. */
    private static final class Load {
        private final AgentCallback callback;
        private final List<AgentCall> calls;
        private final int inFlight;
        private int next;

        Load(AgentCallback callback, List<AgentCall> calls, int inFlight) {
            this.callback = callback;
            this.calls = calls;
            this.inFlight = inFlight;
        }

        /** Beats so often, or for so long, whatever ends sooner. Every beat must be answered. */
        Latencies beat(long beats, long seconds) throws InterruptedException {
            Latencies latencies = new Latencies();
            AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
            Semaphore permits = new Semaphore(inFlight);
            long startedAt = System.nanoTime();
            for (long i = 0; i < beats; i++) {
                if (seconds < Long.MAX_VALUE && System.nanoTime() - startedAt > TimeUnit.SECONDS.toNanos(seconds)) {
                    break;
                }
                permits.acquire();
                AgentCall call = calls.get(next);
                next = (next + 1) % calls.size();
                long calledAt = System.nanoTime();
                CompletableFuture<AgentReply> unused = callback.callAsync(call).whenComplete((reply, error) -> {
                    latencies.add(System.nanoTime() - calledAt);
                    if (error != null) {
                        failure.set(error);
                    }
                    permits.release();
                });
                Throwable failed = failure.get();
                if (failed != null) {
                    throw new IllegalStateException("a heartbeat failed", failed);
                }
            }
            if (!permits.tryAcquire(inFlight, LAST_ANSWER_SECONDS, TimeUnit.SECONDS) || failure.get() != null) {
                throw new IllegalStateException("not every heartbeat was answered", failure.get());
            }
            return latencies;
        }
    }
}
