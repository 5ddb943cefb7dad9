package dev.shepherd.provider.staticlist;

import dev.shepherd.api.ProviderException.Reason;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.ProtocolException;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpResponse.ResponseInfo;
import java.nio.channels.UnresolvedAddressException;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.regex.Pattern;
import java.util.stream.Stream;
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

    private static final Pattern SECONDS = Pattern.compile("\\d{1,9}");

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
    private final Optional<SSLContext> sslContext;
    private final Executor executor;
    private final Clock clock;
    private volatile @Nullable HttpClient client;

    /**
     * Makes a source that holds nothing yet.
     *
     * @param uri an http or https URI with a host and without user information
     * @param maxBytes the most to accept
     * @param timeout how long connecting may take; the caller bounds the whole
     * @param sslContext whom to trust, or empty for the JVM's default
     * @param executor what runs the client's callbacks
     * @param clock tells when a document is asked for as a whole again
     */
    HttpSource(
            URI uri, int maxBytes, Duration timeout, Optional<SSLContext> sslContext, Executor executor, Clock clock) {
        this.uri = uri;
        this.maxBytes = maxBytes;
        this.timeout = timeout;
        this.sslContext = sslContext;
        this.executor = executor;
        this.clock = clock;
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
        HttpResponse<byte[]> response = send(request.build());
        return switch (response.statusCode()) {
            case OK -> Optional.of(content(response, now));
            case NOT_MODIFIED -> {
                if (!conditional) {
                    throw new UnreadableListException(
                            Reason.TRANSIENT, "the server says that it is unchanged, but was not asked that");
                }
                yield Optional.empty();
            }
            default -> throw failure(response);
        };
    }

    private HttpResponse<byte[]> send(HttpRequest request) throws IOException, InterruptedException {
        boolean answered = false;
        try {
            HttpResponse<byte[]> response = client().send(request, this::bodyOf);
            answered = true;
            return response;
        } catch (ConnectException e) {
            // Its own message is often null.
            String what = isUnresolved(e) ? "the name of its host cannot be resolved" : "its host refuses to connect";
            throw new UnreadableListException(Reason.TRANSIENT, what, null, e);
        } catch (IOException | RuntimeException e) {
            if (repeatsTheAnswer(e)) {
                throw new UnreadableListException(Reason.TRANSIENT, "the server's answer is none that HTTP knows");
            }
            throw e;
        } finally {
            if (!answered) {
                // What answers with anything but HTTP stays connected until its client is closed.
                close();
            }
        }
    }

    private static boolean isUnresolved(Throwable failure) {
        return causes(failure)
                .anyMatch(
                        cause -> cause instanceof UnresolvedAddressException || cause instanceof UnknownHostException);
    }

    /**
     * Tells whether a failure's text may hold a secret: the line of an answer, which may be an echo of the
     * request, or the URI that a redirection leads to.
     */
    private static boolean repeatsTheAnswer(Throwable failure) {
        return causes(failure)
                .anyMatch(cause -> cause instanceof ProtocolException
                        || (cause instanceof RuntimeException
                                && !(cause instanceof CompletionException)
                                && !(cause instanceof UncheckedIOException)));
    }

    private static Stream<Throwable> causes(Throwable failure) {
        return Stream.iterate(failure, Objects::nonNull, Throwable::getCause);
    }

    private BodySubscriber<byte[]> bodyOf(ResponseInfo response) {
        if (response.statusCode() == OK) {
            return new BoundedBody(maxBytes);
        }
        if (response.statusCode() == NOT_MODIFIED) {
            return BodySubscribers.replacing(new byte[0]);
        }
        // The page that comes with an error may be as long as it likes: it is not waited for.
        return new IgnoredBody();
    }

    private static Content content(HttpResponse<byte[]> response, Instant receivedAt) throws IOException {
        Optional<String> encoding =
                response.headers().firstValue("Content-Encoding").filter(value -> !value.equalsIgnoreCase("identity"));
        if (encoding.isPresent()) {
            throw new UnreadableListException(
                    Reason.PERMANENT, "the server compressed it without being asked to (Content-Encoding)");
        }
        return new Content(response.body(), HttpVersion.of(response.headers(), receivedAt));
    }

    private static UnreadableListException failure(HttpResponse<byte[]> response) {
        int status = response.statusCode();
        Reason reason = switch (status) {
            case UNAUTHORIZED, FORBIDDEN -> Reason.UNAUTHENTICATED;
            case TOO_MANY_REQUESTS -> Reason.RATE_LIMITED;
            default -> Reason.TRANSIENT;
        };
        String hint = status / 100 == 3 ? ", a redirection that is not followed" : "";
        Duration retryAfter = response.headers()
                .firstValue("Retry-After")
                .filter(value -> SECONDS.matcher(value).matches())
                .map(value -> Duration.ofSeconds(Long.parseLong(value)))
                .orElse(null);
        return new UnreadableListException(
                reason, "the server answered with status " + status + hint, retryAfter, null);
    }

    private HttpClient client() {
        HttpClient existing = client;
        if (existing != null) {
            return existing;
        }
        HttpClient.Builder builder = HttpClient.newBuilder()
                // One small request a minute gains nothing from HTTP/2, and some servers stumble on its upgrade.
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NORMAL)
                .connectTimeout(timeout)
                .executor(executor);
        sslContext.ifPresent(builder::sslContext);
        HttpClient made = builder.build();
        client = made;
        return made;
    }

    /** Lets go of all connections, where the JDK can: from 21 on. The next reading makes others. */
    @Override
    public void close() {
        if (!(client instanceof AutoCloseable closeable)) {
            return;
        }
        client = null;
        boolean wasInterrupted = Thread.currentThread().isInterrupted();
        // An interrupted thread ends what the client still does instead of waiting for it.
        Thread.currentThread().interrupt();
        try {
            closeable.close();
        } catch (Exception e) {
            throw new IllegalStateException("an HTTP client declares no exception for close()", e);
        } finally {
            if (!wasInterrupted) {
                Thread.interrupted();
            }
        }
    }
}
