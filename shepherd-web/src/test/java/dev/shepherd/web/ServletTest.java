package dev.shepherd.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.testkit.database.BmdbExtension;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The console in a servlet container that others made, below a path. */
class ServletTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private final HttpClient client = HttpClient.newHttpClient();
    private WebConsole console;
    private TestJetty jetty;
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
        console.start();
        jetty = new TestJetty(console);
    }

    @AfterEach
    void stop() throws Exception {
        jetty.close();
        console.close();
    }

    private HttpResponse<String> get(String path) throws Exception {
        return send(HttpRequest.newBuilder(jetty.uri(path)));
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
        return client.send(request.timeout(Duration.ofSeconds(30)).build(), BodyHandlers.ofString());
    }

    @Test
    void pagesAndAssetsAreServedBelowThePath() throws Exception {
        UUID machine = fleet.machine("rack-1-7", "hall 1");
        HttpResponse<String> page = get("");
        assertThat(page.statusCode()).isEqualTo(200);
        assertThat(page.body()).contains("<h1>Fleet</h1>");
        assertThat(page.headers().firstValue("Content-Type").orElseThrow())
                .isEqualToIgnoringWhitespace("text/html;charset=utf-8");
        assertThat(page.headers().firstValue("Content-Security-Policy")).isPresent();
        assertThat(get("machines?state=waiting").body()).contains("rack-1-7");
        assertThat(get("machines/" + machine).body()).contains("rack-1-7", "href=\"../assets/shepherd.css\"");
        assertThat(get("api/v1/machines/" + machine).body()).contains("\"providerId\":\"rack-1-7\"");
        assertThat(get("nothing").statusCode()).isEqualTo(404);
        HttpResponse<String> asset = get("assets/shepherd.css");
        assertThat(asset.headers().firstValue("Content-Type").orElseThrow())
                .isEqualToIgnoringWhitespace("text/css;charset=utf-8");
        HttpResponse<String> again = send(HttpRequest.newBuilder(jetty.uri("assets/shepherd.css"))
                .header("If-None-Match", asset.headers().firstValue("ETag").orElseThrow()));
        assertThat(again.statusCode()).isEqualTo(304);
        assertThat(again.body()).isEmpty();
    }

    @Test
    void thePathWithoutItsSlashLeadsToThePage() throws Exception {
        String uri = jetty.uri("").toString();
        URI without = URI.create(uri.substring(0, uri.length() - 1));
        HttpResponse<String> answer = send(HttpRequest.newBuilder(without));
        assertThat(answer.statusCode()).isEqualTo(302);
        assertThat(without.resolve(answer.headers().firstValue("Location").orElseThrow()))
                .isEqualTo(jetty.uri(""));
    }

    @Test
    void aHeadHasTheLengthAndNoContent() throws Exception {
        HttpResponse<String> head =
                send(HttpRequest.newBuilder(jetty.uri("assets/shepherd.js")).method("HEAD", BodyPublishers.noBody()));
        assertThat(head.statusCode()).isEqualTo(200);
        assertThat(head.body()).isEmpty();
        assertThat(head.headers().firstValueAsLong("Content-Length"))
                .hasValue(get("assets/shepherd.js").body().getBytes(StandardCharsets.UTF_8).length);
    }

    @Test
    void aFormIsTakenAndLeadsBackToItsPage() throws Exception {
        UUID machine = fleet.machine("rack-1-7", "hall 1");
        URI form = jetty.uri("machines/" + machine + "/quarantine");
        HttpResponse<String> answer = send(HttpRequest.newBuilder(form)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .header("Origin", "http://127.0.0.1:" + jetty.port())
                .POST(BodyPublishers.ofString("reason=%C3%B6l+leaks")));
        assertThat(answer.statusCode()).isEqualTo(303);
        assertThat(form.resolve(answer.headers().firstValue("Location").orElseThrow()))
                .isEqualTo(jetty.uri("machines/" + machine + "?done=quarantined"));
        assertThat(Operator.of(database.bmdb()).actions(machine, null, 10))
                .extracting(action -> action.verb() + ": " + action.reason())
                .containsExactly("Quarantine: öl leaks");
        HttpResponse<String> forged = send(HttpRequest.newBuilder(form)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .header("Origin", "http://attacker.example")
                .POST(BodyPublishers.ofString("reason=x")));
        assertThat(forged.statusCode()).isEqualTo(403);
    }

    @Test
    void whatIsRefusedBeforeTheConsoleIsSaidInPlainTextToo() throws Exception {
        HttpResponse<String> large =
                send(HttpRequest.newBuilder(jetty.uri("machines")).POST(BodyPublishers.ofByteArray(new byte[100_000])));
        assertThat(large.statusCode()).isEqualTo(413);
        assertThat(large.body()).isEqualTo("The content is larger than 64 KiB.\n");
        // Without an announced length, too.
        HttpResponse<String> chunked = send(HttpRequest.newBuilder(jetty.uri("machines"))
                .POST(BodyPublishers.ofInputStream(() -> new java.io.ByteArrayInputStream(new byte[100_000]))));
        assertThat(chunked.statusCode()).isEqualTo(413);
    }

    @Test
    void anOpenPageIsToldOfChangesAndEndedWithTheConsole() throws Exception {
        InputStream events = client.send(
                        HttpRequest.newBuilder(jetty.uri("live")).build(), BodyHandlers.ofInputStream())
                .body();
        readUntil(events, "retry: 5000");
        readUntil(events, "event: changed\ndata:\n\n");
        fleet.execute(
                "insert into pauses values (gen_random_uuid(), null, 'racks', null, 'oncall', 'a test', now(), null)");
        readUntil(events, "event: changed\ndata:\n\n");
        console.close();
        assertThat(events.readAllBytes()).isEmpty();
    }

    @Test
    void aPageThatWentAwayIsForgotten() throws Exception {
        try (Socket socket = new Socket("127.0.0.1", jetty.port())) {
            socket.getOutputStream()
                    .write("GET /ops/fleet/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
                            .getBytes(StandardCharsets.US_ASCII));
            socket.setSoTimeout(30_000);
            readUntil(socket.getInputStream(), "event: changed");
            assertThat(console.openPages()).isEqualTo(1);
        }
        await().atMost(Duration.ofSeconds(30)).untilAsserted(() -> {
            fleet.execute(
                    "insert into pauses values (gen_random_uuid(), null, 'racks', null, 'oncall', 'a test', now(), null)");
            assertThat(console.openPages()).isZero();
        });
    }

    @Test
    void aMappingThatIsNotAsynchronousSaysSo() throws Exception {
        try (TestJetty other = new TestJetty(console, false)) {
            HttpResponse<String> answer = send(HttpRequest.newBuilder(other.uri("live")));
            assertThat(answer.statusCode()).isEqualTo(503);
            assertThat(answer.body()).isEqualTo("This mapping is not asynchronous.\n");
            assertThat(send(HttpRequest.newBuilder(other.uri(""))).statusCode()).isEqualTo(200);
        }
    }

    private static void readUntil(InputStream in, String text) throws IOException {
        StringBuilder read = new StringBuilder();
        while (read.indexOf(text) < 0) {
            int next = in.read();
            assertThat(next).as("the stream ended after: " + read).isNotNegative();
            read.append((char) next);
        }
    }
}
