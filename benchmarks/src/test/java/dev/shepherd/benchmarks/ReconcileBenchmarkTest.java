package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class ReconcileBenchmarkTest {

    @Test
    @Tag("slow")
    void theReconciliationOfASmallFleetIsMeasuredAndWritesNothing() throws Exception {
        BenchmarkRun run = BenchmarkRun.of("reconcile", "--machines", "3000", "--rounds", "1", "--json");

        assertThat(run.code()).as(run.err()).isZero();
        String last = run.out();
        assertThat(last).matches("\\{.*}").contains("\"machines\":3000,", "\"rounds\":1,", "\"rows_written\":0,");
        for (String key : List.of(
                "ratio_read",
                "seconds",
                "read_seconds",
                "peak_heap_mb",
                "live_heap_mb",
                "max_heap_mb",
                "update_seconds",
                "update_heap_mb")) {
            assertThat(last).containsPattern("\"" + key + "\":[0-9]+(\\.[0-9]+)?[,}]");
        }
        assertThat(last).doesNotContain("\"ratio_read\":0.00");
    }
}
