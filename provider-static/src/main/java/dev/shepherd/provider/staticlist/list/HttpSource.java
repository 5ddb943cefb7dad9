package dev.shepherd.provider.staticlist.list;

import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.provider.support.CallThreads;
import dev.shepherd.provider.support.HttpAnswer;
import dev.shepherd.provider.support.HttpCalls;
import dev.shepherd.provider.support.NoAnswerException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** A list at an HTTP or HTTPS URL, recognized by its entity tag, or else by its modification time. */
final class HttpSource implements ListSource {

    private static final int OK = 200;
    private static final int NOT_MODIFIED = 304;
    private static final int UNAUTHORIZED = 401;
    private static final int FORBIDDEN = 403;
    private static final int TOO_MANY_REQUESTS = 429;

    /** What may be sent back in a header: a server can send more than a client may. */
    private static final Pattern HEADER_VALUE = Pattern.compile("[\\x20-\\x7e]{1,1024}");

    /**
     * How long a server's word is taken that nothing has changed. Most make it of the time and the size of a file, in
     * whole seconds, and overlook a change that keeps both.
     */
    private static final Duration TAKEN_FOR_TRUE = Duration.ofMinutes(10);

    private record HttpVersion(
            @Nullable String entityTag, @Nullable String lastModified, Instant receivedAt) implements Version {

        /** An entity tag counts for nothing either while the modification time does not: it may be made of it. */
        static @Nullable HttpVersion of(HttpHeaders headers, Instant receivedAt) {
            Optional<String> entityTag = header(headers, "ETag");
            Optional<String> lastModified = header(headers, "Last-Modified");
            if (lastModified.isEmpty() && entityTag.isEmpty()) {
                return null;
            }
            if (lastModified.isPresent() && !hasSettled(lastModified.get(), header(headers, "Date"))) {
                return null;
            }
            return new HttpVersion(entityTag.orElse(null), lastModified.orElse(null), receivedAt);
        }

        /** RFC 9110, 8.8.2.2: within the second it names, a modification time says nothing of later changes. */
        private static boolean hasSettled(String lastModified, Optional<String> date) {
            Optional<Instant> modified = instant(lastModified);
            Optional<Instant> now = date.flatMap(HttpVersion::instant);
            return modified.isPresent() && now.isPresent() && now.get().isAfter(modified.get());
        }

        private static Optional<Instant> instant(String text) {
            try {
                return Optional.of(DateTimeFormatter.RFC_1123_DATE_TIME.parse(text, Instant::from));
            } catch (DateTimeException e) {
                return Optional.empty();
            }
        }

        private static Optional<String> header(HttpHeaders headers, String name) {
            return headers.firstValue(name)
                    .filter(value -> HEADER_VALUE.matcher(value).matches());
        }
    }

    private final URI uri;
    private final int maxBytes;
    private final Duration timeout;
    private final Clock clock;
    private final HttpCalls calls;

    /**
     * Makes a source that holds nothing yet.
     *
     * @param uri an http or https URI with a host and without user information
     * @param maxBytes the most to accept
     * @param timeout how long a reading may take
     * @param sslContext whom to trust, or empty for the JVM's default
     * @param threads what the calls run on; their owner closes them
     * @param clock tells when a document is asked for as a whole again
     */
    HttpSource(
            URI uri,
            int maxBytes,
            Duration timeout,
            Optional<SSLContext> sslContext,
            CallThreads threads,
            Clock clock) {
        this.uri = uri;
        this.maxBytes = maxBytes;
        this.timeout = timeout;
        this.clock = clock;
        HttpClient.Builder client = HttpClient.newBuilder()
                // One small request a minute gains nothing from HTTP/2, and some servers stumble on its upgrade.
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NORMAL)
                .connectTimeout(timeout);
        sslContext.ifPresent(client::sslContext);
        this.calls = HttpCalls.builder("static list", threads)
                .client(client)
                .limit(timeout)
                .maxBody(maxBytes)
                .secret(Objects.requireNonNullElse(uri.getRawQuery(), ""))
                .clock(clock)
                .build();
    }

    /** Returns the URL without its query, which may be a token. */
    @Override
    public String location() {
        String port = uri.getPort() < 0 ? "" : ":" + uri.getPort();
        return uri.getScheme() + "://" + uri.getHost() + port + uri.getRawPath();
    }

    @Override
    public Optional<Content> read(@Nullable Version known) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(uri)
                .header("Accept", "application/json")
                // A cache on the way must ask the server too.
                .header("Cache-Control", "no-cache");
        Instant now = clock.instant();
        boolean conditional = false;
        // The other way round too, should the clock be set back.
        if (known instanceof HttpVersion version
                && Duration.between(version.receivedAt(), now).abs().compareTo(TAKEN_FOR_TRUE) < 0) {
            conditional = true;
            if (version.entityTag() != null) {
                request.header("If-None-Match", version.entityTag());
            }
            if (version.lastModified() != null) {
                request.header("If-Modified-Since", version.lastModified());
            }
        }
        HttpAnswer answer = send(request.build());
        return switch (answer.status()) {
            case OK -> Optional.of(content(answer, now));
            case NOT_MODIFIED -> {
                if (!conditional) {
                    throw new UnreadableListException(
                            Reason.TRANSIENT, "the server says that it is unchanged, but was not asked that");
                }
                yield Optional.empty();
            }
            default -> throw failure(answer);
        };
    }

    private HttpAnswer send(HttpRequest request) throws IOException, InterruptedException {
        try {
            return calls.send("reading the list", request);
        } catch (NoAnswerException e) {
            throw switch (e.why()) {
                case UNRESOLVED -> unreadable("the name of its host cannot be resolved", e);
                case UNREACHABLE -> unreadable("its host refuses to connect", e);
                case TOO_LATE -> UnreadableListException.tooLate(timeout);
                case TOO_LONG -> UnreadableListException.tooLarge(maxBytes);
                case NOT_HTTP -> unreadable("the server's answer is none that HTTP knows", null);
                case UNTRUSTED, BROKEN ->
                    e.getCause() instanceof IOException known ? known : unreadable("the connection broke off", null);
            };
        }
    }

    private static UnreadableListException unreadable(String why, @Nullable Throwable cause) {
        return new UnreadableListException(Reason.TRANSIENT, why, null, cause);
    }

    private static Content content(HttpAnswer answer, Instant receivedAt) throws IOException {
        Optional<String> encoding =
                answer.header("Content-Encoding").filter(value -> !value.equalsIgnoreCase("identity"));
        if (encoding.isPresent()) {
            throw new UnreadableListException(
                    Reason.PERMANENT, "the server compressed it without being asked to (Content-Encoding)");
        }
        return new Content(answer.body(), HttpVersion.of(answer.headers(), receivedAt));
    }

    private static UnreadableListException failure(HttpAnswer answer) {
        int status = answer.status();
        // A list that is not there, or is refused, may be put right at any time.
        Reason reason = switch (status) {
            case UNAUTHORIZED, FORBIDDEN -> Reason.UNAUTHENTICATED;
            case TOO_MANY_REQUESTS -> Reason.RATE_LIMITED;
            default -> Reason.TRANSIENT;
        };
        String hint = status / 100 == 3 ? ", a redirection that is not followed" : "";
        return new UnreadableListException(
                reason,
                "the server answered with status " + status + hint,
                answer.retryAfter().orElse(null),
                null);
    }
}
