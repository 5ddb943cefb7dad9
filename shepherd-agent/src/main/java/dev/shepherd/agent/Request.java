package dev.shepherd.agent;

import dev.shepherd.agent.messages.callback.AgentRequest;
import dev.shepherd.agent.messages.callback.AgentResponse;
import dev.shepherd.agent.messages.internal.certificates.CertificateWriter;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Sends signed requests to the endpoint, one at a time, as {@code docs/agents.md} describes. Belongs to one thread. */
final class Request {

    static final String PATH = "/v1/agent";

    private static final char[] NO_PASSWORD = {};
    private static final Duration CONNECT = Duration.ofSeconds(10);
    private static final Duration ANSWER = Duration.ofSeconds(30);

    /** Of all of it, with a body that comes slowly. */
    private static final Duration WHOLE = Duration.ofSeconds(60);

    /** More than the largest request for an installation. */
    private static final int MOST_BYTES = 8 << 20;

    /** Longer than this an answer may not keep an agent silent: a machine is recovered after ten minutes. */
    private static final long MOST_WAIT_SECONDS = 300;

    /**
     * What came back.
     *
     * @param status of HTTP
     * @param reason the endpoint's word for it; empty with status 200
     * @param message for people
     * @param response what to do; the default one unless the status is 200
     * @param retryAfter how long not to come again; zero if that was not said
     */
    record Reply(int status, String reason, String message, AgentResponse response, Duration retryAfter) {}

    private final Identity identity;
    private final HttpClient client;

    /** The endpoint's time minus this machine's, in milliseconds. */
    private long offset;

    private long lastTime;

    Request(Identity identity) throws IOException {
        this.identity = identity;
        HttpClient.Builder builder =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(CONNECT);
        if ("https".equals(identity.endpoint().getScheme())) {
            builder.sslContext(tls(identity));
        }
        client = builder.build();
    }

    /**
     * Trusts the certificate of the takeover and no other, or the public authorities if there was none, and shows a
     * certificate of the agent's own. Requests are signed as well: whether a proxy ends TLS cannot be seen from here.
     */
    private static SSLContext tls(Identity identity) throws IOException {
        try {
            KeyStore own = emptyStore();
            own.setKeyEntry("agent", identity.keys().getPrivate(), NO_PASSWORD, new Certificate[] {
                CertificateWriter.ofClient("Shepherd agent", identity.keys())
            });
            KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keys.init(own, NO_PASSWORD);
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            Optional<X509Certificate> authority = identity.authority();
            if (authority.isPresent()) {
                KeyStore trusted = emptyStore();
                trusted.setCertificateEntry("authority", authority.get());
                trust.init(trusted);
            } else {
                trust.init((KeyStore) null);
            }
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IOException("TLS cannot be set up: " + e.getMessage(), e);
        }
    }

    private static KeyStore emptyStore() throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }

    /**
     * Sends a request and waits for the answer, for a minute at most.
     *
     * @throws IOException if there is no answer
     */
    Reply send(AgentRequest content) throws IOException, InterruptedException {
        byte[] body = content.toByteArray();
        // The endpoint takes each time once, and in order.
        lastTime = Math.max(System.currentTimeMillis() + offset, lastTime + 1);
        String time = String.valueOf(lastTime);
        HttpRequest request = HttpRequest.newBuilder(identity.endpoint())
                .timeout(ANSWER)
                .header("Content-Type", "application/x-protobuf")
                .header("Shepherd-Machine", identity.machine())
                .header("Shepherd-Key", identity.name())
                .header("Shepherd-Time", time)
                .header("Shepherd-Signature", signature(time, body))
                .POST(HttpRequest.BodyPublishers.ofByteArray(body))
                .build();
        HttpResponse<byte[]> answer = answer(request);
        byte[] received = answer.body();
        if (answer.statusCode() == 200) {
            return new Reply(200, "", "", AgentResponse.parseFrom(received), Duration.ZERO);
        }
        String reason = answer.headers().firstValue("Shepherd-Reason").orElse("");
        Optional<Long> there = number(answer, "Shepherd-Time");
        if (reason.equals("OTHER_TIME")) {
            there.ifPresent(now -> offset = now - System.currentTimeMillis());
        } else if (reason.equals("REPLAYED")) {
            // Of this agent's own before it was started again, by a clock that was ahead.
            there.ifPresent(last -> lastTime = Math.max(lastTime, last));
        }
        return new Reply(
                answer.statusCode(),
                reason,
                new String(received, 0, Math.min(received.length, 500), StandardCharsets.UTF_8).strip(),
                AgentResponse.getDefaultInstance(),
                Duration.ofSeconds(number(answer, "Retry-After")
                        .map(seconds -> Math.min(Math.max(seconds, 0), MOST_WAIT_SECONDS))
                        .orElse(0L)));
    }

    private HttpResponse<byte[]> answer(HttpRequest request) throws IOException, InterruptedException {
        CompletableFuture<HttpResponse<byte[]>> answer = client.sendAsync(request, head -> new BoundedBody(MOST_BYTES));
        try {
            return answer.get(WHOLE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new IOException("no whole answer within " + WHOLE.toSeconds() + " s", e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw new IOException(
                    cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage(), cause);
        } finally {
            answer.cancel(true);
        }
    }

    private static Optional<Long> number(HttpResponse<?> answer, String header) {
        return answer.headers()
                .firstValue(header)
                .filter(value -> value.matches("\\d{1,18}"))
                .map(Long::valueOf);
    }

    private String signature(String time, byte[] body) throws IOException {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(body);
            String text = String.join(
                    "\n",
                    "shepherd-agent-v1",
                    "POST",
                    PATH,
                    identity.machine(),
                    time,
                    HexFormat.of().formatHex(digest));
            Signature signer = Signature.getInstance("Ed25519");
            signer.initSign(identity.keys().getPrivate());
            signer.update(text.getBytes(StandardCharsets.UTF_8));
            return Base64.getEncoder().encodeToString(signer.sign());
        } catch (GeneralSecurityException e) {
            throw new IOException("the request cannot be signed: " + e.getMessage(), e);
        }
    }
}
