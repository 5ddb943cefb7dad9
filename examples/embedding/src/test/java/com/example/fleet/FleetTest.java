package com.example.fleet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.ssh.SshHost;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class FleetTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    @TempDir
    Path folder;

    @Test
    void theExampleTakesItsMachinesOverAndHearsTheirAgents() throws Exception {
        Path key = folder.resolve("id_ed25519");
        String publicKey = SshCredentials.generateIfAbsent(key).publicKey().orElseThrow();
        Path agent = TestAgent.write(folder.resolve("agent"));
        try (SshHost machine = SshHost.builder().authorizedKey(publicKey).start()) {
            Path list = Files.writeString(
                    folder.resolve("machines.json"),
                    "[{\"ID\": \"rack-1-7\", \"Addr\": \"%s\", \"SSHPort\": %d}]"
                            .formatted(machine.address().getHostAddress(), machine.port()));
            InetSocketAddress listen = new InetSocketAddress(InetAddress.getLoopbackAddress(), freePort());
            CountDownLatch stop = new CountDownLatch(1);
            CompletableFuture<Void> running = CompletableFuture.runAsync(() -> {
                try {
                    Fleet.run(database.jdbcUrl(), list, agent, key, listen, stop);
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            try {
                await().atMost(Duration.ofMinutes(1))
                        .until(() -> Operator.of(database.bmdb()).statistics().heartbeating() == 1);
            } finally {
                stop.countDown();
                running.get(30, TimeUnit.SECONDS);
            }
            assertThat(machine.executions()).hasSize(1);
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }
}
