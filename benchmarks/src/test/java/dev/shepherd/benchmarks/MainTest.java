package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Tag;
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
                        "--seconds N (default: 30)",
                        "reconcile",
                        "--machines N (default: 1000000)");
    }

    @Test
    void whatIsNotUnderstoodIsNamed() throws Exception {
        for (List<String> args :
                List.of(List.of("nonsense"), List.of("heartbeats", "--minutes", "3"), List.of("heartbeats", "--seconds", "-1"))) {
            BenchmarkRun run = BenchmarkRun.of(args.toArray(String[]::new));

            assertThat(run.code()).isEqualTo(2);
            assertThat(run.err()).contains(args.get(args.size() == 1 ? 0 : 1));
            assertThat(run.out()).isEmpty();
        }
    }

    @Test
    void theHeartbeatsOfASmallFleetAreMeasured() throws Exception {
        BenchmarkRun run = BenchmarkRun.of("heartbeats", "--machines", "300", "--seconds", "1", "--in-flight", "50", "--json");

        assertThat(run.code()).as(run.err()).isZero();
        String last = run.out();
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
    @Tag("torture")
    void managersThatAreTorturedBreakNoRule() throws Exception {
        BenchmarkRun run = BenchmarkRun.of("torture", "--seconds", "45", "--machines", "150", "--managers", "3", "--json");

        assertThat(run.code()).as(run.err()).isZero();
        String last = run.out();
        assertThat(last)
                .as(run.err())
                .matches("\\{.*}")
                .contains("\"violations\":0,", "\"machines\":150,", "\"managers\":3,", "\"failovers\":1,");
        for (String key : List.of("kills", "freezes", "effects", "takeovers", "finishes")) {
            assertThat(last).as(last).containsPattern("\"" + key + "\":[1-9][0-9]*,");
        }
    }

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
