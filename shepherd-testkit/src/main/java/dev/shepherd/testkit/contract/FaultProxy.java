package dev.shepherd.testkit.contract;

import dev.shepherd.testkit.contract.ProxyFaults.Treatment;
import dev.shepherd.testkit.contract.ProxyFaults.Verdict;
import dev.shepherd.testkit.http.HttpListener;
import dev.shepherd.testkit.http.HttpListener.Connection;
import dev.shepherd.testkit.http.HttpMessage;
import dev.shepherd.testkit.http.HttpUpstream;
import dev.shepherd.testkit.http.Links;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * Stands between a provider and a server, on loopback, and lets {@linkplain Faults faults} in. The server may be a fake or
 * a real one, by HTTP or HTTPS; it stays as it is.
 *
 * <pre>{@code
 * FaultProxy proxy = FaultProxy.builder(controller.uri()).listing("/servers").start();
 * new RackProvider(new ProviderType("racks"), proxy.uri());
 * }</pre>
 *
 * <p>What it answers itself has the request in it, with all headers and the body, as careless servers do: a provider that
 * repeats answers in its messages shows its token. What a connection is left waiting for ends with {@link #heal()}, by the
 * end of the connection. Absolute links of the server lead to the proxy, see {@link Links}. Nothing is ever sent twice.
 *
 * <p>Safe for use by several threads.
 */
public final class FaultProxy implements Faults, AutoCloseable {

    /** What the names of its threads start with. */
    static final String THREADS = "fault-proxy-";

    /**
     * A request, as the provider sent it.
     *
     * @param method such as {@code GET}
     * @param path below the path of the server's URI, from {@code /} on; the whole path if it is not below that.
     *     Percent-encoded
     * @param query percent-encoded; empty if there was none
     * @param headers the values of each, by names in any case
     * @param body as UTF-8; empty if there was none
     */
    public record Request(String method, String path, String query, Map<String, String> headers, String body) {

        /** Copies the headers. */
        public Request {
            Map<String, String> copy = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
            copy.putAll(headers);
            headers = Collections.unmodifiableMap(copy);
        }

        private static Request of(HttpMessage message, String base) {
            String[] target = message.target().split("\\?", 2);
            boolean isBelow = target[0].startsWith(base + "/");
            Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
            message.headers()
                    .forEach(header -> headers.merge(header.getKey(), header.getValue(), (a, b) -> a + ", " + b));
            return new Request(
                    message.method(),
                    isBelow ? target[0].substring(base.length()) : target[0],
                    target.length < 2 ? "" : target[1],
                    headers,
                    message.text());
        }

        /** Returns the method, path and query; the rest may hold secrets. */
        @Override
        public String toString() {
            return method + " " + path + (query.isEmpty() ? "" : "?" + query);
        }
    }

    private final Predicate<Request> spared;
    private final Predicate<Request> changes;
    private final @Nullable Predicate<Request> listings;
    private final UnaryOperator<String> duplicate;
    private final String base;
    private final HttpUpstream upstream;
    private final HttpListener listener;
    private final Links links;
    private final URI uri;
    private final ProxyFaults faults = new ProxyFaults();
    private final StaleListings stale = new StaleListings();

    private FaultProxy(Builder builder) {
        spared = builder.spared;
        changes = builder.changes;
        listings = builder.listings;
        duplicate = builder.duplicate;
        base = builder.base();
        upstream = new HttpUpstream(builder.upstream, builder.trust(), builder.limit, THREADS);
        listener = new HttpListener(THREADS, builder.https);
        links = new Links(builder.upstream, URI.create(listener.origin()));
        uri = URI.create(listener.origin() + builder.upstream.getRawPath());
    }

    /**
     * Starts a builder for a server.
     *
     * @param upstream {@code http} or {@code https}, with a host, perhaps a port and a path
     * @throws IllegalArgumentException if it is another
     */
    public static Builder builder(URI upstream) {
        return new Builder(upstream);
    }

    /** Returns what the provider is given in place of the server's URI; it has the same path. */
    public URI uri() {
        return uri;
    }

    /**
     * Lets a fault in, at once, until it is healed; several may be there at a time.
     *
     * <ul>
     *   <li>STALE_LISTING: each listing is answered as the same request was last answered before. One that had not come
     *       before is served
     *   <li>DUPLICATE_MACHINE: listings look as {@link Builder#duplicate} says
     *   <li>UNREACHABLE: requests find their connection closed or are answered with 503: the first that comes the one,
     *       the next one that differs from it the other, and so on; when it is repeated, each finds the same
     *   <li>HANGING: requests take no effect
     * </ul>
     *
     * @return false for the two on listings if the proxy was not told which requests list
     */
    @Override
    public boolean inject(ContractFault fault) {
        boolean isOnListings = fault == ContractFault.STALE_LISTING || fault == ContractFault.DUPLICATE_MACHINE;
        if (isOnListings && listings == null) {
            return false;
        }
        if (fault == ContractFault.STALE_LISTING) {
            stale.freeze();
        }
        faults.inject(fault);
        return true;
    }

    /**
     * {@inheritDoc} An answer that has no body, and so cannot be cut in it or end with its head, is cut in its head.
     *
     * @return true
     */
    @Override
    public boolean inject(RequestFault fault, Step step, int number) {
        faults.inject(fault, step, number);
        return true;
    }

    /**
     * {@inheritDoc} If the action fails, the request is answered with 500 without effect, and the next {@link #heal()}
     * throws what it failed with.
     *
     * @return true
     */
    @Override
    public boolean before(Step step, int number, Action action) {
        faults.before(step, number, action);
        return true;
    }

    @Override
    public boolean wasHit() {
        return faults.wasHit();
    }

    @Override
    public OptionalInt requests(Step step) {
        return OptionalInt.of(faults.requests(step));
    }

    /** Returns 7 s, which it says with 429 as {@code Retry-After}. */
    @Override
    public Optional<Duration> retryAfter() {
        return Optional.of(ProxyAnswers.RETRY_AFTER);
    }

    /** Returns how many requests that change something were answered by the server with 2xx or 3xx since the last fault. */
    @Override
    public int effects() {
        return faults.effects();
    }

    /**
     * {@inheritDoc}
     *
     * @throws Exception what an action, or one of the functions that the proxy was given, failed with since the last time
     */
    @Override
    public void heal() throws Exception {
        Throwable failure = faults.heal();
        if (failure instanceof Error error) {
            throw error;
        }
        if (failure instanceof Exception exception) {
            throw exception;
        }
    }

    /**
     * Ends all waiting, closes all connections and stops the threads. Waits at most 10 s for an action that is under way.
     * Closing twice is allowed.
     */
    @Override
    public void close() {
        faults.heal();
        upstream.close();
        listener.close();
    }

    private boolean handle(HttpMessage message, Connection client) throws IOException, InterruptedException {
        Verdict verdict;
        @Nullable HttpMessage answer;
        try {
            Request request = Request.of(message, base);
            verdict = spared.test(request)
                    ? ProxyFaults.spared()
                    : faults.next(changes.test(request) ? Step.CHANGE : Step.READ, request.toString());
            if (verdict.action().isPresent()) {
                verdict.action().get().run();
            }
            Treatment treatment = verdict.treatment();
            boolean isServed = treatment != Treatment.DROPPED && treatment != Treatment.HANGS_BEFORE;
            answer = isServed ? answer(message, request, verdict) : null;
            faults.done(verdict);
        } catch (InterruptedException e) {
            throw e;
        } catch (Exception | AssertionError e) {
            faults.failed(e);
            return send(Treatment.SERVED, ProxyAnswers.of(500, "a part of the test failed: " + e), message, client);
        }
        boolean open = answer != null && send(verdict.treatment(), answer, message, client);
        if (verdict.treatment().hangs) {
            verdict.healed().await();
        }
        return open;
    }

    private HttpMessage answer(HttpMessage message, Request request, Verdict verdict) throws IOException {
        if (verdict.treatment().status > 0) {
            return ProxyAnswers.refusal(verdict.treatment().status, message);
        }
        boolean isListing = listings != null && listings.test(request);
        HttpMessage answer = isListing && verdict.isStale() ? stale.find(message) : null;
        if (answer == null) {
            try {
                answer = links.apply(upstream.call(message));
            } catch (IOException e) {
                return ProxyAnswers.of(502, Objects.requireNonNullElse(e.getMessage(), e.toString()));
            }
            if (answer.status() >= 200 && answer.status() < 400) {
                faults.tookEffect(verdict);
            }
            if (isListing && answer.status() / 100 == 2 && !verdict.isStale()) {
                stale.remember(message, answer);
            }
        }
        boolean isDoubled = isListing && verdict.isDoubled() && answer.status() / 100 == 2;
        if (isDoubled && answer.body().length > 0) {
            answer = answer.withBody(duplicate.apply(answer.text()).getBytes(StandardCharsets.UTF_8));
        }
        return answer.hasNoBody(message.method()) ? answer : answer.withLength();
    }

    /** Sends an answer, or what the treatment leaves of it. */
    private static boolean send(Treatment treatment, HttpMessage answer, HttpMessage request, Connection client)
            throws IOException {
        byte[] head = (request.keepsAlive() ? answer : answer.with("Connection", "close")).head();
        byte[] body = answer.hasNoBody(request.method()) ? new byte[0] : answer.body();
        switch (treatment) {
            case LOST, HANGS_AFTER -> {}
            case RESET -> client.reset();
            case CUT -> client.send(body.length == 0 ? half(head) : head, half(body));
            case HANGS_AFTER_HEAD -> client.send(body.length == 0 ? half(head) : head);
            default -> {
                client.send(head, body);
                return true;
            }
        }
        return false;
    }

    private static byte[] half(byte[] bytes) {
        return Arrays.copyOf(bytes, bytes.length / 2);
    }

    /** Collects the settings of a {@link FaultProxy}. Not safe for several threads. */
    public static final class Builder {
        private static final Set<String> READS = Set.of("GET", "HEAD", "OPTIONS");

        private final URI upstream;
        private Predicate<Request> spared = request -> false;
        private Predicate<Request> changes = request -> !READS.contains(request.method());
        private @Nullable Predicate<Request> listings;
        private UnaryOperator<String> duplicate = DoubledJson::of;
        private @Nullable SSLContext https;
        private @Nullable SSLContext trust;
        private Duration limit = Duration.ofSeconds(30);

        private Builder(URI upstream) {
            String scheme = Optional.ofNullable(upstream.getScheme()).orElse("").toLowerCase(Locale.ROOT);
            boolean isPlain = upstream.getRawUserInfo() == null
                    && upstream.getRawQuery() == null
                    && upstream.getRawFragment() == null;
            if (!List.of("http", "https").contains(scheme) || upstream.getHost() == null || !isPlain) {
                throw new IllegalArgumentException("the URI of a server has http or https, a host, perhaps a port and a"
                        + " path, and no more, unlike " + upstream);
            }
            this.upstream = upstream;
        }

        private String base() {
            return upstream.getRawPath().replaceAll("/+$", "");
        }

        private SSLContext trust() {
            try {
                return trust == null ? SSLContext.getDefault() : trust;
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException("this JDK has no SSLContext", e);
            }
        }

        /** Says that GET requests for a path, below that of the server's URI, list machines, whatever their query. */
        public Builder listing(String path) {
            String listing = "/" + path.replaceAll("^/+|/+$", "");
            return listing(request -> request.method().equals("GET")
                    && request.path().replaceAll("/+$", "").equals(listing));
        }

        /** Says which requests list machines, beside those that other calls of this method say. None by default. */
        public Builder listing(Predicate<Request> listing) {
            listings = listings == null ? Objects.requireNonNull(listing, "listing") : listings.or(listing);
            return this;
        }

        /** Says which requests change something; by default all but GET, HEAD and OPTIONS. */
        public Builder changes(Predicate<Request> changes) {
            this.changes = Objects.requireNonNull(changes, "changes");
            return this;
        }

        /** Says which requests no fault concerns and none counts, such as a login as a provider is made; by default none. */
        public Builder spared(Predicate<Request> spared) {
            this.spared = Objects.requireNonNull(spared, "spared");
            return this;
        }

        /**
         * Says what the body of a listing looks like that names machines twice. By default the first array of its JSON, at
         * the top or a member of the object there, has each element twice.
         */
        public Builder duplicate(UnaryOperator<String> duplicate) {
            this.duplicate = Objects.requireNonNull(duplicate, "duplicate");
            return this;
        }

        /** Serves HTTPS, with what a server has for it; HTTP by default. */
        public Builder https(SSLContext https) {
            this.https = Objects.requireNonNull(https, "https");
            return this;
        }

        /** Sets what the certificate of the server is checked with, if it has one; by default what the JVM trusts. */
        public Builder trust(SSLContext trust) {
            this.trust = Objects.requireNonNull(trust, "trust");
            return this;
        }

        /**
         * Sets how long the server may take for an answer; from 1 ms to 1 h, by default 30 s. After that, or if it gives
         * none, the proxy answers 502.
         */
        public Builder limit(Duration limit) {
            if (limit.toMillis() < 1 || limit.compareTo(Duration.ofHours(1)) > 0) {
                throw new IllegalArgumentException("limit must be from 1 ms to 1 h, not " + limit);
            }
            this.limit = limit;
            return this;
        }

        /** Starts the proxy on a free port. */
        public FaultProxy start() {
            FaultProxy proxy = new FaultProxy(this);
            proxy.listener.start(proxy::handle);
            return proxy;
        }
    }
}
