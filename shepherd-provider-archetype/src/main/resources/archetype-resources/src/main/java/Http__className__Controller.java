package ${package};

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** The controller, over its HTTP API. */
final class Http${className}Controller implements ${className}Controller {

    private static final ObjectMapper JSON =
            new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

    private final String uri;
    private final String token;
    private final Duration timeout;
    private @Nullable HttpClient client;

    /** Starts nothing yet. Each request may take as long as the timeout. */
    Http${className}Controller(URI uri, String token, Duration timeout) {
        this.uri = uri.toString().replaceFirst("/+\\z", "");
        this.token = token;
        this.timeout = timeout;
    }

    @Override
    public List<Server> servers() throws InterruptedException {
        return List.of(ask("GET", "/servers", BodyPublishers.noBody(), Server[].class));
    }

    @Override
    public Optional<Server> server(String serial) throws InterruptedException {
        try {
            return Optional.of(ask("GET", "/servers/" + serial, BodyPublishers.noBody(), Server.class));
        } catch (ProviderException e) {
            if (e.reason() == Reason.NOT_FOUND) {
                return Optional.empty();
            }
            throw e;
        }
    }

    @Override
    public Server claim(String serial, UUID claim) throws InterruptedException {
        return ask("PUT", "/servers/" + serial + "/claim", json(Map.of("claim", claim)), Server.class);
    }

    @Override
    public void powerCycle(String serial) throws InterruptedException {
        ask("POST", "/servers/" + serial + "/power-cycle", BodyPublishers.noBody(), Server.class);
    }

    /** From Java 21 on a client can be closed. Before that its threads end once nothing refers to it. */
    @Override
    public synchronized void close() {
        if (client instanceof AutoCloseable closeable) {
            try {
                closeable.close();
            } catch (Exception e) {
                throw new ProviderException(Reason.TRANSIENT, "the HTTP client does not close", e);
            }
        }
        client = null;
    }

    private synchronized HttpClient client() {
        if (client == null) {
            client = HttpClient.newBuilder().connectTimeout(timeout).build();
        }
        return client;
    }

    private <T> T ask(String method, String path, BodyPublisher body, Class<T> answer) throws InterruptedException {
        String call = method + " " + path;
        HttpRequest request = HttpRequest.newBuilder(URI.create(uri + path))
                .method(method, body)
                .header("Authorization", "Bearer " + token)
                .header("Content-Type", "application/json")
                .build();
        HttpResponse<String> response = send(call, request);
        if (response.statusCode() / 100 != 2) {
            throw refused(call, response);
        }
        try {
            return JSON.readValue(response.body(), answer);
        } catch (JsonProcessingException e) {
            throw new ProviderException(Reason.TRANSIENT, call + ": the answer cannot be read", e);
        }
    }

    /** The time limit is for all of the answer: the client's own ends with its head. */
    private HttpResponse<String> send(String call, HttpRequest request) throws InterruptedException {
        CompletableFuture<HttpResponse<String>> response = client().sendAsync(request, BodyHandlers.ofString());
        try {
            return response.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new ProviderException(Reason.TRANSIENT, call + ": no answer within " + timeout.toMillis() + " ms", e);
        } catch (ExecutionException e) {
            throw new ProviderException(Reason.TRANSIENT, call + ": " + e.getCause(), e);
        } finally {
            response.cancel(true);
        }
    }

    private static ProviderException refused(String call, HttpResponse<String> response) {
        Reason reason =
                switch (response.statusCode()) {
                    case 401, 403 -> Reason.UNAUTHENTICATED;
                    case 404 -> Reason.NOT_FOUND;
                    case 409 -> Reason.CONFLICT;
                    case 429 -> Reason.RATE_LIMITED;
                    default -> response.statusCode() >= 500 ? Reason.TRANSIENT : Reason.PERMANENT;
                };
        Duration retryAfter = response.headers()
                .firstValue("Retry-After")
                .filter(seconds -> seconds.matches("[0-9]{1,6}"))
                .map(seconds -> Duration.ofSeconds(Long.parseLong(seconds)))
                .orElse(null);
        return ProviderException.builder(reason, call + ": status " + response.statusCode())
                .retryAfter(retryAfter)
                .build();
    }

    private static BodyPublisher json(Object value) {
        try {
            return BodyPublishers.ofString(JSON.writeValueAsString(value));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a request cannot be written", e);
        }
    }
}
