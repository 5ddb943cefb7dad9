package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class ClaimsBenchmarkTest {

    @Test
    void theClaimsOfASmallFleetAreMeasuredBesideOthers() throws Exception {
        BenchmarkRun run = BenchmarkRun.of(
                "claims", "--machines", "300", "--due", "120", "--rounds", "1", "--original-seconds", "1", "--json");

        assertThat(run.code()).as(run.err()).isZero();
        String last = run.out();
        assertThat(last).matches("\\{.*}").contains("\"machines\":300,", "\"due\":120,", "\"workers\":8,");
        for (String key : List.of("shepherd_per_s", "dbscheduler_per_s", "original_per_s")) {
            assertThat(last).containsPattern("\"" + key + "\":[1-9][0-9]*,");
        }
        for (String key : List.of("ratio_dbscheduler", "ratio_original")) {
            assertThat(last).containsPattern("\"" + key + "\":[0-9]+\\.[0-9]+,");
        }
    }
}
