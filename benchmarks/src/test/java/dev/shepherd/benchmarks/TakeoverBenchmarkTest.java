package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class TakeoverBenchmarkTest {

    @Test
    @Tag("slow")
    void takeoversOfAFewMachinesAreMeasuredBesideTheLibraryAlone() throws Exception {
        assumeTrue(SshMachines.sshd().isPresent(), "no sshd of OpenSSH on this machine");

        // Ansible would take its seconds.
        String last = new TakeoverBenchmark(Optional.empty())
                .run(
                        Map.of("machines", 3L, "parallelism", 2L, "agent-mb", 1L, "rounds", 1L, "ansible-rounds", 1L),
                        what -> {})
                .json();

        for (String key : List.of("per_s", "bare_sshj_per_s", "ratio_bare_sshj")) {
            assertThat(last).containsPattern("\"" + key + "\":[0-9]+\\.[0-9]+,");
        }
        assertThat(last)
                .contains(
                        "\"ansible_per_s\":null,\"ratio_ansible\":null,",
                        "\"machines\":3,\"parallelism\":2,\"agent_mb\":1,\"rounds\":1,\"ansible_rounds\":0,")
                .doesNotContain("\"per_s\":0.00", "\"bare_sshj_per_s\":0.00");
    }
}
