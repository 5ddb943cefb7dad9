package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class WebBenchmarkTest {

    @Test
    @Tag("slow")
    void thePageOfASmallFleetIsMeasured() throws Exception {
        BenchmarkRun run = BenchmarkRun.of("web", "--machines", "6000", "--rounds", "2", "--sse", "20", "--json");

        assertThat(run.code()).as(run.err()).isZero();
        for (String key : List.of("fleet_p99_ms", "page_p99_ms", "silent_p99_ms", "location_p99_ms", "metrics_ms")) {
            assertThat(run.out()).containsPattern("\"" + key + "\":[0-9]+\\.[0-9]");
        }
        assertThat(run.out()).contains("\"sse_clients\":20");
    }
}
