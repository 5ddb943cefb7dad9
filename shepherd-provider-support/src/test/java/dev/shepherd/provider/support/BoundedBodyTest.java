package dev.shepherd.provider.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.shepherd.provider.support.NoAnswerException.Why;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Bodies that are read as streams, by generated clients for one. */
class BoundedBodyTest {

    private final CallThreads threads = new CallThreads("test-bodies");

    @AfterEach
    void close() {
        threads.close();
    }

    private HttpResponse<InputStream> get(Peer peer, long maxBytes) throws Exception {
        HttpClient client = threads.client(HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1));
        HttpRequest request = HttpRequest.newBuilder(peer.uri("/")).build();
        return BoundedBody.limit(client.send(request, BodyHandlers.ofInputStream()), maxBytes);
    }

    @Test
    void aBodyWithinItsLimitIsReadWhole() throws Exception {
        try (Peer peer = Peer.saying(Peer.answer("200 OK\r\nX-A: b", "x".repeat(1000)))) {
            HttpResponse<InputStream> answer = get(peer, 1000);

            assertThat(answer.statusCode()).isEqualTo(200);
            assertThat(answer.headers().firstValue("x-a")).contains("b");
            assertThat(answer.body()).hasContent("x".repeat(1000));
        }
    }

    @Test
    void aBodyBeyondItsLimitFailsWhicheverWayItIsRead() throws Exception {
        try (Peer peer = Peer.saying(Peer.answer("200 OK", "x".repeat(1001)))) {
            assertThatIOException()
                    .isThrownBy(() -> get(peer, 1000).body().readAllBytes())
                    .withMessage("the answer is longer than 1000 bytes");
            assertThatIOException().isThrownBy(() -> {
                InputStream body = get(peer, 1000).body();
                while (body.read() >= 0) {
                    // To its end.
                }
            });
        }
    }

    @Test
    void anEndlessBodyFailsAndIsHungUpOnWhenItIsClosed() throws Exception {
        try (Peer peer = Peer.start(Peer.forEver("HTTP/1.1 200 OK\r\n\r\n", " ".repeat(10_000), 0))) {
            try (InputStream body = get(peer, 100_000).body()) {
                assertThat(Why.of(catchThrowable(body::readAllBytes))).isEqualTo(Why.TOO_LONG);
            }

            assertThat(peer.hungUp.await(10, TimeUnit.SECONDS)).isTrue();
        }
    }
}
