package dev.shepherd.provider.support;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.provider.support.CallGate.Turn;
import dev.shepherd.provider.support.NoAnswerException.Why;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.ResponseInfo;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * HTTP calls that end. One limit holds for all of an answer, which the client of the JDK bounds to its head; a body has a
 * largest size; interruption and {@link CallThreads#close()} end a call and its connection; messages show no secret. A
 * call is sent once: what a repetition would do, only its caller can know. {@link #at} is the short form for JSON over
 * HTTP, {@link #send} takes any request.
 *
 * <p>{@link Builder#client} takes any client: with trust, proxy and TLS versions of one's own. Many peers can share it
 * and its threads: {@link #toBuilder()} makes calls with another name, gate and password. Nothing is started before the
 * first call. Immutable; safe for use by several threads.
 */
public final class HttpCalls {

    private static final Duration MAX_LIMIT = Duration.ofHours(1);
    private static final Duration LONGEST_CONNECT = Duration.ofSeconds(10);
    private static final int MAX_MAX_BODY = 1024 * 1024 * 1024;

    /** Sixteen calls at a time, each with its body and a copy of it, fit into half of the heap. */
    private static final int DEFAULT_MAX_BODY =
            (int) Math.min(16L * 1024 * 1024, Runtime.getRuntime().maxMemory() / 64);

    /** How much is received of the body of an error, in bytes. */
    private static final int LONGEST_ERROR = 16 * 1024;

    private final Builder settings;
    private final HttpClients clients;
    private final Excerpts excerpts;

    private HttpCalls(Builder settings, HttpClients clients) {
        this.settings = settings;
        this.clients = clients;
        this.excerpts = Excerpts.hiding().andHiding(settings.secrets);
    }

    /**
     * Starts the settings of calls.
     *
     * @param name what messages begin with, such as {@code provider racks}
     * @param threads what they run on; their owner closes them, and with them the connections
     */
    public static Builder builder(String name, CallThreads threads) {
        return new Builder(name, threads);
    }

    /**
     * Starts settings that are these at first. What is built shares the client and its connections, unless it is given
     * one of its own.
     */
    public Builder toBuilder() {
        return new Builder(settings, clients);
    }

    /** Returns what makes excerpts without the secrets of these calls. */
    public Excerpts excerpts() {
        return excerpts;
    }

    /**
     * Names what requests are sent to, under the {@linkplain Builder#base base}.
     *
     * @param path the path, perhaps with a query, in which each <code>{}</code> stands for the next value: {@code
     *     "/servers/{}/claim"}, {@code "/servers?after={}"}
     * @param values what stands there: encoded, so that none of them can lead to another path or add to the query
     * @throws ProviderException with {@link Reason#NOT_FOUND} if a path cannot name a value, which is empty or a row of
     *     dots: nothing can be called so
     * @throws IllegalArgumentException if the path does not begin with a slash, or there are more or fewer values
     * @throws IllegalStateException if there is no base
     */
    public HttpTarget at(String path, Object... values) {
        URI base = settings.base;
        if (base == null) {
            throw new IllegalStateException(settings.name + ": there is no base; set base");
        }
        // An empty value at the end would be lost without the limit.
        String[] parts = path.split("\\{\\}", -1);
        if (!path.startsWith("/") || parts.length != values.length + 1) {
            throw new IllegalArgumentException(
                    settings.name + ": " + path + " is no path for " + values.length + " value(s)");
        }
        StringBuilder built = new StringBuilder(parts[0]);
        for (int i = 0; i < values.length; i++) {
            String value = Objects.requireNonNull(values[i], "value").toString();
            // Servers take dots for steps up the path, encoded ones too.
            if (built.indexOf("?") < 0 && value.matches("\\.*")) {
                throw new ProviderException(
                        Reason.NOT_FOUND, settings.name + ": nothing at " + path + " is called \"" + value + "\"");
            }
            built.append(encoded(value)).append(parts[i + 1]);
        }
        return new HttpTarget(this, URI.create(base.toString().replaceFirst("/+\\z", "") + built));
    }

    private static String encoded(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8)
                .replace("+", "%20")
                .replace("*", "%2A");
    }

    /**
     * Sends a request once, and waits for the whole answer.
     *
     * @param what what the call does, as the words of a message: {@code listing the servers}
     * @param request the request; the limit is its own timeout, if it has a shorter one
     * @return the answer, whatever its status
     * @throws NoAnswerException if there is no whole answer within the limit
     * @throws ProviderException with {@link Reason#RATE_LIMITED} if the call was not sent, since its turn at the gate did
     *     not come within nine tenths of the limit
     * @throws CancellationException if the threads are closed, before or meanwhile
     * @throws InterruptedException if the thread is interrupted; the connection ends with the call
     */
    public HttpAnswer send(String what, HttpRequest request) throws InterruptedException {
        String call = settings.name + ": " + what;
        Duration limit = request.timeout()
                .filter(timeout -> timeout.compareTo(settings.limit) < 0)
                .orElse(settings.limit);
        long deadline = System.nanoTime() + limit.toNanos();
        CallGate gate = settings.gate;
        if (gate == null) {
            return send(call, request, limit, deadline);
        }
        // A request with hardly any time would only fail, and leave it unknown what it did.
        try (Turn turn = gate.enter(call, limit.multipliedBy(9).dividedBy(10), settings.scope)) {
            HttpAnswer answer = send(call, request, limit, deadline);
            answer.retryAfter().ifPresent(gate::pause);
            return answer;
        }
    }

    private HttpAnswer send(String call, HttpRequest request, Duration limit, long deadline)
            throws InterruptedException {
        HttpClients.Use use = clients.use();
        boolean retire = false;
        try {
            return send(use.client(), call, request, limit, deadline);
        } catch (NoAnswerException e) {
            retire = e.why() == Why.NOT_HTTP;
            throw e;
        } finally {
            clients.release(use, retire);
        }
    }

    private HttpAnswer send(HttpClient client, String call, HttpRequest request, Duration limit, long deadline)
            throws InterruptedException {
        Duration left = Duration.ofNanos(Math.max(1, deadline - System.nanoTime()));
        HttpRequest.Builder sent = HttpRequest.newBuilder(request, (name, value) -> true);
        settings.headers.forEach(sent::setHeader);
        Received received = new Received();
        HttpRequest complete = sent.build();
        try {
            // Not sendAsync(), which ends on the common pool of the JVM: others may have filled that.
            HttpResponse<byte[]> answer = settings.threads.call(() -> client.send(complete, received), left);
            return answer(call, request, answer.uri(), answer.statusCode(), answer.headers(), answer.body());
        } catch (TimeoutException e) {
            // An error is an error, whether all that is said of it has come or not.
            ResponseInfo head = received.error;
            if (head != null) {
                return answer(call, request, request.uri(), head.statusCode(), head.headers(), received.soFar());
            }
            throw tooLate(call, limit);
        } catch (ExecutionException e) {
            Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
            if (cause instanceof Error error) {
                throw error;
            }
            Why why = Why.of(cause);
            boolean late = why == Why.TOO_LATE || (why == Why.UNREACHABLE && deadline - System.nanoTime() <= 0);
            throw late ? tooLate(call, limit) : noAnswer(call, why, cause, excerptsWithout(request));
        }
    }

    private HttpAnswer answer(String call, HttpRequest request, URI uri, int status, HttpHeaders headers, byte[] body) {
        return new HttpAnswer(
                call, uri, status, headers, body, settings.clock, settings.scope, excerptsWithout(request));
    }

    /** Makes excerpts that do not show what a request itself carries either. */
    private Excerpts excerptsWithout(HttpRequest request) {
        List<String> carried = Builder.secretsOf(request.headers());
        return carried.isEmpty() ? excerpts : excerpts.andHiding(carried);
    }

    private NoAnswerException tooLate(String call, Duration limit) {
        return new NoAnswerException(
                Why.TOO_LATE, call + ": no whole answer within " + Spans.text(limit), Scope.MACHINE, null);
    }

    private NoAnswerException noAnswer(String call, Why why, Throwable cause, Excerpts shown) {
        String words = switch (why) {
            case UNRESOLVED -> "the name of the host cannot be resolved";
            case UNREACHABLE -> "the host cannot be reached: " + shown.of(cause);
            case UNTRUSTED -> "there is no secure connection: " + shown.of(cause);
            case TOO_LONG -> "the answer is longer than " + settings.maxBody + " bytes";
            // What the client says of it may repeat the answer, which may be an echo of the request.
            case NOT_HTTP -> "the answer is none that HTTP knows";
            case TOO_LATE, BROKEN -> "no whole answer: " + shown.of(cause);
        };
        return new NoAnswerException(
                why,
                call + ": " + words,
                why.isSent() ? Scope.MACHINE : settings.scope,
                why != Why.NOT_HTTP && shown.isClean(cause) ? cause : null);
    }

    /** Receives a body within its bounds. */
    private final class Received implements BodyHandler<byte[]> {

        /** The head of an answer whose status is no success, once it is there. */
        private volatile @Nullable ResponseInfo error;

        private volatile @Nullable BoundedBody body;

        @Override
        public BodySubscriber<byte[]> apply(ResponseInfo head) {
            boolean success = head.statusCode() / 100 == 2;
            BoundedBody made = success ? BoundedBody.upTo(settings.maxBody) : BoundedBody.beginningOf(LONGEST_ERROR);
            body = made;
            error = success ? null : head;
            return made;
        }

        byte[] soFar() {
            BoundedBody begun = body;
            return begun == null ? new byte[0] : begun.soFar();
        }
    }

    /** Returns the name and the limit. */
    @Override
    public String toString() {
        return "HttpCalls[" + settings.name + ", " + Spans.text(settings.limit) + "]";
    }

    /** Collects the settings of {@link HttpCalls}. Not safe for use by several threads. */
    public static final class Builder {

        private static final List<String> SECRET_HEADERS = List.of("Authorization", "Proxy-Authorization", "Cookie");

        /** A user would be shown in messages; a query would end up in the middle. */
        private static final Pattern BASE = Pattern.compile("(?i)https?://[^/?#@]+(/[^?#]*)?");

        private static final Pattern HEADER_VALUE = Pattern.compile("[\\t -~\\u0080-\\u00ff]*");

        private final CallThreads threads;
        private String name;
        private @Nullable URI base;
        private @Nullable HttpClients clients;
        private HttpClient.@Nullable Builder client;
        private Duration limit = Duration.ofSeconds(30);
        private int maxBody = DEFAULT_MAX_BODY;
        private @Nullable CallGate gate;
        private Scope scope = Scope.PROVIDER;
        private Clock clock = Clock.systemUTC();
        private final Map<String, String> headers = new LinkedHashMap<>();
        private final List<String> secrets = new ArrayList<>();

        private Builder(String name, CallThreads threads) {
            this.name = Objects.requireNonNull(name, "name");
            this.threads = Objects.requireNonNull(threads, "threads");
        }

        private Builder(Builder other, @Nullable HttpClients clients) {
            this(other.name, other.threads);
            this.clients = clients;
            this.base = other.base;
            this.client = other.client;
            this.limit = other.limit;
            this.maxBody = other.maxBody;
            this.gate = other.gate;
            this.scope = other.scope;
            this.clock = other.clock;
            this.headers.putAll(other.headers);
            this.secrets.addAll(other.secrets);
        }

        /** Sets what messages begin with. */
        public Builder name(String name) {
            this.name = Objects.requireNonNull(name, "name");
            return this;
        }

        /**
         * Sets what the paths of {@link HttpCalls#at} come after; none by default. An {@code http:} or {@code https:} URL
         * of a host, perhaps with a path, without user, query and fragment.
         */
        public Builder base(URI base) {
            this.base = Objects.requireNonNull(base, "base");
            return this;
        }

        /**
         * Sets how the client is made, at the first call; its executor is replaced. By default it speaks HTTP/1.1, follows
         * no redirections, and takes 10 s at most, or half of the limit, to connect.
         */
        public Builder client(HttpClient.Builder client) {
            this.client = Objects.requireNonNull(client, "client");
            this.clients = null;
            return this;
        }

        /** Sets how long a call may take, from waiting for its turn to the last byte. 30 s by default; from 1 ms to 1 h. */
        public Builder limit(Duration limit) {
            this.limit = Objects.requireNonNull(limit, "limit");
            return this;
        }

        /**
         * Sets how long the body of a success may be, in bytes. 16,777,216 (16 MiB) by default, or a 64th of the heap
         * where that is less ({@code -Xmx512m}: 8 MiB); from 1 byte to 1 GiB. While it is received it takes twice as much
         * memory. Of an error's body 16 KiB are received.
         */
        public Builder maxBody(int bytes) {
            this.maxBody = bytes;
            return this;
        }

        /**
         * Sets what calls wait at for their turn, and what the {@code Retry-After} of an answer pauses. None by default:
         * the manager makes one call at a time, unless the provider says otherwise, and pauses what is rate limited.
         */
        public Builder gate(CallGate gate) {
            this.gate = Objects.requireNonNull(gate, "gate");
            return this;
        }

        /**
         * Sets what the failures concern that all calls would meet: a host that cannot be reached, 401, 403, 429.
         * {@link Scope#PROVIDER} by default; {@link Scope#MACHINE} for a peer that stands for one machine.
         */
        public Builder scope(Scope scope) {
            this.scope = Objects.requireNonNull(scope, "scope");
            return this;
        }

        /** Sets a header of every request, {@code Authorization} for one. Its value is a secret, with a scheme or without. */
        public Builder secretHeader(String name, String value) {
            headers.put(Objects.requireNonNull(name, "name"), Objects.requireNonNull(value, "value"));
            secrets.addAll(secretsIn(value));
            return this;
        }

        /** Has every request carry a token, as {@code Authorization: Bearer} (RFC 6750). */
        public Builder bearer(String token) {
            return secretHeader("Authorization", "Bearer " + token);
        }

        /** Has every request carry a user and a password, without being asked for them first (RFC 7617). */
        public Builder basic(String user, String password) {
            secret(password);
            byte[] both = (user + ":" + password).getBytes(StandardCharsets.UTF_8);
            return secretHeader("Authorization", "Basic " + Base64.getEncoder().encodeToString(both));
        }

        /** Adds a text that no message may show. */
        public Builder secret(String secret) {
            secrets.add(Objects.requireNonNull(secret, "secret"));
            return this;
        }

        /** Sets what the date of a {@code Retry-After} is compared with. The system's clock by default. */
        public Builder clock(Clock clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /**
         * Makes the calls. Nothing is started yet.
         *
         * @throws ConfigurationException if a setting is out of range; the message names it
         */
        public HttpCalls build() {
            Checks.span("limit", limit, Duration.ofMillis(1), MAX_LIMIT);
            Checks.bytes("maxBody", maxBody, 1, MAX_MAX_BODY);
            if (base != null
                    && (base.getHost() == null || !BASE.matcher(base.toString()).matches())) {
                // Not shown: it may hold a password.
                throw new ConfigurationException(
                        "base", "base must be an http: or https: URL of a host, without user, query and fragment");
            }
            headers.forEach((header, value) -> {
                if (!HEADER_VALUE.matcher(value).matches()) {
                    // Not shown: it is a secret. The JDK would show it, at the first request.
                    throw new ConfigurationException(
                            "secretHeader", "the value of the header " + header + " has characters that none may have");
                }
            });
            HttpClients shared = clients;
            if (shared == null) {
                shared = new HttpClients(threads, client == null ? plain(limit) : client);
            }
            return new HttpCalls(new Builder(this, null), shared);
        }

        private static HttpClient.Builder plain(Duration limit) {
            Duration half = limit.dividedBy(2);
            return HttpClient.newBuilder()
                    // A small request now and then gains nothing from HTTP/2, and some servers stumble on its upgrade.
                    .version(HttpClient.Version.HTTP_1_1)
                    .followRedirects(HttpClient.Redirect.NEVER)
                    .connectTimeout(half.compareTo(LONGEST_CONNECT) < 0 ? half : LONGEST_CONNECT);
        }

        private static List<String> secretsOf(HttpHeaders headers) {
            return SECRET_HEADERS.stream()
                    .flatMap(header -> headers.allValues(header).stream())
                    .flatMap(value -> secretsIn(value).stream())
                    .toList();
        }

        /** A scheme such as Bearer comes before what is secret. */
        private static List<String> secretsIn(String header) {
            return List.of(header, header.substring(header.indexOf(' ') + 1));
        }
    }
}
