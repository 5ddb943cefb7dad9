package dev.shepherd.benchmarks;

import dev.shepherd.benchmarks.torture.Torture;
import dev.shepherd.benchmarks.torture.Torture.Outcome;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Managers that are killed, frozen and cut off over a database that fails over. What it measures is what went wrong. */
final class TortureBenchmark implements Benchmark {

    @Override
    public String name() {
        return "torture";
    }

    @Override
    public String description() {
        return "Managers that are killed, frozen and cut off over a database that fails over: violations must be 0.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("seconds", 300L);
        options.put("machines", 2_000L);
        options.put("managers", 4L);
        options.put("seed", 1L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        long seconds = Benchmark.option(options, "seconds");
        Outcome outcome = new Torture(
                        Math.toIntExact(Benchmark.option(options, "machines")),
                        Math.toIntExact(Benchmark.option(options, "managers")),
                        seconds,
                        Benchmark.option(options, "seed"),
                        progress::stage)
                .run();
        outcome.violations().forEach(violation -> progress.stage("VIOLATION " + violation));
        Figures figures = new Figures()
                .put("violations", outcome.violations().size())
                .put("kills", fault(outcome, "kill"))
                .put("freezes", fault(outcome, "freeze"))
                .put("failovers", outcome.failovers());
        for (String fault : List.of("reset", "cut_off", "delay", "cut_commits")) {
            figures.put(fault, fault(outcome, fault));
        }
        figures.put("rollouts", outcome.rollouts())
                .put("rolled_out", outcome.rolledOut())
                .put("put_back", outcome.putBack())
                .put("events", outcome.events());
        return figures.put("commits_cut", outcome.commitsCut())
                .put("effects", outcome.effects())
                .put("takeovers", outcome.takeovers())
                .put("reboots", outcome.reboots())
                .put("drains", outcome.drains().begun())
                .put("drains_gone_on", outcome.drains().goneOn())
                .put("drains_ended_by_another", outcome.drains().endedByAnother())
                .put("finishes", outcome.finishes())
                .put("silenced", outcome.silenced())
                .put("latest_effect_ms", outcome.latestEffectMillis())
                .put("stall_ms", outcome.longestStallMillis())
                .put("settle_s", outcome.settleSeconds(), 1)
                .put("machines", outcome.machines())
                .put("managers", Benchmark.option(options, "managers"))
                .put("started", outcome.started())
                .put("seconds", seconds)
                .put("processors", Runtime.getRuntime().availableProcessors());
    }

    private static int fault(Outcome outcome, String name) {
        return Objects.requireNonNull(outcome.faults().get(name), name);
    }
}
