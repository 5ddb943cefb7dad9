package dev.shepherd.web.http;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * An answer, for whatever server sends it. Immutable, except for the content of the body.
 *
 * @param status the status, such as 200
 * @param headers the headers
 * @param body the content, sent unless the request was for the head alone
 * @param stream what goes on after the head, instead of a body
 */
public record WebResponse(int status, Map<String, String> headers, byte[] body, Optional<LiveStream> stream) {

    /** Copies the headers. */
    public WebResponse {
        headers = Map.copyOf(headers);
    }

    /** Makes an answer with a body. */
    public static WebResponse of(int status, String type, byte[] body) {
        return new WebResponse(status, Map.of("Content-Type", type), body, Optional.empty());
    }

    /** Returns the same answer with one more header, which replaces one with the same name. */
    public WebResponse with(String name, String value) {
        Map<String, String> all = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        all.putAll(headers);
        all.put(name, value);
        return new WebResponse(status, all, body, stream);
    }
}
