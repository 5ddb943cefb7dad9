package dev.shepherd.agent;

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
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;

/** Answers requests as it is told to, and looks at whether they are right. Written from {@code docs/agents.md} alone. */
final class FakeEndpoint implements AutoCloseable {

    static final String MACHINE = "0b6f2a37-8c5e-4a1e-9a63-0d7f0c5d2b11";

    /** How one request is answered. */
    interface Reaction {
        void answer(HttpExchange exchange) throws IOException;
    }

    private final Queue<Reaction> reactions = new ConcurrentLinkedQueue<>();
    private final List<Long> times = new CopyOnWriteArrayList<>();
    private final List<AgentRequest> requests = new CopyOnWriteArrayList<>();
    private final List<String> wrong = new CopyOnWriteArrayList<>();
    private final HttpServer server;
    private final Identity identity;

    FakeEndpoint() throws Exception {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        identity = Identity.of(TakeoverInit.newBuilder()
                .setMachineId(MACHINE)
                .setBmaasEndpoint("http://127.0.0.1:" + server.getAddress().getPort() + "/below/")
                .build());
        server.createContext("/below/v1/agent", this::receive);
        server.start();
    }

    private void receive(HttpExchange exchange) throws IOException {
        byte[] body = exchange.getRequestBody().readAllBytes();
        try {
            String time = exchange.getRequestHeaders().getFirst("Shepherd-Time");
            times.add(Long.parseLong(time));
            requests.add(AgentRequest.parseFrom(body));
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
        Reaction reaction = reactions.poll();
        if (reaction == null) {
            wrong.add("a request more");
        } else {
            reaction.answer(exchange);
        }
        exchange.close();
    }

    /** Has the next request for which nothing was said yet answered so. */
    void then(Reaction reaction) {
        reactions.add(reaction);
    }

    static Reaction refuse(int status, String... headers) {
        return exchange -> {
            for (int i = 0; i < headers.length; i += 2) {
                exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
            }
            exchange.sendResponseHeaders(status, 4);
            exchange.getResponseBody().write("why\n".getBytes(StandardCharsets.UTF_8));
        };
    }

    static Reaction accept(AgentResponse response) {
        return exchange -> {
            exchange.sendResponseHeaders(200, 0);
            exchange.getResponseBody().write(response.toByteArray());
        };
    }

    Identity identity() {
        return identity;
    }

    List<Long> times() {
        return times;
    }

    List<AgentRequest> requests() {
        return requests;
    }

    List<String> wrong() {
        return wrong;
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
