package dev.shepherd.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.Statistics;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.cli.Main;
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
import java.util.concurrent.TimeUnit;
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
        Process api = start(
                "api",
                "fake-equinix",
                "--reservations",
                "3",
                "--port",
                "0",
                "--ssh-port",
                String.valueOf(freePort()),
                "--provisioning",
                "1");
        Process run = null;
        try {
            await().atMost(LIMIT).until(() -> printed("api").contains("Ctrl-C") || !api.isAlive());
            List<String> command = command();
            // A database of the test's own, and no waiting between creations; all else as it is printed.
            command.addAll(List.of("--database", database.jdbcUrl(), "--creation-interval", "0"));
            Process running = start("run", command.toArray(String[]::new));
            run = running;

            await().atMost(LIMIT).until(() -> statistics().agentStarted() == 3 || !running.isAlive());
            assertThat(statistics().agentStarted()).as(printed("run")).isEqualTo(3);
            assertThat(machines()).hasSize(3).allSatisfy(machine -> {
                assertThat(machine.reservationId()).isPresent();
                assertThat(machine.address()).isPresent();
                assertThat(machine.status()).contains(ProviderStatus.RUNNING);
            });
            String token = Files.readString(folder.resolve(".shepherd/fake-equinix/token"))
                    .strip();
            assertThat(printed("run")).doesNotContain(token);

            api.destroy();
            assertThat(api.waitFor(30, TimeUnit.SECONDS))
                    .as("ended after SIGTERM")
                    .isTrue();
        } finally {
            api.destroyForcibly();
            if (run != null) {
                run.destroyForcibly();
                run.waitFor(30, TimeUnit.SECONDS);
            }
        }
    }

    @Test
    void aWrongTokenIsOneClearLineAndTheEnd() throws Exception {
        Process api = start("api", "fake-equinix", "--port", "0", "--reservations", "1");
        try {
            await().atMost(LIMIT).until(() -> printed("api").contains("Ctrl-C") || !api.isAlive());
            Files.writeString(folder.resolve(".shepherd/fake-equinix/token"), "not-the-token\n");
            Process run = start("run", command().toArray(String[]::new));
            try {
                assertThat(run.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
            } finally {
                run.destroyForcibly();
            }
            assertThat(run.exitValue()).isEqualTo(1);
            assertThat(printed("run").lines().filter(line -> line.startsWith("shepherd: provider")))
                    .containsExactly("shepherd: provider equinix: listing the SSH keys failed: the API answers 401:"
                            + " Invalid authentication token");
            assertThat(printed("run")).doesNotContain("\tat ");
        } finally {
            api.destroyForcibly();
        }
    }

    @Test
    void aNumberOutOfItsRangeIsExplained() {
        CommandLineRun run = CommandLineRun.of("fake-equinix", "--reservations", "-1");

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--reservations is from 0 to 10000, not -1");
    }

    /** The arguments of the command that is printed for its users. */
    private List<String> command() throws IOException {
        String text = printed("api");
        String command =
                text.substring(text.indexOf("./shepherd ") + "./shepherd ".length(), text.indexOf("\n\nIt ends"));
        return new ArrayList<>(
                Arrays.asList(command.replace("\\\n", " ").strip().split("\\s+")));
    }

    private Process start(String name, String... args) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
        command.addAll(List.of(args));
        return new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve(name + ".log").toFile())
                .start();
    }

    private String printed(String name) throws IOException {
        return Files.readString(folder.resolve(name + ".log"));
    }

    private Statistics statistics() throws InterruptedException {
        return database.bmdb().statistics();
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
