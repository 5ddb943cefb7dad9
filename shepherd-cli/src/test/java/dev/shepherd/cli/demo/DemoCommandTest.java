package dev.shepherd.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.testkit.http.Json;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoCommandTest {

    @TempDir
    Path folder;

    @Test
    void theDemoTakesEveryMachineOverAndLeavesItsDatabase() {
        Set<String> before = threads();

        CommandLineRun demo = CommandLineRun.of("demo", "--machines", "3", "--json", "--data", folder.toString());

        assertThat(demo.exitCode()).as(demo.out() + demo.err()).isZero();
        assertThat(demo.out()).contains("All 3 machines are taken over.");
        assertThat(demo.lastLine())
                .startsWith("{\"machines\":3,\"provided\":3,\"agents_started\":3,\"failed\":0,")
                .contains("\"recovered\":1,\"quarantined\":1,")
                .endsWith("}");
        Set<String> left = threads();
        left.removeAll(before);
        assertThat(left).as("threads left behind").noneMatch(name -> name.startsWith("shepherd"));

        CommandLineRun machines = CommandLineRun.of(
                "machines", "--data", folder.resolve("database").toString());
        assertThat(machines.exitCode()).isZero();
        assertThat(machines.out())
                .contains("machine-0001", "machine-0003", "up, heard")
                .contains("3 machine(s): 1 quarantined, 2 up");

        CommandLineRun explain = CommandLineRun.of(
                "explain", "machine-0003", "--data", folder.resolve("database").toString());
        assertThat(explain.exitCode()).isZero();
        assertThat(explain.out()).contains("QUARANTINED").contains("2 reboot(s)");
    }

    @Test
    void aMachineThatHangsIsRebootedThroughItsBmcAndOneWhoseBmcRefusesIsQuarantinedWithTheCause() throws Exception {
        CommandLineRun demo =
                CommandLineRun.of("demo", "--bmc", "--machines", "3", "--json", "--data", folder.toString());

        assertThat(demo.exitCode()).as(demo.out() + demo.err()).isZero();
        assertThat(demo.out())
                .contains("rack-1-1 hangs, and its agent is dead", "rack-1-1 was reset by its BMC")
                .containsPattern("quarantined because .*rack-1-3.*status 403")
                .doesNotContain("rack-1-3 was reset");
        Map<String, @Nullable Object> figures = Json.readObject(demo.lastLine());
        assertThat(figures)
                .containsEntry("recovered", 1)
                .containsEntry("quarantined", 1)
                .containsEntry("rebooted_through_bmc", 1);
        // One that was accepted, and those that were refused until that was enough.
        assertThat((Integer) Objects.requireNonNull(figures.get("resets_sent"))).isGreaterThanOrEqualTo(4);
        assertThat(((Number) Objects.requireNonNull(figures.get("seconds_to_heard"))).doubleValue())
                .isPositive();
        assertThat(String.valueOf(figures.get("quarantine_cause"))).contains("InsufficientPrivilege");
    }

    @Test
    void aDemoThatRunsOutOfTimeSaysSoAndFails() {
        CommandLineRun demo =
                CommandLineRun.of("demo", "--machines", "40", "--timeout", "1", "--json", "--data", folder.toString());

        assertThat(demo.exitCode()).isEqualTo(1);
        assertThat(demo.out()).contains("of 40 machines are NOT taken over: the time limit of 1 s is over");
        assertThat(demo.lastLine()).contains("\"machines\":40").doesNotContain("\"failed\":0,");
    }

    private static Set<String> threads() {
        return Thread.getAllStackTraces().keySet().stream().map(Thread::getName).collect(Collectors.toSet());
    }
}
