package dev.shepherd.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.callback.AgentRequest;
import dev.shepherd.agent.messages.callback.AgentResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RequestTest {

    private FakeEndpoint endpoint;
    private Request request;

    @BeforeEach
    void start() throws Exception {
        endpoint = new FakeEndpoint();
        request = new Request(endpoint.identity());
    }

    @AfterEach
    void stop() {
        endpoint.close();
    }

    private Request.Reply send() throws Exception {
        return request.send(AgentRequest.newBuilder()
                .setHardwareReport(ByteString.copyFromUtf8("disks"))
                .build());
    }

    @Test
    void requestsAreSignedAndEachHasALaterTime() throws Exception {
        AgentResponse.Builder response = AgentResponse.newBuilder();
        response.getInstallationRequestBuilder().setGeneration(4);
        for (int i = 0; i < 5; i++) {
            endpoint.then(FakeEndpoint.accept(response.build()));
            assertThat(send().response().getInstallationRequest().getGeneration())
                    .isEqualTo(4);
        }
        assertThat(endpoint.wrong()).isEmpty();
        assertThat(endpoint.times()).hasSize(5).isSorted().doesNotHaveDuplicates();
    }

    @ParameterizedTest
    @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
    void byTlsTheAgentShowsACertificateOfItsKeySignsAsWellAndKeepsItsConnection(String protocol) throws Exception {
        try (FakeEndpoint secure = new FakeEndpoint(protocol)) {
            Request request = new Request(secure.identity());
            for (int i = 0; i < 3; i++) {
                secure.then(FakeEndpoint.accept(AgentResponse.getDefaultInstance()));
                assertThat(request.send(AgentRequest.getDefaultInstance()).status())
                        .isEqualTo(200);
            }
            assertThat(secure.wrong()).isEmpty();
            assertThat(secure.times()).hasSize(3);
            assertThat(secure.connections()).hasSize(1);

            Identity mistrusts = new Identity(
                    secure.identity().init().toBuilder().clearCaCertificate().build(),
                    secure.identity().keys());
            assertThatThrownBy(() -> new Request(mistrusts).send(AgentRequest.getDefaultInstance()))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("unable to find valid certification path");
        }
    }

    @Test
    void theEndpointsTimeIsUsedOnceItHasSaidSo() throws Exception {
        long there = System.currentTimeMillis() + 86_400_000;
        endpoint.then(
                FakeEndpoint.refuse(401, "Shepherd-Reason", "OTHER_TIME", "Shepherd-Time", String.valueOf(there)));
        endpoint.then(FakeEndpoint.accept(AgentResponse.getDefaultInstance()));

        assertThat(send().reason()).isEqualTo("OTHER_TIME");
        assertThat(send().status()).isEqualTo(200);

        assertThat(endpoint.times().get(1)).isBetween(there, there + 60_000);
    }

    @Test
    void aTimeThatWasPassedBeforeIsPassedAgain() throws Exception {
        long last = System.currentTimeMillis() + 200_000;
        endpoint.then(FakeEndpoint.refuse(401, "Shepherd-Reason", "REPLAYED", "Shepherd-Time", String.valueOf(last)));
        endpoint.then(FakeEndpoint.accept(AgentResponse.getDefaultInstance()));

        send();
        send();

        assertThat(endpoint.times().get(1)).isEqualTo(last + 1);
    }

    @Test
    void whatARefusalSaysIsHandedOn() throws Exception {
        endpoint.then(FakeEndpoint.refuse(429, "Shepherd-Reason", "TOO_MANY", "Retry-After", "17"));
        endpoint.then(FakeEndpoint.refuse(503, "Shepherd-Reason", "CLOSED", "Retry-After", "99999999"));
        endpoint.then(FakeEndpoint.refuse(502, "Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"));

        assertThat(send())
                .extracting(
                        Request.Reply::status, Request.Reply::reason, Request.Reply::message, Request.Reply::retryAfter)
                .containsExactly(429, "TOO_MANY", "why", Duration.ofSeconds(17));
        assertThat(send().retryAfter()).as("bounded").isEqualTo(Duration.ofMinutes(5));
        assertThat(send().retryAfter()).isZero();
    }

    @Test
    void anAnswerWithoutAnEndIsNotReadToIt() {
        endpoint.then(exchange -> {
            exchange.sendResponseHeaders(200, 0);
            byte[] zeros = new byte[65_536];
            try {
                while (true) {
                    exchange.getResponseBody().write(zeros);
                }
            } catch (IOException e) {
                // The agent has gone, as it should.
            }
        });

        assertThatThrownBy(this::send).isInstanceOf(IOException.class).hasMessageContaining("more than 8388608 bytes");
    }

    @Test
    void whatIsNoAnswerOfAnEndpointIsAFailure() {
        endpoint.then(exchange -> {
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write("<html>".getBytes(StandardCharsets.UTF_8));
        });

        assertThatThrownBy(this::send).isInstanceOf(IOException.class);
    }
}
