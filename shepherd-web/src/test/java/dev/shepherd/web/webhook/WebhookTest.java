package dev.shepherd.web.webhook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.shepherd.api.Availability;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.testkit.database.BmdbExtension;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class WebhookTest {

    private static final Backoff QUICK = Backoff.constant(Duration.ofSeconds(1));

    private static final String SECRET = "an-old-secret-of-the-receiver";

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    private final List<Received> received = Collections.synchronizedList(new ArrayList<>());
    private final ConcurrentLinkedDeque<Answer> answers = new ConcurrentLinkedDeque<>();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final CountDownLatch hanging = new CountDownLatch(1);
    private HttpServer server;
    private UUID machine;

    /** What the receiver does with a call. */
    private interface Answer {
        void to(HttpExchange exchange) throws IOException;
    }

    private static Answer status(int status) {
        return exchange -> exchange.sendResponseHeaders(status, -1);
    }

    private static Answer later(int status, String retryAfter) {
        return exchange -> {
            exchange.getResponseHeaders().add("Retry-After", retryAfter);
            exchange.sendResponseHeaders(status, -1);
        };
    }

    /** Says that it took the event, and breaks off in the middle of the answer. */
    private static void breakOff(HttpExchange exchange) throws IOException {
        exchange.sendResponseHeaders(200, 100);
        exchange.getResponseBody().write(new byte[10]);
        exchange.getResponseBody().flush();
        // Closing the exchange closes the connection, since 90 bytes are missing.
    }

    private void hang(HttpExchange exchange) throws IOException {
        try {
            hanging.await(30, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }

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
            Answer answer = answers.poll();
            (answer == null ? status(204) : answer).to(exchange);
            exchange.close();
        });
        server.start();
        machine = record(database.bmdb(), "rack-1");
    }

    @AfterEach
    void noReceiver() {
        hanging.countDown();
        server.stop(0);
        threads.shutdownNow();
    }

    private WebhookSettings toTheReceiver() {
        return WebhookSettings.builder()
                .url(URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/events"))
                .secret(SECRET)
                .build();
    }

    private static Webhook start(Bmdb bmdb, WebhookSettings settings) {
        return started(Webhook.of(bmdb, settings));
    }

    private static Webhook started(Webhook webhook) {
        webhook.start();
        return webhook;
    }

    private static UUID record(Bmdb bmdb, String providerId) throws InterruptedException {
        UUID id = UUID.randomUUID();
        MachineInfo info = MachineInfo.builder(new ProviderID(providerId), Availability.POSSIBLY_USED)
                .address(InetAddress.getLoopbackAddress())
                .build();
        try (BmdbSession session = bmdb.startSession("test", "here")) {
            session.useTransaction(
                    tx -> tx.recordMachine(new ProviderType("static"), CreateMachineRequest.any(id), info));
        }
        return id;
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

    private static void assertIsSigned(Received one, byte[] key) throws Exception {
        assertThat(one.signature()).isEqualTo("v1," + hmac(key, one.id() + "." + one.time() + "." + one.body()));
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
            assertIsSigned(one, SECRET.getBytes(StandardCharsets.UTF_8));
        }
    }

    @Test
    void anEventIsSentAgainUntilItIsTakenAndTheNextOneWaits() throws Exception {
        answers.addAll(List.of(status(500), status(302), status(404)));
        try (Webhook webhook = start(database.bmdb(), toTheReceiver())) {
            awaitReader();
            operator().quarantine(machine, "because");
            await().atMost(Duration.ofSeconds(30)).until(() -> received.size() == 5);
        }

        assertThat(received)
                .extracting(Received::id)
                .containsExactly("event-2", "event-2", "event-2", "event-2", "event-3");
    }

    /** 410 Gone is no reason to stop: who configured the webhook decides that, and an alert says that it is behind. */
    @Test
    void aReceiverThatHangsBreaksOffOrIsGoneIsSentTheEventAgain() throws Exception {
        answers.addAll(List.of(this::hang, WebhookTest::breakOff, status(410), status(503)));
        try (Webhook webhook = started(Webhook.of(database.bmdb(), toTheReceiver(), Duration.ofSeconds(1), QUICK))) {
            awaitReader();
            operator().quarantine(machine, "because");
            await().atMost(Duration.ofSeconds(30)).until(() -> received.size() == 6);
            await().until(() -> webhook.eventsBehind() == 0);
            assertThat(webhook.failures()).isEqualTo(4);
            assertThat(webhook.sent()).isEqualTo(2);
            assertThat(webhook.secondsBehind()).isZero();
        }

        assertThat(received)
                .extracting(Received::id)
                .containsExactly("event-2", "event-2", "event-2", "event-2", "event-2", "event-3");
    }

    @Test
    void itWaitsForAsLongAsTheReceiverAsksForWithinLimits() throws Exception {
        Backoff retry = Backoff.builder()
                .initial(Duration.ofSeconds(1))
                .maximum(Duration.ofSeconds(3))
                .build();
        answers.addAll(List.of(later(429, "2"), later(503, "0"), later(429, "86400")));
        List<Long> at = Collections.synchronizedList(new ArrayList<>());
        try (Webhook webhook = started(Webhook.of(database.bmdb(), toTheReceiver(), Duration.ofSeconds(5), retry))) {
            awaitReader();
            operator().quarantine(machine, "because");
            await().pollInterval(Duration.ofMillis(10))
                    .atMost(Duration.ofSeconds(30))
                    .until(() -> {
                        while (at.size() < received.size()) {
                            at.add(System.nanoTime());
                        }
                        return at.size() >= 4;
                    });
        }

        assertThat(between(at, 0)).as("as long as asked").isBetween(1800L, 12000L);
        assertThat(between(at, 1)).as("not at once").isBetween(900L, 12000L);
        assertThat(between(at, 2)).as("not for a day").isBetween(2800L, 20000L);
    }

    private static long between(List<Long> at, int index) {
        return TimeUnit.NANOSECONDS.toMillis(at.get(index + 1) - at.get(index));
    }

    @Test
    void itSaysHowFarItIsBehind() throws Exception {
        answers.addAll(Collections.nCopies(1000, status(500)));
        try (Webhook webhook = started(Webhook.of(database.bmdb(), toTheReceiver(), Duration.ofSeconds(5), QUICK))) {
            awaitReader();
            await().until(() -> webhook.eventsBehind() == 0);
            operator().quarantine(machine, "because");
            operator().release(machine, "because");
            await().until(() -> webhook.eventsBehind() == 4 && webhook.secondsBehind() > 0.5);
            assertThat(webhook.sent()).isZero();
            try (Webhook other = startSecond()) {
                await().during(Duration.ofMillis(500)).until(() -> Double.isNaN(other.eventsBehind()));
                assertThat(other.secondsBehind()).as("another one sends").isNaN();
            }
            answers.clear();
            await().until(() -> webhook.eventsBehind() == 0);
            assertThat(webhook.secondsBehind()).isZero();
        }
    }

    /**
     * As a failover looks from here: all connections break, more than once, and the session is lost. That no reader misses
     * an event with a real one is FailoverTest's.
     */
    @Test
    void noEventIsMissingAfterTheDatabaseWasAway() throws Exception {
        int rounds = 10;
        try (Webhook webhook = start(database.bmdb(), toTheReceiver());
                Connection other = DriverManager.getConnection(database.jdbcUrl());
                Statement statement = other.createStatement()) {
            awaitReader();
            for (int i = 0; i < rounds; i++) {
                operator().quarantine(machine, "round " + i);
                if (i % 3 == 2) {
                    statement.execute("select pg_terminate_backend(pid) from pg_stat_activity"
                            + " where datname = current_database() and pid <> pg_backend_pid()");
                    statement.execute("update sessions set session_deadline = now() - interval '1 second'");
                }
                operator().release(machine, "round " + i);
            }
            await().atMost(Duration.ofSeconds(60))
                    .until(() -> ids("OperatorAction").size() == 2 * rounds);
            await().until(() -> webhook.eventsBehind() == 0);
        }

        // The loss of its session is an event, too.
        assertThat(ids("Quarantined")).hasSize(rounds);
        assertThat(ids("Released")).hasSize(rounds);
        assertThat(ids(""))
                .as("each, in order, perhaps again")
                .isSortedAccordingTo(Comparator.comparing(id -> Integer.valueOf(id.substring("event-".length()))));
    }

    /** The first time that each was received. */
    private List<String> ids(String type) {
        synchronized (received) {
            return received.stream()
                    .filter(one -> one.body().startsWith("{\"type\":\"" + type))
                    .map(Received::id)
                    .distinct()
                    .toList();
        }
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
    void kindsThatAreNotWantedArePassedOver() throws Exception {
        WebhookSettings released = WebhookSettings.builder()
                .url(toTheReceiver().url())
                .secret("whsec_" + Base64.getEncoder().encodeToString(SECRET.getBytes(StandardCharsets.UTF_8)))
                .kinds(Set.of(EventKind.RELEASED))
                .build();
        try (Webhook webhook = start(database.bmdb(), released)) {
            awaitReader();
            operator().quarantine(machine, "because");
            operator().release(machine, "because");
            await().until(() -> webhook.eventsBehind() == 0 && webhook.sent() == 1);
        }

        assertThat(received).singleElement().satisfies(one -> {
            assertThat(one.body()).startsWith("{\"type\":\"Released\"");
            assertIsSigned(one, SECRET.getBytes(StandardCharsets.UTF_8));
        });
    }

    @Test
    void nothingRunsBeforeItIsStartedAndItStartsOnce() throws Exception {
        Webhook webhook = Webhook.of(database.bmdb(), toTheReceiver());
        assertThat(ownThreads()).isEmpty();
        webhook.start();
        assertThatThrownBy(webhook::start).isInstanceOf(IllegalStateException.class);
        awaitReader();
        webhook.close();
        webhook.close();

        assertThat(ownThreads()).isEmpty();
        assertThat(database.bmdb().<Integer>query(dsl -> dsl.fetchCount(org.jooq.impl.DSL.table("sessions"))))
                .isZero();
        assertThatThrownBy(webhook::start).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void oneThatWasNotStartedCanBeClosedAndNotStartedAfterwards() {
        Webhook webhook = Webhook.of(database.bmdb(), toTheReceiver());
        webhook.close();
        webhook.close();

        assertThatThrownBy(webhook::start).isInstanceOf(IllegalStateException.class);
        assertThat(ownThreads()).isEmpty();
    }

    private static List<String> ownThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("shepherd-webhook"))
                .toList();
    }

    @Test
    void itsMetricsAreThereUntilTheyAreClosed() throws Exception {
        MeterRegistry registry = new SimpleMeterRegistry();
        try (Webhook webhook = Webhook.of(database.bmdb(), toTheReceiver())) {
            WebhookMetrics metrics = WebhookMetrics.of(webhook);
            metrics.bindTo(registry);
            assertThat(registry.get("shepherd.webhook.behind").timeGauge().value(TimeUnit.SECONDS))
                    .as("not known yet")
                    .isNaN();
            webhook.start();
            awaitReader();
            answers.add(status(500));
            operator().quarantine(machine, "because");
            await().until(() ->
                    registry.get("shepherd.webhook.sent").functionCounter().count() == 2);
            assertThat(registry.get("shepherd.webhook.failures")
                            .functionCounter()
                            .count())
                    .isEqualTo(1);
            await().until(() ->
                    registry.get("shepherd.webhook.behind.events").gauge().value() == 0);
            assertThat(registry.get("shepherd.webhook.behind").timeGauge().value(TimeUnit.SECONDS))
                    .isZero();
            metrics.close();
            assertThat(registry.getMeters()).isEmpty();
        }
    }

    private static WebhookSettings.Builder settings(String url) {
        return WebhookSettings.builder().url(URI.create(url));
    }

    @Test
    void wrongSettingsAreNamedWithoutTheSecret() {
        String url = "http://127.0.0.1/";
        assertWrong("url", "url is missing", WebhookSettings.builder().secret(SECRET));
        assertWrong("url", "http://HOST", settings("ftp://127.0.0.1/").secret(SECRET));
        assertWrong(
                "url",
                "without a user",
                settings("http://me:short-secret@127.0.0.1/").secret(SECRET));
        assertWrong("url", "a fragment", settings(url + "#short-secret").secret(SECRET));
        assertWrong("secret", "secret is missing", settings(url));
        assertWrong("secret", "at least 16", settings(url).secret("short-secret"));
        assertWrong("secret", "is not Base64", settings(url).secret("whsec_short-secret"));
        assertWrong("secret", "at least 16", settings(url).secret("whsec_c2hvcnQtc2VjcmV0"));
        assertWrong("kinds", "at least one", settings(url).secret(SECRET).kinds(Set.of()));
    }

    private static void assertWrong(String property, String message, WebhookSettings.Builder settings) {
        assertThatThrownBy(settings::build)
                .isInstanceOfSatisfying(
                        ConfigurationException.class,
                        refused -> assertThat(refused.property()).contains(property))
                .hasMessageContaining(message)
                .message()
                .doesNotContain(SECRET, "short-secret", "c2hvcnQ");
    }

    @Test
    void nothingThatIsPrintedHasTheSecret() {
        assertThat(toTheReceiver()).asString().contains("127.0.0.1").doesNotContain(SECRET);
        try (Webhook webhook = Webhook.of(database.bmdb(), toTheReceiver())) {
            assertThat(webhook).asString().contains("127.0.0.1").doesNotContain(SECRET);
        }
    }
}
