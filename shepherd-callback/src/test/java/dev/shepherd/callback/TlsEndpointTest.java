package dev.shepherd.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.callback.AgentRequest;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.callback.AgentEndpointStatus.Handshake;
import dev.shepherd.callback.TestMachine.Connection;
import dev.shepherd.callback.TestMachine.Reply;
import dev.shepherd.testkit.database.BmdbExtension;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The endpoint over TLS, as agents, others and what listens on the wire see it. */
class TlsEndpointTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private static final InetSocketAddress ANY_PORT = new InetSocketAddress("127.0.0.1", 0);
    private static final String REPORT = "a report that no one else is to read";

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
        endpoint = start(AgentEndpoint.builder().tls(tls));
    }

    private AgentEndpoint start(AgentEndpoint.Builder settings) {
        AgentEndpoint made = settings.callback(callback).address(ANY_PORT).build();
        made.start();
        return made;
    }

    private void restart(UnaryOperator<AgentEndpointLimits.Builder> change) {
        endpoint.close();
        endpoint = start(AgentEndpoint.builder()
                .tls(AgentTls.builder().folder(folder.resolve("tls")).build())
                .limits(change.apply(AgentEndpointLimits.builder()).build()));
    }

    @AfterEach
    void closeEverything() {
        endpoint.close();
        callback.close();
    }

    private Reply send(@Nullable ClientKeys client, byte[] request, String... protocols) throws Exception {
        return send(endpoint.address().getPort(), client, request, protocols);
    }

    private Reply send(int port, @Nullable ClientKeys client, byte[] request, String... protocols) throws Exception {
        try (SSLSocket socket =
                ClientKeys.connect(ClientKeys.context(client, authority), "127.0.0.1", port, protocols)) {
            return new Connection(socket).send(request).read();
        }
    }

    private static byte[] bare(TestMachine machine, String more, byte[] body) {
        return TestMachine.request("Host: x\r\nShepherd-Machine: " + machine.id() + "\r\n" + more, body);
    }

    private static byte[] report() {
        return AgentRequest.newBuilder()
                .setHardwareReport(ByteString.copyFromUtf8(REPORT))
                .build()
                .toByteArray();
    }

    private static String text(Reply reply) {
        return new String(reply.body(), StandardCharsets.UTF_8);
    }

    private long handshakes(Handshake outcome) {
        return endpoint.status().handshakes().get(outcome);
    }

    @ParameterizedTest
    @ValueSource(strings = {"TLSv1.3", "TLSv1.2"})
    void anAgentThatShowsACertificateOfItsKeyNeedsSayNoMoreThanItsMachine(String protocol) throws Exception {
        ClientKeys client = ClientKeys.make(folder, "Ed25519");
        TestMachine machine = TestMachine.recorded(database, "127.0.0.1", client.keys());

        Reply reply = send(client, bare(machine, "", report()), protocol);

        assertThat(reply.status()).as(text(reply)).isEqualTo(200);
        assertThat(database.bmdb()
                        .machine(machine.id())
                        .orElseThrow()
                        .hardwareReport()
                        .orElseThrow())
                .asString(StandardCharsets.UTF_8)
                .isEqualTo(REPORT);
        assertThat(handshakes(Handshake.WITH_CERTIFICATE)).isEqualTo(1);
    }

    @Test
    void aRequestWithoutACertificateIsSignedAndAcceptedOnce() throws Exception {
        TestMachine machine = TestMachine.recorded(database, "127.0.0.1");
        byte[] request = machine.request(report());
        assertThat(send(null, request).status()).isEqualTo(200);

        long now = System.currentTimeMillis();
        Reply replayed = send(null, request);
        assertThat(replayed.status()).isEqualTo(401);
        assertThat(replayed.reason()).isEqualTo("REPLAYED");
        assertThat(Long.parseLong(replayed.headers().get("shepherd-time"))).isGreaterThanOrEqualTo(now);

        byte[] altered = machine.request(report());
        altered[altered.length - 1] ^= 1;
        assertThat(send(null, altered).reason()).isEqualTo("NOT_SIGNED");
        assertThat(send(null, bare(machine, "", new byte[0])).reason()).isEqualTo("MALFORMED");
        assertThat(send(null, machine.request(report())).status()).isEqualTo(200);
        assertThat(handshakes(Handshake.WITHOUT_CERTIFICATE)).isEqualTo(5);
    }

    /** What repeats requests takes nothing of what the agent may. */
    @Test
    void anAgentIsHeardAlthoughItsRequestsAreRepeated() throws Exception {
        restart(limits -> limits.heartbeatsPerMinute(4));
        TestMachine machine = TestMachine.recorded(database, "127.0.0.1");
        byte[] request = machine.request(new byte[0]);
        assertThat(send(null, request).status()).isEqualTo(200);
        for (int i = 0; i < 20; i++) {
            assertThat(send(null, request).reason()).isEqualTo("REPLAYED");
        }
        assertThat(send(null, machine.request(new byte[0])).status()).isEqualTo(200);

        // Another process learns only from the database that it is an old one.
        AgentCallback others = AgentCallback.of(database.bmdb());
        others.start();
        try (others;
                AgentEndpoint other = AgentEndpoint.builder()
                        .callback(others)
                        .address(ANY_PORT)
                        .tls(AgentTls.builder().folder(folder.resolve("tls")).build())
                        .limits(AgentEndpointLimits.builder()
                                .heartbeatsPerMinute(2)
                                .build())
                        .build()) {
            other.start();
            int port = other.address().getPort();
            for (int i = 0; i < 5; i++) {
                assertThat(send(port, null, request).reason()).isEqualTo("REPLAYED");
            }
            assertThat(send(port, null, machine.request(new byte[0])).status()).isEqualTo(200);
            for (int i = 0; i < 5; i++) {
                assertThat(send(port, null, request).reason()).isEqualTo("REPLAYED");
            }
            assertThat(send(port, null, machine.request(new byte[0])).status()).isEqualTo(200);
        }
    }

    @Test
    void ofACertificateOnlyTheKeyCountsAndThatMustBeTheMachines() throws Exception {
        ClientKeys client = ClientKeys.make(folder, "Ed25519");
        ClientKeys others = ClientKeys.make(folder, "Ed25519", "-ext", "san=dns:shepherd.example.com");
        TestMachine machine = TestMachine.recorded(database, "127.0.0.1", client.keys());
        TestMachine other = TestMachine.recorded(database, "127.0.0.1", others.keys());

        assertThat(send(others, bare(machine, "", new byte[0])).reason()).isEqualTo("WRONG_KEY");
        assertThat(send(client, bare(TestMachine.unknown("127.0.0.1"), "", new byte[0]))
                        .reason())
                .isEqualTo("UNKNOWN_MACHINE");
        // What another agent has signed is no better by this one's certificate.
        assertThat(send(client, other.request(new byte[0])).reason()).isEqualTo("NOT_SIGNED");
        String key = "Shepherd-Key: " + Base64.getEncoder().encodeToString(machine.publicKey()) + "\r\n";
        assertThat(send(client, bare(machine, key, new byte[0])).reason()).isEqualTo("MALFORMED");
        byte[] both = machine.request(new byte[0]);
        assertThat(send(client, both).status()).isEqualTo(200);
        assertThat(send(client, both).reason()).isEqualTo("REPLAYED");
        assertThat(send(client, machine.forged()).reason()).isEqualTo("NOT_SIGNED");
        assertThat(send(client, bare(machine, "", new byte[0])).status()).isEqualTo(200);
    }

    @Test
    void aCertificateThatIsNotValidNowOrOfAnotherKindOfKeyIsRefusedWithThatReason() throws Exception {
        ClientKeys expired = ClientKeys.make(folder, "Ed25519", "-startdate", "-10d", "-validity", "5");
        ClientKeys early = ClientKeys.make(folder, "Ed25519", "-startdate", "+2d", "-validity", "5");
        for (ClientKeys client : List.of(expired, early)) {
            TestMachine machine = TestMachine.recorded(database, "127.0.0.1", client.keys());
            Reply reply = send(client, bare(machine, "", new byte[0]));
            assertThat(reply.status()).isEqualTo(401);
            assertThat(reply.reason()).isEqualTo("CERTIFICATE_EXPIRED");
            assertThat(text(reply)).startsWith("the certificate is valid from ");
            // A good signature makes it no better.
            assertThat(send(client, machine.request(new byte[0])).reason()).isEqualTo("CERTIFICATE_EXPIRED");
        }
        for (String algorithm : List.of("RSA", "EC")) {
            for (String protocol : List.of("TLSv1.3", "TLSv1.2")) {
                TestMachine machine = TestMachine.recorded(database, "127.0.0.1");
                Reply reply = send(ClientKeys.make(folder, algorithm), bare(machine, "", new byte[0]), protocol);
                assertThat(reply.status()).isEqualTo(401);
                assertThat(reply.reason()).isEqualTo("CERTIFICATE_UNSUPPORTED");
                assertThat(text(reply))
                        .isEqualTo("the certificate's key is " + algorithm + "; agents have ed25519 keys\n");
            }
        }
    }

    @Test
    void whoListensOnTheWireLearnsNothing() throws Exception {
        ClientKeys client = ClientKeys.make(folder, "Ed25519");
        TestMachine machine = TestMachine.recorded(database, "127.0.0.1", client.keys());
        try (BmdbSession session = database.bmdb().startSession("test", "")) {
            session.useTransaction(tx -> tx.requestInstallation(machine.id(), REPORT.getBytes(StandardCharsets.UTF_8)));
        }
        List<String> secrets = List.of(
                machine.id().toString(),
                Base64.getEncoder().encodeToString(machine.publicKey()),
                new String(machine.publicKey(), StandardCharsets.ISO_8859_1),
                "Shepherd-",
                "/v1/agent",
                "HTTP/1.1",
                REPORT);

        try (WireTap tap = new WireTap(endpoint.address())) {
            assertThat(send(tap.port(), client, bare(machine, "", report())).status())
                    .isEqualTo(200);
            assertThat(send(tap.port(), null, machine.request(report())).status())
                    .isEqualTo(200);
            assertThat(send(tap.port(), null, machine.forged()).status()).isEqualTo(401);
            assertThat(tap.recorded()).hasSizeGreaterThan(3000).doesNotContain(secrets);
        }
        // Without TLS, the same is all there.
        endpoint.close();
        endpoint = start(AgentEndpoint.builder());
        try (WireTap tap = new WireTap(endpoint.address());
                Connection connection = new Connection(new Socket("127.0.0.1", tap.port()))) {
            assertThat(connection.send(machine.request(report())).read().status())
                    .isEqualTo(200);
            List<String> seen = new ArrayList<>(secrets);
            seen.remove(2);
            assertThat(tap.recorded()).contains(seen);
        }
    }

    @Test
    void aClientThatTrustsAnotherAuthorityOrSeeksAnotherHostSendsNothing() throws Exception {
        TestMachine machine = TestMachine.recorded(database, "127.0.0.1");
        byte[] another = AgentTls.builder()
                .folder(folder.resolve("another"))
                .build()
                .caCertificate()
                .orElseThrow();
        try (SSLSocket socket = ClientKeys.connect(
                ClientKeys.context(null, another),
                "127.0.0.1",
                endpoint.address().getPort())) {
            assertThatThrownBy(() -> new Connection(socket).send(machine.request(new byte[0])))
                    .isInstanceOf(SSLException.class)
                    .hasMessageContaining("PKIX path");
        }
        await().until(() -> handshakes(Handshake.FAILED) == 1);
        Socket plain = new Socket("127.0.0.1", endpoint.address().getPort());
        try (SSLSocket socket = (SSLSocket) ClientKeys.context(null, authority)
                .getSocketFactory()
                .createSocket(plain, "shepherd.example.com", 443, true)) {
            var parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            socket.setSSLParameters(parameters);
            assertThatThrownBy(socket::startHandshake).isInstanceOf(SSLException.class);
        }
        assertThat(database.bmdb().machine(machine.id()).orElseThrow().agentHeartbeatAt())
                .isEmpty();
    }

    @Test
    void whoSpeaksNoTlsIsToldToAndWhoSpeaksItInVainToo() throws Exception {
        TestMachine machine = TestMachine.recorded(database, "127.0.0.1");
        Reply reply = machine.beat(endpoint);
        assertThat(reply.status()).isEqualTo(400);
        assertThat(reply.reason()).isEqualTo("TLS_REQUIRED");
        assertThat(text(reply)).isEqualTo("this port speaks TLS: use https://\n");
        try (Connection connection = machine.connect(endpoint)) {
            assertThat(connection.send("SSH-2.0-OpenSSH_9.2\r\n\r\n").read().reason())
                    .isEqualTo("TLS_REQUIRED");
            assertThat(connection.isClosed()).isTrue();
        }
        assertThat(handshakes(Handshake.NOT_TLS)).isEqualTo(2);
        assertThat(database.bmdb().machine(machine.id()).orElseThrow().agentHeartbeatAt())
                .isEmpty();

        endpoint.close();
        endpoint = start(AgentEndpoint.builder());
        assertThatThrownBy(() -> send(null, machine.request(new byte[0])))
                .isInstanceOf(SSLException.class)
                .hasMessageContaining("Unsupported or unrecognized SSL message");
        // The bytes that begin a handshake.
        try (Connection connection = machine.connect(endpoint)) {
            Reply told = connection.send("\26\3\1\2\0\1\0\1\374\3\3\r\n\r\n").read();
            assertThat(told.status()).isEqualTo(400);
            assertThat(text(told)).isEqualTo("this port speaks plain HTTP, not TLS: use http://\n");
        }
    }

    @Test
    void handshakesOfOneAddressAreLimitedAndOthersGoOn() throws Exception {
        restart(limits -> limits.handshakesPerMinute(3));
        SSLContext context = ClientKeys.context(null, authority);
        int port = endpoint.address().getPort();
        for (int i = 0; i < 3; i++) {
            try (SSLSocket socket = ClientKeys.connect(context, "127.0.0.2", port)) {
                socket.startHandshake();
            }
        }
        try (SSLSocket socket = ClientKeys.connect(context, "127.0.0.2", port)) {
            assertThatThrownBy(socket::startHandshake).isInstanceOf(IOException.class);
        }
        try (SSLSocket socket = ClientKeys.connect(context, "127.0.0.3", port)) {
            socket.startHandshake();
        }
        assertThat(handshakes(Handshake.TOO_MANY)).isEqualTo(1);
    }

    @Test
    void aHandshakeThatTakesLongIsCutAsIsAConnectionThatBeginsManyOfThem() throws Exception {
        restart(limits -> limits.headTimeout(Duration.ofMillis(500)));
        try (Socket slow = new Socket("127.0.0.1", endpoint.address().getPort())) {
            slow.getOutputStream().write(new byte[] {22, 3, 1});
            assertThat(new Connection(slow).isClosed()).isTrue();
        }
        await().until(() -> handshakes(Handshake.TIMED_OUT) == 1);
        try (Socket gone = new Socket("127.0.0.1", endpoint.address().getPort())) {
            gone.getOutputStream().write(new byte[] {22, 3, 1});
        }
        await().until(() -> handshakes(Handshake.ABANDONED) == 1);

        restart(limits -> limits);
        try (SSLSocket socket = ClientKeys.connect(
                ClientKeys.context(null, authority),
                "127.0.0.1",
                endpoint.address().getPort(),
                "TLSv1.2")) {
            socket.startHandshake();
            assertThatThrownBy(() -> {
                        for (int i = 0; i < 100; i++) {
                            socket.getSession().invalidate();
                            socket.startHandshake();
                            socket.getInputStream().read(new byte[1]);
                        }
                    })
                    .isInstanceOf(IOException.class);
        }
    }

    @Test
    void aClientThatSendsLittleButChangesOfKeysIsCut() throws Exception {
        TestMachine machine = TestMachine.recorded(database, "127.0.0.1");
        try (SSLSocket socket = ClientKeys.connect(
                        ClientKeys.context(null, authority),
                        "127.0.0.1",
                        endpoint.address().getPort(),
                        "TLSv1.3");
                Connection connection = new Connection(socket)) {
            assertThat(connection.send(machine.request(new byte[0])).read().status())
                    .isEqualTo(200);
            // From then on it may do nothing for 90 s. Of TLS 1.3, this asks for other keys, in some 30 bytes.
            assertThatThrownBy(() -> {
                        for (int i = 0; i < 20_000; i++) {
                            socket.startHandshake();
                        }
                    })
                    .isInstanceOf(IOException.class);
        }
        await().until(() -> endpoint.status().tooSlow() == 1);
    }

    @Test
    void aConnectionIsKeptForFurtherRequestsAndClosedCleanly() throws Exception {
        TestMachine machine = TestMachine.recorded(database, "127.0.0.1");
        try (SSLSocket socket = ClientKeys.connect(
                        ClientKeys.context(null, authority),
                        "127.0.0.1",
                        endpoint.address().getPort());
                Connection connection = new Connection(socket)) {
            for (int i = 0; i < 5; i++) {
                assertThat(connection.send(machine.request(new byte[0])).read().status())
                        .isEqualTo(200);
            }
            assertThat(endpoint.status().connections()).isEqualTo(1);
            assertThat(handshakes(Handshake.WITHOUT_CERTIFICATE)).isEqualTo(1);
            String head =
                    "POST /v1/agent HTTP/1.1\r\n" + machine.headers(new byte[0]) + "Content-Length: 2000000\r\n\r\n";
            assertThat(connection.send(head).read().reason()).isEqualTo("TOO_LARGE");
            assertThat(socket.getInputStream().read()).isEqualTo(-1);
        } catch (SSLException e) {
            throw new AssertionError("the end was not announced", e);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"--tlsv1.3", "--tls-max 1.2"})
    void curlTalksToItWithAKeyAndACertificateThatOpensslMade(String version) throws Exception {
        assumeThat(Path.of("/usr/bin/curl")).as("curl").exists();
        KeyPair keys = opensslKeys();
        TestMachine machine = TestMachine.recorded(database, "127.0.0.1", keys);
        Files.write(folder.resolve("body"), report());

        List<String> command = new ArrayList<>(List.of("/usr/bin/curl", "--silent", "--show-error", "--noproxy", "*"));
        command.addAll(List.of(version.split(" ")));
        command.addAll(List.of(
                "--max-time",
                "30",
                "--cacert",
                folder.resolve("tls/ca-certificate.pem").toString(),
                "--cert",
                folder.resolve("agent.crt").toString(),
                "--key",
                folder.resolve("agent.key").toString(),
                "--header",
                "Shepherd-Machine: " + machine.id(),
                "--data-binary",
                "@" + folder.resolve("body"),
                "--write-out",
                "%{http_code}",
                endpoint.url() + "/v1/agent"));
        assertThat(run(command)).isEqualTo("200");
        assertThat(database.bmdb()
                        .machine(machine.id())
                        .orElseThrow()
                        .hardwareReport()
                        .orElseThrow())
                .asString(StandardCharsets.UTF_8)
                .isEqualTo(REPORT);
        assertThat(handshakes(Handshake.WITH_CERTIFICATE)).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"-tls1_3", "-tls1_2"})
    void opensslTalksToItAndVerifiesIt(String version) throws Exception {
        KeyPair keys = opensslKeys();
        TestMachine machine = TestMachine.recorded(database, "127.0.0.1", keys);
        Process client = new ProcessBuilder(
                        "/usr/bin/openssl",
                        "s_client",
                        "-connect",
                        "127.0.0.1:" + endpoint.address().getPort(),
                        version,
                        "-CAfile",
                        folder.resolve("tls/ca-certificate.pem").toString(),
                        "-verify_return_error",
                        "-verify_ip",
                        "127.0.0.1",
                        "-cert",
                        folder.resolve("agent.crt").toString(),
                        "-key",
                        folder.resolve("agent.key").toString(),
                        "-ign_eof")
                .redirectErrorStream(true)
                .start();
        client.getOutputStream().write(bare(machine, "Connection: close\r\n", new byte[0]));
        client.getOutputStream().flush();
        String output = new String(client.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
        assertThat(client.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(output).contains("Verify return code: 0 (ok)").contains("HTTP/1.1 200 OK");
    }

    /** Makes a key and a certificate as docs/agents.md shows. */
    private KeyPair opensslKeys() throws Exception {
        assumeThat(Path.of("/usr/bin/openssl")).as("openssl").exists();
        Path key = folder.resolve("agent.key");
        Path certificate = folder.resolve("agent.crt");
        run(List.of(
                "/usr/bin/openssl",
                "req",
                "-x509",
                "-newkey",
                "ed25519",
                "-nodes",
                "-subj",
                "/CN=agent",
                "-days",
                "3650",
                "-keyout",
                key.toString(),
                "-out",
                certificate.toString()));
        String base64 = Files.readString(key).replaceAll("-----[A-Z ]+-----|\\s", "");
        try (InputStream in = Files.newInputStream(certificate)) {
            return new KeyPair(
                    CertificateFactory.getInstance("X.509")
                            .generateCertificate(in)
                            .getPublicKey(),
                    KeyFactory.getInstance("Ed25519")
                            .generatePrivate(
                                    new PKCS8EncodedKeySpec(Base64.getDecoder().decode(base64))));
        }
    }

    private static String run(List<String> command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        process.getInputStream().transferTo(out);
        assertThat(process.waitFor()).as(() -> command + ": " + out).isZero();
        return out.toString(StandardCharsets.UTF_8);
    }

    @Test
    void whereOthersReachItTlsOrPlainHttpHasToBeChosen() {
        AgentEndpoint.Builder open =
                AgentEndpoint.builder().callback(callback).address(new InetSocketAddress("0.0.0.0", 0));
        assertThatThrownBy(open::build)
                .isInstanceOf(ConfigurationException.class)
                .hasMessageStartingWith("tls is missing")
                .hasMessageContaining("by tls")
                .hasMessageContaining("by plainHttp");
        assertThat(open.plainHttp(true).build()).isNotNull();
        AgentTls tls = AgentTls.builder().folder(folder.resolve("tls")).build();
        assertThatThrownBy(() -> open.tls(tls).build()).hasMessageContaining("exclude each other");
        try (AgentEndpoint nameless = open.plainHttp(false).build()) {
            assertThatThrownBy(nameless::start).hasMessageStartingWith("names is missing");
        }
        assertThat(endpoint.url())
                .isEqualTo("https://127.0.0.1:" + endpoint.address().getPort());
        assertThat(Arrays.asList(Handshake.values()))
                .containsExactlyInAnyOrderElementsOf(
                        endpoint.status().handshakes().keySet());
        assertThat(endpoint.status().certificateEnd()).isPresent();
    }
}
