package com.example.fleet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.ssh.SshHost;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.test.annotation.DirtiesContext;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;

/** The application on a database of its own, with a machine that it reaches by SSH. */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
class FleetApplicationTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    @TempDir
    static Path folder;

    static SshHost machine;

    @Value("${local.server.port}")
    int port;

    @BeforeAll
    static void startMachine() throws Exception {
        String key = SshCredentials.generateIfAbsent(folder.resolve("id_ed25519")).publicKey().orElseThrow();
        machine = SshHost.builder().authorizedKey(key).start();
        TestAgent.write(folder.resolve("agent"));
        Files.writeString(folder.resolve("machines.json"), """
                [{"ID": "rack-1-7", "Addr": "%s", "SSHPort": %d}]
                """.formatted(machine.address().getHostAddress(), machine.port()));
    }

    @AfterAll
    static void stopMachine() {
        machine.close();
    }

    @DynamicPropertySource
    static void properties(DynamicPropertyRegistry properties) throws Exception {
        int free;
        try (ServerSocket socket = new ServerSocket(0)) {
            free = socket.getLocalPort();
        }
        properties.add("spring.datasource.url", database::jdbcUrl);
        properties.add("spring.security.user.password", () -> "secret");
        properties.add("shepherd.providers.lab-racks.properties.list", () -> folder.resolve("machines.json").toUri());
        properties.add("shepherd.agent.executable", () -> folder.resolve("agent"));
        properties.add("shepherd.agent.credentials.key", () -> folder.resolve("id_ed25519"));
        properties.add("shepherd.agent-endpoint.address", () -> "127.0.0.1:" + free);
    }

    /** With the test the application ends, while there still is a database. */
    @Test
    @DirtiesContext
    void takesTheMachineOverHearsItsAgentAndShowsIt() throws Exception {
        await().atMost(Duration.ofMinutes(1))
                .until(() -> Operator.of(database.bmdb()).statistics().heartbeating() == 1);

        assertThat(machine.executions()).hasSize(1);
        assertThat(get("/fleet/machines", true).body()).contains("rack-1-7");
        assertThat(get("/fleet/", false).statusCode()).isEqualTo(401);
        assertThat(get("/actuator/shepherd", false).statusCode()).isEqualTo(401);
        assertThat(get("/actuator/shepherd", true).body()).contains("lab-racks", "\"succeeded\":1");
        assertThat(get("/actuator/health", false).body()).contains("\"status\":\"UP\"");
        assertThat(get("/actuator/metrics/shepherd.takeovers", true).body()).contains("lab-racks");
    }

    private HttpResponse<String> get(String path, boolean login) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://localhost:" + port + path));
        if (login) {
            String credentials = Base64.getEncoder().encodeToString("oncall:secret".getBytes(StandardCharsets.UTF_8));
            request.header("Authorization", "Basic " + credentials);
        }
        return HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString());
    }
}
