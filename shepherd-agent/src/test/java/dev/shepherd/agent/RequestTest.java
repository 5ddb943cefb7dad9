package dev.shepherd.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.shepherd.agent.messages.callback.AgentRequest;
import dev.shepherd.agent.messages.callback.AgentResponse;
import dev.shepherd.agent.messages.takeover.TakeoverInit;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.Signature;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RequestTest {

    private static final String MACHINE = "0b6f2a37-8c5e-4a1e-9a63-0d7f0c5d2b11";

    /** How the endpoint answers one request. */
    private interface Reaction {
        void answer(HttpExchange exchange) throws IOException;
    }

    private final Deque<Reaction> reactions = new ArrayDeque<>();
    private final List<Long> times = new ArrayList<>();
    private final List<String> wrong = new ArrayList<>();
    private HttpServer server;
    private Identity identity;
    private Request request;

    @BeforeEach
    void start() throws Exception {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/below/v1/agent", this::receive);
        server.start();
        identity = Identity.of(TakeoverInit.newBuilder()
                .setMachineId(MACHINE)
                .setBmaasEndpoint("http://127.0.0.1:" + server.getAddress().getPort() + "/below/")
                .build());
        request = new Request(identity);
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    private void receive(HttpExchange exchange) throws IOException {
        byte[] body = exchange.getRequestBody().readAllBytes();
        try {
            String time = exchange.getRequestHeaders().getFirst("Shepherd-Time");
            times.add(Long.parseLong(time));
            String digest = HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(body));
            Signature signature = Signature.getInstance("Ed25519");
            signature.initVerify(identity.keys().getPublic());
            signature.update(("shepherd-agent-v1\nPOST\n/v1/agent\n" + MACHINE + "\n" + time + "\n" + digest)
                    .getBytes(StandardCharsets.UTF_8));
            if (!signature.verify(
                    Base64.getDecoder().decode(exchange.getRequestHeaders().getFirst("Shepherd-Signature")))) {
                wrong.add("the signature");
            }
        } catch (Exception e) {
            wrong.add(e.toString());
        }
        reactions.remove().answer(exchange);
        exchange.close();
    }

    private static Reaction refuse(int status, String... headers) {
        return exchange -> {
            for (int i = 0; i < headers.length; i += 2) {
                exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
            }
            exchange.sendResponseHeaders(status, 4);
            exchange.getResponseBody().write("why\n".getBytes(StandardCharsets.UTF_8));
        };
    }

    private static Reaction accept(AgentResponse response) {
        return exchange -> {
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write(response.toByteArray());
        };
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
            reactions.add(accept(response.build()));
            assertThat(send().response().getInstallationRequest().getGeneration())
                    .isEqualTo(4);
        }
        assertThat(wrong).isEmpty();
        assertThat(times).hasSize(5).isSorted().doesNotHaveDuplicates();
    }

    @Test
    void theEndpointsTimeIsUsedOnceItHasSaidSo() throws Exception {
        long there = System.currentTimeMillis() + 86_400_000;
        reactions.add(refuse(401, "Shepherd-Reason", "OTHER_TIME", "Shepherd-Time", String.valueOf(there)));
        reactions.add(accept(AgentResponse.getDefaultInstance()));

        assertThat(send().reason()).isEqualTo("OTHER_TIME");
        assertThat(send().status()).isEqualTo(200);

        assertThat(times.get(1)).isBetween(there, there + 60_000);
    }

    @Test
    void aTimeThatWasPassedBeforeIsPassedAgain() throws Exception {
        long last = System.currentTimeMillis() + 200_000;
        reactions.add(refuse(401, "Shepherd-Reason", "REPLAYED", "Shepherd-Time", String.valueOf(last)));
        reactions.add(accept(AgentResponse.getDefaultInstance()));

        send();
        send();

        assertThat(times.get(1)).isEqualTo(last + 1);
    }

    @Test
    void whatARefusalSaysIsHandedOn() throws Exception {
        reactions.add(refuse(429, "Shepherd-Reason", "TOO_MANY", "Retry-After", "17"));
        reactions.add(refuse(503, "Shepherd-Reason", "CLOSED", "Retry-After", "99999999"));
        reactions.add(refuse(502, "Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"));

        assertThat(send())
                .extracting(
                        Request.Reply::status, Request.Reply::reason, Request.Reply::message, Request.Reply::retryAfter)
                .containsExactly(429, "TOO_MANY", "why", Duration.ofSeconds(17));
        assertThat(send().retryAfter()).as("bounded").isEqualTo(Duration.ofMinutes(5));
        assertThat(send().retryAfter()).isZero();
    }

    @Test
    void anAnswerWithoutAnEndIsNotReadToIt() {
        reactions.add(exchange -> {
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
        reactions.add(exchange -> {
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write("<html>".getBytes(StandardCharsets.UTF_8));
        });

        assertThatThrownBy(this::send).isInstanceOf(IOException.class);
    }
}
