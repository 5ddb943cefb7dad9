package dev.shepherd.cli.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderID;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.cli.CommandLineProcess;
import dev.shepherd.cli.PluginJar;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class RunCommandTest {

    private static final Duration LIMIT = Duration.ofMinutes(2);

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    @TempDir
    Path folder;

    @Test
    void aListedMachineIsTakenOverAndSigtermReleasesTheWorkOfAnother() throws Exception {
        Path key = folder.resolve("id_ed25519");
        String publicKey = SshCredentials.generateIfAbsent(key).publicKey().orElseThrow();
        Path agent = TestAgent.write(folder.resolve("agent"));
        // The password comes from the file, as it should outside of tests, and not with the URL.
        String url = database.jdbcUrl();
        String password = url.replaceFirst(".*[?&]password=([^&]*).*", "$1");
        Path passwordFile = Files.writeString(folder.resolve("password"), password + "\n");
        try (SshHost good = SshHost.builder().authorizedKey(publicKey).start();
                SshHost hanging = SshHost.builder()
                        .authorizedKey(publicKey)
                        .mood(Mood.HANG_AFTER_BANNER)
                        .start()) {
            Path list = Files.writeString(
                    folder.resolve("machines.json"),
                    "[%s,%s]".formatted(entry("good", good), entry("hanging", hanging)));

            try (CommandLineProcess process = CommandLineProcess.start(
                    folder,
                    "run",
                    "-v",
                    "--provider",
                    "static",
                    "--type",
                    "lab",
                    "--property",
                    "list=" + list.toUri(),
                    "--database",
                    url.replaceFirst("([?&])password=[^&]*&?", "$1"),
                    "--database-password-file",
                    passwordFile.toString(),
                    "--agent",
                    agent.toString(),
                    "--key",
                    key.toString(),
                    "--agent-listen",
                    String.valueOf(freePort()),
                    "--agent-grpc-listen",
                    String.valueOf(freePort()),
                    "--agent-tls-folder",
                    folder.resolve("tls").toString(),
                    "--creation-interval",
                    "0")) {
                await().atMost(LIMIT).until(() -> isAgentStarted("good") || !process.isAlive());
                await().atMost(LIMIT).until(() -> isAgentHeard("good") || !process.isAlive());
                await().atMost(LIMIT).until(() -> isWorkedOn("hanging") || !process.isAlive());
                assertThat(process.isAlive()).as(process.log()).isTrue();
                process.askToEnd();
                assertThat(process.endsWithin(Duration.ofSeconds(30)))
                        .as("ended after SIGTERM")
                        .isTrue();

                String log = process.log();
                assertThat(log)
                        .contains("Asked to end")
                        .contains("agent started")
                        .containsPattern(
                                "Accepting calls of agents at https://127.0.0.1:\\d+ and 127.0.0.1:\\d+ \\(gRPC\\)")
                        .contains("Stopped");
                assertThat(isWorkedOn("hanging")).as(log).isFalse();
                Integer sessions = database.bmdb().query(dsl -> dsl.fetchCount(org.jooq.impl.DSL.table("sessions")));
                assertThat(sessions).as("sessions left").isZero();
                assertThat(log).doesNotContain(password);
                assertThatNoLineOfTheKeyIsIn(log, key);
            }
        }
    }

    @Test
    void theProviderMayBeAPlugin() throws Exception {
        PluginJar.racks().write(folder.resolve("plugins/racks.jar"));
        Path key = folder.resolve("id_ed25519");
        String publicKey = SshCredentials.generateIfAbsent(key).publicKey().orElseThrow();
        try (SshHost host = SshHost.builder().authorizedKey(publicKey).start()) {
            try (CommandLineProcess process = CommandLineProcess.start(
                    folder,
                    "run",
                    "--provider",
                    "racks",
                    "--type",
                    "lab",
                    "--property",
                    "port=" + host.port(),
                    "--database",
                    database.jdbcUrl(),
                    "--agent",
                    TestAgent.write(folder.resolve("agent")).toString(),
                    "--endpoint",
                    "http://here",
                    "--key",
                    key.toString())) {
                await().atMost(LIMIT).until(() -> isAgentStarted("one") || !process.isAlive());
                assertThat(process.isAlive()).as(process.log()).isTrue();
                process.askToEnd();
                assertThat(process.endsWithin(Duration.ofSeconds(30)))
                        .as("ended after SIGTERM")
                        .isTrue();
                assertThat(process.log())
                        .contains("Provider racks comes from " + Path.of("plugins", "racks.jar"))
                        .contains("Stopped")
                        .doesNotContain("\tat ");
            }
        }
    }

    private static String entry(String id, SshHost host) {
        return "{\"ID\": \"%s\", \"Addr\": \"%s\", \"SSHPort\": %d}"
                .formatted(id, host.address().getHostAddress(), host.port());
    }

    private boolean isAgentStarted(String id) throws InterruptedException {
        return machine(id).flatMap(MachineRecord::agentStarted).isPresent();
    }

    private boolean isAgentHeard(String id) throws InterruptedException {
        return machine(id).flatMap(MachineRecord::agentHeartbeatAt).isPresent();
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private boolean isWorkedOn(String id) throws InterruptedException {
        return machine(id).stream()
                .flatMap(machine -> machine.work().stream())
                .anyMatch(work -> work.process().equals(WorkProcess.AGENT_START));
    }

    private java.util.Optional<MachineRecord> machine(String id) throws InterruptedException {
        var found = database.bmdb().providedMachines(new dev.shepherd.api.ProviderType("lab")).stream()
                .filter(machine -> machine.providerId().equals(new ProviderID(id)))
                .findFirst();
        return found.isEmpty()
                ? java.util.Optional.empty()
                : database.bmdb().machine(found.get().machineId());
    }

    private static void assertThatNoLineOfTheKeyIsIn(String log, Path key) throws IOException {
        List<String> lines = Files.readAllLines(key);
        for (String line : lines.subList(1, lines.size() - 1)) {
            assertThat(log).doesNotContain(line);
        }
    }
}
