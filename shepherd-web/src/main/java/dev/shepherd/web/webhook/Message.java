package dev.shepherd.web.webhook;

import dev.shepherd.bmdb.event.StoredEvent;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * An event as a webhook sends it. Follows <a href="https://www.standardwebhooks.com">Standard Webhooks</a> 1.0.0: the body
 * has {@code type}, {@code timestamp} and {@code data}; three headers have an id, which stays the same when it is sent
 * again, the time of sending, and an HMAC-SHA256 over both and the body.
 */
final class Message {

    private static final String ALGORITHM = "HmacSHA256";

    private final String id;
    private final byte[] body;

    Message(StoredEvent stored) {
        id = "event-" + stored.position();
        body = EventJson.text(stored).getBytes(StandardCharsets.UTF_8);
    }

    /** Makes a request of it, signed now. */
    HttpRequest request(URI url, byte[] secret, Instant now) {
        String time = String.valueOf(now.getEpochSecond());
        return HttpRequest.newBuilder(url)
                .header("content-type", "application/json")
                .header("webhook-id", id)
                .header("webhook-timestamp", time)
                .header("webhook-signature", "v1," + signature(secret, time))
                .POST(BodyPublishers.ofByteArray(body))
                .build();
    }

    private String signature(byte[] secret, String time) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(secret, ALGORITHM));
            mac.update((id + "." + time + ".").getBytes(StandardCharsets.UTF_8));
            return Base64.getEncoder().encodeToString(mac.doFinal(body));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }
}
