package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class MainTest {

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int run(String... args) throws Exception {
        return Main.run(
                List.of(args),
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    @Test
    void theHeartbeatsOfASmallFleetAreMeasured() throws Exception {
        int code = run("heartbeats", "--machines", "300", "--seconds", "1", "--in-flight", "50", "--json");

        assertThat(code).isZero();
        String last = out.toString(StandardCharsets.UTF_8).strip();
        assertThat(last).matches("\\{.*}").contains("\"machines\":300,", "\"in_flight\":50,", "\"live_tuples\":300,");
        for (String key : List.of(
                "per_s",
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
        assertThat(last).doesNotContain("\"per_s\":0,");
    }

    @Test
    @Tag("slow")
    void managersThatAreTorturedBreakNoRule() throws Exception {
        int code = run("torture", "--seconds", "45", "--machines", "150", "--managers", "3", "--json");

        assertThat(code).isZero();
        String last = out.toString(StandardCharsets.UTF_8).strip();
        assertThat(last)
                .as(err.toString(StandardCharsets.UTF_8))
                .matches("\\{.*}")
                .contains("\"violations\":0,", "\"machines\":150,", "\"managers\":3,", "\"failovers\":1,");
        for (String key : List.of("kills", "freezes", "effects", "takeovers", "finishes")) {
            assertThat(last).as(last).containsPattern("\"" + key + "\":[1-9][0-9]*,");
        }
    }

    @Test
    void theReconciliationOfASmallFleetIsMeasuredAndWritesNothing() throws Exception {
        int code = run("reconcile", "--machines", "3000", "--rounds", "1", "--json");

        assertThat(code).isZero();
        String last = out.toString(StandardCharsets.UTF_8).strip();
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

    @Test
    void helpListsThemAll() throws Exception {
        assertThat(run("--help")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8))
                .contains(
                        "heartbeats",
                        "torture",
                        "--seconds N (default: 30)",
                        "reconcile",
                        "--machines N (default: 1000000)");
    }

    @Test
    void whatIsNotUnderstoodIsNamed() throws Exception {
        assertThat(run("nonsense")).isEqualTo(2);
        assertThat(run("heartbeats", "--minutes", "3")).isEqualTo(2);
        assertThat(run("heartbeats", "--seconds", "-1")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("nonsense", "--minutes", "--seconds");
        assertThat(out.toString(StandardCharsets.UTF_8)).isEmpty();
    }
}
