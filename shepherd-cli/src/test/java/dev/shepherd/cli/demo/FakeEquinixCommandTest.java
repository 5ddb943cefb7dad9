package dev.shepherd.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.operator.Statistics;
import dev.shepherd.cli.CommandLineProcess;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.testkit.database.BmdbExtension;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class FakeEquinixCommandTest {

    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final ProviderType TYPE = new ProviderType("equinix");

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    @TempDir
    Path folder;

    @Test
    @EnabledOnOs(value = OS.LINUX, disabledReason = "only there are all of 127.0.0.0/8 loopback addresses")
    void theCommandThatItPrintsMakesMachinesOfItsReservationsAndTakesThemOver() throws Exception {
        try (CommandLineProcess api = CommandLineProcess.start(
                folder,
                "fake-equinix",
                "--reservations",
                "3",
                "--port",
                "0",
                "--ssh-port",
                String.valueOf(freePort()),
                "--provisioning",
                "1")) {
            await().atMost(LIMIT).until(() -> api.log().contains("Ctrl-C") || !api.isAlive());
            List<String> command = command(api);
            // A database of the test's own, and no waiting between creations; all else as it is printed.
            command.addAll(List.of("--database", database.jdbcUrl(), "--creation-interval", "0"));
            try (CommandLineProcess run = CommandLineProcess.start(folder, command.toArray(String[]::new))) {
                await().atMost(LIMIT).until(() -> statistics().agentStarted() == 3 || !run.isAlive());
                assertThat(statistics().agentStarted()).as(run.log()).isEqualTo(3);
                assertThat(machines()).hasSize(3).allSatisfy(machine -> {
                    assertThat(machine.reservationId()).isPresent();
                    assertThat(machine.address()).isPresent();
                    assertThat(machine.status()).contains(ProviderStatus.RUNNING);
                });
                String token = Files.readString(folder.resolve(".shepherd/fake-equinix/token"))
                        .strip();
                assertThat(run.log()).doesNotContain(token);

                api.askToEnd();
                assertThat(api.endsWithin(Duration.ofSeconds(30)))
                        .as("ended after SIGTERM")
                        .isTrue();
            }
        }
    }

    @Test
    void aWrongTokenIsOneClearLineAndTheEnd() throws Exception {
        try (CommandLineProcess api =
                CommandLineProcess.start(folder, "fake-equinix", "--port", "0", "--reservations", "1")) {
            await().atMost(LIMIT).until(() -> api.log().contains("Ctrl-C") || !api.isAlive());
            Files.writeString(folder.resolve(".shepherd/fake-equinix/token"), "not-the-token\n");
            try (CommandLineProcess run =
                    CommandLineProcess.start(folder, command(api).toArray(String[]::new))) {
                assertThat(run.endsWithin(LIMIT)).isTrue();
                assertThat(run.exitCode()).isEqualTo(1);
                assertThat(run.log().lines().filter(line -> line.startsWith("shepherd: provider")))
                        .containsExactly("shepherd: provider equinix: listing the SSH keys failed: the API answers 401:"
                                + " Invalid authentication token");
                assertThat(run.log()).doesNotContain("\tat ");
            }
        }
    }

    @Test
    void aNumberOutOfItsRangeIsExplained() {
        CommandLineRun run = CommandLineRun.of("fake-equinix", "--reservations", "-1");

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--reservations is from 0 to 10000, not -1");
    }

    /** The arguments of the command that is printed for its users. */
    private static List<String> command(CommandLineProcess api) throws IOException {
        String text = api.log();
        String command =
                text.substring(text.indexOf("./shepherd ") + "./shepherd ".length(), text.indexOf("\n\nIt ends"));
        return new ArrayList<>(
                Arrays.asList(command.replace("\\\n", " ").strip().split("\\s+")));
    }

    private Statistics statistics() throws InterruptedException {
        return dev.shepherd.bmdb.operator.Operator.of(database.bmdb()).statistics();
    }

    private List<ProvidedMachine> machines() throws InterruptedException {
        return database.bmdb().providedMachines(TYPE);
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}
