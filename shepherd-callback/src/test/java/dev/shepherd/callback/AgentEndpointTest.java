package dev.shepherd.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.callback.AgentRequest;
import dev.shepherd.agent.messages.callback.AgentResponse;
import dev.shepherd.agent.messages.callback.InstallationReport;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.testkit.database.BmdbExtension;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The protocol of {@code docs/agents.md}, spoken by hand. */
class AgentEndpointTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private static final InetSocketAddress ANY_PORT = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);

    private AgentCallback callback;
    private AgentEndpoint endpoint;
    private KeyPair keys;
    private UUID machine;

    private static final AtomicLong LAST_TIME = new AtomicLong();

    @BeforeEach
    void startAnEndpointAndRecordAnAgent() throws Exception {
        keys = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        machine = UUID.randomUUID();
        inTransaction(tx -> {
            tx.createMachine(machine);
            tx.putAgentStarted(machine, publicKey(keys));
            return true;
        });
        callback = AgentCallback.of(database.bmdb());
        callback.start();
        endpoint = start(AgentEndpoint.builder());
    }

    private AgentEndpoint start(AgentEndpoint.Builder settings) {
        AgentEndpoint made = settings.callback(callback).address(ANY_PORT).build();
        made.start();
        return made;
    }

    @AfterEach
    void closeEverything() {
        endpoint.close();
        callback.close();
    }

    private static <T> T inTransaction(dev.shepherd.bmdb.BmdbTransaction.Body<T> body) throws InterruptedException {
        try (BmdbSession session = database.bmdb().startSession("test", "")) {
            return session.inTransaction(body);
        }
    }

    private static byte[] publicKey(KeyPair keys) {
        byte[] encoded = keys.getPublic().getEncoded();
        return Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length);
    }

    private MachineRecord read() throws InterruptedException {
        return database.bmdb().machine(machine).orElseThrow();
    }

    private record Answer(int statusCode, HttpURLConnection connection, byte[] body) {
        Optional<String> header(String name) {
            return Optional.ofNullable(connection.getHeaderField(name));
        }
    }

    /** A request as an agent makes it; what is changed after {@link #sign} makes it a wrong one. */
    private final class Call {
        private final Map<String, String> headers = new TreeMap<>();
        private String method = "POST";
        private String path = AgentEndpoint.PATH;
        private byte[] body = new byte[0];
        private KeyPair by = keys;
        private long time = LAST_TIME.updateAndGet(last -> Math.max(last + 1, System.currentTimeMillis()));

        Call body(AgentRequest request) {
            body = request.toByteArray();
            return this;
        }

        Call sign() throws Exception {
            headers.put(SignedRequest.MACHINE, machine.toString());
            headers.put(SignedRequest.KEY, Base64.getEncoder().encodeToString(publicKey(by)));
            headers.put(SignedRequest.TIME, String.valueOf(time));
            Signature signer = Signature.getInstance("Ed25519");
            signer.initSign(by.getPrivate());
            signer.update(RequestSignature.text(method, path, machine.toString(), String.valueOf(time), body));
            headers.put(SignedRequest.SIGNATURE, Base64.getEncoder().encodeToString(signer.sign()));
            return this;
        }

        Answer send() throws Exception {
            HttpURLConnection connection = (HttpURLConnection)
                    URI.create(endpoint.url() + path).toURL().openConnection();
            connection.setConnectTimeout(30_000);
            connection.setReadTimeout(30_000);
            connection.setRequestMethod(method);
            headers.forEach(connection::setRequestProperty);
            if (method.equals("POST")) {
                connection.setDoOutput(true);
                try (OutputStream out = connection.getOutputStream()) {
                    out.write(body);
                }
            }
            int status = connection.getResponseCode();
            try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
                return new Answer(status, connection, in == null ? new byte[0] : in.readAllBytes());
            }
        }

        void isRefused(int status, String reason) throws Exception {
            Answer answer = send();
            assertThat(answer.statusCode()).isEqualTo(status);
            assertThat(answer.header(AgentConnection.REASON)).contains(reason);
        }
    }

    @Test
    void aSignedRequestIsAHeartbeatWithReportsAndIsAnsweredWithWhatIsToBeInstalled() throws Exception {
        long generation =
                inTransaction(tx -> tx.requestInstallation(machine, "debian".getBytes(StandardCharsets.UTF_8)));

        Answer answer = new Call()
                .body(AgentRequest.newBuilder()
                        .setHardwareReport(ByteString.copyFromUtf8("8 cores"))
                        .build())
                .sign()
                .send();

        assertThat(answer.statusCode()).isEqualTo(200);
        AgentResponse response = AgentResponse.parseFrom(answer.body());
        assertThat(response.getInstallationRequest().getGeneration()).isEqualTo(generation);
        assertThat(response.getInstallationRequest().getRaw().toStringUtf8()).isEqualTo("debian");
        assertThat(read().agentHeartbeatAt()).isPresent();
        assertThat(read().hardwareReport().orElseThrow()).asString().isEqualTo("8 cores");

        Answer done = new Call()
                .body(report(generation, InstallationReport.Result.RESULT_SUCCESS))
                .sign()
                .send();
        assertThat(done.statusCode()).isEqualTo(200);
        assertThat(AgentResponse.parseFrom(done.body()).hasInstallationRequest())
                .isFalse();
        assertThat(read().isInstallationFulfilled()).isTrue();
    }

    private static AgentRequest report(long generation, InstallationReport.Result result) {
        return AgentRequest.newBuilder()
                .setInstallationReport(InstallationReport.newBuilder()
                        .setGeneration(generation)
                        .setResult(result))
                .build();
    }

    @Test
    void whoIsNotTheAgentOfTheMachineIsToldWhy() throws Exception {
        Call other = new Call();
        other.by = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        other.sign().isRefused(403, "WRONG_KEY");
        new Call()
                .body(report(7, InstallationReport.Result.RESULT_ERROR))
                .sign()
                .isRefused(422, "OTHER_GENERATION");
        inTransaction(tx -> {
            tx.clearAgentStarted(machine);
            return true;
        });
        new Call().sign().isRefused(409, "AGENT_NOT_STARTED");
        machine = UUID.randomUUID();
        new Call().sign().isRefused(404, "UNKNOWN_MACHINE");
    }

    @Test
    void whateverIsChangedAfterSigningIsNoticed() throws Exception {
        KeyPair others = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        List<Call> changed = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            changed.add(new Call()
                    .body(AgentRequest.newBuilder()
                            .setHardwareReport(ByteString.copyFromUtf8("8 cores"))
                            .build())
                    .sign());
        }
        changed.get(0).headers.put(SignedRequest.MACHINE, UUID.randomUUID().toString());
        changed.get(1).headers.put(SignedRequest.KEY, Base64.getEncoder().encodeToString(publicKey(others)));
        changed.get(2).headers.compute(SignedRequest.TIME, (name, time) -> String.valueOf(Long.parseLong(time) + 1));
        changed.get(3).headers.put(SignedRequest.SIGNATURE, Base64.getEncoder().encodeToString(new byte[64]));
        changed.get(4).body[3] ^= 1;

        for (Call call : changed) {
            call.isRefused(401, "NOT_SIGNED");
        }
        assertThat(read().agentHeartbeatAt()).isEmpty();
    }

    @Test
    void anOldRequestIsNotTakenAndTheTimeHereIsSaid() throws Exception {
        for (long off : new long[] {-301_000, 301_000}) {
            Call call = new Call();
            call.time += off;
            Answer answer = call.sign().send();
            assertThat(answer.statusCode()).isEqualTo(401);
            assertThat(answer.header(AgentConnection.REASON)).contains("OTHER_TIME");
            assertThat(Long.parseLong(answer.header(SignedRequest.TIME).orElseThrow()))
                    .isBetween(System.currentTimeMillis() - 60_000, System.currentTimeMillis());
        }
    }

    @Test
    void whatIsMalformedIsNamed() throws Exception {
        for (String header :
                List.of(SignedRequest.MACHINE, SignedRequest.KEY, SignedRequest.TIME, SignedRequest.SIGNATURE)) {
            Call without = new Call().sign();
            without.headers.remove(header);
            without.isRefused(400, "MALFORMED");
            Call wrong = new Call().sign();
            wrong.headers.put(header, "?");
            Answer answer = wrong.send();
            assertThat(answer.statusCode()).isEqualTo(400);
            assertThat(new String(answer.body(), StandardCharsets.UTF_8)).contains(header);
        }
        Call garbage = new Call();
        garbage.body = new byte[] {-1, -1};
        garbage.sign().isRefused(400, "MALFORMED");
        new Call()
                .body(report(1, InstallationReport.Result.RESULT_UNSPECIFIED))
                .sign()
                .isRefused(400, "MALFORMED");
        Call elsewhere = new Call();
        elsewhere.path = "/v1/agents";
        elsewhere.sign().isRefused(404, "NOT_FOUND");
        Call got = new Call();
        got.method = "GET";
        got.sign().isRefused(405, "NOT_FOUND");
    }

    @Test
    void aBodyIsBounded() throws Exception {
        endpoint.close();
        endpoint = start(AgentEndpoint.builder()
                .limits(AgentEndpointLimits.builder().maxBodySize(2_000).build()));
        Call fits = new Call();
        fits.body(AgentRequest.newBuilder()
                .setHardwareReport(ByteString.copyFrom(new byte[1_990]))
                .build());
        assertThat(fits.sign().send().statusCode()).isEqualTo(200);
        Call large = new Call();
        large.body = new byte[2_001];
        large.sign().isRefused(413, "TOO_LARGE");
    }

    @Test
    void clientsThatDawdleAreCutOffAndHoldUpNobody() throws Exception {
        endpoint.close();
        endpoint = start(AgentEndpoint.builder()
                .limits(AgentEndpointLimits.builder()
                        .headTimeout(Duration.ofMillis(300))
                        .build()));
        List<Socket> slow = new ArrayList<>();
        try {
            for (int i = 0; i < 6; i++) {
                Socket socket = new Socket(
                        endpoint.address().getAddress(), endpoint.address().getPort());
                slow.add(socket);
                String sent = i % 2 == 0
                        ? "POST /v1/agent HT"
                        : "POST /v1/agent HTTP/1.1\r\nContent-Length: 100\r\nShepherd-Machine: " + machine + "\r\n";
                socket.getOutputStream().write(sent.getBytes(StandardCharsets.US_ASCII));
            }
            assertThat(new Call().sign().send().statusCode()).isEqualTo(200);
            for (Socket socket : slow) {
                socket.setSoTimeout(30_000);
                assertThat(endOf(socket)).isTrue();
            }
        } finally {
            for (Socket socket : slow) {
                socket.close();
            }
        }
    }

    private static boolean endOf(Socket socket) {
        try {
            socket.getInputStream().readAllBytes();
            return true;
        } catch (java.net.SocketTimeoutException e) {
            return false;
        } catch (java.io.IOException e) {
            return true;
        }
    }

    @Test
    void aDatabaseThatCannotBeAskedIsNotTheAgentsFaultAndIsNotDescribed() throws Exception {
        callback.close();
        Answer answer = new Call().sign().send();
        assertThat(answer.statusCode()).isEqualTo(503);
        assertThat(answer.header(AgentConnection.REASON)).contains("CLOSED");
        assertThat(new String(answer.body(), StandardCharsets.UTF_8)).isEqualTo("try again\n");
    }

    @Test
    void nothingRunsBeforeTheStartAndNothingIsLeftAfterTheEnd() throws Exception {
        new Call().sign().send();
        String url = endpoint.url();
        assertThat(threads()).isNotEmpty();
        endpoint.close();
        endpoint.close();
        await().untilAsserted(() -> assertThat(threads()).isEmpty());
        AgentEndpoint another =
                AgentEndpoint.builder().callback(callback).address(ANY_PORT).build();
        assertThat(threads()).isEmpty();
        assertThatThrownBy(another::url).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(endpoint::start).isInstanceOf(IllegalStateException.class);
        assertThat(url).matches("http://127\\.0\\.0\\.1:[0-9]+");
    }

    private static List<String> threads() {
        return Stream.of(Thread.getAllStackTraces().keySet().toArray(Thread[]::new))
                .map(Thread::getName)
                .filter(name -> name.startsWith("shepherd-agent-endpoint"))
                .toList();
    }

    @Test
    void settingsThatMakeNoSenseAreNamed() {
        assertThatThrownBy(() -> AgentEndpoint.builder().build())
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("callback");
        assertThatThrownBy(() -> AgentEndpointLimits.builder().maxBodySize(0).build())
                .hasMessageContaining("maxBodySize");
        assertThatThrownBy(() ->
                        AgentEndpointLimits.builder().headTimeout(Duration.ZERO).build())
                .hasMessageContaining("headTimeout");
        assertThatThrownBy(() ->
                        AgentEndpointLimits.builder().reportBytesPerHour(2_000).build())
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("reportBytesPerHour must not be less than maxBodySize");
        assertThatThrownBy(() -> AgentEndpoint.builder()
                        .callback(callback)
                        .tls(AgentTls.builder().folder(Path.of("tls")).build())
                        .grpcAddress(ANY_PORT)
                        .build())
                .as("there is nothing here that speaks it")
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("dev.shepherd:shepherd-callback-grpc");
        assertThatThrownBy(endpoint::grpcAddress).hasMessageContaining("does not listen for gRPC");
        AgentEndpoint taken = AgentEndpoint.builder()
                .callback(callback)
                .address(endpoint.address())
                .build();
        assertThatThrownBy(taken::start)
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining(String.valueOf(endpoint.address().getPort()));
    }
}
