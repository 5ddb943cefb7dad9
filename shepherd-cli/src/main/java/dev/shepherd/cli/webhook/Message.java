package dev.shepherd.cli.webhook;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.event.StoredEvent;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * An event as a webhook sends it. Follows <a href="https://www.standardwebhooks.com">Standard Webhooks</a> 1.0.0: the body
 * has {@code type}, {@code timestamp} and {@code data}; three headers have an id, which stays the same when it is sent
 * again, the time of sending, and an HMAC-SHA256 over both and the body.
 */
final class Message {

    private static final String ALGORITHM = "HmacSHA256";

    private static final JsonFactory JSON = new JsonFactory();

    private final String id;
    private final byte[] body;

    Message(StoredEvent stored) {
        id = "event-" + stored.position();
        body = body(stored);
    }

    private static byte[] body(StoredEvent stored) {
        ShepherdEvent event = stored.event();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JsonGenerator json = JSON.createGenerator(bytes)) {
            json.writeStartObject();
            json.writeStringField("type", event.kind().databaseName());
            json.writeStringField("timestamp", event.at().toString());
            json.writeObjectFieldStart("data");
            json.writeNumberField("position", stored.position());
            if (event.machineId().isPresent()) {
                json.writeStringField("machine_id", event.machineId().get().toString());
            }
            if (event.provider().isPresent()) {
                json.writeStringField("provider", event.provider().get().name());
            }
            if (event.providerId().isPresent()) {
                json.writeStringField("provider_id", event.providerId().get().value());
            }
            json.writeObjectFieldStart("details");
            for (Map.Entry<String, String> detail : new TreeMap<>(event.details()).entrySet()) {
                json.writeStringField(detail.getKey(), detail.getValue());
            }
            json.writeEndObject();
            json.writeEndObject();
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
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
