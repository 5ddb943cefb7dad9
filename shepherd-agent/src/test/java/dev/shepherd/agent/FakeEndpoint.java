package dev.shepherd.agent;

import com.google.protobuf.ByteString;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsExchange;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import dev.shepherd.agent.messages.callback.AgentRequest;
import dev.shepherd.agent.messages.callback.AgentResponse;
import dev.shepherd.agent.messages.internal.certificates.CertificateWriter;
import dev.shepherd.agent.messages.internal.certificates.Der;
import dev.shepherd.agent.messages.takeover.TakeoverInit;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

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
    private final Set<Integer> connections = ConcurrentHashMap.newKeySet();
    private final List<String> wrong = new CopyOnWriteArrayList<>();
    private final HttpServer server;
    private final Identity identity;

    FakeEndpoint() throws Exception {
        this("");
    }

    /** @param protocol of TLS, in which it insists on the agent's certificate; empty for plain HTTP */
    FakeEndpoint(String protocol) throws Exception {
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        TakeoverInit.Builder init = TakeoverInit.newBuilder().setMachineId(MACHINE);
        if (protocol.isEmpty()) {
            server = HttpServer.create(address, 0);
        } else {
            HttpsServer secure = HttpsServer.create(address, 0);
            secure.setHttpsConfigurator(insisting(protocol, init));
            server = secure;
        }
        String scheme = protocol.isEmpty() ? "http" : "https";
        init.setBmaasEndpoint(scheme + "://127.0.0.1:" + server.getAddress().getPort() + "/below/");
        identity = Identity.of(init.build());
        server.createContext("/below/v1/agent", this::receive);
        server.start();
    }

    private static HttpsConfigurator insisting(String protocol, TakeoverInit.Builder init) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(256);
        KeyPair keys = generator.generateKeyPair();
        byte[] name = CertificateWriter.name("here");
        X509Certificate certificate = CertificateWriter.sign(
                name,
                keys.getPrivate(),
                name,
                keys.getPublic(),
                Instant.now().minusSeconds(60),
                Instant.now().plusSeconds(3600),
                List.of(CertificateWriter.extension(
                        "2.5.29.17", Der.sequence(Der.tagged(0x87, new byte[] {127, 0, 0, 1})))));
        init.setCaCertificate(ByteString.copyFrom(certificate.getEncoded()));
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("here", keys.getPrivate(), new char[0], new Certificate[] {certificate});
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(store, new char[0]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), new TrustManager[] {new TrustsAll()}, null);
        return new HttpsConfigurator(context) {
            @Override
            public void configure(HttpsParameters parameters) {
                SSLParameters used = context.getDefaultSSLParameters();
                used.setNeedClientAuth(true);
                used.setProtocols(new String[] {protocol});
                parameters.setSSLParameters(used);
            }
        };
    }

    /** The key says who it is. */
    private static final class TrustsAll extends X509ExtendedTrustManager {

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }

    private void receive(HttpExchange exchange) throws IOException {
        byte[] body = exchange.getRequestBody().readAllBytes();
        try {
            String time = exchange.getRequestHeaders().getFirst("Shepherd-Time");
            times.add(Long.parseLong(time));
            connections.add(exchange.getRemoteAddress().getPort());
            if (exchange instanceof HttpsExchange secure
                    && !identity.keys()
                            .getPublic()
                            .equals(secure.getSSLSession()
                                    .getPeerCertificates()[0]
                                    .getPublicKey())) {
                wrong.add("the certificate");
            }
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

    Set<Integer> connections() {
        return connections;
    }

    List<String> wrong() {
        return wrong;
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
