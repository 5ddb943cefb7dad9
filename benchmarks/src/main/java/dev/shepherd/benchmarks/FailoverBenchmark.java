package dev.shepherd.benchmarks;

import dev.shepherd.api.ProviderType;
import dev.shepherd.benchmarks.failover.Drill;
import dev.shepherd.benchmarks.failover.Drill.Gaps;
import dev.shepherd.benchmarks.failover.Drill.Loss;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToLongFunction;

/**
 * How long a manager does nothing when the primary database is lost, beside how long a client does not that tries to write
 * every 50 ms.
 */
final class FailoverBenchmark implements Benchmark {

    @Override
    public String name() {
        return "failover";
    }

    @Override
    public String description() {
        return "The gap that the loss of the primary database leaves in takeovers and heartbeats, and the database's own.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("rounds", 3L);
        options.put("gap-ms", 3_000L);
        options.put("agents", 4L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        long rounds = Benchmark.option(options, "rounds");
        long gap = Benchmark.option(options, "gap-ms");
        progress.stage("starting a primary, its standby and a manager");
        Map<Loss, List<Gaps>> measured = new LinkedHashMap<>();
        try (Drill drill = new Drill(
                new EmptyProvider(new ProviderType("bench")), Math.toIntExact(Benchmark.option(options, "agents")))) {
            for (long round = 1; round <= rounds; round++) {
                for (Loss loss : Loss.values()) {
                    Gaps gaps = drill.lose(loss, gap);
                    measured.computeIfAbsent(loss, any -> new ArrayList<>()).add(gaps);
                    progress.stage(String.format(
                            Locale.ROOT,
                            "round %d, %-10s  database %5d ms, takeovers %5d ms, all of them %5d ms, heartbeats %5d ms",
                            round,
                            loss,
                            gaps.database(),
                            gaps.takeovers(),
                            gaps.full(),
                            gaps.heartbeats()));
                }
            }
        }
        Figures figures = new Figures();
        measured.forEach((loss, all) -> put(figures, loss.name().toLowerCase(Locale.ROOT), all));
        return figures.put("gap_ms", gap)
                .put("rounds", rounds)
                .put("processors", Runtime.getRuntime().availableProcessors());
    }

    private static void put(Figures figures, String loss, List<Gaps> all) {
        figures.put(loss + "_gap_db", longest(all, Gaps::database))
                .put(loss + "_gap_takeovers", longest(all, Gaps::takeovers))
                .put(loss + "_gap_full", longest(all, Gaps::full))
                .put(loss + "_gap_heartbeats", longest(all, Gaps::heartbeats))
                .put(loss + "_over_takeovers", longest(all, gaps -> gaps.takeovers() - gaps.database()))
                .put(loss + "_over_full", longest(all, gaps -> gaps.full() - gaps.database()))
                .put(loss + "_over_heartbeats", longest(all, gaps -> gaps.heartbeats() - gaps.database()));
    }

    private static long longest(List<Gaps> all, ToLongFunction<Gaps> gap) {
        return all.stream().mapToLong(gap).max().orElseThrow();
    }
}
