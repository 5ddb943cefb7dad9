package dev.shepherd.callback.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import client.api.AgentHardwareReport;
import client.api.HeartbeatRequest;
import client.api.HeartbeatResponse;
import client.api.OSInstallationReport;
import client.api.OSInstallationRequest;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentTls;
import dev.shepherd.testkit.database.BmdbExtension;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The endpoint, as gRPC's library in C sees it (Debian's python3-grpcio), which shares no code with this one. */
class PythonClientTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private static final Path PYTHON = Path.of("/usr/bin/python3");

    /** Sends messages one after another over one connection, and writes what came of each. */
    private static final String PROGRAM = """
            import sys, grpc
            target, method, authority, key, certificate, *messages = sys.argv[1:]
            def read(name):
                with open(name, 'rb') as file:
                    return file.read()
            credentials = grpc.ssl_channel_credentials(read(authority), read(key), read(certificate))
            with grpc.secure_channel(target, credentials) as channel:
                call = channel.unary_unary(method)
                for message in messages:
                    try:
                        print('OK ' + call(bytes.fromhex(message), timeout=30).hex())
                    except grpc.RpcError as e:
                        trailers = dict(e.trailing_metadata())
                        print(e.code().name, trailers.get('shepherd-reason'), e.details())
            """;

    @TempDir
    Path folder;

    @BeforeAll
    static void thereIsSuchAClient() throws Exception {
        assumeThat(PYTHON).as("Python").exists();
        assumeThat(new ProcessBuilder(PYTHON.toString(), "-c", "import grpc")
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start()
                        .waitFor())
                .as("python3-grpcio is installed")
                .isZero();
    }

    private List<String> send(AgentEndpoint endpoint, String service, ClientKeys keys, byte[]... messages)
            throws Exception {
        List<String> command = new ArrayList<>(List.of(
                PYTHON.toString(),
                "-c",
                PROGRAM,
                "127.0.0.1:" + endpoint.grpcAddress().getPort(),
                "/" + service + "/Heartbeat",
                folder.resolve("tls").resolve("ca-certificate.pem").toString(),
                write("key.pem", keys.privateKeyPem()),
                write("certificate.pem", keys.certificatePem())));
        for (byte[] message : messages) {
            command.add(HexFormat.of().formatHex(message));
        }
        return run(command);
    }

    private List<String> run(List<String> command) throws Exception {
        Path out = folder.resolve("out");
        Process program = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        try {
            assertThat(program.waitFor(2, TimeUnit.MINUTES)).isTrue();
        } finally {
            program.destroyForcibly();
        }
        List<String> lines = Files.readAllLines(out, StandardCharsets.UTF_8);
        assertThat(program.exitValue()).as(String.join("\n", lines)).isZero();
        return lines;
    }

    private String write(String name, String content) throws Exception {
        return Files.writeString(folder.resolve(name), content).toString();
    }

    @ParameterizedTest
    @ValueSource(strings = {GrpcAgent.FIRST_NAME, GrpcAgent.SECOND_NAME})
    void aClientInAnotherLanguageLivesTheWholeLife(String service) throws Exception {
        ClientKeys keys = ClientKeys.make(folder, "Ed25519");
        UUID machine = GrpcAgent.record(database, keys);
        AgentHardwareReport hardware =
                AgentHardwareReport.newBuilder().addWarning("none").build();
        OSInstallationRequest wanted =
                OSInstallationRequest.newBuilder().setNote("x".repeat(300_000)).build();
        try (BmdbSession session = database.bmdb().startSession("test", "")) {
            session.useTransaction(tx -> tx.requestInstallation(machine, wanted.toByteArray()));
        }
        HeartbeatRequest beat =
                HeartbeatRequest.newBuilder().setMachineId(machine.toString()).build();
        try (AgentCallback callback = AgentCallback.of(database.bmdb());
                AgentEndpoint endpoint = AgentEndpoint.builder()
                        .callback(callback)
                        .tls(AgentTls.builder().folder(folder.resolve("tls")).build())
                        .http(false)
                        .grpcAddress(new InetSocketAddress("127.0.0.1", 0))
                        .build()) {
            callback.start();
            endpoint.start();
            List<String> answers = send(
                    endpoint,
                    service,
                    keys,
                    beat.toByteArray(),
                    beat.toBuilder().setHardwareReport(hardware).build().toByteArray(),
                    beat.toBuilder()
                            .setInstallationReport(OSInstallationReport.newBuilder()
                                    .setGeneration(1)
                                    .setSuccess(OSInstallationReport.Success.getDefaultInstance()))
                            .build()
                            .toByteArray(),
                    beat.toByteArray(),
                    beat.toBuilder().setMachineId("?").build().toByteArray());

            String handedOut = HexFormat.of()
                    .formatHex(HeartbeatResponse.newBuilder()
                            .setInstallationRequest(wanted.toBuilder().setGeneration(1))
                            .build()
                            .toByteArray());
            assertThat(answers).hasSize(5);
            assertThat(HeartbeatResponse.parseFrom(
                            HexFormat.of().parseHex(answers.get(0).substring(3))))
                    .isEqualTo(HeartbeatResponse.parseFrom(HexFormat.of().parseHex(handedOut)));
            assertThat(answers.get(1)).hasSameSizeAs(answers.get(0));
            assertThat(answers.subList(2, 5))
                    .containsExactly("OK ", "OK ", "INVALID_ARGUMENT MALFORMED machine_id is a UUID");
            MachineRecord record = database.bmdb().machine(machine).orElseThrow();
            assertThat(record.hardwareReport().orElseThrow()).isEqualTo(hardware.toByteArray());
            assertThat(record.isInstallationFulfilled()).isTrue();

            assertThat(send(endpoint, service, ClientKeys.make(folder, "Ed25519"), beat.toByteArray()))
                    .singleElement()
                    .asString()
                    .startsWith("PERMISSION_DENIED WRONG_KEY ");
            assertThat(send(endpoint, service, ClientKeys.make(folder, "EC"), beat.toByteArray()))
                    .singleElement()
                    .asString()
                    .startsWith("UNAUTHENTICATED CERTIFICATE_UNSUPPORTED ");
        }
    }

    @Test
    void aClientThatDoesNotTrustTheEndpointSaysNothing() throws Exception {
        ClientKeys keys = ClientKeys.make(folder, "Ed25519");
        UUID machine = GrpcAgent.record(database, keys);
        try (AgentCallback callback = AgentCallback.of(database.bmdb());
                AgentEndpoint endpoint = AgentEndpoint.builder()
                        .callback(callback)
                        .tls(AgentTls.builder().folder(folder.resolve("others")).build())
                        .http(false)
                        .grpcAddress(new InetSocketAddress("127.0.0.1", 0))
                        .build()) {
            callback.start();
            endpoint.start();
            AgentTls.builder().folder(folder.resolve("tls")).build().caCertificate();
            assertThat(send(
                            endpoint,
                            GrpcAgent.FIRST_NAME,
                            keys,
                            HeartbeatRequest.newBuilder()
                                    .setMachineId(machine.toString())
                                    .build()
                                    .toByteArray()))
                    .last()
                    .asString()
                    .startsWith("UNAVAILABLE None ");
            assertThat(database.bmdb().machine(machine).orElseThrow().agentHeartbeatAt())
                    .isEmpty();
        }
    }
}
