package dev.shepherd.cli.operate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.cli.CommandLineProcess;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.cli.RecordedMachine;
import dev.shepherd.testkit.database.BmdbExtension;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class EventsCommandTest {

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    @TempDir
    Path folder;

    private UUID machine;

    @BeforeEach
    void aMachine() throws Exception {
        machine = RecordedMachine.record(database.bmdb(), "rack-1");
    }

    private CommandLineRun run(String... options) {
        List<String> args = new ArrayList<>(List.of("events"));
        args.addAll(List.of(options));
        args.addAll(List.of("--database", database.jdbcUrl()));
        return CommandLineRun.of(args.toArray(String[]::new));
    }

    private OperatorActions operator() {
        return OperatorActions.of(database.bmdb(), Actor.program("oncall"));
    }

    @Test
    void theLastEventsAreShownWithWhatIsKnown() throws Exception {
        operator().quarantine(machine, "it smells of smoke");

        List<String> lines = run("--limit", "2").out().lines().toList();

        assertThat(lines).hasSize(2);
        assertThat(lines.get(0)).matches("20\\S+Z  2  Quarantined  static rack-1  by=oncall cause=it smells of smoke");
        assertThat(lines.get(1)).contains("3  OperatorAction  static rack-1", "verb=Quarantine");
        assertThat(run("--after", "0").out().lines()).hasSize(3);
        assertThat(run("--after", "3").out()).isEqualTo("There are no events behind position 3\n");
        assertThat(run("--after", "1", "--limit", "1", "--json").out())
                .startsWith("{\"type\":\"Quarantined\",\"timestamp\":\"20")
                .endsWith("\"details\":{\"by\":\"oncall\",\"cause\":\"it smells of smoke\"}}}\n");
    }

    @Test
    void whatIsNoLongerKeptIsSaid() throws Exception {
        operator().quarantine(machine, "because");
        operator().release(machine, "because");
        assertThat(run().out().lines()).hasSize(5);
        try (var connection = DriverManager.getConnection(database.jdbcUrl());
                var statement = connection.createStatement()) {
            statement.execute("delete from fleet_events where position <= 3");
            statement.execute("update fleet_event_positions set pruned_position = 3");
        }

        CommandLineRun missed = run("--after", "2");

        assertThat(missed.exitCode()).isEqualTo(1);
        assertThat(missed.err()).contains("no longer kept").contains("position 3");
        assertThat(run("--limit", "4").out().lines()).hasSize(2);
    }

    @Test
    void wrongOptionsAreNamed() {
        assertThat(run("--limit", "0").err()).contains("--limit is 1 to 10000");
        assertThat(run("--after", "-1").err()).contains("--after");
    }

    @Test
    void whatComesIsFollowed() throws Exception {
        try (CommandLineProcess process =
                CommandLineProcess.start(folder, "events", "--follow", "--database", database.jdbcUrl())) {
            await().atMost(Duration.ofMinutes(1)).until(() -> process.log().contains("MachineRecorded"));
            operator().quarantine(machine, "because");
            await().atMost(Duration.ofSeconds(30)).until(() -> process.log().contains("OperatorAction"));
            assertThat(process.log()).contains("2  Quarantined  static rack-1");
        }
    }
}
