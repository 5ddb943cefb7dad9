package com.example.racks;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.provider.support.CallThreads;
import dev.shepherd.provider.support.HttpAnswer;
import dev.shepherd.provider.support.HttpCalls;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The controller, over its HTTP API. */
final class HttpRackController implements RackController {

    private static final ObjectMapper JSON =
            new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

    private final String uri;
    private final CallThreads threads;
    private final HttpCalls calls;

    /** Starts nothing yet. Each request may take as long as the timeout. */
    HttpRackController(URI uri, String token, Duration timeout) {
        this.uri = uri.toString().replaceFirst("/+\\z", "");
        this.threads = new CallThreads("racks-controller");
        this.calls = HttpCalls.builder("controller", threads)
                .limit(timeout)
                .secretHeader("Authorization", "Bearer " + token)
                .build();
    }

    @Override
    public List<Server> servers() throws InterruptedException {
        return List.of(read(ask("GET", "/servers", BodyPublishers.noBody()), Server[].class));
    }

    @Override
    public Optional<Server> server(String serial) throws InterruptedException {
        HttpAnswer answer = ask("GET", "/servers/" + serial, BodyPublishers.noBody());
        return answer.status() == 404 ? Optional.empty() : Optional.of(read(answer, Server.class));
    }

    @Override
    public Server claim(String serial, UUID claim) throws InterruptedException {
        return read(ask("PUT", "/servers/" + serial + "/claim", json(Map.of("claim", claim))), Server.class);
    }

    @Override
    public void powerCycle(String serial) throws InterruptedException {
        ask("POST", "/servers/" + serial + "/power-cycle", BodyPublishers.noBody()).orThrow();
    }

    @Override
    public void close() {
        threads.close();
    }

    private HttpAnswer ask(String method, String path, BodyPublisher body) throws InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(uri + path))
                .method(method, body)
                .header("Content-Type", "application/json")
                .build();
        return calls.send(method + " " + path, request);
    }

    private static <T> T read(HttpAnswer answer, Class<T> type) {
        try {
            return JSON.readValue(answer.orThrow().body(), type);
        } catch (IOException e) {
            // Not as a cause: what a JSON library says of a value repeats the value.
            throw new ProviderException(Reason.TRANSIENT, answer.uri().getPath() + ": the answer cannot be read");
        }
    }

    private static BodyPublisher json(Object value) {
        try {
            return BodyPublishers.ofString(JSON.writeValueAsString(value));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a request cannot be written", e);
        }
    }
}
