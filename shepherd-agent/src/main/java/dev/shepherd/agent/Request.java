package dev.shepherd.agent;

import dev.shepherd.agent.messages.callback.AgentRequest;
import dev.shepherd.agent.messages.callback.AgentResponse;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.Signature;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Sends signed requests to the endpoint, one at a time, as {@code docs/agents.md} describes. Belongs to one thread. */
final class Request {

    static final String PATH = "/v1/agent";

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
        if (identity.authority().isPresent()) {
            builder.sslContext(trusting(identity));
        }
        client = builder.build();
    }

    private static SSLContext trusting(Identity identity) throws IOException {
        try {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            store.setCertificateEntry("authority", identity.authority().orElseThrow());
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init(store);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, trust.getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IOException("the certificate of the authority cannot be used: " + e.getMessage(), e);
        }
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
