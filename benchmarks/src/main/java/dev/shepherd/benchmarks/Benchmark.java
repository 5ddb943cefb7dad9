package dev.shepherd.benchmarks;

import java.util.Map;
import java.util.Objects;

/** One thing that is measured. Each has a class of its own and a line in {@link Main}. */
interface Benchmark {

    /** Returns the word that it is started by. */
    String name();

    /** Returns what it measures, in a line. */
    String description();

    /** Returns its options, without {@code --}, and what they are by default. */
    Map<String, Long> options();

    /**
     * Measures.
     *
     * @param options its options
     * @param progress what tells the user how far it is
     * @throws Exception if it cannot be measured
     */
    Figures run(Map<String, Long> options, Progress progress) throws Exception;

    /** Returns an option that the benchmark has. */
    static long option(Map<String, Long> options, String name) {
        return Objects.requireNonNull(options.get(name), name);
    }

    /** Tells the user what is being done. */
    @FunctionalInterface
    interface Progress {
        void stage(String what);
    }
}
