package dev.shepherd.testkit.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.testkit.http.HttpMessage;
import dev.shepherd.testkit.http.TestCertificate;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.net.ssl.SSLHandshakeException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What passes through a {@link FaultProxy} while there is no fault. */
@Timeout(60)
class FaultProxyWireTest {

    private final Racks racks = new Racks(null);
    private final FaultProxy proxy =
            FaultProxy.builder(racks.uri()).limit(Duration.ofSeconds(10)).start();
    private final HttpClient client = HttpClient.newHttpClient();

    FaultProxyWireTest() throws IOException {}

    @AfterEach
    void stop() {
        proxy.close();
        racks.close();
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(proxy.uri() + path)).timeout(Duration.ofSeconds(20));
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
        return client.send(request.build(), BodyHandlers.ofString());
    }

    /** A server that answers each connection with the same bytes, whatever it is asked. */
    private static ServerSocket scripted(String answer) throws IOException {
        ServerSocket server = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        Thread thread = new Thread(() -> {
            while (!server.isClosed()) {
                try (Socket socket = server.accept()) {
                    HttpMessage.readRequest(new BufferedInputStream(socket.getInputStream()), socket.getOutputStream());
                    socket.getOutputStream().write(answer.getBytes(StandardCharsets.ISO_8859_1));
                } catch (IOException e) {
                    // It is over, or the client has gone.
                }
            }
        });
        thread.setDaemon(true);
        thread.start();
        return server;
    }

    private static FaultProxy before(ServerSocket server) {
        return FaultProxy.builder(URI.create("http://127.0.0.1:" + server.getLocalPort()))
                .limit(Duration.ofMillis(500))
                .start();
    }

    private static String exchange(Socket socket, String request) throws IOException {
        socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
        HttpMessage answer = HttpMessage.readAnswer(socket.getInputStream(), request.split(" ")[0]);
        return new String(answer.head(), StandardCharsets.ISO_8859_1) + answer.text();
    }

    @Test
    void theUriHasThePathOfTheServer() {
        assertThat(proxy.uri()).hasPath("/api").hasHost("127.0.0.1").hasScheme("http");
        try (FaultProxy other =
                FaultProxy.builder(URI.create("http://localhost:1")).start()) {
            assertThat(other.uri().getRawPath()).isEmpty();
        }
    }

    @Test
    void aConnectionIsUsedForMore() throws Exception {
        try (Socket socket = new Socket("127.0.0.1", proxy.uri().getPort())) {
            for (int i = 0; i < 3; i++) {
                assertThat(exchange(socket, "GET /api/servers HTTP/1.1\r\nHost: a\r\n\r\n"))
                        .startsWith("HTTP/1.1 200")
                        .endsWith("[]");
            }
            assertThat(exchange(socket, "GET /api/servers HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
                    .containsIgnoringCase("connection: close");
            assertThat(socket.getInputStream().read()).isNegative();
        }
    }

    @Test
    void theOldProtocolAndWholeTargetsAreServed() throws Exception {
        try (Socket socket = new Socket("127.0.0.1", proxy.uri().getPort())) {
            assertThat(exchange(socket, "GET http://elsewhere/api/servers HTTP/1.0\r\n\r\n"))
                    .endsWith("[]");
            assertThat(socket.getInputStream().read()).isNegative();
        }
        assertThat(racks.count("GET /api/servers")).isOne();
    }

    @Test
    void headersOfOneConnectionAreNotPassedOn() throws Exception {
        try (Socket socket = new Socket("127.0.0.1", proxy.uri().getPort())) {
            exchange(
                    socket,
                    "GET /api/servers HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, X-Mine\r\nUpgrade: h2c\r\n"
                            + "HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\nX-Mine: 1\r\nTE: trailers\r\n"
                            + "Accept-Encoding: gzip\r\nX-Other: 2\r\n\r\n");
        }
        assertThat(racks.arrived.get(0).headers())
                .contains("x-other", "connection: [close]")
                .doesNotContain("upgrade", "http2", "x-mine", "te:", "gzip");
    }

    @Test
    void bodiesPassInChunksAndWithTheirLength() throws Exception {
        byte[] large = new byte[5 << 20];
        new Random(1).nextBytes(large);
        for (boolean isChunked : List.of(true, false)) {
            HttpRequest.Builder request = request("/echo")
                    .expectContinue(isChunked)
                    .POST(
                            isChunked
                                    ? BodyPublishers.fromPublisher(BodyPublishers.ofByteArray(large))
                                    : BodyPublishers.ofByteArray(large));
            HttpResponse<byte[]> answer = client.send(request.build(), BodyHandlers.ofByteArray());
            assertThat(answer.body()).isEqualTo(large);
            assertThat(racks.arrived.remove(0).body()).isEqualTo(large);
        }
    }

    @Test
    void bytesOfHeadersStayAsTheyAre() throws Exception {
        try (Socket socket = new Socket("127.0.0.1", proxy.uri().getPort())) {
            assertThat(exchange(
                            socket,
                            "POST /api/echo HTTP/1.1\r\nHost: a\r\nX-Sent: Z\u00fcrich\r\nContent-Length: 0\r\n\r\n"))
                    .contains("Z\u00fcrich");
        }
    }

    @Test
    void aHeadHasNoBody() throws Exception {
        try (Socket socket = new Socket("127.0.0.1", proxy.uri().getPort())) {
            assertThat(exchange(socket, "HEAD /api/servers HTTP/1.1\r\nHost: a\r\n\r\n"))
                    .startsWith("HTTP/1.1 404");
            assertThat(exchange(socket, "GET /api/servers HTTP/1.1\r\nHost: a\r\n\r\n"))
                    .endsWith("[]");
        }
        proxy.inject(ContractFault.RATE_LIMITED);
        HttpResponse<String> answer = send(request("/servers").method("HEAD", BodyPublishers.noBody()));
        assertThat(answer.statusCode()).isEqualTo(429);
        assertThat(send(request("/servers")).body()).contains("429");
    }

    @Test
    void tooLargeBodiesAreRefused() throws Exception {
        try (Socket socket = new Socket("127.0.0.1", proxy.uri().getPort())) {
            assertThat(exchange(socket, "POST /api/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 67108865\r\n\r\nbegin"))
                    .startsWith("HTTP/1.1 413")
                    .contains("the body is larger than 64 MiB");
        }
        try (ServerSocket server = scripted("HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\nbegin");
                FaultProxy other = before(server)) {
            HttpResponse<String> answer =
                    send(HttpRequest.newBuilder(other.uri().resolve("/")));
            assertThat(answer.statusCode()).isEqualTo(502);
            assertThat(answer.body()).contains("the body is larger than 64 MiB");
        }
    }

    @Test
    void whatIsNoRequestIsRefused() throws Exception {
        for (String request : List.of("hello\r\n\r\n", "GET / HTTP/1.1\r\nno header\r\n\r\n")) {
            try (Socket socket = new Socket("127.0.0.1", proxy.uri().getPort())) {
                assertThat(exchange(socket, request)).startsWith("HTTP/1.1 400");
            }
        }
        try (Socket socket = new Socket("127.0.0.1", proxy.uri().getPort())) {
            assertThat(exchange(socket, "GET / HTTP/1.1\r\nX: " + "x".repeat(70_000) + "\r\n\r\n"))
                    .startsWith("HTTP/1.1 431");
        }
        assertThat(racks.arrived).isEmpty();
    }

    @Test
    void linksOfTheServerLeadToTheProxy() throws Exception {
        racks.names.addAll(List.of("r1", "r2", "r3"));
        String page = send(request("/pages?page=0")).body();
        assertThat(page)
                .contains("\"next\": \"" + proxy.uri() + "/pages?page=1\"")
                .doesNotContain(racks.origin());
        HttpResponse<String> made = send(request("/servers").POST(BodyPublishers.ofString("r4")));
        assertThat(made.headers().firstValue("Location")).contains(proxy.uri() + "/servers/r4");
        assertThat(made.body()).contains("http:\\/\\/127.0.0.1:" + proxy.uri().getPort() + "\\/api\\/servers\\/r4");
        // The server is called by its own name.
        assertThat(racks.arrived)
                .allSatisfy(request -> assertThat(racks.origin()).isEqualTo("http://" + request.host()));
        // And what is not text stays as it is.
        assertThat(send(request("/echo").POST(BodyPublishers.ofString(racks.origin())))
                        .body())
                .isEqualTo(racks.origin());
    }

    @Test
    void httpsOnBothSides() throws Exception {
        TestCertificate ofServer = TestCertificate.create();
        TestCertificate ofProxy = TestCertificate.create();
        try (Racks secure = new Racks(ofServer.serverContext());
                FaultProxy both = FaultProxy.builder(secure.uri())
                        .https(ofProxy.serverContext())
                        .trust(ofServer.clientContext())
                        .start();
                FaultProxy distrustful = FaultProxy.builder(secure.uri()).start()) {
            secure.names.addAll(List.of("r1", "r2", "r3"));
            HttpClient trusting =
                    HttpClient.newBuilder().sslContext(ofProxy.clientContext()).build();
            HttpRequest request = HttpRequest.newBuilder(URI.create(both.uri() + "/pages?page=0"))
                    .build();
            HttpResponse<String> answer = trusting.send(request, BodyHandlers.ofString());
            assertThat(answer.body())
                    .contains("\"https://127.0.0.1:" + both.uri().getPort() + "/api/pages?page=1\"");
            assertThat(answer.version()).isEqualTo(HttpClient.Version.HTTP_1_1);
            assertThatThrownBy(() -> client.send(request, BodyHandlers.ofString()))
                    .isInstanceOf(SSLHandshakeException.class);
            HttpResponse<String> refused =
                    send(HttpRequest.newBuilder(URI.create(distrustful.uri() + "/pages?page=0")));
            assertThat(refused.statusCode()).isEqualTo(502);
            assertThat(refused.body()).contains(secure.origin() + " did not answer", "PKIX");
        }
    }

    @Test
    void aServerThatIsNotThereIsSaidToBeSo() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            port = free.getLocalPort();
        }
        try (FaultProxy other =
                FaultProxy.builder(URI.create("http://127.0.0.1:" + port)).start()) {
            HttpResponse<String> answer =
                    send(HttpRequest.newBuilder(other.uri().resolve("/x")));
            assertThat(answer.statusCode()).isEqualTo(502);
            assertThat(answer.body()).contains("http://127.0.0.1:" + port + " did not answer: Connection refused");
        }
    }

    @Test
    void aServerThatIsSlowIsCutOff() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
                FaultProxy other = before(silent)) {
            HttpResponse<String> answer =
                    send(HttpRequest.newBuilder(other.uri().resolve("/x")));
            assertThat(answer.statusCode()).isEqualTo(502);
            assertThat(answer.body()).contains("did not answer within 500 ms");
        }
    }

    @Test
    void aServerIsAskedOnceEvenIfItCutsItsAnswer() throws Exception {
        try (ServerSocket server = scripted("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
                FaultProxy other = before(server)) {
            HttpResponse<String> answer =
                    send(HttpRequest.newBuilder(other.uri().resolve("/x")));
            assertThat(answer.statusCode()).isEqualTo(502);
            assertThat(answer.body()).contains("the connection ended after 4 of 10 bytes of a body");
        }
    }

    @Test
    void answersThatEndWithTheirConnectionAndInterimOnesPass() throws Exception {
        String answer = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.0 200 OK\r\n\r\nuntil the end";
        try (ServerSocket server = scripted(answer);
                FaultProxy other = before(server)) {
            assertThat(send(HttpRequest.newBuilder(other.uri().resolve("/x"))).body())
                    .isEqualTo("until the end");
        }
    }

    @Test
    void manyClientsAtOnceGetWhatIsTheirs() throws Exception {
        ExecutorService clients = Executors.newFixedThreadPool(8);
        try {
            List<Future<?>> done = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                String name = "client-" + i + "-";
                HttpClient own = HttpClient.newHttpClient();
                done.add(clients.submit(() -> {
                    for (int j = 0; j < 100; j++) {
                        String text = name + j + "x".repeat(j * 50);
                        HttpResponse<String> answer = own.send(
                                request("/echo")
                                        .header("X-Sent", name + j)
                                        .POST(BodyPublishers.ofString(text))
                                        .build(),
                                BodyHandlers.ofString());
                        assertThat(answer.body()).isEqualTo(text);
                        assertThat(answer.headers().firstValue("X-Sent")).contains(name + j);
                    }
                    return null;
                }));
            }
            for (Future<?> each : done) {
                each.get();
            }
        } finally {
            clients.shutdownNow();
        }
        assertThat(racks.arrived).hasSize(800);
    }

    @Test
    void idleConnectionsMakeRoom() throws Exception {
        List<Socket> idle = new ArrayList<>();
        try {
            for (int i = 0; i < 256; i++) {
                Socket socket = new Socket("127.0.0.1", proxy.uri().getPort());
                idle.add(socket);
                exchange(socket, "GET /api/servers HTTP/1.1\r\nHost: a\r\n\r\n");
            }
            assertThat(send(request("/servers")).statusCode()).isEqualTo(200);
            assertThat(idle.get(0).getInputStream().read()).isNegative();
            assertThat(exchange(idle.get(1), "GET /api/servers HTTP/1.1\r\nHost: a\r\n\r\n"))
                    .endsWith("[]");
        } finally {
            for (Socket socket : idle) {
                socket.close();
            }
        }
    }

    @Test
    void closingEndsConnectionsAndThreads() throws Exception {
        try (Socket idle = new Socket("127.0.0.1", proxy.uri().getPort());
                ServerSocket silent = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"))) {
            exchange(idle, "GET /api/servers HTTP/1.1\r\nHost: a\r\n\r\n");
            FaultProxy other = FaultProxy.builder(URI.create("http://127.0.0.1:" + silent.getLocalPort()))
                    .start();
            CompletableFuture<HttpResponse<String>> waiting = client.sendAsync(
                    HttpRequest.newBuilder(other.uri().resolve("/x")).build(), BodyHandlers.ofString());
            try (Socket upstream = silent.accept()) {
                InputStream in = upstream.getInputStream();
                assertThat(in.read()).isEqualTo('G');
                other.close();
                assertThat(waiting).failsWithin(Duration.ofSeconds(10));
                // The connection to the server has ended, too.
                assertThat(in.readAllBytes()).isNotEmpty();
            }
            proxy.close();
            assertThat(idle.getInputStream().read()).isNegative();
            // An executor is over shortly before its last thread.
            await().untilAsserted(() -> assertThat(Thread.getAllStackTraces().keySet())
                    .noneMatch(thread -> thread.getName().startsWith(FaultProxy.THREADS)));
        }
    }
}
