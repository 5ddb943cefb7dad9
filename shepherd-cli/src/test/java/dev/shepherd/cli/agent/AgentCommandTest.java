package dev.shepherd.cli.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.cli.CommandLineRun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AgentCommandTest {

    @TempDir
    Path folder;

    @Test
    @Tag("slow")
    void theSameJdkMakesTheSameFile() throws Exception {
        Path one = folder.resolve("one");
        Path another = folder.resolve("another");

        CommandLineRun run =
                CommandLineRun.of("agent", "build", "--output", one.toString(), "--agent-version", "7.3 of ours");
        AgentFile.from(null).write(another, "7.3 of ours", "", 7200);

        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("for Linux on " + AgentFile.from(null).architecture() + " with glibc, Java ");
        assertThat(run.out()).containsPattern("Version 7.3 of ours, SHA-256 [0-9a-f]{64}\n");
        assertThat(Files.mismatch(one, another)).isEqualTo(-1);
        assertThat(Files.size(one)).isBetween(10_000_000L, 25_000_000L);
        assertThat(Files.isExecutable(one)).isTrue();
    }

    @ParameterizedTest
    @CsvSource({
        "--installer=install-os, --installer takes an absolute path",
        "'--installer=/bin/sh -c x', --installer takes an absolute path",
        "--installer-limit=0, --installer-limit takes 1 to 604800 seconds",
        "--agent-version=1.0\u00e9, --agent-version: a version is 1 to 100 printable ASCII characters",
        "--jdk=/none/such, --jdk /none/such is no folder",
    })
    void whatIsWrongIsSaidBeforeAnythingIsWritten(String option, String message) throws Exception {
        Path file = folder.resolve("agent");

        CommandLineRun run = CommandLineRun.of("agent", "build", "--output", file.toString(), option);

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains(message);
        assertThat(file).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource({
        "'OS_NAME=\"Linux\",OS_ARCH=\"aarch64\",JAVA_VERSION=\"99.0.1\"', whose jlink knows no other",
        "'OS_NAME=\"Darwin\",OS_ARCH=\"aarch64\",JAVA_VERSION=\"17\"', is for Darwin",
        "'', of no name",
    })
    void aJdkThatCannotBeLinkedFromIsRefused(String release, String message) throws Exception {
        Files.createDirectories(folder.resolve("jdk/jmods"));
        Files.write(folder.resolve("jdk/release"), Arrays.asList(release.split(",")));

        CommandLineRun run = CommandLineRun.of(
                "agent",
                "build",
                "--output",
                folder.resolve("agent").toString(),
                "--jdk",
                folder.resolve("jdk").toString());

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains(message);
    }
}
