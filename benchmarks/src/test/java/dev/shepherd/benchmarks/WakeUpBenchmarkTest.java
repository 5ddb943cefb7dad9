package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class WakeUpBenchmarkTest {

    @Test
    void wakingUpIsMeasured() throws Exception {
        BenchmarkRun run = BenchmarkRun.of("wakeup", "--machines", "5", "--json");

        assertThat(run.code()).as(run.err()).isZero();
        String last = run.out();
        assertThat(last)
                .containsPattern("\"p50_ms\":[0-9]+\\.[0-9]+,\"p99_ms\":[0-9]+\\.[0-9]+,")
                .contains("\"machines\":5,");
    }
}
