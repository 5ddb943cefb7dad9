package dev.shepherd.benchmarks;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.RolloutActions;
import dev.shepherd.bmdb.operator.RolloutPlan;
import dev.shepherd.bmdb.rollout.Rollouts;
import dev.shepherd.bmdb.rollout.Rollouts.Look;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/**
 * What it costs to begin a rollout in fleets of three sizes, until all machines are listed; and what a look costs at one that
 * waits for room, once as it is and once as it would be if all machines were counted for it.
 */
final class RolloutBenchmark implements Benchmark {

    private static final ProviderType PROVIDER = new ProviderType("bench");
    private static final int EXECUTABLE = 17_000_000;
    private static final int LOCATIONS = 50;

    /** How often all machines are counted: that takes seconds. */
    private static final int COUNTS = 5;

    @Override
    public String name() {
        return "rollout";
    }

    @Override
    public String description() {
        return "Beginning a rollout, and waiting for room, in fleets of 1,000 machines to a million.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("small", 1_000L);
        options.put("medium", 100_000L);
        options.put("large", 1_000_000L);
        options.put("looks", 21L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        byte[] content = new byte[EXECUTABLE];
        new Random(1).nextBytes(content);
        Path agent = Files.write(Files.createTempFile("agent", ""), content);
        progress.stage("starting a PostgreSQL that keeps what it commits");
        try (BenchmarkDatabase database = BenchmarkDatabase.start("rollout");
                Bmdb bmdb = Bmdb.open(database.url());
                BmdbSession session = bmdb.startSession("benchmark", "")) {
            Figures figures = new Figures();
            long from = 0;
            for (String size : new String[] {"small", "medium", "large"}) {
                long to = Benchmark.option(options, size);
                progress.stage("recording machines up to " + to);
                grow(database, from, to);
                from = to;
                progress.stage("a rollout to " + to);
                measure(database, bmdb, session, agent, size, Benchmark.option(options, "looks"), figures);
                figures.put(size, to);
            }
            return figures.put("processors", Runtime.getRuntime().availableProcessors());
        } finally {
            Files.delete(agent);
        }
    }

    private static void measure(
            BenchmarkDatabase database,
            Bmdb bmdb,
            BmdbSession session,
            Path agent,
            String size,
            long looks,
            Figures figures)
            throws Exception {
        long startedAt = System.nanoTime();
        RolloutActions.of(bmdb, Actor.program("benchmark"))
                .start(PROVIDER, agent, RolloutPlan.DEFAULT, "a measurement");
        double start = millisSince(startedAt);
        Rollouts rollouts = Rollouts.of(bmdb, PROVIDER, RecoveryPolicy.DEFAULT);
        Latencies listing = new Latencies();
        double listed = 0;
        while (database.number("select rollout_pass from rollouts") == 0) {
            long lookedAt = System.nanoTime();
            rollouts.look(session);
            listing.add(System.nanoTime() - lookedAt);
            listed += millisSince(lookedAt);
        }
        figures.put("start_ms_" + size, start, 0).put("listing_s_" + size, listed / 1e3, 1);
        if (listed > 0) {
            figures.put("listing_p99_ms_" + size, listing.millis(0.99), 0)
                    .put("listing_max_ms_" + size, listing.millis(1), 0);
        }
        // All locations are frozen, so that no machine has room.
        database.execute("insert into recovery_freeze (provider, location, frozen_at, silent_since, freeze_evidence)"
                + " select '" + PROVIDER + "', 'rack ' || n, now(), now(), 'a measurement' from generate_series(0, "
                + (LOCATIONS - 1) + ") n");
        database.execute("vacuum analyze machine_rollout");
        Latencies waiting = new Latencies();
        Latencies counting = new Latencies();
        for (long i = 0; i < looks; i++) {
            long lookedAt = System.nanoTime();
            Look look = rollouts.look(session);
            waiting.add(System.nanoTime() - lookedAt);
            if (look.isReady() || look.waitingFor().isEmpty()) {
                throw new IllegalStateException("there was room: " + look);
            }
            if (i < COUNTS) {
                long countedAt = System.nanoTime();
                count(database);
                counting.add(System.nanoTime() - countedAt);
            }
        }
        figures.put("wait_ms_" + size, waiting.millis(0.5), 1).put("count_ms_" + size, counting.millis(0.5), 1);
        database.execute(
                "truncate machine_rollout, rollouts, agent_executables, agent_executable_parts, recovery_freeze");
    }

    private static double millisSince(long startedAt) {
        return (System.nanoTime() - startedAt) / 1e6;
    }

    /** Counts all machines by location, as the limits would have it without an index and a bound. */
    private static void count(BenchmarkDatabase database) throws SQLException {
        database.number("select count(*) from (select provider_location, count(*) from machines m"
                + " join machine_provided p on p.machine_id = m.machine_id where p.provider = 'bench'"
                + " and not exists (select 1 from machine_quarantine q where q.machine_id = m.machine_id)"
                + " group by provider_location) sizes");
    }

    /** Adds machines whose agents were just heard, without the triggers and the references, which would take an hour. */
    private static void grow(BenchmarkDatabase database, long from, long to) throws SQLException {
        database.script("set session_replication_role = replica; set synchronous_commit = off");
        String machines = " from generate_series(" + (from + 1) + ", " + to + ") i";
        String id = "md5('machine ' || i)::uuid";
        database.execute("insert into machines (machine_id) select " + id + machines);
        database.execute(
                "insert into machine_provided (machine_id, provider, provider_id, provider_location, provider_status)"
                        + " select " + id + ", 'bench', 'host-' || i, 'rack ' || i % " + LOCATIONS + ", 'Running'"
                        + machines);
        database.execute("insert into machine_agent_started (machine_id, agent_started_at, agent_public_key) select "
                + id + ", now() - interval '5 days', decode(repeat('ab', 32), 'hex')" + machines);
        database.execute("insert into machine_agent_heartbeat select " + id + ", now() + interval '1 day'" + machines);
        database.script("set session_replication_role = origin");
        database.execute("vacuum analyze");
        database.execute("checkpoint");
    }
}
