package dev.shepherd.testkit.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.testkit.http.TestCertificate;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What faults of a {@link FaultProxy} do, seen from the client and from the server behind it. */
@Timeout(60)
class FaultProxyTest {

    private static final Duration PATIENCE = Duration.ofMillis(500);

    private final TestCertificate certificate = TestCertificate.create();
    private final Racks racks = new Racks(null);
    private final FaultProxy proxy = FaultProxy.builder(racks.uri())
            .listing("/servers")
            .listing(
                    request -> request.path().equals("/pages") || request.path().equals("/racks"))
            .start();
    private final FaultProxy secure =
            FaultProxy.builder(racks.uri()).https(certificate.serverContext()).start();
    private final HttpClient client =
            HttpClient.newBuilder().sslContext(certificate.clientContext()).build();

    FaultProxyTest() throws IOException {}

    @AfterEach
    void stop() {
        proxy.close();
        secure.close();
        racks.close();
    }

    private HttpRequest get(FaultProxy via, String path) {
        return HttpRequest.newBuilder(URI.create(via.uri() + path))
                .header("Authorization", "Bearer s3cret")
                .timeout(Duration.ofSeconds(20))
                .build();
    }

    private HttpRequest post(FaultProxy via, String name) {
        return HttpRequest.newBuilder(URI.create(via.uri() + "/servers?by=me"))
                .header("Authorization", "Bearer s3cret")
                .timeout(Duration.ofSeconds(20))
                .POST(BodyPublishers.ofString(name))
                .build();
    }

    private HttpResponse<String> send(HttpRequest request) throws Exception {
        return client.send(request, BodyHandlers.ofString());
    }

    private String list(String path) throws Exception {
        return send(get(proxy, path)).body();
    }

    /** What the client sees of a request that is not answered. */
    private Throwable failure(HttpRequest request) {
        try {
            HttpResponse<String> answer = send(request);
            throw new AssertionError("answered: " + answer + " " + answer.body());
        } catch (Exception e) {
            return e;
        }
    }

    private static HttpRequest impatient(HttpRequest request) {
        return HttpRequest.newBuilder(request, (name, value) -> true)
                .timeout(PATIENCE)
                .build();
    }

    /** What arrives on a plain connection, as it comes. Ends with the connection, or after a while of silence. */
    private static String raw(FaultProxy via, String request) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", via.uri().getPort())) {
            socket.setSoTimeout(500);
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            StringBuilder seen = new StringBuilder();
            try {
                for (int next = socket.getInputStream().read();
                        next >= 0;
                        next = socket.getInputStream().read()) {
                    seen.append((char) next);
                }
            } catch (SocketTimeoutException e) {
                return seen + "…";
            }
            return seen.append("|").toString();
        }
    }

    private static String rawPost(String name) {
        return "POST /api/servers HTTP/1.1\r\nHost: proxy\r\nContent-Length: %d\r\n\r\n%s"
                .formatted(name.length(), name);
    }

    private static final String RAW_GET = "GET /api/servers HTTP/1.1\r\nHost: proxy\r\n\r\n";
    private static final String RAW_DELETE = "DELETE /api/servers HTTP/1.1\r\nHost: proxy\r\n\r\n";

    @Test
    void withoutFaultsItPassesOn() throws Exception {
        assertThat(send(post(proxy, "r1")).statusCode()).isEqualTo(201);
        assertThat(list("/servers")).isEqualTo("[{\"name\": \"r1\"}]");
        assertThat(racks.count("POST /api/servers?by=me")).isOne();
        assertThat(proxy.wasHit()).isFalse();
        assertThat(proxy.effects()).isOne();
    }

    @Test
    void theAnswerOfTheNextChangeIsLostOnce() throws Exception {
        list("/servers");
        assertThat(proxy.inject(ContractFault.LOST_ANSWER)).isTrue();
        assertThat(list("/servers")).isEqualTo("[]");
        assertThat(failure(post(proxy, "r1")))
                .isInstanceOf(IOException.class)
                .isNotInstanceOf(HttpTimeoutException.class);
        assertThat(racks.names).containsExactly("r1");
        assertThat(proxy.effects()).isOne();
        assertThat(send(post(proxy, "r2")).statusCode()).isEqualTo(201);
    }

    @Test
    void staleListingsAreThoseOfBeforeAndOthersAreServed() throws Exception {
        send(post(proxy, "r1"));
        list("/servers");
        assertThat(proxy.inject(ContractFault.STALE_LISTING)).isTrue();
        send(post(proxy, "r2"));
        assertThat(list("/servers")).isEqualTo("[{\"name\": \"r1\"}]");
        // Another query is another listing.
        assertThat(list("/servers?all=1")).contains("r2");
        assertThat(list("/racks")).contains("r2");
        send(post(proxy, "r3"));
        assertThat(list("/racks")).contains("r3");
        assertThat(list("/servers")).doesNotContain("r2");
        proxy.heal();
        assertThat(list("/servers")).contains("r1", "r2", "r3");
    }

    @Test
    void aListingIsDoubledWhereverItsFirstArrayIs() throws Exception {
        racks.names.addAll(List.of("r1", "r2", "r3"));
        assertThat(proxy.inject(ContractFault.DUPLICATE_MACHINE)).isTrue();
        assertThat(list("/servers").replaceAll("[^r0-9]", "")).isEqualTo("r1r1r2r2r3r3");
        assertThat(list("/racks")).startsWith("{\"total\": 3, ").contains("{\"name\": \"r3\"},{\"name\": \"r3\"}");
        String first = list("/pages?page=0");
        assertThat(first).contains("{\"name\": \"r2\"},{\"name\": \"r2\"}").contains(proxy.uri() + "/pages?page=1");
        assertThat(list("/pages?page=1")).contains("{\"name\": \"r3\"},{\"name\": \"r3\"}");
        proxy.heal();
        assertThat(list("/racks")).doesNotContain("},{");
    }

    @Test
    void whatDoubledMeansCanBeSaid() throws Exception {
        try (FaultProxy other = FaultProxy.builder(racks.uri())
                .listing("/servers")
                .duplicate(body -> body + " twice")
                .start()) {
            other.inject(ContractFault.DUPLICATE_MACHINE);
            assertThat(send(get(other, "/servers")).body()).isEqualTo("[] twice");
            assertThat(send(get(other, "/racks")).body()).doesNotContain("twice");
        }
    }

    @Test
    void withoutListingsTheFaultsOfListingsAreNotPossible() {
        assertThat(secure.inject(ContractFault.STALE_LISTING)).isFalse();
        assertThat(secure.inject(ContractFault.DUPLICATE_MACHINE)).isFalse();
        assertThat(secure.inject(ContractFault.LOST_ANSWER)).isTrue();
    }

    @ParameterizedTest
    @EnumSource(names = {"CONFLICT", "RATE_LIMITED", "UNAUTHENTICATED"})
    void refusalsLastUntilTheyAreHealedAndShowTheRequest(ContractFault fault) throws Exception {
        int status = switch (fault) {
            case CONFLICT -> 409;
            case RATE_LIMITED -> 429;
            default -> 401;
        };
        assertThat(proxy.inject(fault)).isTrue();
        for (int i = 0; i < 2; i++) {
            HttpResponse<String> answer = send(post(proxy, "r1"));
            assertThat(answer.statusCode()).isEqualTo(status);
            assertThat(answer.body())
                    .contains("POST /api/servers?by=me HTTP/1.1", "Authorization: Bearer s3cret", "\"body\":\"r1\"");
            assertThat(answer.headers().firstValue("Retry-After").orElse("")).isEqualTo(status == 429 ? "7" : "");
            assertThat(send(get(proxy, "/servers")).statusCode()).isEqualTo(status == 409 ? 200 : status);
        }
        assertThat(racks.names).isEmpty();
        assertThat(proxy.effects()).isZero();
        proxy.heal();
        assertThat(send(post(proxy, "r1")).statusCode()).isEqualTo(201);
    }

    @Test
    void anUnreachableServerIsMetInBothWays() throws Exception {
        assertThat(proxy.inject(ContractFault.UNREACHABLE)).isTrue();
        for (int i = 0; i < 2; i++) {
            // The client repeats it, and finds no connection that lasts.
            assertThat(failure(get(proxy, "/servers")))
                    .isInstanceOf(IOException.class)
                    .isNotInstanceOf(HttpTimeoutException.class);
            HttpResponse<String> answer = send(get(proxy, "/racks"));
            assertThat(answer.statusCode()).isEqualTo(503);
            assertThat(answer.body()).contains("Authorization: Bearer s3cret");
            assertThat(failure(post(proxy, "r1")))
                    .isInstanceOf(IOException.class)
                    .isNotInstanceOf(HttpTimeoutException.class);
        }
        assertThat(racks.arrived).isEmpty();
        proxy.heal();
        assertThat(send(post(proxy, "r1")).statusCode()).isEqualTo(201);
    }

    @Test
    void aServerThatHangsAnswersNothingUntilItIsHealed() throws Exception {
        assertThat(proxy.inject(ContractFault.HANGING)).isTrue();
        assertThat(failure(impatient(get(proxy, "/servers")))).isInstanceOf(HttpTimeoutException.class);
        CompletableFuture<HttpResponse<String>> waiting = client.sendAsync(post(proxy, "r1"), BodyHandlers.ofString());
        assertThatThrownBy(() -> waiting.get(300, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
        proxy.heal();
        // It ends, and takes no effect that would come as a surprise.
        assertThatThrownBy(() -> waiting.get(10, TimeUnit.SECONDS)).hasCauseInstanceOf(IOException.class);
        assertThat(racks.arrived).isEmpty();
        assertThat(list("/servers")).isEqualTo("[]");
    }

    @ParameterizedTest
    @EnumSource
    void aFaultOfOneRequestHitsTheOneThatIsMeant(RequestFault fault) throws Exception {
        assertThat(proxy.inject(fault, Step.CHANGE, 2)).isTrue();
        list("/servers");
        list("/servers");
        assertThat(send(post(proxy, "r1")).statusCode()).isEqualTo(201);
        assertThat(proxy.wasHit()).isFalse();
        meet(fault, post(proxy, "r2"));
        assertThat(proxy.wasHit()).isTrue();
        List<String> names = fault.isEffective() ? List.of("r1", "r2") : List.of("r1");
        await().untilAsserted(() -> assertThat(proxy.effects()).isEqualTo(names.size()));
        assertThat(racks.names).isEqualTo(names);
        // Once, and with none left waiting for others.
        assertThat(send(post(proxy, "r3")).statusCode()).isEqualTo(201);
        assertThat(proxy.effects()).isEqualTo(fault.isEffective() ? 3 : 2);
    }

    @ParameterizedTest
    @EnumSource
    void aFaultOfOneRequestHitsReadsToo(RequestFault fault) throws Exception {
        assertThat(proxy.inject(fault, Step.READ, 2)).isTrue();
        send(post(proxy, "r1"));
        assertThat(list("/servers")).contains("r1");
        assertThat(proxy.wasHit()).isFalse();
        if (fault == RequestFault.ANSWER_LOST) {
            // The client of the JDK repeats a GET that got no byte of an answer.
            assertThat(raw(proxy, RAW_GET)).isEqualTo("|");
        } else if (fault == RequestFault.RESET) {
            assertThatThrownBy(() -> raw(proxy, RAW_GET)).isInstanceOf(SocketException.class);
        } else {
            meet(fault, get(proxy, "/servers"));
        }
        assertThat(proxy.wasHit()).isTrue();
        await().untilAsserted(() -> assertThat(racks.count("GET /api/servers")).isEqualTo(fault.isEffective() ? 2 : 1));
        assertThat(list("/servers")).contains("r1");
    }

    @ParameterizedTest
    @EnumSource
    void aFaultOfOneRequestIsTheSameOverHttps(RequestFault fault) throws Exception {
        assertThat(secure.uri().getScheme()).isEqualTo("https");
        assertThat(secure.inject(fault, Step.CHANGE, 1)).isTrue();
        // A connection that is there leaves the time for a fault to the fault.
        send(get(secure, "/servers"));
        meet(fault, post(secure, "r1"));
        List<String> names = fault.isEffective() ? List.of("r1") : List.of();
        await().untilAsserted(() -> assertThat(secure.effects()).isEqualTo(names.size()));
        assertThat(racks.names).isEqualTo(names);
        assertThat(send(post(secure, "r2")).statusCode()).isEqualTo(201);
    }

    private void meet(RequestFault fault, HttpRequest request) throws Exception {
        int status = switch (fault) {
            case REFUSED -> 400;
            case CONFLICT -> 409;
            case RATE_LIMITED -> 429;
            case UNAVAILABLE -> 503;
            default -> 0;
        };
        if (status > 0) {
            HttpResponse<String> answer = send(request);
            assertThat(answer.statusCode()).isEqualTo(status);
            assertThat(answer.body()).contains("s3cret");
        } else if (fault == RequestFault.HANGS_AFTER_HEAD) {
            // The client's own limit ends with the head.
            CompletableFuture<HttpResponse<String>> answer = client.sendAsync(request, BodyHandlers.ofString());
            assertThatThrownBy(() -> answer.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS))
                    .isInstanceOf(TimeoutException.class);
            answer.cancel(true);
        } else if (fault.isHanging()) {
            assertThat(failure(impatient(request))).isInstanceOf(HttpTimeoutException.class);
        } else {
            assertThat(failure(request)).isInstanceOf(IOException.class).isNotInstanceOf(HttpTimeoutException.class);
        }
        await().until(() -> proxy.wasHit() || secure.wasHit());
    }

    @Test
    void aResetIsOne() throws Exception {
        proxy.inject(RequestFault.RESET, Step.CHANGE, 1);
        assertThatThrownBy(() -> raw(proxy, rawPost("r1")))
                .isInstanceOf(SocketException.class)
                .hasMessageContaining("reset");
        proxy.inject(RequestFault.ANSWER_LOST, Step.CHANGE, 1);
        assertThat(raw(proxy, rawPost("r2"))).isEqualTo("|");
        assertThat(racks.names).containsExactly("r1", "r2");
    }

    @Test
    void aCutAnswerHasItsHeadAndHalfOfItsBody() throws Exception {
        proxy.inject(RequestFault.ANSWER_CUT, Step.CHANGE, 1);
        String seen = raw(proxy, rawPost("r1"));
        assertThat(seen)
                .startsWith("HTTP/1.1 201 ")
                .containsIgnoringCase("content-length: ")
                .endsWith("|");
        int length = Integer.parseInt(seen.replaceAll("(?s).*(?i)content-length: (\\d+).*", "$1"));
        String body = seen.substring(seen.indexOf("\r\n\r\n") + 4, seen.length() - 1);
        assertThat(body).hasSize(length / 2).startsWith("{\"name\": \"r1\"");
    }

    @Test
    void anAnswerWithoutBodyIsCutInItsHead() throws Exception {
        proxy.inject(RequestFault.ANSWER_CUT, Step.CHANGE, 1);
        assertThat(raw(proxy, RAW_DELETE))
                .startsWith("HTTP/1.1 204")
                .endsWith("|")
                .doesNotContain("\r\n\r\n");
        proxy.inject(RequestFault.HANGS_AFTER_HEAD, Step.CHANGE, 1);
        assertThat(raw(proxy, RAW_DELETE))
                .startsWith("HTTP/1.1 204")
                .endsWith("…")
                .doesNotContain("\r\n\r\n");
    }

    @Test
    void anAnswerWhoseBodyHangsHasItsHead() throws Exception {
        proxy.inject(RequestFault.HANGS_AFTER_HEAD, Step.CHANGE, 1);
        assertThat(raw(proxy, rawPost("r1"))).startsWith("HTTP/1.1 201").endsWith("\r\n\r\n…");
    }

    @Test
    void theLastFaultOfOneRequestCounts() throws Exception {
        proxy.inject(RequestFault.REFUSED, Step.CHANGE, 1);
        proxy.inject(RequestFault.UNAVAILABLE, Step.CHANGE, 2);
        assertThat(send(post(proxy, "r1")).statusCode()).isEqualTo(201);
        assertThat(send(post(proxy, "r2")).statusCode()).isEqualTo(503);
        proxy.inject(RequestFault.REFUSED, Step.CHANGE, 1);
        proxy.heal();
        assertThat(send(post(proxy, "r3")).statusCode()).isEqualTo(201);
        assertThat(proxy.wasHit()).isFalse();
    }

    @Test
    void somethingIsDoneRightBeforeARequest() throws Exception {
        List<String> seen = new ArrayList<>();
        assertThat(proxy.before(Step.READ, 2, () -> {
                    seen.addAll(racks.names);
                    // A request that the action makes is let through, and is no third one.
                    seen.add(list("/servers"));
                    racks.names.add("r2");
                }))
                .isTrue();
        send(post(proxy, "r1"));
        assertThat(list("/servers")).doesNotContain("r2");
        assertThat(proxy.wasHit()).isFalse();
        assertThat(list("/servers")).contains("r1", "r2");
        assertThat(proxy.wasHit()).isTrue();
        assertThat(seen).containsExactly("r1", "[{\"name\": \"r1\"}]");
        assertThat(list("/servers")).contains("r1", "r2");
        assertThat(seen).hasSize(2);
    }

    @Test
    void anActionThatFailsIsTold() throws Exception {
        proxy.before(Step.CHANGE, 1, () -> {
            throw new IllegalStateException("no such rack");
        });
        HttpResponse<String> answer = send(post(proxy, "r1"));
        assertThat(answer.statusCode()).isEqualTo(500);
        assertThat(answer.body()).contains("no such rack");
        assertThat(racks.names).isEmpty();
        assertThatThrownBy(proxy::heal).hasMessage("no such rack");
        proxy.heal();
        assertThat(send(post(proxy, "r1")).statusCode()).isEqualTo(201);
    }

    @Test
    void aListingThatCannotBeDoubledIsTold() throws Exception {
        try (FaultProxy other = FaultProxy.builder(racks.uri())
                .listing(request -> request.path().equals("/echo"))
                .start()) {
            other.inject(ContractFault.DUPLICATE_MACHINE);
            assertThat(send(HttpRequest.newBuilder(URI.create(other.uri() + "/echo"))
                                    .POST(BodyPublishers.ofString("{\"a\": 1}"))
                                    .build())
                            .statusCode())
                    .isEqualTo(500);
            assertThatThrownBy(other::heal).hasMessageContaining("duplicate(…)");
        }
    }

    @Test
    void whatChangesSomethingCanBeSaid() throws Exception {
        try (FaultProxy other = FaultProxy.builder(racks.uri())
                .changes(request -> request.path().equals("/servers")
                        && request.query().equals("by=me")
                        && request.body().equals("r2")
                        && request.headers().get("authorization").equals("Bearer s3cret"))
                .start()) {
            other.inject(RequestFault.CONFLICT, Step.CHANGE, 1);
            assertThat(send(post(other, "r1")).statusCode()).isEqualTo(201);
            assertThat(other.effects()).isZero();
            assertThat(send(post(other, "r2")).statusCode()).isEqualTo(409);
        }
    }

    @Test
    void someRequestsCanBeSpared() throws Exception {
        try (FaultProxy other = FaultProxy.builder(racks.uri())
                .spared(request -> request.path().equals("/servers"))
                .start()) {
            other.inject(ContractFault.UNAUTHENTICATED);
            assertThat(send(post(other, "r1")).statusCode()).isEqualTo(201);
            assertThat(send(get(other, "/racks")).statusCode()).isEqualTo(401);
            assertThat(other.effects()).isZero();
            other.heal();
            other.inject(RequestFault.UNAVAILABLE, Step.READ, 1);
            assertThat(send(get(other, "/servers")).statusCode()).isEqualTo(200);
            assertThat(other.wasHit()).isFalse();
            assertThat(send(get(other, "/racks")).statusCode()).isEqualTo(503);
        }
    }

    @Test
    void effectsAreThoseSinceTheLastFault() throws Exception {
        send(post(proxy, "r1"));
        proxy.inject(RequestFault.CONFLICT, Step.CHANGE, 2);
        assertThat(proxy.effects()).isZero();
        send(post(proxy, "r2"));
        send(post(proxy, "r3"));
        // One that the server itself refuses has none.
        send(HttpRequest.newBuilder(URI.create(proxy.uri() + "/nothing"))
                .POST(BodyPublishers.noBody())
                .build());
        list("/servers");
        assertThat(proxy.effects()).isOne();
        proxy.heal();
        assertThat(proxy.effects()).isOne();
    }

    @Test
    void aRequestIsCountedOnceWhereManyComeAtOnce() throws Exception {
        proxy.inject(RequestFault.CONFLICT, Step.CHANGE, 20);
        List<CompletableFuture<HttpResponse<String>>> sent = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            sent.add(client.sendAsync(post(proxy, "r" + i), BodyHandlers.ofString()));
        }
        AtomicInteger refused = new AtomicInteger();
        for (CompletableFuture<HttpResponse<String>> each : sent) {
            refused.addAndGet(each.get().statusCode() == 409 ? 1 : 0);
        }
        assertThat(refused).hasValue(1);
        assertThat(racks.names).hasSize(39).doesNotHaveDuplicates();
        assertThat(proxy.effects()).isEqualTo(39);
    }

    @Test
    void closingEndsWhatHangs() throws Exception {
        proxy.inject(RequestFault.HANGS_AFTER_HEAD, Step.CHANGE, 1);
        CompletableFuture<HttpResponse<String>> first = client.sendAsync(post(proxy, "r1"), BodyHandlers.ofString());
        await().until(proxy::wasHit);
        proxy.inject(ContractFault.HANGING);
        CompletableFuture<HttpResponse<String>> second = client.sendAsync(post(proxy, "r2"), BodyHandlers.ofString());
        await().untilAsserted(() -> assertThat(racks.names).containsExactly("r1"));
        proxy.close();
        secure.close();
        assertThatThrownBy(() -> first.get(10, TimeUnit.SECONDS)).hasCauseInstanceOf(IOException.class);
        assertThatThrownBy(() -> second.get(10, TimeUnit.SECONDS)).hasCauseInstanceOf(IOException.class);
        // An executor is over shortly before its last thread.
        await().untilAsserted(() -> assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(thread -> thread.getName().startsWith(FaultProxy.THREADS)));
        assertThatThrownBy(() -> raw(proxy, rawPost("r3"))).isInstanceOf(IOException.class);
        assertThat(racks.names).containsExactly("r1");
        proxy.close();
    }

    @Test
    void badSettingsAreRefused() {
        for (String uri : List.of("ftp://a/", "/path", "http://user@a/", "http://a/?x", "http:///a", "http://a/#b")) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> FaultProxy.builder(URI.create(uri)))
                    .withMessageContaining(uri);
        }
        FaultProxy.Builder builder = FaultProxy.builder(URI.create("http://a"));
        assertThatIllegalArgumentException().isThrownBy(() -> builder.limit(Duration.ZERO));
        assertThatIllegalArgumentException().isThrownBy(() -> builder.limit(Duration.ofHours(2)));
        assertThatIllegalArgumentException().isThrownBy(() -> proxy.inject(RequestFault.RESET, Step.READ, 0));
    }
}
