package dev.shepherd.benchmarks;

import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Starts a benchmark by its name. */
final class Main {

    private static final List<Benchmark> BENCHMARKS = List.of(
            new HeartbeatBenchmark(),
            new ConnectionsBenchmark(),
            new FloodBenchmark(),
            new ClaimsBenchmark(),
            new IdleBenchmark(),
            new RolloutBenchmark(),
            new WakeUpBenchmark(),
            new ReconcileBenchmark(),
            new TakeoverBenchmark(),
            new MemoryBenchmark(),
            new TortureBenchmark(),
            new FailoverBenchmark(),
            new HostileBenchmark(),
            new WebBenchmark());

    private static final int USAGE = 2;

    private Main() {}

    /** Runs {@code benchmarks/run}. */
    public static void main(String[] args) throws Exception {
        System.exit(run(List.of(args), System.out, System.err));
    }

    static int run(List<String> args, PrintStream out, PrintStream err) throws Exception {
        if (args.isEmpty() || args.contains("--help") || args.contains("-h")) {
            out.println(help());
            return args.isEmpty() ? USAGE : 0;
        }
        Optional<Benchmark> found = BENCHMARKS.stream()
                .filter(benchmark -> benchmark.name().equals(args.get(0)))
                .findFirst();
        if (found.isEmpty()) {
            err.println("benchmarks: there is no benchmark " + args.get(0) + "; --help lists them");
            return USAGE;
        }
        Benchmark benchmark = found.get();
        Map<String, Long> options = new LinkedHashMap<>(benchmark.options());
        boolean json = false;
        for (int i = 1; i < args.size(); i++) {
            String name = args.get(i).replaceFirst("^--", "");
            if (args.get(i).equals("--json")) {
                json = true;
            } else if (options.containsKey(name)
                    && i + 1 < args.size()
                    && args.get(i + 1).matches("[1-9][0-9]{0,8}")) {
                i++;
                options.put(name, Long.parseLong(args.get(i)));
            } else {
                err.println("benchmarks: " + args.get(i) + " is not an option of " + benchmark.name()
                        + ", or has no positive number after it; --help lists them");
                return USAGE;
            }
        }
        long startedAt = System.nanoTime();
        Figures figures = benchmark.run(
                options, what -> err.printf(Locale.ROOT, "%6.1f s  %s%n", (System.nanoTime() - startedAt) / 1e9, what));
        out.println(json ? figures.json() : benchmark.description() + System.lineSeparator() + figures.text());
        return 0;
    }

    private static String help() {
        StringBuilder help = new StringBuilder("Usage: benchmarks/run NAME [OPTION N]… [--json]\n");
        for (Benchmark benchmark : BENCHMARKS) {
            help.append("\n  ").append(benchmark.name()).append("\n      ").append(benchmark.description());
            benchmark
                    .options()
                    .forEach((name, value) -> help.append("\n      --")
                            .append(name)
                            .append(" N (default: ")
                            .append(value)
                            .append(")"));
        }
        return help.append("\n\n--json prints the figures as one JSON object in the last line.")
                .toString();
    }
}
