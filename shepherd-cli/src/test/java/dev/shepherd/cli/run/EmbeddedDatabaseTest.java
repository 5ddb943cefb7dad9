package dev.shepherd.cli.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.cli.CommandLineProcess;
import dev.shepherd.testkit.agent.TestAgent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
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
        try (CommandLineProcess process = CommandLineProcess.start(
                folder,
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
                "http://here")) {
            await().atMost(LIMIT).until(() -> process.log().contains("Running the machines") || !process.isAlive());
            long first = postmaster();

            kill(first);

            await().atMost(LIMIT).until(() -> process.log().contains("PostgreSQL runs again") || !process.isAlive());
            assertThat(process.log()).contains("PostgreSQL " + first + " in ").contains(" has died: starting it again");
            assertThat(process.isAlive()).as(process.log()).isTrue();

            Files.delete(folder.resolve("database/data/PG_VERSION"));
            kill(postmaster());

            assertThat(process.endsWithin(LIMIT)).as(process.log()).isTrue();
            assertThat(process.exitCode()).as(process.log()).isEqualTo(1);
            assertThat(process.log())
                    .containsPattern("(?m)^shepherd: PostgreSQL \\d+ in .* has died and cannot be started again");
        }
    }

    @Test
    void theDatabaseCommandEndsWithAStatusToo() throws Exception {
        Files.createDirectory(folder.resolve("database"));
        try (CommandLineProcess process = CommandLineProcess.start(folder, "database", "--data", "database")) {
            await().atMost(LIMIT).until(() -> process.log().contains("Interrupt") || !process.isAlive());
            Files.delete(folder.resolve("database/data/PG_VERSION"));

            kill(postmaster());

            assertThat(process.endsWithin(LIMIT)).as(process.log()).isTrue();
            assertThat(process.exitCode()).as(process.log()).isEqualTo(1);
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
}
