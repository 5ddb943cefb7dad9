package dev.shepherd.benchmarks.failover;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.Signature;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;

/** An agent that sends a heartbeat by HTTP, waits for the answer, and sends the next one 200 ms later. */
final class HttpAgent implements AutoCloseable {

    private static final Duration PATIENCE = Duration.ofSeconds(15);
    private static final long PERIOD_MILLIS = 200;
    private static final String PATH = "/v1/agent";

    private final UUID machine = UUID.randomUUID();
    private final KeyPair keys;
    private final HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(PATIENCE)
            .build();
    private final List<Answer> answers = new CopyOnWriteArrayList<>();
    private volatile boolean closed;

    /**
     * What became of a request, in milliseconds since 1970.
     *
     * @param status 0 if there was no answer
     */
    record Answer(long sentAt, long at, int status) {}

    HttpAgent() throws GeneralSecurityException {
        keys = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    }

    UUID machine() {
        return machine;
    }

    byte[] key() {
        byte[] encoded = keys.getPublic().getEncoded();
        return Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length);
    }

    void start(String endpoint) {
        Thread thread = new Thread(() -> run(URI.create(endpoint + PATH)), "failover-agent");
        thread.setDaemon(true);
        thread.start();
    }

    private void run(URI uri) {
        try {
            while (!closed) {
                long sentAt = System.currentTimeMillis();
                int status = 0;
                try {
                    status =
                            client.send(request(uri), BodyHandlers.discarding()).statusCode();
                } catch (java.io.IOException e) {
                    // There was no answer.
                }
                answers.add(new Answer(sentAt, System.currentTimeMillis(), status));
                Thread.sleep(PERIOD_MILLIS);
            }
        } catch (InterruptedException e) {
            // That is the end.
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private long lastTime; // Of its thread.

    private HttpRequest request(URI uri) throws GeneralSecurityException {
        lastTime = Math.max(lastTime + 1, System.currentTimeMillis());
        String time = Long.toString(lastTime);
        String digest =
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest());
        Signature signer = Signature.getInstance("Ed25519");
        signer.initSign(keys.getPrivate());
        signer.update(String.join("\n", "shepherd-agent-v1", "POST", PATH, machine.toString(), time, digest)
                .getBytes(StandardCharsets.UTF_8));
        return HttpRequest.newBuilder(uri)
                .timeout(PATIENCE)
                .header("Shepherd-Machine", machine.toString())
                .header("Shepherd-Key", Base64.getEncoder().encodeToString(key()))
                .header("Shepherd-Time", time)
                .header("Shepherd-Signature", Base64.getEncoder().encodeToString(signer.sign()))
                .POST(BodyPublishers.noBody())
                .build();
    }

    /** Returns when a heartbeat that was sent since then was first recorded; 0 if none was as yet. */
    long recordedSince(long millis) {
        return answers.stream()
                .filter(answer -> answer.sentAt() >= millis && answer.status() == 200)
                .mapToLong(Answer::at)
                .findFirst()
                .orElse(0);
    }

    @Override
    public void close() {
        closed = true;
    }
}
