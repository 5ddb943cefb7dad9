package dev.shepherd.testkit.contract;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.shepherd.testkit.http.HttpMessage;
import java.io.IOException;
import java.io.StringWriter;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What a {@link FaultProxy} answers itself. */
final class ProxyAnswers {

    static final Duration RETRY_AFTER = Duration.ofSeconds(7);

    private static final JsonFactory JSON = new JsonFactory();
    private static final int LONGEST_ECHO = 64 << 10;
    private static final Map<Integer, String> REASONS = Map.of(
            400, "Bad Request",
            401, "Unauthorized",
            409, "Conflict",
            429, "Too Many Requests",
            500, "Internal Server Error",
            502, "Bad Gateway",
            503, "Service Unavailable");

    private ProxyAnswers() {}

    /** Answers with a text. */
    static HttpMessage of(int status, String error) throws IOException {
        return json(status, error, null);
    }

    /** Answers as a server that refuses a request, and is careless: with all of the request, its secrets as well. */
    static HttpMessage refusal(int status, HttpMessage request) throws IOException {
        HttpMessage answer = json(status, status + " " + REASONS.get(status), request);
        return switch (status) {
            case 401 -> answer.with("WWW-Authenticate", "Bearer");
            case 429 -> answer.with("Retry-After", Long.toString(RETRY_AFTER.toSeconds()));
            default -> answer;
        };
    }

    private static HttpMessage json(int status, String error, @Nullable HttpMessage request) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JSON.createGenerator(text)) {
            json.writeStartObject();
            json.writeStringField("error", error);
            if (request != null) {
                json.writeObjectFieldStart("request");
                json.writeStringField("line", request.startLine());
                json.writeArrayFieldStart("headers");
                for (Map.Entry<String, String> header : request.headers()) {
                    json.writeString(header.getKey() + ": " + header.getValue());
                }
                json.writeEndArray();
                String body = request.text();
                json.writeStringField("body", body.substring(0, Math.min(body.length(), LONGEST_ECHO)));
                json.writeEndObject();
            }
            json.writeEndObject();
        }
        return HttpMessage.answer(status, Objects.requireNonNull(REASONS.get(status)), text.toString())
                .withLength();
    }
}
