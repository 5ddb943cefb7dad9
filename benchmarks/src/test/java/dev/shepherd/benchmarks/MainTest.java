package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MainTest {

    @Test
    void helpListsThemAll() throws Exception {
        BenchmarkRun run = BenchmarkRun.of("--help");

        assertThat(run.code()).isZero();
        assertThat(run.out())
                .contains(
                        "heartbeats",
                        "torture",
                        "takeover",
                        "memory",
                        "connections",
                        "--rounds N (default: 3)",
                        "reconcile",
                        "--machines N (default: 1000000)");
    }

    @Test
    void whatIsNotUnderstoodIsNamed() throws Exception {
        isNamed("nonsense", "nonsense");
        isNamed("--minutes", "heartbeats", "--minutes", "3");
        isNamed("--seconds", "heartbeats", "--seconds", "-1");
    }

    private static void isNamed(String what, String... args) throws Exception {
        BenchmarkRun run = BenchmarkRun.of(args);

        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains(what);
        assertThat(run.out()).isEmpty();
    }
}
