package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class IdleBenchmarkTest {

    @Test
    @Tag("slow")
    void askingForNothingIsMeasured() throws Exception {
        BenchmarkRun run = BenchmarkRun.of(
                "idle",
                "--small",
                "50",
                "--medium",
                "100",
                "--large",
                "200",
                "--asks",
                "3",
                "--seconds",
                "1",
                "--json");

        assertThat(run.code()).as(run.err()).isZero();
        String last = run.out();
        for (String key : List.of(
                "ms_1k", "ms_100k", "ms_1m", "flatness", "original_ms_1m", "recovery_ms_1m", "statements_per_s")) {
            assertThat(last).containsPattern("\"" + key + "\":[0-9]+\\.[0-9]+,");
        }
        assertThat(last).contains("\"large\":200,").doesNotContain("\"ms_1m\":0.000");
    }
}
