package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class RolloutBenchmarkTest {

    @Test
    @Tag("slow")
    void beginningARolloutAndWaitingForRoomAreMeasured() throws Exception {
        BenchmarkRun run = BenchmarkRun.of(
                "rollout", "--small", "50", "--medium", "100", "--large", "5200", "--looks", "3", "--json");

        assertThat(run.code()).as(run.err()).isZero();
        for (String key : List.of("wait_ms_small", "count_ms_large", "wait_ms_large", "listing_s_large")) {
            assertThat(run.out()).containsPattern("\"" + key + "\":[0-9]+\\.[0-9]+,");
        }
        for (String key : List.of("start_ms_small", "start_ms_large", "listing_max_ms_large")) {
            assertThat(run.out()).containsPattern("\"" + key + "\":[1-9][0-9]*,");
        }
    }
}
