package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class MemoryBenchmarkTest {

    @Test
    @Tag("slow")
    void memoryIsMeasuredWithTakeoversInFlight() throws Exception {
        assumeTrue(SshMachines.sshd().isPresent(), "no sshd of OpenSSH on this machine");
        assumeTrue(MemoryBenchmark.sftpServer().isPresent(), "no sftp-server of OpenSSH on this machine");

        BenchmarkRun run =
                BenchmarkRun.of("memory", "--machines", "10", "--takeovers", "3", "--settle-seconds", "1", "--json");

        assertThat(run.code()).as(run.err()).isZero();
        String last = run.out();
        for (String key : List.of("heap_mb_before", "heap_mb_idle", "heap_mb_takeovers")) {
            assertThat(last).containsPattern("\"" + key + "\":[0-9]+\\.[0-9],");
        }
        for (String key : List.of("threads_before", "threads_idle", "threads_takeovers")) {
            assertThat(last).containsPattern("\"" + key + "\":[1-9][0-9]*,");
        }
        assertThat(last).contains("\"takeovers\":3,", "\"machines\":10,");
    }
}
