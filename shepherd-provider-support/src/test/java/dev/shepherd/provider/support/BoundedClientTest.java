package dev.shepherd.provider.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.shepherd.provider.support.NoAnswerException.Why;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A client as generated code uses it, which reads a stream without a limit. */
class BoundedClientTest {

    private final CallThreads threads = new CallThreads("test-clients");
    private final HttpClient client =
            threads.client(HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1), 100_000);

    @AfterEach
    void close() {
        threads.close();
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(name -> name.startsWith("test-clients") || name.startsWith("HttpClient-"));
    }

    private static HttpRequest get(Peer peer) {
        return HttpRequest.newBuilder(peer.uri("/")).build();
    }

    private String read(Peer peer) throws IOException, InterruptedException {
        try (InputStream body =
                client.send(get(peer), BodyHandlers.ofInputStream()).body()) {
            return new String(body.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void anAnswerIsWhatTheServerSaidInWhicheverWayItIsRead() throws Exception {
        for (String text : new String[] {"", "x", "ü".repeat(50_000)}) {
            try (Peer peer = Peer.saying(Peer.answer("203 Maybe\r\nX-A: b", text))) {
                assertThat(read(peer)).isEqualTo(text);
                HttpResponse<String> answer = client.send(get(peer), BodyHandlers.ofString());
                assertThat(answer.body()).isEqualTo(text);
                assertThat(answer.statusCode()).isEqualTo(203);
                assertThat(answer.headers().firstValue("x-a")).contains("b");
                assertThat(answer.uri()).isEqualTo(peer.uri("/"));
                assertThat(answer.previousResponse()).isEmpty();
                assertThat(client.send(get(peer), BodyHandlers.discarding()).body())
                        .isNull();
                assertThat(client.sendAsync(get(peer), BodyHandlers.ofLines())
                                .get(10, TimeUnit.SECONDS)
                                .body()
                                .toList())
                        .isEqualTo(text.lines().toList());
            }
        }
    }

    @Test
    void aBodyOfExactlyTheLargestSizeIsTaken() throws Exception {
        try (Peer peer = Peer.saying(Peer.answer("200 OK", "x".repeat(100_000)))) {
            assertThat(read(peer)).hasSize(100_000);
        }
        try (Peer peer = Peer.saying(Peer.answer("200 OK", "x".repeat(100_001)))) {
            assertThatThrownBy(() -> read(peer))
                    .isInstanceOf(IOException.class)
                    .hasMessage("the answer is longer than 100000 bytes");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gzip", "x-gzip", "identity, gzip", "br"})
    void aCompressedBodyIsRefusedAndHungUpOn(String encoding) throws Exception {
        try (Peer peer = Peer.saying(Peer.answer("200 OK\r\nContent-Encoding: " + encoding, "x".repeat(1_000)))) {
            assertThatThrownBy(() -> read(peer))
                    .isInstanceOf(IOException.class)
                    .hasMessage("the answer is compressed (Content-Encoding)");
            assertThat(peer.isHungUpOn()).isTrue();
        }
        try (Peer peer = Peer.saying(Peer.answer("200 OK\r\nContent-Encoding: Identity", "plain"))) {
            assertThat(read(peer)).isEqualTo("plain");
        }
    }

    @Test
    void anEndlessBodyIsCutOffAndHungUpOn() throws Exception {
        try (Peer peer = Peer.start(Peer.forEver("HTTP/1.1 500 No\r\n\r\n", " ".repeat(10_000), 0))) {
            assertThat(Why.of(catchThrowable(() -> read(peer)))).isEqualTo(Why.TOO_LONG);
            assertThat(peer.isHungUpOn()).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(HttpCallsTest.Phase.class)
    void aCallThatIsGivenUpLeavesNoThreadThatHangsAndNoConnection(HttpCallsTest.Phase phase) throws Exception {
        try (Peer peer = Peer.start(phase.script())) {
            assertThatThrownBy(() -> threads.call(() -> read(peer), Duration.ofMillis(700)))
                    .isInstanceOf(TimeoutException.class);

            assertThat(peer.isHungUpOn()).isTrue();
            peer.behave((request, out, closed) ->
                    out.write(Peer.answer("200 OK", "again").getBytes(StandardCharsets.UTF_8)));
            assertThat(threads.call(() -> read(peer), Duration.ofMinutes(1))).isEqualTo("again");
        }
    }

    @Test
    void whatIsNotWaitedForAnyMoreIsHungUpOn() throws Exception {
        try (Peer peer = Peer.start(HttpCallsTest.Phase.A_BODY_THAT_DRIPS.script())) {
            CompletableFuture<HttpResponse<InputStream>> answer =
                    client.sendAsync(get(peer), BodyHandlers.ofInputStream());
            assertThat(peer.arrived.await(10, TimeUnit.SECONDS)).isTrue();

            answer.cancel(true);

            assertThat(peer.isHungUpOn()).isTrue();
        }
    }
}
