package dev.shepherd.callback.grpc;

import static dev.shepherd.callback.grpc.RawConnection.CONTINUATION;
import static dev.shepherd.callback.grpc.RawConnection.DATA;
import static dev.shepherd.callback.grpc.RawConnection.END_HEADERS;
import static dev.shepherd.callback.grpc.RawConnection.END_STREAM;
import static dev.shepherd.callback.grpc.RawConnection.HEADERS;
import static dev.shepherd.callback.grpc.RawConnection.PING;
import static dev.shepherd.callback.grpc.RawConnection.RESET;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import client.api.AgentHardwareReport;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointLimits;
import dev.shepherd.callback.AgentEndpointStatus.Handshake;
import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import dev.shepherd.callback.AgentTls;
import dev.shepherd.callback.grpc.RawConnection.Frame;
import dev.shepherd.testkit.database.BmdbExtension;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.lang.reflect.Field;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** What clients may take that are broken or hostile. After each test, an agent is still heard. */
class GrpcLimitsTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private static final InetSocketAddress ANY_PORT = new InetSocketAddress("127.0.0.1", 0);
    private static final int REFUSED_STREAM = 7;

    /** More than any limit lets through, so that a test without one ends. */
    private static final int MANY = 100_000;

    @TempDir
    Path folder;

    private AgentCallback callback;
    private AgentEndpoint endpoint;
    private byte[] authority;
    private ClientKeys keys;
    private UUID machine;
    private UUID other;

    @BeforeEach
    void prepare() throws Exception {
        keys = ClientKeys.make(folder, "Ed25519");
        machine = GrpcAgent.record(database, keys);
        other = GrpcAgent.record(database, keys);
        callback = AgentCallback.of(database.bmdb());
        callback.start();
    }

    private void listen(UnaryOperator<AgentEndpointLimits.Builder> limits) {
        AgentTls tls = AgentTls.builder().folder(folder.resolve("tls")).build();
        authority = tls.caCertificate().orElseThrow();
        endpoint = AgentEndpoint.builder()
                .callback(callback)
                .tls(tls)
                .http(false)
                .grpcAddress(ANY_PORT)
                .limits(limits.apply(AgentEndpointLimits.builder()).build())
                .build();
        endpoint.start();
    }

    @AfterEach
    void anAgentIsStillHeard() throws Exception {
        try (GrpcAgent agent = new GrpcAgent(other, keys, authority, endpoint.grpcAddress())) {
            agent.beat();
            await().until(() -> endpoint.status().connections() == 1);
        } finally {
            callback.close();
            endpoint.close();
        }
    }

    private GrpcAgent agent() throws Exception {
        return new GrpcAgent(machine, keys, authority, endpoint.grpcAddress());
    }

    private RawConnection raw() throws Exception {
        return new RawConnection(keys, authority, endpoint.grpcAddress());
    }

    private byte[] heartbeat() {
        return client.api.HeartbeatRequest.newBuilder()
                .setMachineId(machine.toString())
                .build()
                .toByteArray();
    }

    private long told(Outcome outcome) {
        return endpoint.status().requests().get(outcome);
    }

    private static AgentHardwareReport report(int size) {
        return AgentHardwareReport.newBuilder().addWarning("x".repeat(size)).build();
    }

    @Test
    void aRequestThatIsTooLargeIsRefusedAndTheConnectionGoesOn() throws Exception {
        listen(limits -> limits);
        try (GrpcAgent agent = agent()) {
            agent.send(agent.request().setHardwareReport(report(1_000_000)));
            assertThatThrownBy(() -> agent.send(agent.request().setHardwareReport(report(1 << 20))))
                    .hasMessageContaining("RESOURCE_EXHAUSTED: a request has at most 1048576 bytes");
            agent.beat();
        }
        assertThat(told(Outcome.TOO_LARGE)).isEqualTo(1);
        assertThat(endpoint.status().handshakes().get(Handshake.WITH_CERTIFICATE))
                .isEqualTo(1);
    }

    @Test
    void aRequestThatTricklesIsCut() throws Exception {
        listen(limits -> limits.headTimeout(Duration.ofSeconds(2)));
        try (RawConnection slow = raw()) {
            slow.greet().send(HEADERS, END_HEADERS, 1, RawConnection.callHeaders());
            assertThatThrownBy(() -> {
                        for (int i = 0; i < MANY; i++) {
                            slow.send(DATA, 0, 1, new byte[1]);
                            Thread.sleep(5);
                        }
                    })
                    .isInstanceOf(IOException.class);
        }
        assertThat(endpoint.status().tooSlow()).isEqualTo(1);
    }

    @Test
    void aConnectionThatSaysNothingIsClosedBeforeTlsAndAfterIt() throws Exception {
        listen(limits -> limits.headTimeout(Duration.ofSeconds(2)));
        try (Socket silent = new Socket(
                        endpoint.grpcAddress().getAddress(),
                        endpoint.grpcAddress().getPort());
                RawConnection shy = raw()) {
            // TLS, and no word of HTTP/2.
            assertThat(shy.isClosed()).isTrue();
            silent.setSoTimeout(30_000);
            assertThat(silent.getInputStream().read()).isNegative();
        }
        assertThat(endpoint.status().tooSlow()).isEqualTo(1);
    }

    @Test
    void aConnectionIsClosedThatDoesNothingForLongHoweverOftenItIsPinged() throws Exception {
        listen(limits -> limits.idleTimeout(Duration.ofSeconds(2)));
        try (RawConnection idle = raw()) {
            idle.greet().call(1, heartbeat());
            assertThat(idle.readEnd(1).type()).isEqualTo(HEADERS);
            assertThatThrownBy(() -> {
                        for (int i = 0; i < 1_000; i++) {
                            idle.send(PING, 0, 0, new byte[8]);
                            Thread.sleep(50);
                        }
                    })
                    .isInstanceOf(IOException.class);
        }
        assertThat(endpoint.status().tooSlow()).isZero();
    }

    @Test
    void afterSoManyRequestsAConnectionEndsAndTheAgentNoticesNothing() throws Exception {
        listen(limits -> limits.maxRequestsPerConnection(3));
        try (GrpcAgent agent = agent()) {
            for (int i = 0; i < 10; i++) {
                agent.beat();
            }
        }
        assertThat(told(Outcome.OK)).isEqualTo(10);
        assertThat(endpoint.status().handshakes().get(Handshake.WITH_CERTIFICATE))
                .isEqualTo(4);
    }

    /** Sends a frame again and again until the connection is closed. */
    private void flood(RawConnection connection, byte[] frames) {
        assertThatThrownBy(() -> {
                    for (int i = 0; i < MANY; i++) {
                        connection.write(frames);
                    }
                })
                .isInstanceOf(IOException.class);
    }

    @Test
    void framesThatBringNothingAreBounded() throws Exception {
        listen(limits -> limits);
        byte[][] floods = {
            RawConnection.frame(PING, 0, 0, new byte[8]),
            RawConnection.frame(RawConnection.SETTINGS, 0, 0, new byte[0]),
            RawConnection.frame(RawConnection.WINDOW_UPDATE, 0, 0, new byte[] {0, 0, 0, 1}),
            RawConnection.frame(200, 0, 0, new byte[100]),
        };
        for (byte[] frame : floods) {
            try (RawConnection connection = raw()) {
                connection.greet();
                flood(connection, frame);
            }
        }
    }

    @Test
    void headersThatAreTooLargeOrHaveNoEndAreRefused() throws Exception {
        listen(limits -> limits);
        try (RawConnection large = raw()) {
            large.greet()
                    .send(HEADERS, END_HEADERS | END_STREAM, 1, RawConnection.headers("x-large", "y".repeat(9_000)));
            // 431, of which nothing counts as a request.
            assertThat(large.readEnd(1).type()).isEqualTo(HEADERS);
            large.call(3, heartbeat());
            assertThat(large.readEnd(3).type()).isEqualTo(HEADERS);
        }
        try (RawConnection endless = raw()) {
            endless.greet().send(HEADERS, 0, 1, RawConnection.headers("a", "b"));
            flood(endless, RawConnection.frame(CONTINUATION, 0, 1, RawConnection.headers("a", "b".repeat(1000))));
        }
        try (RawConnection empty = raw()) {
            empty.greet().send(HEADERS, 0, 1, RawConnection.headers("a", "b"));
            flood(empty, RawConnection.frame(CONTINUATION, 0, 1, new byte[0]));
        }
        assertThat(told(Outcome.OK)).isEqualTo(1);
    }

    @Test
    void aSecondCallOnAConnectionIsRefusedWhileOneIsUnderWay() throws Exception {
        listen(limits -> limits);
        try (RawConnection connection = raw()) {
            connection.greet().send(HEADERS, END_HEADERS, 1, RawConnection.callHeaders());
            connection.call(3, heartbeat());
            Frame second = connection.readEnd(3);
            assertThat(second.type()).isEqualTo(RESET);
            assertThat(second.payload()).containsExactly(0, 0, 0, REFUSED_STREAM);
            connection.send(DATA, END_STREAM, 1, RawConnection.message(heartbeat()));
            assertThat(connection.readEnd(1).type()).isEqualTo(HEADERS);
        }
        assertThat(told(Outcome.OK)).isEqualTo(1);
    }

    @Test
    void aCallThatIsGivenUpMakesRoomForTheNext() throws Exception {
        listen(limits -> limits);
        byte[] message = RawConnection.message(heartbeat());
        try (RawConnection connection = raw()) {
            connection
                    .greet()
                    .send(HEADERS, END_HEADERS, 1, RawConnection.callHeaders())
                    .send(DATA, 0, 1, Arrays.copyOf(message, 7))
                    .send(RESET, 0, 1, new byte[] {0, 0, 0, 8})
                    .call(3, heartbeat());
            assertThat(connection.readEnd(3).type()).isEqualTo(HEADERS);
        }
        assertThat(told(Outcome.OK)).isEqualTo(1);
        assertThat(told(Outcome.MALFORMED)).isZero();
    }

    @Test
    void callsThatAreGivenUpAgainAndAgainCloseTheConnection() throws Exception {
        listen(limits -> limits);
        try (RawConnection connection = raw()) {
            connection.greet();
            assertThatThrownBy(() -> {
                        for (int stream = 1; stream < MANY; stream += 2) {
                            connection.call(stream, heartbeat()).send(RESET, 0, stream, new byte[] {0, 0, 0, 8});
                        }
                    })
                    .isInstanceOf(IOException.class);
        }
        assertThat(told(Outcome.OK)).isLessThan(100);
    }

    @Test
    void anAnswerThatIsNotReadIsGivenUp() throws Exception {
        listen(limits -> limits.headTimeout(Duration.ofSeconds(2)));
        try (BmdbSession session = database.bmdb().startSession("test", "")) {
            session.useTransaction(tx -> tx.requestInstallation(
                    machine,
                    client.api.OSInstallationRequest.newBuilder()
                            .setNote("x".repeat(1 << 20))
                            .build()
                            .toByteArray()));
        }
        try (RawConnection connection = raw()) {
            // It never says that it has room for more than the first 64 KiB.
            connection.greet().call(1, heartbeat());
            assertThat(connection.isClosed()).isTrue();
        }
        assertThat(endpoint.status().tooSlow()).isEqualTo(1);
    }

    @Test
    void strangersAreAnsweredAsOftenAsTheirAddressMayBeWrongAndThenSlowly() throws Exception {
        listen(limits -> limits.strangerCallsPerMinute(5));
        // Agents that are known are no strangers.
        try (GrpcAgent real = agent();
                GrpcAgent known = new GrpcAgent(other, keys, authority, endpoint.grpcAddress());
                GrpcAgent nobody = new GrpcAgent(machine, null, authority, endpoint.grpcAddress())) {
            real.beat();
            known.beat();
            for (int i = 0; i < 5; i++) {
                assertThatThrownBy(nobody::beat).hasMessageContaining("UNAUTHENTICATED");
            }
            long before = System.nanoTime();
            assertThatThrownBy(nobody::beat).hasMessageContaining("RESOURCE_EXHAUSTED");
            assertThat(System.nanoTime() - before).isGreaterThan(900_000_000);
            real.beat();
        }
        assertThat(told(Outcome.CERTIFICATE_REQUIRED)).isEqualTo(5);
        assertThat(told(Outcome.TOO_MANY)).isEqualTo(1);
    }

    @Test
    void whatSpeaksAnotherProtocolIsClosed() throws Exception {
        listen(limits -> limits);
        byte[] get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
        try (Socket plain = new Socket(
                        endpoint.grpcAddress().getAddress(),
                        endpoint.grpcAddress().getPort());
                RawConnection old = raw()) {
            plain.setSoTimeout(30_000);
            plain.getOutputStream().write(get);
            assertThat(plain.getInputStream().readAllBytes()).isEmpty();
            old.write(get);
            assertThat(old.isClosed()).isTrue();
        }
        assertThat(endpoint.status().handshakes().get(Handshake.NOT_TLS)).isEqualTo(1);
        try (RawConnection browser = raw()) {
            browser.greet()
                    .send(
                            HEADERS,
                            END_HEADERS | END_STREAM,
                            1,
                            RawConnection.headers(
                                    ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "x"));
            assertThat(browser.readEnd(1).headers())
                    .containsEntry(":status", "415")
                    .containsEntry("grpc-status", "3")
                    .containsEntry("shepherd-reason", "MALFORMED");
        }
        assertThat(told(Outcome.MALFORMED)).isEqualTo(1);
    }

    @Test
    void idleConnectionsOfAnAddressGiveWayToNewOnes() throws Exception {
        listen(limits -> limits.maxConnectionsPerAddress(2));
        try (RawConnection first = raw();
                RawConnection second = raw()) {
            first.greet().call(1, heartbeat()).readEnd(1);
            second.greet().call(1, heartbeat()).readEnd(1);
            try (GrpcAgent third = agent()) {
                third.beat();
            }
            assertThat(first.isClosed()).isTrue();
        }
        assertThat(endpoint.status().evicted()).isGreaterThanOrEqualTo(1);
    }

    @Test
    void itListensAgainIfAThreadHasEnded() throws Exception {
        listen(limits -> limits);
        InetSocketAddress before = endpoint.grpcAddress();
        Field server = AgentEndpoint.class.getDeclaredField("server");
        server.setAccessible(true);
        Field loops = server.getType().getDeclaredField("loops");
        loops.setAccessible(true);
        ((EventLoopGroup) loops.get(server.get(endpoint))).shutdownGracefully();
        await().until(() ->
                endpoint.status().restarts() == 1 && endpoint.status().listening());
        assertThat(endpoint.grpcAddress()).isEqualTo(before);
    }
}
