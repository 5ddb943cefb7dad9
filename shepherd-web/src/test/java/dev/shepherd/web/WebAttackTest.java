package dev.shepherd.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.testkit.database.BmdbExtension;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What hostile clients send to the server, byte by byte. */
class WebAttackTest {

    private static final Duration LIMIT = Duration.ofSeconds(3);

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private final HttpClient client = HttpClient.newHttpClient();
    private final List<Socket> sockets = new ArrayList<>();
    private WebConsole console;
    private WebServer server;
    private TestFleet fleet;

    @BeforeEach
    void start() throws Exception {
        fleet = new TestFleet(database.jdbcUrl());
        fleet.clear();
        console = WebConsole.builder()
                .bmdb(database.bmdb())
                .authenticator(request -> Optional.of("oncall"))
                .authorizer((principal, action, machine) -> true)
                .build();
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

    private Socket connect(String request) throws IOException {
        Socket socket =
                new Socket(server.address().getAddress(), server.address().getPort());
        sockets.add(socket);
        socket.setSoTimeout(30_000);
        socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
        return socket;
    }

    /** Returns all that comes until the server ends the connection. */
    private String answers(String request) throws IOException {
        StringBuilder all = new StringBuilder();
        try (InputStream in = connect(request).getInputStream()) {
            for (int next = in.read(); next >= 0; next = in.read()) {
                all.append((char) next);
            }
        } catch (IOException e) {
            // A reset, since the server did not read all of it.
        }
        return all.toString();
    }

    private static int count(String text, String part) {
        return text.split(java.util.regex.Pattern.quote(part), -1).length - 1;
    }

    private int status(String path) throws Exception {
        URI uri = URI.create("http://127.0.0.1:" + server.address().getPort() + path);
        HttpRequest request =
                HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(5)).build();
        return client.send(request, BodyHandlers.ofString()).statusCode();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/assets/../openapi.yaml",
                "/assets/%2e%2e/openapi.yaml",
                "/assets/%2e%2e%2fopenapi.yaml",
                "/assets/..%5copenapi.yaml",
                "/assets/..\\openapi.yaml",
                "/assets/%252e%252e%252fopenapi.yaml",
                "/assets/..%c0%afopenapi.yaml",
                "/assets/..;/openapi.yaml",
                "/assets/shepherd.css%00.yaml",
                "/assets//shepherd.css",
                "/assets/./shepherd.css",
                "//assets/shepherd.css",
                "/../../../../etc/passwd",
                "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
                "/machines/../../../etc/passwd",
                "/api/v1/../../assets/shepherd.css",
                "http://attacker.example/assets/../../etc/passwd",
                "file:///etc/passwd",
                "*",
                "assets/shepherd.css"
            })
    void noPathLeadsOutOfTheAssets(String path) throws Exception {
        String answer = answers("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assertThat(answer)
                .doesNotContain("root:")
                .doesNotContain("openapi: 3")
                .doesNotContain("color-scheme: light dark;")
                .matches("(?s)(HTTP/1\\.1 4\\d\\d .*)?");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "text",
                "provider",
                "state",
                "location",
                "nowhere",
                "after",
                "before",
                "done",
                "limit",
                "<script>alert(1)</script>"
            })
    void noParameterComesBackAsMarkup(String name) throws Exception {
        UUID machine = fleet.machine("m", "l");
        String script = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
        String query = URLEncoder.encode(name, StandardCharsets.UTF_8) + "="
                + URLEncoder.encode(script, StandardCharsets.UTF_8);
        for (String page : List.of(
                "/",
                "/machines",
                "/machines/" + machine,
                "/actions",
                "/live/x",
                "/api/v1/machines",
                "/api/v1/actions")) {
            String answer =
                    answers("GET " + page + "?" + query + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            assertThat(answer).as(page).startsWith("HTTP/1.1 ");
            if (answer.toLowerCase(java.util.Locale.ROOT).contains("content-type: text/html")) {
                assertThat(answer).as(page).doesNotContain("<script>alert").doesNotContain("<img src=x");
            }
            assertThat(answer.toLowerCase(java.util.Locale.ROOT)).as(page).contains("x-content-type-options: nosniff");
        }
        // In a path, a header and a method as well.
        for (String request : List.of(
                "GET /" + URLEncoder.encode(script, StandardCharsets.UTF_8) + " HTTP/1.1\r\nHost: localhost",
                "GET /machines/" + URLEncoder.encode(script, StandardCharsets.UTF_8) + " HTTP/1.1\r\nHost: localhost",
                "GET / HTTP/1.1\r\nHost: " + script,
                "<script>alert(1)</script> / HTTP/1.1\r\nHost: localhost")) {
            String answer = answers(request + "\r\nConnection: close\r\n\r\n");
            if (answer.toLowerCase(java.util.Locale.ROOT).contains("content-type: text/html")) {
                assertThat(answer).as(request).doesNotContain("<script>alert");
            }
        }
    }

    @Test
    void aLineBreakInAParameterMakesNoHeader() throws Exception {
        UUID machine = fleet.machine("m", "l");
        String body = "reason=x%0d%0aX-Forged:+1&minutes=5";
        String answer =
                answers("POST /machines/" + machine + "/pause%0d%0aX-Forged:%201 HTTP/1.1\r\nHost: localhost\r\n"
                        + "Origin: http://localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
                        + "Content-Length: " + body.length() + "\r\n\r\n" + body);
        assertThat(answer).startsWith("HTTP/1.1 4");
        assertThat(answer.lines()).noneMatch(line -> line.startsWith("X-Forged") || line.startsWith("X-forged"));
    }

    @Test
    void aRequestWithTwoLengthsChangesNothingASecondRequestCouldRideOn() throws Exception {
        UUID machine = fleet.machine("m", "l");
        String hidden =
                "POST /machines/" + machine + "/quarantine HTTP/1.1\r\nHost: localhost\r\nX-Shepherd-Request: 1\r\n"
                        + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\nreason=x";
        for (String lengths : List.of(
                "Content-Length: " + (hidden.length() + 5) + "\r\nTransfer-Encoding: chunked",
                "Transfer-Encoding: chunked\r\nContent-Length: " + (hidden.length() + 5),
                "Transfer-Encoding : chunked\r\nContent-Length: " + (hidden.length() + 5),
                "Content-Length: 5\r\nContent-Length: " + (hidden.length() + 5),
                "Content-Length: 5, " + (hidden.length() + 5),
                "Content-Length: +5",
                "Content-Length: -5",
                "Content-Length: 05,5",
                "Content-Length: 0x5",
                "Content-Length: 99999999999999999999",
                "Transfer-Encoding: identity, chunked",
                "Transfer-Encoding: xchunked")) {
            String answer = answers("POST /pauses/" + UUID.randomUUID() + "/end HTTP/1.1\r\nHost: localhost\r\n"
                    + "X-Shepherd-Request: 1\r\nContent-Type: application/x-www-form-urlencoded\r\n" + lengths
                    + "\r\n\r\n0\r\n\r\n" + hidden);
            assertThat(count(answer, "HTTP/1.1 ")).as(lengths + ": " + answer).isLessThanOrEqualTo(1);
            assertThat(Operator.of(database.bmdb()).quarantined()).as(lengths).isEmpty();
        }
    }

    @Test
    void aRequestToTwoHostsIsRefused() throws Exception {
        for (String hosts :
                List.of("Host: localhost\r\nHost: attacker.example", "Host: attacker.example\r\nHost: localhost")) {
            assertThat(answers("GET / HTTP/1.1\r\n" + hosts + "\r\nConnection: close\r\n\r\n"))
                    .startsWith("HTTP/1.1 400");
        }
    }

    @Test
    void aHeadThatIsTooLargeIsRefused() throws Exception {
        for (String head : List.of(
                "X-Large: " + "x".repeat(2_000_000),
                "X-Many: 1\r\n".repeat(20_000) + "X-Last: 1",
                "Cookie: " + "a=b; ".repeat(200_000))) {
            String answer = answers("GET / HTTP/1.1\r\nHost: localhost\r\n" + head + "\r\nConnection: close\r\n\r\n");
            assertThat(answer).as(head.substring(0, 10)).doesNotContain("<h1>Fleet</h1>");
        }
        String line =
                answers("GET /" + "x".repeat(2_000_000) + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assertThat(line).doesNotContain("HTTP/1.1 200");
        assertThat(status("/readyz")).isEqualTo(200);
    }

    @Test
    void clientsThatReadNothingOfLargePagesHoldNoThreadForLong() throws Exception {
        for (int i = 0; i < 100; i++) {
            fleet.machine("rack-" + "x".repeat(100) + i, "hall " + "y".repeat(100));
        }
        String request = "GET /machines HTTP/1.1\r\nHost: localhost\r\n\r\n";
        for (int i = 0; i < WebServer.THREADS * 2; i++) {
            // All that fits into the buffers of this side and the other is far less than the answers.
            Socket socket = new Socket();
            socket.setReceiveBufferSize(4096);
            socket.connect(server.address());
            sockets.add(socket);
            socket.getOutputStream().write(request.repeat(200).getBytes(StandardCharsets.US_ASCII));
        }
        await().atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> assertThat(writing()).isPositive());
        await().ignoreExceptions().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
            assertThat(status("/readyz")).isEqualTo(200);
            assertThat(writing()).isZero();
        });
    }

    /** Returns how many threads are at a page, or wait for a client that does not read it. */
    private static long writing() {
        return Thread.getAllStackTraces().entrySet().stream()
                .filter(entry -> entry.getKey().getName().startsWith("shepherd-web-"))
                .filter(entry -> List.of(entry.getValue()).stream()
                        .anyMatch(frame -> frame.getClassName().equals(WebServer.class.getName())))
                .count();
    }
}
