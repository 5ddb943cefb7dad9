package dev.shepherd.provider.support;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import java.net.URI;
import java.net.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The answer to a call of {@link HttpCalls}, whatever its status. {@link #orThrow()} turns a status that is no success
 * into the failure that it means; {@link #failure(Reason)} is for statuses that mean something else at one's own server.
 */
public final class HttpAnswer {

    /** The longest wait that a server can ask for: a caller who waits for longer may as well ask again. */
    private static final Duration MOST_RETRY_AFTER = Duration.ofDays(1);

    private static final Pattern SECONDS = Pattern.compile("[0-9]{1,9}");

    private final String call;
    private final URI uri;
    private final int status;
    private final HttpHeaders headers;
    private final byte[] body;
    private final Optional<Duration> retryAfter;
    private final Scope scope;
    private final Excerpts excerpts;

    HttpAnswer(
            String call,
            URI uri,
            int status,
            HttpHeaders headers,
            byte[] body,
            Clock clock,
            Scope scope,
            Excerpts excerpts) {
        this.call = call;
        this.uri = uri;
        this.status = status;
        this.headers = headers;
        this.body = body;
        this.retryAfter = retryAfter(status, headers, clock);
        this.scope = scope;
        this.excerpts = excerpts;
    }

    /** Returns the status, such as 200. */
    public int status() {
        return status;
    }

    /** Returns where the answer came from, after redirections if they are followed. Links in it are relative to this. */
    public URI uri() {
        return uri;
    }

    /** Returns the first value of a header, whatever the case of its name. */
    public Optional<String> header(String name) {
        return headers.firstValue(name);
    }

    /** Returns all headers. */
    public HttpHeaders headers() {
        return headers;
    }

    /**
     * Returns the body, which is empty if there is none; not a copy. Of one whose status is no success it is the
     * beginning: 16 KiB at most, and what came within the limit.
     */
    public byte[] body() {
        return body;
    }

    /** Returns the body as text in UTF-8. */
    public String text() {
        return new String(body, StandardCharsets.UTF_8);
    }

    /** Returns how long the server asks to be left alone, from 0 s to 1 d; see {@link #retryAfter(int, HttpHeaders, Clock)}. */
    public Optional<Duration> retryAfter() {
        return retryAfter;
    }

    /** Tells whether the status is one from 200 to 299. */
    public boolean isSuccess() {
        return status / 100 == 2;
    }

    /**
     * Returns this answer if its status is a success.
     *
     * @throws ProviderException otherwise: {@link #failure()}
     */
    public HttpAnswer orThrow() {
        if (isSuccess()) {
            return this;
        }
        throw failure();
    }

    /** Reads the body of an answer, as a JSON library does. */
    @FunctionalInterface
    public interface BodyReader<T> {

        /** Reads a body, in any way; null and exceptions say that it cannot be read. */
        @Nullable
        T read(byte[] body) throws Exception;
    }

    /**
     * Reads the body of a success.
     *
     * @param reader what reads it, such as {@code body -> json.readValue(body, Server.class)}
     * @throws ProviderException {@link #failure()} if the status is no success; with {@link Reason#TRANSIENT} if the
     *     reader fails or returns null. What the reader said is not in it: JSON libraries repeat the text that they
     *     do not like, and it may hold a secret
     */
    public <T> T read(BodyReader<T> reader) {
        orThrow();
        String why = "it says nothing";
        try {
            T read = reader.read(body);
            if (read != null) {
                return read;
            }
        } catch (Exception e) {
            why = e.getClass().getSimpleName();
        }
        throw new ProviderException(
                Reason.TRANSIENT, call + ": status " + status + ", but the answer cannot be read (" + why + ")");
    }

    /** Returns the failure that this answer means, by {@link #reason(int)}. */
    public ProviderException failure() {
        return failure(reason(status));
    }

    /**
     * Returns the failure that this answer means.
     *
     * @param reason what it means at this server
     */
    public ProviderException failure(Reason reason) {
        String said = excerpts.of(body);
        boolean common = reason == Reason.UNAUTHENTICATED || reason == Reason.RATE_LIMITED;
        return ProviderException.builder(reason, call + ": status " + status + (said.isEmpty() ? "" : ": " + said))
                .retryAfter(retryAfter.orElse(null))
                .scope(common ? scope : Scope.MACHINE)
                .build();
    }

    /**
     * Returns what most servers mean by a status that is no success: 401 and 403 are {@link Reason#UNAUTHENTICATED}, 404
     * {@link Reason#NOT_FOUND}, 409 {@link Reason#CONFLICT}, 429 {@link Reason#RATE_LIMITED}; 408, 425 and 500 or higher
     * {@link Reason#TRANSIENT}; all others {@link Reason#PERMANENT}.
     */
    public static Reason reason(int status) {
        return switch (status) {
            case 401, 403 -> Reason.UNAUTHENTICATED;
            case 404 -> Reason.NOT_FOUND;
            case 408, 425 -> Reason.TRANSIENT;
            case 409 -> Reason.CONFLICT;
            case 429 -> Reason.RATE_LIMITED;
            default -> status >= 500 ? Reason.TRANSIENT : Reason.PERMANENT;
        };
    }

    /**
     * Reads the header {@code Retry-After}, a number of seconds or a date (RFC 9110, 10.2.3).
     *
     * @param status only 408, 425, 429 and 500 or higher ask to come back
     * @param clock what a date is compared with
     * @return how long to wait, from 0 s, for a date in the past, to 1 d; empty if there is no such header, or it cannot
     *     be read
     */
    public static Optional<Duration> retryAfter(int status, HttpHeaders headers, Clock clock) {
        boolean comeBack = status == 408 || status == 425 || status == 429 || status >= 500;
        return comeBack
                ? headers.firstValue("Retry-After").flatMap(text -> parseRetryAfter(text.strip(), clock))
                : Optional.empty();
    }

    private static Optional<Duration> parseRetryAfter(String text, Clock clock) {
        Duration asked;
        try {
            asked = SECONDS.matcher(text).matches()
                    ? Duration.ofSeconds(Long.parseLong(text))
                    : Duration.between(clock.instant(), Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(text)));
        } catch (DateTimeException | ArithmeticException e) {
            return Optional.empty();
        }
        if (asked.isNegative()) {
            return Optional.of(Duration.ZERO);
        }
        return Optional.of(asked.compareTo(MOST_RETRY_AFTER) <= 0 ? asked : MOST_RETRY_AFTER);
    }

    /** Returns the call and the status. */
    @Override
    public String toString() {
        return "HttpAnswer[" + call + ": status " + status + ", " + body.length + " bytes]";
    }
}
