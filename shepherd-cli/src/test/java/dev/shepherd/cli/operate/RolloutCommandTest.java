package dev.shepherd.cli.operate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.cli.RecordedMachine;
import dev.shepherd.testkit.database.BmdbExtension;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RolloutCommandTest {

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    @TempDir
    Path folder;

    private Path agent;

    @BeforeEach
    void twoMachines() throws Exception {
        agent = Files.writeString(folder.resolve("agent"), "#!/bin/sh\n# Shepherd-Agent-Version: 2.0\n");
        try (BmdbSession session = database.bmdb().startSession("test", "here")) {
            for (String name : List.of("rack-1", "rack-2")) {
                UUID id = RecordedMachine.record(database.bmdb(), name);
                session.useTransaction(tx -> tx.putAgentStarted(id, new byte[32]));
            }
        }
    }

    private CommandLineRun run(String... command) {
        List<String> args = new ArrayList<>(List.of("rollout"));
        args.addAll(List.of(command));
        args.addAll(List.of("--database", database.jdbcUrl()));
        return CommandLineRun.of(args.toArray(String[]::new));
    }

    private String done(String... command) {
        CommandLineRun run = run(command);
        assertThat(run.exitCode()).as(run.err()).isZero();
        return run.out();
    }

    @Test
    void aRolloutIsStartedShownPausedResumedAndAborted() {
        assertThat(done("status")).isEqualTo("There has been no rollout.\n");

        assertThat(done("start", "--agent", agent.toString(), "--canary", "1", "--bake", "1h", "--reason", "a fix"))
                .startsWith("Rollout 1 of agent 2.0 (")
                .contains("begins: 2 machine(s) of static\n");
        assertThat(done("status"))
                .contains("to the machines of static: running\n", "; wave 0; 1 canary machine(s), then 50 at a time,")
                .contains("each heard for 1 h; at most 2 failure(s)\n", "       2 waiting for their turn\n");
        assertThat(CommandLineRun.of("plan", "--database", database.jdbcUrl()).out())
                .containsPattern("Roller: rollout 1 of agent 2.0 [^:]+, running: 0 machine.s. at work, 2 waiting;"
                        + " at most 1 next");
        assertThat(CommandLineRun.of("explain", "rack-1", "--database", database.jdbcUrl())
                        .out())
                .contains("; in rollout 1 it is Waiting since ", "or a rollout that chooses it");
        assertThat(run("start", "--agent", agent.toString(), "--reason", "again")
                        .err())
                .contains("rollout 1 of provider static is under way");

        assertThat(done("pause", "--reason", "a look first")).startsWith("Rollout 1 is paused.");
        assertThat(run("pause", "1", "--reason", "a look first"))
                .satisfies(again -> assertThat(again.exitCode()).isEqualTo(1))
                .satisfies(again -> assertThat(again.err()).contains("rollout 1 is not running"));
        assertThat(done("status", "1")).contains(": paused, ", ": a look first\n");
        assertThat(done("resume", "--reason", "it is well")).isEqualTo("Rollout 1 goes on\n");
        assertThat(done("abort", "--reason", "another fix first")).isEqualTo("Rollout 1 has ended\n");
        assertThat(done("status")).contains(": aborted, ", "       2 not reached\n");
        assertThat(run("abort", "--reason", "again").err()).contains("no rollout is under way");
    }

    @ParameterizedTest
    @CsvSource({
        "--canary=0, --canary: canary must be from 1 to 1000000",
        "--batch=0, --batch: batch must be from 1 to 1000000",
        "--bake=8d, --bake: bake must be from 1 s to 7 d",
        "--max-failures=-1, --max-failures: maxFailures must be from 0 to 1000000",
        "--type=nobodys, provider nobodys has no machines",
    })
    void whatIsWrongIsSaid(String option, String message) {
        CommandLineRun run = run("start", "--agent", agent.toString(), "--reason", "a fix", option);

        assertThat(run.exitCode()).isNotZero();
        assertThat(run.err()).contains(message);
        assertThat(done("status")).isEqualTo("There has been no rollout.\n");
    }

    @Test
    void aFileThatCannotBeAnAgentIsRefused() throws Exception {
        Path empty = Files.createFile(folder.resolve("empty"));

        assertThat(run("start", "--agent", empty.toString(), "--reason", "a fix")
                        .err())
                .contains("--agent " + empty + " cannot be read: ", "has 0 bytes");
        assertThat(run("start", "--agent", folder.toString(), "--reason", "a fix")
                        .err())
                .contains("is a folder");
        assertThat(run("start", "--agent", "nowhere", "--reason", "a fix").err())
                .contains("--agent nowhere cannot be read");
        assertThat(run("status", "7").err()).contains("there is no rollout 7");
    }
}
