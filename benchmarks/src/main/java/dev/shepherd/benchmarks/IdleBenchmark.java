package dev.shepherd.benchmarks;

import com.zaxxer.hikari.HikariDataSource;
import dev.shepherd.api.ProviderType;
import dev.shepherd.benchmarks.idle.CountingDataSource;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Eligibility;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.recovery.Recoveries;
import dev.shepherd.manager.Shepherd;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * What it costs to ask for work when there is none, in fleets of three sizes: once as the loops ask, for agent start, and
 * once by the plain query over the fleet. Half of the machines are installed and silent for months, the others have an
 * agent that was just heard. And how many statements a second a manager with all loops makes while nothing happens.
 */
final class IdleBenchmark implements Benchmark {

    private static final ProviderType PROVIDER = new ProviderType("bench");
    private static final int PLAIN_ASKS = 5;
    private static final long SETTLING_SECONDS = 5;

    @Override
    public String name() {
        return "idle";
    }

    @Override
    public String description() {
        return "Asking for work when there is none, in fleets of 1,000 machines to a million.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("small", 1_000L);
        options.put("medium", 100_000L);
        options.put("large", 1_000_000L);
        options.put("asks", 500L);
        options.put("seconds", 120L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        long small = Benchmark.option(options, "small");
        long medium = Benchmark.option(options, "medium");
        long large = Benchmark.option(options, "large");
        int asks = Math.toIntExact(Benchmark.option(options, "asks"));
        progress.stage("starting a PostgreSQL that keeps what it commits");
        try (BenchmarkDatabase database = BenchmarkDatabase.start("idle");
                Bmdb bmdb = Bmdb.open(BmdbConfig.builder()
                        .jdbcUrl(database.url())
                        // A million machines are recorded in one statement.
                        .sessionInterval(Duration.ofMinutes(2))
                        .build());
                BmdbSession session = bmdb.startSession("benchmark", "")) {
            Recoveries recoveries = Recoveries.of(bmdb, PROVIDER, RecoveryPolicy.DEFAULT);
            Costs smallest = costs(database, session, recoveries, 0, small, asks, progress);
            Costs middle = costs(database, session, recoveries, small, medium, asks, progress);
            Costs largest = costs(database, session, recoveries, medium, large, asks, progress);
            progress.stage("an idle manager for " + Benchmark.option(options, "seconds") + " s");
            double statements = statementsPerSecond(database, Benchmark.option(options, "seconds"));
            return new Figures()
                    .put("ms_1k", smallest.queue(), 3)
                    .put("ms_100k", middle.queue(), 3)
                    .put("ms_1m", largest.queue(), 3)
                    .put("flatness", largest.queue() / smallest.queue(), 2)
                    .put("original_ms_1k", smallest.plain(), 3)
                    .put("original_ms_100k", middle.plain(), 3)
                    .put("original_ms_1m", largest.plain(), 3)
                    .put("recovery_ms_1k", smallest.recovery(), 3)
                    .put("recovery_ms_1m", largest.recovery(), 3)
                    .put("statements_per_s", statements, 2)
                    .put("small", small)
                    .put("medium", medium)
                    .put("large", large)
                    .put("processors", Runtime.getRuntime().availableProcessors());
        }
    }

    /** Medians, in milliseconds. */
    private record Costs(double queue, double recovery, double plain) {}

    private static Costs costs(
            BenchmarkDatabase database,
            BmdbSession session,
            Recoveries recoveries,
            long from,
            long to,
            int asks,
            Progress progress)
            throws Exception {
        progress.stage("recording machines up to " + to);
        grow(database, from, to);
        // The first look postpones all that is not silent yet.
        recoveries.claim(session, 1);
        database.execute("vacuum analyze");
        database.execute("checkpoint");
        progress.stage("asking for work among " + to);
        Question agentStart = () -> session.claim(WorkProcess.AGENT_START, Eligibility.agentStart(PROVIDER), 10)
                .isEmpty();
        Question recovery = () -> recoveries.claim(session, 10).work().isEmpty();
        // Once for nothing, so that all sizes are asked by the same code.
        median(asks, agentStart);
        median(asks, recovery);
        return new Costs(
                median(asks, agentStart), median(asks, recovery), median(PLAIN_ASKS, () -> plain(database) == 0));
    }

    private interface Question {
        boolean isNothingDue() throws Exception;
    }

    private static double median(int times, Question question) throws Exception {
        List<Long> took = new ArrayList<>();
        for (int i = 0; i < times; i++) {
            long askedAt = System.nanoTime();
            if (!question.isNothingDue()) {
                throw new IllegalStateException("there was something to do");
            }
            took.add(System.nanoTime() - askedAt);
        }
        Collections.sort(took);
        return took.get(took.size() / 2) / 1e6;
    }

    /** The plain way to look for a machine to recover. */
    private static long plain(BenchmarkDatabase database) throws SQLException {
        return database.number("select count(*) from (select p.machine_id from machine_provided p"
                + " join machine_agent_started s on s.machine_id = p.machine_id"
                + " left join machine_agent_heartbeat h on h.machine_id = p.machine_id"
                + " left join work w on w.machine_id = p.machine_id"
                + " and w.process in ('ShepherdAccess', 'ShepherdAgentStart', 'ShepherdRecovery')"
                + " left join work_backoff b on b.machine_id = p.machine_id"
                + " and b.process = 'ShepherdRecovery' and b.until > now()"
                + " left join machine_os_installation_request r on r.machine_id = p.machine_id"
                + " left join machine_os_installation_report t on t.machine_id = p.machine_id"
                + " and t.generation = r.generation and t.os_installation_result = 'Success'"
                + " where p.provider = 'bench' and w.machine_id is null and b.machine_id is null"
                + " and t.machine_id is null"
                + " and (h.machine_id is null and s.agent_started_at < now() - interval '30 minutes'"
                + " or h.agent_heartbeat_at < now() - interval '10 minutes') limit 1) due");
    }

    /** Adds machines: every second one installed and silent for months. The queue is filled as a migration fills it. */
    private static void grow(BenchmarkDatabase database, long from, long to) throws SQLException {
        List<String> tables = List.of(
                "machine_provided",
                "machine_agent_started",
                "machine_agent_heartbeat",
                "machine_os_installation_request",
                "machine_os_installation_report");
        for (String table : tables) {
            database.execute("alter table " + table + " disable trigger user");
        }
        database.execute(
                "create temporary table fresh as select gen_random_uuid() as machine_id, n % 2 = 0 as installed"
                        + " from generate_series(" + (from + 1) + ", " + to + ") n");
        database.execute("insert into machines select machine_id, now() - interval '200 days' from fresh");
        database.execute(
                "insert into machine_provided (machine_id, provider, provider_id, provider_check_at)"
                        + " select machine_id, ?, machine_id::text, now() + interval '1 day' from fresh",
                PROVIDER.name());
        database.execute(
                "insert into machine_agent_started" + " select machine_id, now() - interval '190 days', '' from fresh");
        database.execute(
                "insert into machine_agent_heartbeat select machine_id,"
                        + " case when installed then now() - interval '180 days' else now() + interval '1 hour' end from fresh");
        database.execute(
                "insert into machine_os_installation_request" + " select machine_id, 1, '' from fresh where installed");
        database.execute("insert into machine_os_installation_report"
                + " select machine_id, 1, 'Success', '' from fresh where installed");
        for (String table : tables) {
            database.execute("alter table " + table + " enable trigger user");
        }
        database.execute("analyze");
        database.execute("insert into work_due select e.machine_id, e.process, e.provider, e.due_at"
                + " from work_due_expected e join fresh using (machine_id)");
        database.execute("drop table fresh");
    }

    /** Counts what the database is asked by a manager with all loops, beside the heartbeats of its sessions. */
    private static double statementsPerSecond(BenchmarkDatabase database, long seconds) throws Exception {
        try (HikariDataSource pool = ClaimsBenchmark.pool(database.url(), 10)) {
            CountingDataSource counting = new CountingDataSource(pool);
            try (Bmdb bmdb = Bmdb.open(counting.dataSource());
                    Shepherd shepherd = Shepherd.builder()
                            .bmdb(bmdb)
                            .provider(new EmptyProvider(new ProviderType("nothing-to-do")))
                            .takeover(target -> {
                                throw new IllegalStateException("there was something to do");
                            })
                            .build()) {
                shepherd.start();
                TimeUnit.SECONDS.sleep(SETTLING_SECONDS);
                long before = counting.statements();
                long startedAt = System.nanoTime();
                TimeUnit.SECONDS.sleep(seconds);
                return (counting.statements() - before) / ((System.nanoTime() - startedAt) / 1e9);
            }
        }
    }
}
