package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class TortureBenchmarkTest {

    @Test
    @Tag("slow")
    void managersThatAreTorturedBreakNoRule() throws Exception {
        BenchmarkRun run =
                BenchmarkRun.of("torture", "--seconds", "45", "--machines", "150", "--managers", "3", "--json");

        assertThat(run.code()).as(run.err()).isZero();
        String last = run.out();
        assertThat(last)
                .as(run.err())
                .matches("\\{.*}")
                .contains("\"violations\":0,", "\"machines\":150,", "\"managers\":3,", "\"failovers\":1,");
        for (String key : List.of("kills", "freezes", "effects", "takeovers", "finishes", "rollouts")) {
            assertThat(last).as(last).containsPattern("\"" + key + "\":[1-9][0-9]*,");
        }
    }
}
