package dev.shepherd.benchmarks;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.takeover.TakeoverException;
import dev.shepherd.manager.takeover.TakeoverStep;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * From the commit that makes a machine due for agent start to the moment at which an idle initializer has claimed it and
 * begins to take it over. The machine is recorded by another connection, as another process would.
 */
final class WakeUpBenchmark implements Benchmark {

    private static final ProviderType PROVIDER = new ProviderType("bench");
    private static final int WARM_UP = 100;
    private static final long LONGEST_SECONDS = 60;

    /** After this, the end of the takeover before has been written and all loops wait again. */
    private static final Duration PAUSE = Duration.ofMillis(50);

    @Override
    public String name() {
        return "wakeup";
    }

    @Override
    public String description() {
        return "From the commit that makes a machine due to its claim, by an idle manager.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("machines", 1_000L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        int machines = Math.toIntExact(Benchmark.option(options, "machines"));
        progress.stage("starting a PostgreSQL that keeps what it commits");
        // A takeover that begins tells who waits for it, and is then of no more use.
        BlockingQueue<Long> begun = new ArrayBlockingQueue<>(1);
        try (BenchmarkDatabase database = BenchmarkDatabase.start("wakeup");
                Bmdb bmdb =
                        Bmdb.open(BmdbConfig.builder().jdbcUrl(database.url()).build());
                Shepherd shepherd = Shepherd.builder()
                        .bmdb(bmdb)
                        .provider(new EmptyProvider(PROVIDER))
                        .takeover(target -> {
                            begun.add(System.nanoTime());
                            throw new TakeoverException(
                                    TakeoverException.Kind.UNREACHABLE,
                                    TakeoverStep.CONNECT,
                                    target,
                                    Duration.ZERO,
                                    "this machine is not there");
                        })
                        .loops(Set.of(LoopKind.INITIALIZER, LoopKind.RECOVERER, LoopKind.UPDATER))
                        .build()) {
            shepherd.start();
            progress.stage("recording machines one by one, the first " + WARM_UP + " for nothing");
            Latencies latencies = new Latencies();
            for (int i = -WARM_UP; i < machines; i++) {
                Thread.sleep(PAUSE.toMillis());
                long took = record(database, begun);
                if (i >= 0) {
                    latencies.add(took);
                }
            }
            return new Figures()
                    .put("p50_ms", latencies.millis(0.5), 2)
                    .put("p99_ms", latencies.millis(0.99), 2)
                    .put("max_ms", latencies.millis(1), 2)
                    .put("machines", machines)
                    .put("processors", Runtime.getRuntime().availableProcessors());
        }
    }

    /** Returns the time from before the commit is sent to the beginning of the takeover, in nanoseconds. */
    private static long record(BenchmarkDatabase database, BlockingQueue<Long> begun) throws Exception {
        UUID machine = UUID.randomUUID();
        database.execute("insert into machines (machine_id) values (?)", machine);
        long recordedAt = System.nanoTime();
        database.execute(
                "insert into machine_provided (machine_id, provider, provider_id, provider_ip_address)"
                        + " values (?, ?, ?, '127.0.0.1')",
                machine,
                PROVIDER.name(),
                machine.toString());
        Long begunAt = begun.poll(LONGEST_SECONDS, TimeUnit.SECONDS);
        if (begunAt == null) {
            throw new IllegalStateException("no initializer claimed a machine within " + LONGEST_SECONDS + " s");
        }
        return begunAt - recordedAt;
    }
}
