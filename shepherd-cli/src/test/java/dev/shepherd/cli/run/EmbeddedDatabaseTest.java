package dev.shepherd.cli.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.cli.Main;
import dev.shepherd.testkit.agent.TestAgent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The embedded PostgreSQL of a command whose own process is killed under it. */
class EmbeddedDatabaseTest {

    private static final Duration LIMIT = Duration.ofMinutes(2);

    @TempDir
    Path folder;

    @Test
    void aRunSurvivesTheDeathOfItsPostgresAndEndsWithAStatusWhenThatCannotBeStartedAgain() throws Exception {
        Path list = Files.writeString(folder.resolve("machines.json"), "[]");
        Process process = start(
                "run",
                "--provider",
                "static",
                "--property",
                "list=" + list.toUri(),
                "--data",
                "database",
                "--agent",
                TestAgent.write(folder.resolve("agent")).toString(),
                "--endpoint",
                "here");
        try {
            await().atMost(LIMIT).until(() -> log().contains("Running the machines") || !process.isAlive());
            long first = postmaster();

            kill(first);

            await().atMost(LIMIT).until(() -> log().contains("PostgreSQL runs again") || !process.isAlive());
            assertThat(log()).contains("PostgreSQL " + first + " in ").contains(" has died: starting it again");
            assertThat(process.isAlive()).as(log()).isTrue();

            Files.delete(folder.resolve("database/data/PG_VERSION"));
            kill(postmaster());

            assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS))
                    .as(log())
                    .isTrue();
            assertThat(process.exitValue()).as(log()).isEqualTo(1);
            assertThat(log())
                    .containsPattern("(?m)^shepherd: PostgreSQL \\d+ in .* has died and cannot be started again");
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void theDatabaseCommandEndsWithAStatusToo() throws Exception {
        Files.createDirectory(folder.resolve("database"));
        Process process = start("database", "--data", "database");
        try {
            await().atMost(LIMIT).until(() -> log().contains("Interrupt") || !process.isAlive());
            Files.delete(folder.resolve("database/data/PG_VERSION"));

            kill(postmaster());

            assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS))
                    .as(log())
                    .isTrue();
            assertThat(process.exitValue()).as(log()).isEqualTo(1);
        } finally {
            process.destroyForcibly();
        }
    }

    private static void kill(long pid) {
        ProcessHandle.of(pid).orElseThrow().destroyForcibly();
    }

    private long postmaster() throws IOException {
        return Long.parseLong(Files.readAllLines(folder.resolve("database/data/postmaster.pid"))
                .get(0)
                .strip());
    }

    private String log() throws IOException {
        return Files.readString(folder.resolve("log"));
    }

    private Process start(String... args) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx256m",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
        command.addAll(List.of(args));
        return new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("log").toFile())
                .start();
    }
}
