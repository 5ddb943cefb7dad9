package dev.shepherd.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
    @Tag("slow")
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
    @Tag("torture")
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
    @Tag("slow")
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
    void theClaimsOfASmallFleetAreMeasuredBesideOthers() throws Exception {
        int code = run(
                "claims", "--machines", "300", "--due", "120", "--rounds", "1", "--original-seconds", "1", "--json");

        assertThat(code).isZero();
        String last = out.toString(StandardCharsets.UTF_8).strip();
        assertThat(last).matches("\\{.*}").contains("\"machines\":300,", "\"due\":120,", "\"workers\":8,");
        for (String key : List.of("shepherd_per_s", "dbscheduler_per_s", "original_per_s")) {
            assertThat(last).containsPattern("\"" + key + "\":[1-9][0-9]*,");
        }
        for (String key : List.of("ratio_dbscheduler", "ratio_original")) {
            assertThat(last).containsPattern("\"" + key + "\":[0-9]+\\.[0-9]+,");
        }
    }

    @Test
    @Tag("slow")
    void askingForNothingIsMeasured() throws Exception {
        int code = run(
                "idle",
                "--small",
                "50",
                "--medium",
                "100",
                "--large",
                "200",
                "--asks",
                "3",
                "--seconds",
                "1",
                "--json");

        assertThat(code).isZero();
        String last = out.toString(StandardCharsets.UTF_8).strip();
        for (String key : List.of(
                "ms_1k", "ms_100k", "ms_1m", "flatness", "original_ms_1m", "recovery_ms_1m", "statements_per_s")) {
            assertThat(last).containsPattern("\"" + key + "\":[0-9]+\\.[0-9]+,");
        }
        assertThat(last).contains("\"large\":200,").doesNotContain("\"ms_1m\":0.000");
    }

    @Test
    void wakingUpIsMeasured() throws Exception {
        int code = run("wakeup", "--machines", "5", "--json");

        assertThat(code).isZero();
        String last = out.toString(StandardCharsets.UTF_8).strip();
        assertThat(last)
                .containsPattern("\"p50_ms\":[0-9]+\\.[0-9]+,\"p99_ms\":[0-9]+\\.[0-9]+,")
                .contains("\"machines\":5,");
    }

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

    @Test
    @Tag("slow")
    void memoryIsMeasuredWithTakeoversInFlight() throws Exception {
        assumeTrue(SshMachines.sshd().isPresent(), "no sshd of OpenSSH on this machine");
        assumeTrue(MemoryBenchmark.sftpServer().isPresent(), "no sftp-server of OpenSSH on this machine");

        int code = run("memory", "--machines", "10", "--takeovers", "3", "--settle-seconds", "1", "--json");

        assertThat(code).isZero();
        String last = out.toString(StandardCharsets.UTF_8).strip();
        for (String key : List.of("heap_mb_before", "heap_mb_idle", "heap_mb_takeovers")) {
            assertThat(last).containsPattern("\"" + key + "\":[0-9]+\\.[0-9],");
        }
        for (String key : List.of("threads_before", "threads_idle", "threads_takeovers")) {
            assertThat(last).containsPattern("\"" + key + "\":[1-9][0-9]*,");
        }
        assertThat(last).contains("\"takeovers\":3,", "\"machines\":10,");
    }

    @Test
    void helpListsThemAll() throws Exception {
        assertThat(run("--help")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8))
                .contains(
                        "heartbeats",
                        "torture",
                        "takeover",
                        "memory",
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
