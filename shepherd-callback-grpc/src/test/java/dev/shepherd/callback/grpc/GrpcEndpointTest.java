package dev.shepherd.callback.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import client.api.AgentHardwareReport;
import client.api.HeartbeatRequest;
import client.api.HeartbeatResponse;
import client.api.MetropolisInstallationRequest;
import client.api.Node;
import client.api.OSInstallationReport;
import client.api.OSInstallationRequest;
import com.google.common.util.concurrent.ListenableFuture;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.agent.AgentCallbackConfig;
import dev.shepherd.bmdb.agent.AgentCallbackMetrics;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointStatus.Handshake;
import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import dev.shepherd.callback.AgentTls;
import dev.shepherd.testkit.MutableClock;
import dev.shepherd.testkit.database.BmdbExtension;
import io.grpc.CallOptions;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.ByteArrayInputStream;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The endpoint over gRPC, as agents see it that were built elsewhere. */
class GrpcEndpointTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private static final InetSocketAddress ANY_PORT = new InetSocketAddress("127.0.0.1", 0);
    private static final Metadata.Key<String> REASON =
            Metadata.Key.of("shepherd-reason", Metadata.ASCII_STRING_MARSHALLER);

    @TempDir
    Path folder;

    private AgentCallback callback;
    private AgentEndpoint endpoint;
    private byte[] authority;

    @BeforeEach
    void listen() {
        start(AgentCallbackConfig.DEFAULT, tls());
    }

    private AgentTls tls() {
        AgentTls tls = AgentTls.builder().folder(folder.resolve("tls")).build();
        authority = tls.caCertificate().orElseThrow();
        return tls;
    }

    private void start(AgentCallbackConfig config, AgentTls tls) {
        callback = AgentCallback.of(database.bmdb(), config);
        callback.start();
        endpoint = endpoint(tls).build();
        endpoint.start();
    }

    private AgentEndpoint.Builder endpoint(AgentTls tls) {
        return AgentEndpoint.builder()
                .callback(callback)
                .tls(tls)
                .address(ANY_PORT)
                .grpcAddress(ANY_PORT);
    }

    @AfterEach
    void closeEverything() {
        callback.close();
        endpoint.close();
    }

    private GrpcAgent agent(UUID machineId, @Nullable ClientKeys keys, String... protocols) throws Exception {
        return new GrpcAgent(machineId, keys, authority, endpoint.grpcAddress(), protocols);
    }

    private MachineRecord machine(GrpcAgent agent) throws InterruptedException {
        return database.bmdb().machine(agent.machineId()).orElseThrow();
    }

    private long requestInstallation(GrpcAgent agent, byte[] raw) throws Exception {
        try (BmdbSession session = database.bmdb().startSession("test", "")) {
            return session.inTransaction(tx -> tx.requestInstallation(agent.machineId(), raw));
        }
    }

    private static HeartbeatRequest.Builder reporting(GrpcAgent agent, OSInstallationReport.Builder report) {
        return agent.request().setInstallationReport(report);
    }

    @ParameterizedTest
    @CsvSource({
        GrpcAgent.FIRST_NAME + ",TLSv1.3",
        GrpcAgent.FIRST_NAME + ",TLSv1.2",
        GrpcAgent.SECOND_NAME + ",TLSv1.3",
    })
    void anAgentThatWasBuiltElsewhereLivesItsWholeLife(String service, String protocol) throws Exception {
        ClientKeys keys = ClientKeys.make(folder, "Ed25519");
        try (GrpcAgent agent = agent(GrpcAgent.record(database, keys), keys, protocol)) {
            assertThat(agent.send(service, agent.request().setLater("is passed over"))
                            .hasInstallationRequest())
                    .isFalse();
            assertThat(machine(agent).agentHeartbeatAt()).isPresent();
            assertThat(machine(agent).hardwareReport()).isEmpty();

            AgentHardwareReport hardware = AgentHardwareReport.newBuilder()
                    .setReport(Node.newBuilder()
                            .setManufacturer("Example")
                            .setMemoryInstalledBytes(64L << 30)
                            .setCooling("water"))
                    .addWarning("no SMART")
                    .setSignature(com.google.protobuf.ByteString.copyFromUtf8("later than the server"))
                    .build();
            agent.send(service, agent.request().setHardwareReport(hardware));
            assertThat(machine(agent).hardwareReport().orElseThrow()).isEqualTo(hardware.toByteArray());
            assertThat(machine(agent).hardware().orElseThrow().memoryBytes()).hasValue(64L << 30);

            OSInstallationRequest wanted = OSInstallationRequest.newBuilder()
                    .setMetropolis(MetropolisInstallationRequest.newBuilder()
                            .setBundleUrl("https://images.example.com/metropolis.zip")
                            .setRootDevice("nvme0n1")
                            .setFlavour("no one here knows it"))
                    .setNote("nor this")
                    .build();
            long generation = requestInstallation(agent, wanted.toByteArray());
            HeartbeatResponse response = agent.send(service, agent.request());
            assertThat(response.getInstallationRequest())
                    .isEqualTo(wanted.toBuilder().setGeneration(generation).build());

            OSInstallationReport.Builder failure = OSInstallationReport.newBuilder()
                    .setGeneration(generation)
                    .setError(OSInstallationReport.Error.newBuilder().setError("no such device"));
            assertThat(agent.send(service, reporting(agent, failure)).hasInstallationRequest())
                    .as("it is handed out again")
                    .isTrue();
            assertReport(agent, InstallationResult.ERROR, failure);

            OSInstallationReport.Builder success = OSInstallationReport.newBuilder()
                    .setGeneration(generation)
                    .setSuccess(OSInstallationReport.Success.getDefaultInstance());
            assertThat(agent.send(service, reporting(agent, success)).hasInstallationRequest())
                    .isFalse();
            assertReport(agent, InstallationResult.SUCCESS, success);
            assertThat(machine(agent).isInstallationFulfilled()).isTrue();
            assertThat(endpoint.status().requests().get(Outcome.OK)).isEqualTo(5);
            assertThat(endpoint.status().handshakes().get(Handshake.WITH_CERTIFICATE))
                    .as("one connection for all")
                    .isEqualTo(1);
        }
    }

    private void assertReport(GrpcAgent agent, InstallationResult result, OSInstallationReport.Builder report)
            throws InterruptedException {
        MachineRecord.InstallationReport recorded =
                machine(agent).installationReport().orElseThrow();
        assertThat(recorded.result()).isEqualTo(result);
        assertThat(recorded.generation()).isEqualTo(report.getGeneration());
        assertThat(recorded.raw()).isEqualTo(report.build().toByteArray());
    }

    private void assertRefused(GrpcAgent agent, HeartbeatRequest.Builder request, Status.Code code, Outcome outcome) {
        StatusRuntimeException refusal = catchThrowableOfType(StatusRuntimeException.class, () -> agent.send(request));
        assertThat(refusal).as(outcome.name()).isNotNull();
        assertThat(refusal.getStatus().getCode()).as(refusal.toString()).isEqualTo(code);
        assertThat(refusal.getStatus().getDescription()).isNotBlank();
        assertThat(refusal.getTrailers()).isNotNull();
        assertThat(refusal.getTrailers().get(REASON)).isEqualTo(outcome.name());
        assertThat(endpoint.status().requests().get(outcome)).isEqualTo(1);
    }

    @Test
    void whoIsNotTheAgentOfTheMachineIsToldWhy() throws Exception {
        ClientKeys keys = ClientKeys.make(folder, "Ed25519");
        ClientKeys others = ClientKeys.make(folder, "Ed25519");
        UUID machine = GrpcAgent.record(database, keys);
        UUID notStarted = UUID.randomUUID();
        try (BmdbSession session = database.bmdb().startSession("test", "")) {
            session.useTransaction(tx -> tx.createMachine(notStarted));
        }
        try (GrpcAgent impostor = agent(machine, others);
                GrpcAgent stranger = agent(UUID.randomUUID(), keys);
                GrpcAgent early = agent(notStarted, keys);
                GrpcAgent nobody = agent(machine, null);
                GrpcAgent real = agent(machine, keys)) {
            assertRefused(impostor, impostor.request(), Status.Code.PERMISSION_DENIED, Outcome.WRONG_KEY);
            assertRefused(stranger, stranger.request(), Status.Code.NOT_FOUND, Outcome.UNKNOWN_MACHINE);
            assertRefused(early, early.request(), Status.Code.FAILED_PRECONDITION, Outcome.AGENT_NOT_STARTED);
            assertRefused(nobody, nobody.request(), Status.Code.UNAUTHENTICATED, Outcome.CERTIFICATE_REQUIRED);
            assertThat(machine(real).agentHeartbeatAt()).isEmpty();
            real.beat();
            assertThat(machine(real).agentHeartbeatAt()).isPresent();
        }
        assertThat(endpoint.status().handshakes().get(Handshake.WITHOUT_CERTIFICATE))
                .isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"RSA", "EC"})
    void aCertificateOfAnotherKindOfKeyIsRefused(String algorithm) throws Exception {
        UUID machine = GrpcAgent.record(database, ClientKeys.make(folder, "Ed25519"));
        try (GrpcAgent agent = agent(machine, ClientKeys.make(folder, algorithm))) {
            assertRefused(agent, agent.request(), Status.Code.UNAUTHENTICATED, Outcome.CERTIFICATE_UNSUPPORTED);
        }
    }

    @Test
    void aCertificateThatHasEndedIsRefused() throws Exception {
        ClientKeys expired = ClientKeys.make(folder, "Ed25519", "-startdate", "-10d", "-validity", "5");
        try (GrpcAgent agent = agent(GrpcAgent.record(database, expired), expired)) {
            assertRefused(agent, agent.request(), Status.Code.UNAUTHENTICATED, Outcome.CERTIFICATE_EXPIRED);
        }
    }

    @Test
    void whatIsMalformedIsNamed() throws Exception {
        ClientKeys keys = ClientKeys.make(folder, "Ed25519");
        try (GrpcAgent agent = agent(GrpcAgent.record(database, keys), keys)) {
            assertThatThrownBy(() -> agent.send(agent.request().setMachineId("1-1-1-1-1")))
                    .hasMessage("INVALID_ARGUMENT: machine_id is a UUID");
            assertThatThrownBy(() -> agent.send(
                            reporting(agent, OSInstallationReport.newBuilder().setGeneration(1))))
                    .hasMessage("INVALID_ARGUMENT: the installation report has no result");
            assertThatThrownBy(() -> agent.send("cloud.agent.api.Other", agent.request()))
                    .hasMessageStartingWith("UNIMPLEMENTED: there is AgentCallback.Heartbeat");
            assertThatThrownBy(() -> ClientCalls.blockingUnaryCall(
                            agent.channel(),
                            GrpcAgent.method(GrpcAgent.FIRST_NAME),
                            CallOptions.DEFAULT.withCompression("gzip"),
                            agent.request().build()))
                    .hasMessage("INVALID_ARGUMENT: messages are not compressed here");
            // The case of letters says nothing in a UUID.
            agent.send(agent.request().setMachineId(agent.machineId().toString().toUpperCase(java.util.Locale.ROOT)));
            assertThat(machine(agent).agentHeartbeatAt()).isPresent();
        }
        assertThat(endpoint.status().requests().get(Outcome.MALFORMED)).isEqualTo(3);
        assertThat(endpoint.status().requests().get(Outcome.NOT_FOUND)).isEqualTo(1);
    }

    @Test
    void aReportOnAFormerRequestIsDroppedAndTheAgentGoesOn() throws Exception {
        ClientKeys keys = ClientKeys.make(folder, "Ed25519");
        try (GrpcAgent agent = agent(GrpcAgent.record(database, keys), keys)) {
            long former = requestInstallation(agent, new byte[0]);
            requestInstallation(agent, new byte[0]);
            AtomicReference<Metadata> trailers = new AtomicReference<>();
            HeartbeatResponse response = ClientCalls.blockingUnaryCall(
                    io.grpc.ClientInterceptors.intercept(
                            agent.channel(),
                            MetadataUtils.newCaptureMetadataInterceptor(new AtomicReference<>(), trailers)),
                    GrpcAgent.method(GrpcAgent.FIRST_NAME),
                    CallOptions.DEFAULT,
                    reporting(
                                    agent,
                                    OSInstallationReport.newBuilder()
                                            .setGeneration(former)
                                            .setSuccess(OSInstallationReport.Success.getDefaultInstance()))
                            .build());

            assertThat(response).isEqualTo(HeartbeatResponse.getDefaultInstance());
            assertThat(trailers.get().get(REASON)).isEqualTo("OTHER_GENERATION");
            assertThat(machine(agent).agentHeartbeatAt()).isPresent();
            assertThat(machine(agent).installationReport()).isEmpty();
            assertThat(agent.beat().getInstallationRequest().getGeneration()).isEqualTo(former + 1);
        }
    }

    @Test
    void whatIsNoInstallationRequestOfThatKindIsNotHandedOut() throws Exception {
        ClientKeys keys = ClientKeys.make(folder, "Ed25519");
        try (GrpcAgent agent = agent(GrpcAgent.record(database, keys), keys)) {
            requestInstallation(agent, "{\"image\": \"https://…\"}".getBytes(java.nio.charset.StandardCharsets.UTF_8));
            assertThat(agent.beat().hasInstallationRequest()).isFalse();
            assertThat(machine(agent).agentHeartbeatAt()).isPresent();
        }
    }

    @Test
    void aLargeRequestArrivesWhole() throws Exception {
        ClientKeys keys = ClientKeys.make(folder, "Ed25519");
        try (GrpcAgent agent = agent(GrpcAgent.record(database, keys), keys)) {
            OSInstallationRequest wanted = OSInstallationRequest.newBuilder()
                    .setNote("x".repeat(2 << 20))
                    .build();
            long generation = requestInstallation(agent, wanted.toByteArray());
            for (int i = 0; i < 5; i++) {
                assertThat(agent.beat().getInstallationRequest())
                        .isEqualTo(wanted.toBuilder().setGeneration(generation).build());
            }
        }
        assertThat(endpoint.status().handshakes().get(Handshake.WITH_CERTIFICATE))
                .isEqualTo(1);
    }

    @Test
    void theHeartbeatsOfManyMachinesAreWrittenTogether() throws Exception {
        closeEverything();
        start(
                AgentCallbackConfig.builder()
                        .heartbeatThreads(1)
                        .lockTimeout(Duration.ofSeconds(9))
                        .build(),
                tls());
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        AgentCallbackMetrics.of(callback).bindTo(registry);
        ClientKeys keys = ClientKeys.make(folder, "Ed25519");
        List<GrpcAgent> agents = new ArrayList<>();
        List<ListenableFuture<HeartbeatResponse>> answers = new ArrayList<>();
        try (Connection other = DriverManager.getConnection(database.jdbcUrl());
                Statement statement = other.createStatement()) {
            other.setAutoCommit(false);
            statement.execute("lock table machine_agent_heartbeat in exclusive mode");
            for (int i = 0; i < 40; i++) {
                GrpcAgent agent = agent(GrpcAgent.record(database, keys), keys);
                agents.add(agent);
                answers.add(ClientCalls.futureUnaryCall(
                        agent.channel().newCall(GrpcAgent.method(GrpcAgent.FIRST_NAME), CallOptions.DEFAULT),
                        agent.request().build()));
            }
            // All but those which the one thread has in hand.
            await().until(() -> registry.get("shepherd.agent.queue.length")
                            .tag("queue", "heartbeats")
                            .gauge()
                            .value()
                    >= 30);
            other.rollback();
            for (ListenableFuture<HeartbeatResponse> answer : answers) {
                answer.get(30, TimeUnit.SECONDS);
            }
        } finally {
            for (GrpcAgent agent : agents) {
                agent.close();
            }
        }
        DistributionSummary batches = registry.get("shepherd.agent.batches").summary();
        assertThat(batches.totalAmount()).isEqualTo(40);
        assertThat(batches.max()).isGreaterThanOrEqualTo(30);
    }

    @Test
    void theCertificateIsRenewedWithoutARestartAndTheAgentStaysConnected() throws Exception {
        closeEverything();
        MutableClock clock = new MutableClock();
        clock.advance(Duration.between(clock.instant(), Instant.now().minus(Duration.ofDays(61))));
        callback = AgentCallback.of(database.bmdb());
        callback.start();
        endpoint = endpoint(tls()).clock(clock).build();
        endpoint.start();
        ClientKeys keys = ClientKeys.make(folder, "Ed25519", "-startdate", "-90d", "-validity", "200");
        try (GrpcAgent agent = agent(GrpcAgent.record(database, keys), keys)) {
            agent.beat();
            X509Certificate first = shown();
            clock.advance(Duration.ofDays(61));
            await().until(() -> !shown().equals(first));
            agent.beat();
            assertThat(endpoint.status().requests().get(Outcome.OK)).isEqualTo(2);
            try (GrpcAgent another = agent(agent.machineId(), keys)) {
                another.beat();
            }
        }
    }

    /** Returns what new connections are shown. */
    private X509Certificate shown() throws Exception {
        try (SSLSocket socket = RawConnection.connect(null, authority, endpoint.grpcAddress())) {
            socket.startHandshake();
            return (X509Certificate) socket.getSession().getPeerCertificates()[0];
        }
    }

    @Test
    void bothPortsHaveOneCertificateAndTheSameLimits() throws Exception {
        ClientKeys keys = ClientKeys.make(folder, "Ed25519");
        X509Certificate overGrpc = shown();
        try (SSLSocket socket = RawConnection.connect(null, authority, endpoint.address())) {
            socket.startHandshake();
            assertThat(socket.getSession().getPeerCertificates()[0]).isEqualTo(overGrpc);
        }
        closeEverything();
        callback = AgentCallback.of(database.bmdb());
        callback.start();
        endpoint = endpoint(tls())
                .limits(dev.shepherd.callback.AgentEndpointLimits.builder()
                        .heartbeatsPerMinute(2)
                        .build())
                .build();
        endpoint.start();
        UUID machine = GrpcAgent.record(database, keys);
        try (GrpcAgent agent = agent(machine, keys);
                SSLSocket http = RawConnection.connect(keys, authority, endpoint.address())) {
            agent.beat();
            http.getOutputStream()
                    .write(("POST /v1/agent HTTP/1.1\r\nHost: x\r\nShepherd-Machine: " + machine
                                    + "\r\nContent-Length: 0\r\n\r\n")
                            .getBytes(java.nio.charset.StandardCharsets.US_ASCII));
            byte[] status = http.getInputStream().readNBytes(12);
            assertThat(new String(status, java.nio.charset.StandardCharsets.US_ASCII))
                    .isEqualTo("HTTP/1.1 200");
            assertThatThrownBy(agent::beat).hasMessageContaining("RESOURCE_EXHAUSTED");
        }
    }

    @Test
    void nothingIsLeftAfterTheEndEvenIfAgentsAreConnected() throws Exception {
        ClientKeys keys = ClientKeys.make(folder, "Ed25519");
        try (GrpcAgent agent = agent(GrpcAgent.record(database, keys), keys);
                SSLSocket silent = RawConnection.connect(keys, authority, endpoint.grpcAddress())) {
            agent.beat();
            silent.startHandshake();
            assertThat(threads()).isNotEmpty();
            endpoint.close();
            endpoint.close();
            await().untilAsserted(() -> assertThat(threads()).isEmpty());
            assertThatThrownBy(agent::beat).hasMessageContaining("UNAVAILABLE");
        }
    }

    private static List<String> threads() {
        return Stream.of(Thread.getAllStackTraces().keySet().toArray(Thread[]::new))
                .map(Thread::getName)
                .filter(name -> name.startsWith("shepherd-agent-endpoint"))
                .toList();
    }

    @Test
    void settingsThatMakeNoSenseAreNamed() throws Exception {
        assertThatThrownBy(() -> AgentEndpoint.builder()
                        .callback(callback)
                        .grpcAddress(ANY_PORT)
                        .build())
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("grpcAddress needs tls");
        assertThatThrownBy(() ->
                        AgentEndpoint.builder().callback(callback).http(false).build())
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("http is false and grpcAddress is not set");
        AgentEndpoint taken = AgentEndpoint.builder()
                .callback(callback)
                .tls(tls())
                .address(ANY_PORT)
                .grpcAddress(endpoint.grpcAddress())
                .build();
        assertThatThrownBy(taken::start).hasMessageContaining("(gRPC)");
        taken.close();
        try (AgentEndpoint alone = AgentEndpoint.builder()
                .callback(callback)
                .tls(tls())
                .http(false)
                .grpcAddress(ANY_PORT)
                .build()) {
            alone.start();
            assertThat(alone.status().listening()).isTrue();
            assertThatThrownBy(alone::address).hasMessageContaining("does not listen for HTTP");
        }
        assertThat(CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(authority)))
                .isNotNull();
    }
}
