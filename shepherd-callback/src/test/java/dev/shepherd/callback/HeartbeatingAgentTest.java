package dev.shepherd.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.hardware.Hardware;
import dev.shepherd.callback.AgentEndpointStatus.Handshake;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.manager.takeover.TakeoverResult;
import dev.shepherd.manager.takeover.TakeoverTarget;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.ssh.SshHost;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The test agent from its takeover to its end, with everything between it and the database. */
class HeartbeatingAgentTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private static final Duration LIMIT = Duration.ofSeconds(60);

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void anAgentThatWasTakenOverBeatsUntilItsMachineIsRebooted(boolean secure) throws Exception {
        AgentTls tls = AgentTls.builder().folder(folder.resolve("tls")).build();
        Path key = folder.resolve("id_ed25519");
        SshCredentials credentials = SshCredentials.generateIfAbsent(key);
        UUID machine = UUID.randomUUID();
        try (AgentCallback callback = AgentCallback.of(database.bmdb());
                AgentEndpoint endpoint = endpoint(callback, secure ? tls : null);
                SshHost host = SshHost.builder()
                        .authorizedKey(credentials.publicKey().orElseThrow())
                        .agentInterval(Duration.ofMillis(50))
                        .start()) {
            callback.start();
            endpoint.start();
            AgentTakeover.Builder settings = AgentTakeover.builder();
            if (secure) {
                settings.caCertificate(tls.caCertificate().orElseThrow());
            }
            AgentTakeover takeover = settings.executable(TestAgent.write(folder.resolve("agent")))
                    .credentials(credentials)
                    .endpoint(endpoint.url())
                    .connectTimeout(Duration.ofSeconds(20))
                    .build();

            try (BmdbSession session = database.bmdb().startSession("test", "")) {
                session.useTransaction(tx -> tx.createMachine(machine));
            }
            TakeoverResult result = takeover.takeover(TakeoverTarget.builder(machine, host.address())
                    .port(host.port())
                    .build());
            // It has been refused so far.
            record(machine, result.agentKey());

            await().atMost(LIMIT).until(() -> read(machine).agentHeartbeatAt().isPresent());
            Instant first = read(machine).agentHeartbeatAt().orElseThrow();
            await().atMost(LIMIT)
                    .until(() -> read(machine).agentHeartbeatAt().orElseThrow().isAfter(first));
            await().atMost(LIMIT).until(() -> read(machine).hardware().isPresent());
            Hardware hardware = read(machine).hardware().orElseThrow();
            assertThat(hardware.unreadable()).isEmpty();
            assertThat(hardware.threads()).isEqualTo(Runtime.getRuntime().availableProcessors());
            assertThat(endpoint.status().handshakes().getOrDefault(Handshake.WITH_CERTIFICATE, 0L))
                    .as("it keeps its connection, and shows a certificate where there is TLS")
                    .isEqualTo(secure ? 1L : 0L);
            assertThat(processesOf(host.root())).hasSize(1);
            assertThat(host.openConnections()).isZero();

            host.reboot();
            assertThat(processesOf(host.root())).isEmpty();
        }
    }

    private static AgentEndpoint endpoint(AgentCallback callback, @Nullable AgentTls tls) {
        AgentEndpoint.Builder endpoint = AgentEndpoint.builder()
                .callback(callback)
                .address(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        return (tls == null ? endpoint : endpoint.tls(tls)).build();
    }

    @Test
    void anAgentThatNobodyHearsEndsByItself() throws Exception {
        Path agent = TestAgent.write(folder.resolve("agent"));
        int nobody;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            nobody = socket.getLocalPort();
        }
        assertThat(leave(agent, "http://127.0.0.1:" + nobody, "300")).isPositive();
        await().atMost(LIMIT).until(() -> processesOf(agent).isEmpty());
    }

    @Test
    void anAgentThatIsRefusedEndsByItself() throws Exception {
        Path agent = TestAgent.write(folder.resolve("agent"));
        try (AgentCallback callback = AgentCallback.of(database.bmdb());
                AgentEndpoint endpoint = AgentEndpoint.builder()
                        .callback(callback)
                        .address(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                        .build()) {
            callback.start();
            endpoint.start();
            assertThat(leave(agent, endpoint.url(), "300")).isPositive();
            await().atMost(LIMIT).until(() -> processesOf(agent).isEmpty());
        }
    }

    /** Runs an agent until its command ends. Returns how long its answer is. */
    private static int leave(Path agent, String endpoint, String patienceMillis) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(agent.toString());
        builder.environment().put("SHEPHERD_TEST_AGENT_INTERVAL_MILLIS", "20");
        builder.environment().put("SHEPHERD_TEST_AGENT_PATIENCE_MILLIS", patienceMillis);
        Process process = builder.start();
        try (OutputStream in = process.getOutputStream()) {
            ByteArrayOutputStream init = new ByteArrayOutputStream();
            put(init, 1, UUID.randomUUID().toString());
            put(init, 2, endpoint);
            init.writeTo(in);
        }
        int length = process.getInputStream().readAllBytes().length;
        assertThat(process.waitFor()).isZero();
        return length;
    }

    private static void put(ByteArrayOutputStream out, int field, String text) {
        out.write(field << 3 | 2);
        out.write(text.length());
        out.writeBytes(text.getBytes(StandardCharsets.UTF_8));
    }

    private static void record(UUID machine, byte[] key) throws InterruptedException {
        try (BmdbSession session = database.bmdb().startSession("test", "")) {
            session.useTransaction(tx -> {
                tx.putAgentStarted(machine, key);
            });
        }
    }

    private static MachineRecord read(UUID machine) throws InterruptedException {
        return database.bmdb().machine(machine).orElseThrow();
    }

    /** Returns the processes that were started from a file, or from one in a folder. */
    private static List<String> processesOf(Path file) {
        return ProcessHandle.allProcesses()
                .map(process -> process.info().commandLine().orElse(""))
                .filter(line -> line.contains(file.toString()))
                .toList();
    }
}
