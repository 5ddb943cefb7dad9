package dev.shepherd.provider.support;

import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;

/**
 * What requests are sent to. Each method sends one request, once, as {@link HttpCalls#send} does; what messages call it is the
 * method and the path. Immutable; safe for use by several threads.
 */
public final class HttpTarget {

    /** Writes the body of a request, as a JSON library does. */
    @FunctionalInterface
    public interface BodyWriter {

        /** Writes the body. */
        byte[] write() throws Exception;
    }

    private final HttpCalls calls;
    private final URI uri;

    HttpTarget(HttpCalls calls, URI uri) {
        this.calls = calls;
        this.uri = uri;
    }

    /** Asks for what is there. */
    public HttpAnswer get() throws InterruptedException {
        return send("GET", BodyPublishers.noBody());
    }

    /** Deletes it. */
    public HttpAnswer delete() throws InterruptedException {
        return send("DELETE", BodyPublishers.noBody());
    }

    /** Sends a POST request without a body. */
    public HttpAnswer post() throws InterruptedException {
        return send("POST", BodyPublishers.noBody());
    }

    /** Sends a POST request with JSON. */
    public HttpAnswer post(BodyWriter json) throws InterruptedException {
        return send("POST", json);
    }

    /** Sends a PUT request with JSON. */
    public HttpAnswer put(BodyWriter json) throws InterruptedException {
        return send("PUT", json);
    }

    /** Sends a PATCH request with JSON. */
    public HttpAnswer patch(BodyWriter json) throws InterruptedException {
        return send("PATCH", json);
    }

    private HttpAnswer send(String method, BodyWriter json) throws InterruptedException {
        byte[] body;
        try {
            body = json.write();
        } catch (Exception e) {
            // Not as a cause: what a JSON library says of a value repeats the value.
            throw new IllegalStateException(what(method) + ": the request cannot be written ("
                    + e.getClass().getSimpleName() + ")");
        }
        return send(method, BodyPublishers.ofByteArray(body));
    }

    private HttpAnswer send(String method, BodyPublisher body) throws InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(uri).method(method, body);
        request.header("Accept", "application/json");
        if (body.contentLength() > 0) {
            request.header("Content-Type", "application/json");
        }
        return calls.send(what(method), request.build());
    }

    private String what(String method) {
        return method + " " + uri.getRawPath();
    }
}
