package dev.shepherd.web;

import dev.shepherd.api.ShepherdException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.fleet.Fleet;
import dev.shepherd.bmdb.fleet.FleetSummary;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.web.access.Authenticator;
import dev.shepherd.web.access.Authorizer;
import dev.shepherd.web.access.Guard;
import dev.shepherd.web.http.BadRequestException;
import dev.shepherd.web.http.WebRequest;
import dev.shepherd.web.http.WebResponse;
import dev.shepherd.web.live.LiveUpdates;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The operator's page and HTTP API of a fleet: answers requests, whatever server takes them. A {@link WebServer} serves it by itself;
 * {@link dev.shepherd.web.servlet.WebConsoleServlet} mounts it in a servlet container.
 *
 * <p>All URLs in its answers are relative, so that it works below any path and behind a proxy. It shows everything and changes nothing
 * unless an {@link Authorizer} says otherwise. It answers under the host names that it was told only.
 *
 * <p>Safe for use by several threads. No thread exists before {@link #start()}, and none after {@link #close()}, which closes neither
 * the database nor the shepherd. Without a start it works all the same, with the counts of another process, and tells open pages
 * nothing.
 */
public final class WebConsole implements AutoCloseable {

    /** How old the counts on the page are at most, unless counting takes long: 15 s. */
    public static final Duration COUNT_INTERVAL = Duration.ofSeconds(15);

    private static final Logger log = LoggerFactory.getLogger(WebConsole.class);

    private static final Map<String, String> HEADERS = Map.of(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
                    + " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "X-Frame-Options",
            "DENY",
            "X-Content-Type-Options",
            "nosniff",
            // Not stricter: without an origin of its own the browser's forms could not be told from those of others.
            "Referrer-Policy",
            "same-origin",
            "Cross-Origin-Opener-Policy",
            "same-origin",
            "Cross-Origin-Resource-Policy",
            "same-origin",
            "Cache-Control",
            "no-store");

    private final Authenticator authenticator;
    private final Authorizer authorizer;
    private final Guard guard;
    private final LiveUpdates live = new LiveUpdates();
    private final Watch watch;
    private final Routes routes;
    private final Health health;
    private final @Nullable MetricsSource metrics;

    private WebConsole(Builder builder) {
        Bmdb bmdb = Objects.requireNonNull(builder.bmdb, "bmdb");
        Optional<Shepherd> shepherd = Optional.ofNullable(builder.shepherd);
        authenticator = builder.authenticator;
        authorizer = builder.authorizer;
        guard = new Guard(builder.hosts);
        Fleet fleet = Fleet.of(bmdb, builder.policies);
        watch = new Watch(fleet, live, builder.countInterval, builder.onCount);
        ConsoleActions actions = new ConsoleActions(bmdb, shepherd, authorizer);
        routes = new Routes(bmdb, shepherd, builder.policies, fleet, watch, actions, live);
        health = new Health(bmdb, shepherd);
        metrics = builder.metrics;
    }

    /** Returns a builder. Only the database must be set. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Begins to count the fleet now and then, and to tell open pages of changes. Does nothing the second time.
     *
     * @throws IllegalStateException if it is closed
     */
    public void start() {
        watch.start();
    }

    /** Answers a request. Throws nothing but an {@link InterruptedException} and an {@link Error}. */
    public WebResponse handle(WebRequest request) throws InterruptedException {
        WebResponse response = answer(request);
        for (Map.Entry<String, String> header : HEADERS.entrySet()) {
            if (!response.headers().containsKey(header.getKey())) {
                response = response.with(header.getKey(), header.getValue());
            }
        }
        if (request.secure()) {
            response = response.with("Strict-Transport-Security", "max-age=31536000");
        }
        return response;
    }

    private WebResponse answer(WebRequest request) throws InterruptedException {
        // Those who ask for these know no name of the console, and learn nothing but a word.
        Optional<WebResponse> healthy = health.answer(request);
        if (healthy.isPresent()) {
            return healthy.get();
        }
        if (request.body().length > WebRequest.LARGEST_BODY) {
            return plain(413, "The content is larger than 64 KiB.");
        }
        Optional<String> strange = guard.strangeHost(request);
        if (strange.isPresent()) {
            return plain(421, strange.get());
        }
        Optional<String> principal = authenticator.authenticate(request);
        if (principal.isEmpty()) {
            return plain(401, "Say who you are.").with("WWW-Authenticate", authenticator.challenge());
        }
        if (!authorizer.mayLook(principal.get())) {
            return plain(403, Escaped.text(principal.get()) + " may not look at this fleet.");
        }
        if (!request.reads()) {
            if (!request.method().equals("POST")) {
                return plain(405, "There is nothing to " + Escaped.text(request.method(), 20) + " here.")
                        .with("Allow", "GET, HEAD, POST");
            }
            Optional<String> forged = guard.forged(request);
            if (forged.isPresent()) {
                return plain(403, forged.get());
            }
        }
        try {
            if (metrics != null && request.reads() && request.path().equals("/metrics")) {
                return metrics.read(request.header("Accept").orElse(""));
            }
            return routes.answer(request, principal.get());
        } catch (BadRequestException | IllegalArgumentException e) {
            return routes.failure(request, principal.get(), 400, "That makes no sense", message(e));
        } catch (ConsoleActions.RefusedException e) {
            return routes.failure(request, principal.get(), 403, "Not allowed", message(e));
        } catch (BmdbException e) {
            log.warn("The page cannot be shown: {}", message(e));
            return routes.failure(
                    request,
                    principal.get(),
                    503,
                    "The database does not answer",
                    "Try again in a moment. The log has the cause.");
        } catch (ShepherdException e) {
            return routes.failure(request, principal.get(), 409, "That cannot be done now", message(e));
        } catch (RuntimeException e) {
            log.error(
                    "A request failed unexpectedly: {} {}",
                    request.method(),
                    Escaped.text(request.path(), 200),
                    Escaped.failure(e));
            return routes.failure(request, principal.get(), 500, "Something went wrong", "The log has the cause.");
        }
    }

    private static String message(RuntimeException e) {
        return Escaped.text(String.valueOf(e.getMessage()), 2000);
    }

    private static WebResponse plain(int status, String text) {
        return WebResponse.of(status, "text/plain; charset=utf-8", (text + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /** Returns how many pages are open that are told of changes. */
    int openPages() {
        return live.size();
    }

    /** Ends the threads and the connections of open pages, within 10 s. Does nothing the second time. */
    @Override
    public void close() {
        watch.close();
    }

    /** Makes a console. */
    public static final class Builder {
        private @Nullable Bmdb bmdb;
        private @Nullable Shepherd shepherd;
        private RecoveryPolicies policies = RecoveryPolicies.of(RecoveryPolicy.DEFAULT);
        private Authenticator authenticator = Authenticator.ANONYMOUS;
        private Authorizer authorizer = Authorizer.READ_ONLY;
        private Set<String> hosts = Set.of("localhost", "127.0.0.1", "[::1]");
        private Duration countInterval = COUNT_INTERVAL;
        private Consumer<FleetSummary> onCount = counts -> {};
        private @Nullable MetricsSource metrics;

        private Builder() {}

        /** Sets the database. It is not closed by the console. */
        public Builder bmdb(Bmdb value) {
            bmdb = Objects.requireNonNull(value, "bmdb");
            return this;
        }

        /**
         * Sets the shepherd whose loops are shown, and that reboots and reinstalls. Without one the console shows what the database
         * has. It is not closed by the console.
         */
        public Builder shepherd(Shepherd value) {
            shepherd = Objects.requireNonNull(value, "shepherd");
            return this;
        }

        /** Sets the policy that recoverers run with, which says when an agent is silent. The default is theirs. */
        public Builder policy(RecoveryPolicy value) {
            policies = RecoveryPolicies.of(value);
            return this;
        }

        /** Sets the policies that recoverers run with, where they differ. */
        public Builder policies(RecoveryPolicies value) {
            policies = Objects.requireNonNull(value, "policies");
            return this;
        }

        /** Sets what finds out who sends a request. The default asks no one. */
        public Builder authenticator(Authenticator value) {
            authenticator = Objects.requireNonNull(value, "authenticator");
            return this;
        }

        /**
         * Sets who may do what. The default lets no one change anything. What has no name may change nothing either, whatever this
         * says: every change is recorded with who made it.
         */
        public Builder authorizer(Authorizer value) {
            authorizer = Objects.requireNonNull(value, "authorizer");
            return this;
        }

        /**
         * Sets the names under which it is reached, without ports; IPv6 addresses in brackets. Requests to another name are refused with
         * 421, since a page of another site could make a browser send them (DNS rebinding). The default is the names of loopback.
         *
         * @throws IllegalArgumentException if there are none, or one has a port or a blank
         */
        public Builder hosts(Set<String> values) {
            if (values.isEmpty()) {
                throw new IllegalArgumentException("there must be a host name");
            }
            for (String host : values) {
                boolean fits = host.startsWith("[") ? host.endsWith("]") : !host.contains(":");
                if (!fits || !host.matches("[A-Za-z0-9.:_\\[\\]-]+")) {
                    throw new IllegalArgumentException(
                            "a host name has no port and no blank, and IPv6 addresses are in brackets, unlike "
                                    + Escaped.quoted(host, 100));
                }
            }
            hosts = Set.copyOf(new LinkedHashSet<>(values));
            return this;
        }

        /**
         * Sets how old the counts on the page may be: 1 s to 1 h. The default is {@link #COUNT_INTERVAL}. Counting reads every
         * machine; where it takes long it is done more rarely, so that it takes at most a twentieth of the time.
         *
         * @throws IllegalArgumentException if it is out of range
         */
        public Builder countInterval(Duration value) {
            if (value.compareTo(Duration.ofSeconds(1)) < 0 || value.compareTo(Duration.ofHours(1)) > 0) {
                throw new IllegalArgumentException("the interval of counts is 1 s to 1 h, not " + value);
            }
            countInterval = value;
            return this;
        }

        /**
         * Sets what is told of the counts each time that they were read, about once per interval, on a thread of the console, such as
         * {@code FleetMetrics::update}. The default does nothing with them.
         */
        public Builder onCount(Consumer<FleetSummary> value) {
            onCount = Objects.requireNonNull(value, "onCount");
            return this;
        }

        /** Sets what is answered at {@code metrics}, to all who may look. By default there is nothing. */
        public Builder metrics(MetricsSource value) {
            metrics = Objects.requireNonNull(value, "metrics");
            return this;
        }

        /** Makes the console. It begins to work in the background with {@link WebConsole#start()}. */
        public WebConsole build() {
            return new WebConsole(this);
        }
    }
}
