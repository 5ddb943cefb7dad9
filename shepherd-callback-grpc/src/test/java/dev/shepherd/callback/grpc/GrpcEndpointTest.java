package dev.shepherd.callback.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentTls;
import dev.shepherd.testkit.database.BmdbExtension;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The endpoint over gRPC, as agents see it that were built elsewhere. */
class GrpcEndpointTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private static final InetSocketAddress ANY_PORT = new InetSocketAddress("127.0.0.1", 0);

    @TempDir
    Path folder;

    private AgentCallback callback;
    private AgentEndpoint endpoint;
    private byte[] authority;

    @BeforeEach
    void listen() {
        callback = AgentCallback.of(database.bmdb());
        callback.start();
        AgentTls tls = AgentTls.builder().folder(folder.resolve("tls")).build();
        authority = tls.caCertificate().orElseThrow();
        endpoint = AgentEndpoint.builder()
                .callback(callback)
                .tls(tls)
                .http(false)
                .grpcAddress(ANY_PORT)
                .build();
        endpoint.start();
    }

    @AfterEach
    void closeEverything() {
        endpoint.close();
        callback.close();
    }

    @Test
    void aHeartbeatIsRecorded() throws Exception {
        ClientKeys keys = ClientKeys.make(folder, "Ed25519");
        try (GrpcAgent agent =
                new GrpcAgent(GrpcAgent.record(database, keys), keys, authority, endpoint.grpcAddress())) {
            assertThat(agent.beat().hasInstallationRequest()).isFalse();
            assertThat(database.bmdb().machine(agent.machineId()).orElseThrow().agentHeartbeatAt())
                    .isPresent();
        }
    }
}
