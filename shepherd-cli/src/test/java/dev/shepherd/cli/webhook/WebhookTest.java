package dev.shepherd.cli.webhook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.cli.RecordedMachine;
import dev.shepherd.cli.settings.Given;
import dev.shepherd.cli.settings.Settings;
import dev.shepherd.cli.settings.WebhookSettings;
import dev.shepherd.testkit.database.BmdbExtension;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class WebhookTest {

    private static final String SECRET = "an-old-secret-of-the-receiver";

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    private final List<Received> received = Collections.synchronizedList(new ArrayList<>());
    private final ConcurrentLinkedDeque<Integer> answers = new ConcurrentLinkedDeque<>();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private HttpServer server;
    private UUID machine;

    private record Received(String id, String time, String signature, String body) {}

    @BeforeEach
    void aReceiverAndAMachine() throws Exception {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/events", exchange -> {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            received.add(new Received(
                    exchange.getRequestHeaders().getFirst("webhook-id"),
                    exchange.getRequestHeaders().getFirst("webhook-timestamp"),
                    exchange.getRequestHeaders().getFirst("webhook-signature"),
                    body));
            Integer status = answers.poll();
            exchange.sendResponseHeaders(status == null ? 204 : status, -1);
            exchange.close();
        });
        server.start();
        machine = RecordedMachine.record(database.bmdb(), "rack-1");
    }

    @AfterEach
    void noReceiver() {
        server.stop(0);
        threads.shutdownNow();
    }

    private static Settings settings(String... pairs) {
        Given given = new Given();
        for (int i = 0; i < pairs.length; i += 2) {
            given.put("webhook." + pairs[i], "--webhook-" + pairs[i], pairs[i + 1]);
        }
        return Settings.of(null, given);
    }

    private WebhookSettings toTheReceiver() {
        String url = "http://127.0.0.1:" + server.getAddress().getPort() + "/events";
        Settings all = settings("url", url, "secret", SECRET);
        WebhookSettings webhook = all.webhook();
        all.requireValid();
        return webhook;
    }

    private static Webhook start(Bmdb bmdb, WebhookSettings settings) {
        return Webhook.start(bmdb, settings).orElseThrow();
    }

    private OperatorActions operator() {
        return OperatorActions.of(database.bmdb(), Actor.program("oncall"));
    }

    /** Waits until it holds the reader, which begins with what comes. */
    private void awaitReader() {
        await().until(() -> database.bmdb()
                        .query(dsl -> dsl.fetchCount(
                                org.jooq.impl.DSL.table("fleet_event_readers"),
                                org.jooq.impl.DSL.condition("session_id is not null")))
                == 1);
    }

    /** As a receiver does it that knows nothing of this sender. */
    private static String hmac(byte[] key, String text) throws Exception {
        byte[] block = Arrays.copyOf(key, 64);
        byte[] inner = new byte[64];
        byte[] outer = new byte[64];
        for (int i = 0; i < 64; i++) {
            inner[i] = (byte) (block[i] ^ 0x36);
            outer[i] = (byte) (block[i] ^ 0x5c);
        }
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        digest.update(inner);
        byte[] hash = digest.digest(text.getBytes(StandardCharsets.UTF_8));
        digest.update(outer);
        return Base64.getEncoder().encodeToString(digest.digest(hash));
    }

    @Test
    void eachEventIsSentSignedAndInOrder() throws Exception {
        try (Webhook webhook = start(database.bmdb(), toTheReceiver())) {
            awaitReader();
            operator().quarantine(machine, "it \"smells\" of smoke");
            operator().release(machine, "it was the neighbour");
            await().until(() -> received.size() == 4);
        }

        assertThat(received.get(0).body())
                .startsWith("{\"type\":\"Quarantined\",\"timestamp\":\"20")
                .contains("\"machine_id\":\"" + machine + "\",\"provider\":\"static\",\"provider_id\":\"rack-1\"")
                .contains("\"details\":{\"by\":\"oncall\",\"cause\":\"it \\\"smells\\\" of smoke\"}");
        assertThat(received)
                .extracting(one -> one.body().replaceAll(".*\"type\":\"([A-Za-z]+)\".*", "$1"))
                .containsExactly("Quarantined", "OperatorAction", "Released", "OperatorAction");
        assertThat(received).extracting(Received::id).doesNotHaveDuplicates();
        for (Received one : received) {
            assertThat(Instant.ofEpochSecond(Long.parseLong(one.time())))
                    .isBetween(Instant.now().minusSeconds(60), Instant.now().plusSeconds(60));
            assertThat(one.signature())
                    .isEqualTo("v1,"
                            + hmac(
                                    SECRET.getBytes(StandardCharsets.UTF_8),
                                    one.id() + "." + one.time() + "." + one.body()));
        }
    }

    @Test
    void anEventIsSentAgainUntilItIsTakenAndTheNextOneWaits() throws Exception {
        answers.addAll(List.of(500, 302, 404));
        try (Webhook webhook = start(database.bmdb(), toTheReceiver())) {
            awaitReader();
            operator().quarantine(machine, "because");
            await().atMost(Duration.ofSeconds(30)).until(() -> received.size() == 5);
        }

        assertThat(received)
                .extracting(Received::id)
                .containsExactly("event-2", "event-2", "event-2", "event-2", "event-3");
    }

    @Test
    void oneProcessSendsAndAnotherGoesOnWhereItWas() throws Exception {
        try (Webhook standby = startSecond()) {
            try (Webhook first = start(database.bmdb(), toTheReceiver())) {
                awaitReader();
                operator().quarantine(machine, "because");
                await().until(() -> received.size() == 2);
            }
            operator().release(machine, "because");
            await().atMost(Duration.ofSeconds(30)).until(() -> received.size() == 4);
        }

        assertThat(received).extracting(Received::id).containsExactly("event-2", "event-3", "event-4", "event-5");
    }

    private Webhook startSecond() {
        return start(database.bmdb(), toTheReceiver());
    }

    @Test
    void aReceiverThatIsNotThereHoldsUpNothing() throws Exception {
        server.stop(0);
        long startedAt = System.nanoTime();
        try (Webhook webhook = start(database.bmdb(), toTheReceiver())) {
            awaitReader();
            operator().quarantine(machine, "because");
            assertThat(operator().release(machine, "because")).isTrue();
        }

        assertThat(Duration.ofNanos(System.nanoTime() - startedAt)).isLessThan(Duration.ofSeconds(30));
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(name -> name.startsWith("shepherd-webhook"));
    }

    @Test
    void wrongSettingsAreNamedWithoutTheSecret() {
        assertWrong("a secret", "url", "http://127.0.0.1/");
        assertWrong("at least 16", "url", "http://127.0.0.1/", "secret", "short-secret");
        assertWrong("is not Base64", "url", "http://127.0.0.1/", "secret", "whsec_short-secret");
        assertWrong("http://HOST", "url", "ftp://127.0.0.1/", "secret", SECRET);
        assertWrong("without a user", "url", "http://me:short-secret@127.0.0.1/", "secret", SECRET);
        assertWrong("--webhook", "secret", SECRET);
        assertWrong("freeze-began", "url", "http://127.0.0.1/", "secret", SECRET, "kinds", "levitated");
    }

    private static void assertWrong(String message, String... pairs) {
        Settings settings = settings(pairs);
        settings.webhook();
        assertThatThrownBy(settings::requireValid)
                .hasMessageContaining(message)
                .message()
                .doesNotContain(SECRET)
                .doesNotContain("short-secret");
    }

    @Test
    void nothingIsSentUnlessItIsSaidWhereTo() throws IOException {
        assertThat(Webhook.start(database.bmdb(), settings().webhook())).isEmpty();
    }
}
