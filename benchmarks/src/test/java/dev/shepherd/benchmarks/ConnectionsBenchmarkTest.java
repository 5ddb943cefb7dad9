package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class ConnectionsBenchmarkTest {

    @Test
    @Tag("slow")
    void aFewConnectionsAreKeptAndMeasured() throws Exception {
        BenchmarkRun run =
                BenchmarkRun.of("connections", "--connections", "100", "--interval", "1", "--seconds", "5", "--json");

        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).matches("\\{.*}").contains("\"connections\":100,", "\"heap_limit_mb\":512,");
        for (String key : List.of("heartbeats", "p50_ms", "p99_ms", "heap_mb", "rss_mb", "heap_kb_each", "threads")) {
            assertThat(run.out()).containsPattern("\"" + key + "\":[0-9]+(\\.[0-9]+)?[,}]");
        }
        assertThat(run.out()).doesNotContain("\"heartbeats\":0,");
    }

    @Test
    void tooManyForTheFilesThatAProcessMayOpenAreRefused() {
        assertThatThrownBy(() -> BenchmarkRun.of("connections", "--connections", "900000000"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("ulimit -n");
    }
}
