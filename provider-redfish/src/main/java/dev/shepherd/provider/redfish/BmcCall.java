package dev.shepherd.provider.redfish;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.provider.support.HttpAnswer;
import dev.shepherd.provider.support.HttpCalls;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What one call of the provider has to say to one BMC, within one limit for all of it. Links and redirections are followed
 * within the BMC only, so that the password goes nowhere else. No failure has the reason {@link Reason#NOT_FOUND}: what the
 * BMC does not find is not the machine, which the list has. Not safe for use by several threads.
 */
final class BmcCall {

    /** An empty object of two bytes takes eighty of the heap: so it is the tokens that are counted, beside the bytes. */
    private static final ObjectMapper JSON = new ObjectMapper(JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxTokenCount(Math.max(20_000, RedfishClient.LONGEST_ANSWER / 32))
                    .maxNestingDepth(100)
                    .build())
            .build());

    /** How long a link or an entity tag may be, in characters: they are kept, sent back and shown. */
    private static final int LONGEST_LINK = 2_048;

    private static final int MOST_REDIRECTIONS = 5;
    private static final Duration LONGEST_ROUND = Duration.ofSeconds(1);

    private final HttpCalls calls;
    private final String name;
    private final URI bmc;
    private final Duration round;
    private long deadline;

    /** Whether a step has changed something, so that no later failure may say that nothing was done. */
    private boolean changed;

    /**
     * Starts a call.
     *
     * @param calls what sends its requests
     * @param name what messages begin with
     * @param bmc where the BMC is
     * @param limit how long all of it may take
     */
    BmcCall(HttpCalls calls, String name, URI bmc, Duration limit) {
        this.calls = calls;
        this.name = name;
        this.bmc = bmc;
        Duration twentieth = limit.dividedBy(20);
        this.round = twentieth.compareTo(LONGEST_ROUND) < 0 ? twentieth : LONGEST_ROUND;
        this.deadline = System.nanoTime() + limit.toNanos();
    }

    /**
     * What a BMC says of something.
     *
     * @param uri where it is
     * @param json an object
     * @param entityTag its version, if the BMC has one
     */
    record Resource(URI uri, JsonNode json, Optional<String> entityTag) {}

    /** Returns the root of the service, the only path that may be assumed. */
    URI root() {
        return bmc.resolve("/redfish/v1/");
    }

    /** Returns how much time is left. */
    Duration left() {
        return Duration.ofNanos(Math.max(0, deadline - System.nanoTime()));
    }

    /** Gives the call more time, from now on, if it has less. */
    void leaveAtLeast(Duration time) {
        deadline = Math.max(deadline, System.nanoTime() + time.toNanos());
    }

    /** Tells whether a step has changed something. */
    boolean hasChanged() {
        return changed;
    }

    /** Takes note that something may have changed. */
    void changed() {
        changed = true;
    }

    /** Waits before the next look at something that takes time. */
    void waitForARound() throws InterruptedException {
        Thread.sleep(round.toMillis() + 1);
    }

    /** Reads something. */
    Resource get(URI uri) throws InterruptedException {
        return get(uri, left());
    }

    /** Reads something, within a part of the time that is left. */
    Resource get(URI uri, Duration limit) throws InterruptedException {
        return resource(send("GET", uri, null, null, limit));
    }

    /** Asks for something, whatever the answer is. */
    HttpAnswer ask(URI uri) throws InterruptedException {
        return send("GET", uri, null, null, left());
    }

    /** Reads an answer to a request for something. */
    Resource resource(HttpAnswer answer) {
        if (!answer.isSuccess()) {
            throw failure(answer);
        }
        JsonNode json = answer.read(JSON::readTree);
        if (!json.isObject()) {
            throw malformed(answer.uri(), "is no object");
        }
        Optional<String> inBody =
                Optional.ofNullable(json.path("@odata.etag").textValue()).filter(tag -> !tag.isEmpty());
        Optional<String> entityTag = answer.header("ETag").or(() -> inBody);
        if (entityTag.filter(tag -> tag.length() > LONGEST_LINK).isPresent()) {
            throw malformed(answer.uri(), "has an entity tag that cannot be sent back");
        }
        return new Resource(answer.uri(), json, entityTag);
    }

    /** Has the BMC do something. Whatever the status is, it is returned. */
    HttpAnswer post(URI uri, Map<String, ?> body) throws InterruptedException {
        return send("POST", uri, body, null, left());
    }

    /** Has the BMC change something, whose version must be this one if there is one. */
    HttpAnswer patch(URI uri, Map<String, ?> body, Optional<String> entityTag) throws InterruptedException {
        return send("PATCH", uri, body, entityTag.orElse(null), left());
    }

    private HttpAnswer send(
            String method, URI uri, @Nullable Map<String, ?> body, @Nullable String entityTag, Duration limit)
            throws InterruptedException {
        URI target = uri;
        for (int i = 0; i <= MOST_REDIRECTIONS; i++) {
            HttpAnswer answer =
                    calls.send(method + " " + target.getRawPath(), request(method, target, body, entityTag, limit));
            Optional<String> elsewhere =
                    redirection(method, answer.status()) ? answer.header("Location") : Optional.empty();
            if (elsewhere.isEmpty()) {
                return answer;
            }
            target = within(target, elsewhere.get());
        }
        throw failed(Reason.PERMANENT, method + " " + uri.getRawPath() + " is redirected again and again");
    }

    /** What is to be changed was not changed by a server that sends the request elsewhere with its method. */
    private static boolean redirection(String method, int status) {
        return switch (status) {
            case 301, 302, 303 -> method.equals("GET");
            case 307, 308 -> true;
            default -> false;
        };
    }

    private HttpRequest request(
            String method, URI uri, @Nullable Map<String, ?> body, @Nullable String entityTag, Duration limit) {
        Duration time = limit.compareTo(left()) < 0 ? limit : left();
        if (time.toMillis() == 0) {
            throw failed(Reason.TRANSIENT, method + " " + uri.getRawPath() + " was not sent: no time is left");
        }
        HttpRequest.Builder request = HttpRequest.newBuilder(uri)
                .timeout(time)
                .header("Accept", "application/json")
                .header("OData-Version", "4.0")
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(bytes(body)));
        if (body != null) {
            request.header("Content-Type", "application/json");
        }
        if (entityTag != null) {
            try {
                request.header("If-Match", entityTag);
            } catch (IllegalArgumentException e) {
                throw malformed(uri, "has an entity tag that cannot be sent back");
            }
        }
        return request.build();
    }

    private static byte[] bytes(Map<String, ?> body) {
        try {
            return JSON.writeValueAsBytes(body);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a map of texts cannot be written as JSON", e);
        }
    }

    /**
     * Follows a link.
     *
     * @param from the resource that has it
     * @param link a reference to another resource, {@code {"@odata.id": "…"}}, or the text of one
     * @param what what is linked to, for messages
     */
    URI link(Resource from, JsonNode link, String what) {
        String text =
                link.isTextual() ? link.textValue() : link.path("@odata.id").textValue();
        if (text == null || text.isEmpty()) {
            throw malformed(from.uri(), "has no link to " + what);
        }
        return within(from.uri(), text);
    }

    /** Returns where a link leads, if that is this BMC. */
    URI within(URI from, String link) {
        if (link.length() > LONGEST_LINK) {
            throw malformed(from, "has a link of " + link.length() + " characters");
        }
        URI target;
        try {
            target = from.resolve(link.replaceFirst("#.*", ""));
        } catch (IllegalArgumentException e) {
            throw malformed(from, "has a link that is none: " + Escaped.quoted(link, 200));
        }
        boolean same = Objects.equals(target.getScheme(), bmc.getScheme())
                && bmc.getHost().equalsIgnoreCase(target.getHost())
                && port(target) == port(bmc);
        if (!same) {
            throw malformed(from, "leads away from this BMC, which is not followed: " + Escaped.quoted(link, 200));
        }
        return target;
    }

    private static int port(URI uri) {
        return uri.getPort() >= 0 ? uri.getPort() : "https".equals(uri.getScheme()) ? 443 : 80;
    }

    /** Returns the failure that a status means here. */
    ProviderException failure(HttpAnswer answer) {
        return answer.failure(
                switch (answer.status()) {
                    case 404 -> Reason.PERMANENT;
                    case 412 -> Reason.CONFLICT;
                    default -> HttpAnswer.reason(answer.status());
                });
    }

    ProviderException malformed(URI where, String what) {
        return failed(Reason.PERMANENT, where.getRawPath() + " " + what);
    }

    /** Makes a failure of this machine alone. */
    ProviderException failed(Reason reason, String what) {
        return ProviderException.builder(reason, name + ": " + what)
                .scope(Scope.MACHINE)
                .build();
    }

    /** Returns what messages begin with. */
    String name() {
        return name;
    }
}
