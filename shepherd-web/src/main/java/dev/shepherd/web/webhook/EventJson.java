package dev.shepherd.web.webhook;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.event.StoredEvent;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes an event as a JSON object, in ASCII: with {@code type}, {@code timestamp} and {@code data}, which {@code
 * docs/events.md} describes. Safe for use by several threads.
 */
public final class EventJson {

    private static final JsonFactory JSON =
            JsonFactory.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

    private EventJson() {}

    /** Returns the object, in one line. */
    public static String text(StoredEvent stored) {
        ShepherdEvent event = stored.event();
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JSON.createGenerator(text)) {
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
        return text.toString();
    }
}
