package dev.shepherd.testkit.bmc;

import dev.shepherd.testkit.http.HttpMessage;
import dev.shepherd.testkit.http.Json;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * An answer.
 *
 * @param status its status
 * @param headers those beside the ones that each answer has
 * @param body the object that is its body; empty for no body
 */
record RedfishAnswer(int status, Map<String, String> headers, Map<String, Object> body) {

    RedfishAnswer(int status, Map<String, Object> body) {
        this(status, Map.of(), body);
    }

    /** Makes an object with its properties in order. */
    static Map<String, Object> object(Object... namesAndValues) {
        Map<String, Object> object = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            object.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        return object;
    }

    /** Makes a reference to a resource. */
    static Map<String, Object> link(String path) {
        return object("@odata.id", path);
    }

    RedfishAnswer with(String header, String value) {
        Map<String, String> changed = new LinkedHashMap<>(headers);
        changed.put(header, value);
        return new RedfishAnswer(status, changed, body);
    }

    HttpMessage message() {
        HttpMessage message = HttpMessage.answer(status, reason(status), body.isEmpty() ? "" : Json.write(body))
                .with("OData-Version", "4.0")
                .with("Cache-Control", "no-cache");
        for (Map.Entry<String, String> header : headers.entrySet()) {
            message = message.with(header.getKey(), header.getValue());
        }
        return status == 204 ? message.without("Content-Type") : message.withLength();
    }

    private static String reason(int status) {
        return switch (status) {
            case 200 -> "OK";
            case 201 -> "Created";
            case 202 -> "Accepted";
            case 204 -> "No Content";
            case 308 -> "Permanent Redirect";
            case 400 -> "Bad Request";
            case 401 -> "Unauthorized";
            case 404 -> "Not Found";
            case 405 -> "Method Not Allowed";
            case 409 -> "Conflict";
            case 412 -> "Precondition Failed";
            case 428 -> "Precondition Required";
            case 503 -> "Service Unavailable";
            default -> "Status";
        };
    }
}
