package dev.shepherd.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.testkit.database.BmdbExtension;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WebServerTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private static final Duration LIMIT = Duration.ofSeconds(3);

    private final HttpClient client = HttpClient.newHttpClient();
    private final List<Socket> sockets = new ArrayList<>();
    private WebConsole console;
    private WebServer server;
    private TestFleet fleet;

    @BeforeEach
    void start() throws Exception {
        fleet = new TestFleet(database.jdbcUrl());
        fleet.clear();
        console = WebConsole.builder().bmdb(database.bmdb()).build();
        console.start();
        server = WebServer.bind(console, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), null, LIMIT);
        server.start();
    }

    @AfterEach
    void stop() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
        server.close();
        console.close();
    }

    private URI uri(String path) {
        return URI.create("http://127.0.0.1:" + server.address().getPort() + path);
    }

    private Socket connect(String request) throws IOException {
        Socket socket =
                new Socket(server.address().getAddress(), server.address().getPort());
        sockets.add(socket);
        socket.setSoTimeout(30_000);
        socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    @Test
    void pagesAndHeadsAreServed() throws Exception {
        var page = client.send(HttpRequest.newBuilder(uri("/")).build(), BodyHandlers.ofString());
        assertThat(page.statusCode()).isEqualTo(200);
        assertThat(page.body()).contains("<h1>Fleet</h1>");
        var head = client.send(
                HttpRequest.newBuilder(uri("/"))
                        .method("HEAD", BodyPublishers.noBody())
                        .build(),
                BodyHandlers.ofString());
        assertThat(head.statusCode()).isEqualTo(200);
        assertThat(head.body()).isEmpty();
        var asset =
                client.send(HttpRequest.newBuilder(uri("/assets/shepherd.css")).build(), BodyHandlers.ofString());
        assertThat(asset.headers().firstValue("Content-Type")).contains("text/css; charset=utf-8");
        var again = client.send(
                HttpRequest.newBuilder(uri("/assets/shepherd.css"))
                        .header(
                                "If-None-Match",
                                asset.headers().firstValue("ETag").orElseThrow())
                        .build(),
                BodyHandlers.ofString());
        assertThat(again.statusCode()).isEqualTo(304);
    }

    @Test
    void aRequestThatIsTooLargeIsRefused() throws Exception {
        var answer = client.send(
                HttpRequest.newBuilder(uri("/machines"))
                        .POST(BodyPublishers.ofByteArray(new byte[100_000]))
                        .build(),
                BodyHandlers.ofString());
        assertThat(answer.statusCode()).isEqualTo(413);
    }

    @Test
    void anOpenPageIsToldThatSomethingChanged() throws Exception {
        InputStream events = client.send(HttpRequest.newBuilder(uri("/live")).build(), BodyHandlers.ofInputStream())
                .body();
        readUntil(events, "retry: 5000");
        readUntil(events, "event: changed");
        fleet.execute(
                "insert into pauses values (gen_random_uuid(), null, 'racks', null, 'oncall', 'a test', now(), null)");
        readUntil(events, "event: changed");
        events.close();
    }

    private static void readUntil(InputStream in, String text) throws IOException {
        StringBuilder read = new StringBuilder();
        while (read.indexOf(text) < 0) {
            int next = in.read();
            assertThat(next).as("the stream ended after: " + read).isNotNegative();
            read.append((char) next);
        }
    }

    @Test
    void fiveHundredOpenPagesTakeNoThreadEach() throws Exception {
        for (int i = 0; i < 500; i++) {
            connect("GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n");
        }
        // They are all there, and told.
        for (Socket socket : sockets) {
            readUntil(socket.getInputStream(), "event: changed");
        }
        assertThat(WebConsoleTest.threads().size()).isLessThanOrEqualTo(WebServer.THREADS + 2);
        var page = client.send(HttpRequest.newBuilder(uri("/")).build(), BodyHandlers.ofString());
        assertThat(page.statusCode()).isEqualTo(200);
    }

    @Test
    void clientsThatSendOrReadNothingHoldNoThreadForLong() throws Exception {
        for (int i = 0; i < WebServer.THREADS * 2; i++) {
            // The head never ends.
            connect("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
        }
        for (int i = 0; i < WebServer.THREADS * 2; i++) {
            // The content never comes.
            connect("POST /machines HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n");
        }
        await().ignoreExceptions().atMost(Duration.ofSeconds(30)).untilAsserted(() -> {
            var page = client.send(
                    HttpRequest.newBuilder(uri("/healthz"))
                            .timeout(Duration.ofSeconds(5))
                            .build(),
                    BodyHandlers.ofString());
            assertThat(page.statusCode()).isEqualTo(200);
        });
    }

    /** What begins a request, and goes on for as long as it is taken. */
    enum Flood {
        A_PATH("GET /", "b".repeat(1_000)),
        A_HEADER("GET / HTTP/1.1\r\nX: ", "b".repeat(1_000)),
        HEADERS("GET / HTTP/1.1\r\n", "X: b\r\n".repeat(200)),
        BLANK_LINES("", "\r\n".repeat(500)),
        A_BODY("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n", "b".repeat(1_000)),
        CHUNKS("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nb\r\n".repeat(200)),
        A_LENGTH("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "0".repeat(1_000)),
        AN_EXTENSION("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=", "b".repeat(1_000));

        private final String first;
        private final byte[] again;

        Flood(String first, String again) {
            this.first = first;
            this.again = again.getBytes(StandardCharsets.US_ASCII);
        }
    }

    @ParameterizedTest
    @EnumSource(Flood.class)
    void requestsWithoutAnEndAreCutOffAndPagesAreServedAfterwards(Flood flood) throws Exception {
        List<Thread> senders = new ArrayList<>();
        for (int i = 0; i < WebServer.THREADS; i++) {
            Socket socket = connect(flood.first);
            Thread sender = new Thread(() -> {
                try {
                    while (true) {
                        socket.getOutputStream().write(flood.again);
                    }
                } catch (IOException e) {
                    // It is cut off.
                }
            });
            sender.setDaemon(true);
            sender.start();
            senders.add(sender);
        }
        await().atMost(Duration.ofMinutes(1)).until(() -> senders.stream().noneMatch(Thread::isAlive));

        assertThat(client.send(HttpRequest.newBuilder(uri("/")).build(), BodyHandlers.discarding())
                        .statusCode())
                .isEqualTo(200);
    }

    @Test
    void nothingIsLeftAfterTheClose() throws Exception {
        Socket open = connect("GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n");
        readUntil(open.getInputStream(), "retry");
        client.send(HttpRequest.newBuilder(uri("/")).build(), BodyHandlers.ofString());

        server.close();
        console.close();

        await().untilAsserted(() -> assertThat(WebConsoleTest.threads()).isEmpty());
        server.close();
    }
}
