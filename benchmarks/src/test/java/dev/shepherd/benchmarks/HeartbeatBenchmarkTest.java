package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class HeartbeatBenchmarkTest {

    @Test
    @Tag("slow")
    void theHeartbeatsOfASmallFleetAreMeasured() throws Exception {
        BenchmarkRun run = BenchmarkRun.of(
                "heartbeats", "--machines", "300", "--seconds", "1", "--rounds", "1", "--in-flight", "50", "--json");

        assertThat(run.code()).as(run.err()).isZero();
        String last = run.out();
        assertThat(last).matches("\\{.*}").contains("\"machines\":300,", "\"in_flight\":50,", "\"live_tuples\":300,");
        for (String key : List.of(
                "per_s",
                "cpu_us",
                "http_per_s",
                "https_per_s",
                "https_p99_ms",
                "https_ratio",
                "https_signed_per_s",
                "https_signed_cpu_us",
                "grpc_per_s",
                "grpc_ratio",
                "p50_ms",
                "p99_ms",
                "heartbeats",
                "seconds",
                "table_mb_before",
                "table_mb_after",
                "bloat_ratio",
                "dead_tuples",
                "hot_updates_share")) {
            assertThat(last).containsPattern("\"" + key + "\":[0-9]+(\\.[0-9]+)?[,}]");
        }
        assertThat(last).doesNotContain("per_s\":0,");
    }
}
