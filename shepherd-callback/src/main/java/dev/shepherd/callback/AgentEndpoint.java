package dev.shepherd.callback;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.FailureLog;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.threads.LastingThread;
import dev.shepherd.callback.AgentServer.Port;
import dev.shepherd.callback.tls.ServerTls;
import dev.shepherd.callback.transport.AgentTransport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where agents report to over HTTP, with TLS or without: it checks that a request comes from the holder of the agent's
 * key and hands it to an {@link AgentCallback}. {@code docs/agents.md} describes the protocol.
 *
 * <pre>{@code
 * try (AgentEndpoint endpoint = AgentEndpoint.builder().callback(callback).build()) {
 *     endpoint.start();
 *     AgentTakeover.builder().endpoint(endpoint.url())…
 * }
 * }</pre>
 *
 * <p>Machines are not trusted: what one of them, or a stranger, may take of connections, threads, memory and of the
 * database has {@linkplain AgentEndpointLimits limits}. It listens on the loopback interface unless told otherwise; anywhere
 * else it speaks {@linkplain AgentTls TLS}, unless {@link Builder#plainHttp} says that a proxy does. Nothing runs before
 * {@link #start()}, nothing is left after {@link #close()}. Safe for use by several threads.
 */
public final class AgentEndpoint implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(AgentEndpoint.class);

    /** The port that it listens on by default: 7834. */
    public static final int DEFAULT_PORT = 7834;

    /** The path of requests: {@code /v1/agent}. */
    public static final String PATH = "/v1/agent";

    private static final String THREAD = "shepherd-agent-endpoint";
    private static final Duration LOOK = Duration.ofMillis(500);

    /** How long the supervisor rests after something was thrown in it, beside the time between its looks. */
    private static final Duration REST = Duration.ofMillis(100);

    private static final Duration LONGEST_STOP = Duration.ofSeconds(5);

    private final List<Port> ports;
    private final @Nullable Port http;
    private final @Nullable Port grpc;
    private final Duration maxClockSkew;
    private final AgentEndpointLimits limits;
    private final @Nullable AgentTls tls;
    private final Clock clock;
    private final Counters counters = new Counters();
    private final FailureLog failures = new FailureLog(log::warn, log::info, System::nanoTime);
    private final AgentCalls calls;
    private final CountDownLatch closing = new CountDownLatch(1);
    private final Object lock = new Object();
    private int maxConnections;
    private @Nullable ServerTls serverTls;
    private @Nullable AgentServer server;

    /** Where it listens, with the real ports; empty before it does. */
    private List<Port> listening = List.of();

    private @Nullable LastingThread supervisor;

    private AgentEndpoint(Builder values, AgentCallback callback) {
        http = values.http ? new Port(values.address, null) : null;
        grpc = values.grpcAddress == null ? null : new Port(values.grpcAddress, grpcTransport());
        ports = Stream.of(http, grpc).filter(Objects::nonNull).toList();
        maxClockSkew = values.maxClockSkew;
        limits = values.limits;
        tls = values.tls;
        clock = values.clock;
        maxConnections = limits.maxConnections();
        calls = new AgentCalls(callback, limits, System::nanoTime, failures, THREAD);
    }

    /** Starts with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Begins to listen. Warns if the process may not open as many files as it may have connections.
     *
     * @throws UncheckedIOException if it cannot listen on its address
     * @throws ConfigurationException if its certificate cannot be used or made
     * @throws IllegalStateException if it was started or closed before
     */
    public void start() {
        synchronized (lock) {
            if (!listening.isEmpty() || isClosing()) {
                throw new IllegalStateException("the endpoint was started or closed before: make another one");
            }
            if (tls != null && serverTls == null) {
                serverTls = tls.open(ports.stream().map(Port::address).toList(), clock);
            }
            maxConnections = Descriptors.ofThisProcess()
                    .map(descriptors -> descriptors.connections(limits.maxConnections(), log))
                    .orElse(limits.maxConnections());
            Throwable failure = listen(ports);
            if (failure != null) {
                throw new UncheckedIOException(
                        "cannot listen on " + this + ": " + failure.getMessage(),
                        failure instanceof IOException e ? e : new IOException(failure));
            }
            calls.start();
            supervisor = LastingThread.start(THREAD, this::isClosing, REST, this::supervise);
        }
    }

    /** Makes a server that listens. Returns what went wrong, if anything did; then there is none. */
    private @Nullable Throwable listen(List<Port> where) {
        AgentServer made = new AgentServer(
                calls, limits, maxConnections, serverTls, clock, maxClockSkew, counters, failures, THREAD);
        Throwable failure = made.start(where);
        if (failure != null) {
            made.close();
            return failure;
        }
        server = made;
        listening = realPorts(where, made.addresses());
        return null;
    }

    private static List<Port> realPorts(List<Port> wanted, List<InetSocketAddress> addresses) {
        return IntStream.range(0, wanted.size())
                .mapToObj(i -> new Port(addresses.get(i), wanted.get(i).transport()))
                .toList();
    }

    private boolean isClosing() {
        return closing.getCount() == 0;
    }

    /** Makes sure that agents are heard even if an error has ended a thread of the server. */
    private void supervise() throws InterruptedException {
        if (!closing.await(LOOK.toMillis(), TimeUnit.MILLISECONDS)) {
            failures.flush();
            listenAgainIfDead();
            ServerTls certificates = serverTls();
            if (certificates != null) {
                certificates.look();
            }
        }
    }

    private void listenAgainIfDead() {
        synchronized (lock) {
            List<Port> where = listening;
            if (isClosing() || where.isEmpty() || server != null && server.isAlive()) {
                return;
            }
            if (server != null) {
                log.error("A thread of the agents' endpoint on {} has ended: all of them are replaced", text(where));
                server.close();
                server = null;
            }
            Throwable failure = listen(where);
            if (failure == null) {
                counters.restarts.increment();
                log.warn("Calls of agents are accepted on {} again", text(where));
            } else {
                failures.failed(
                        "Calls of agents cannot be accepted on " + text(where) + " again", String.valueOf(failure));
            }
        }
    }

    /**
     * Returns the address that it listens on for HTTP, with the real port.
     *
     * @throws IllegalStateException if it was never started, or does not listen for HTTP
     */
    public InetSocketAddress address() {
        return real(http, "HTTP");
    }

    /**
     * Returns the address that it listens on for gRPC, with the real port.
     *
     * @throws IllegalStateException if it was never started, or does not listen for gRPC
     */
    public InetSocketAddress grpcAddress() {
        return real(grpc, "gRPC");
    }

    private InetSocketAddress real(@Nullable Port port, String protocol) {
        synchronized (lock) {
            if (port == null || listening.isEmpty()) {
                throw new IllegalStateException(
                        port == null ? "the endpoint does not listen for " + protocol : "the endpoint is not started");
            }
            return listening.get(ports.indexOf(port)).address();
        }
    }

    /**
     * Returns the URL that agents on this network find it at by HTTP. If it listens on all interfaces, only the caller knows
     * which of them agents reach.
     *
     * @throws IllegalStateException if it is not started, does not listen for HTTP, or listens on all interfaces
     */
    public String url() {
        InetSocketAddress listening = address();
        if (listening.getAddress().isAnyLocalAddress()) {
            throw new IllegalStateException(
                    "the endpoint listens on all interfaces: which of them agents reach is not known here");
        }
        return url(listening, tls != null);
    }

    /** Returns the URL of an endpoint that listens on an address, with TLS or without. */
    public static String url(InetSocketAddress listening, boolean tls) {
        String host = listening.getAddress().getHostAddress();
        return (tls ? "https://" : "http://") + (host.contains(":") ? "[" + host + "]" : host) + ":"
                + listening.getPort();
    }

    /** Returns what it does, and what became of requests. */
    public AgentEndpointStatus status() {
        synchronized (lock) {
            return new AgentEndpointStatus(
                    server != null && server.isAlive(),
                    server == null ? 0 : server.connections().count(),
                    maxConnections,
                    calls.waiting(),
                    counters.requests(),
                    counters.evicted.sum(),
                    counters.refused.sum(),
                    counters.tooSlow.sum(),
                    counters.handshakes(),
                    Optional.ofNullable(serverTls)
                            .map(certificates ->
                                    certificates.certificate().getNotAfter().toInstant()),
                    counters.restarts.sum());
        }
    }

    Counters counters() {
        return counters;
    }

    /** Returns how long the certificate is valid, by the endpoint's clock; not a number without TLS. */
    double certificateLeftMillis() {
        ServerTls certificates = serverTls();
        return certificates == null
                ? Double.NaN
                : certificates.certificate().getNotAfter().getTime() - clock.millis();
    }

    @Nullable
    ServerTls serverTls() {
        synchronized (lock) {
            return serverTls;
        }
    }

    @Nullable
    AgentServer server() {
        synchronized (lock) {
            return server;
        }
    }

    /** Ends listening and the requests that are under way. The callback stays open. Closing twice is allowed. */
    @Override
    public void close() {
        LastingThread watching;
        synchronized (lock) {
            closing.countDown();
            if (server != null) {
                server.close();
                server = null;
            }
            watching = supervisor;
        }
        calls.close();
        if (watching != null) {
            try {
                watching.awaitEnd(LONGEST_STOP);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Describes where it listens. */
    @Override
    public String toString() {
        return "AgentEndpoint{" + text(ports) + "}";
    }

    private static String text(List<Port> ports) {
        return ports.stream()
                .map(port -> port.address() + (port.transport() == null ? "" : " (gRPC)"))
                .collect(Collectors.joining(", "));
    }

    private static AgentTransport grpcTransport() {
        // The loader of this class, since that of the caller's thread may know nothing of the library.
        return ServiceLoader.load(AgentTransport.class, AgentEndpoint.class.getClassLoader())
                .findFirst()
                .orElseThrow(() -> new ConfigurationException(
                        "grpcAddress",
                        "gRPC is spoken by dev.shepherd:shepherd-callback-grpc: add it to the class path or module"
                                + " path, or leave grpcAddress out"));
    }

    /** Collects the settings of an {@link AgentEndpoint}. Not safe for several threads. */
    public static final class Builder {
        private @Nullable AgentCallback callback;
        private InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), DEFAULT_PORT);
        private boolean http = true;
        private @Nullable InetSocketAddress grpcAddress;
        private Duration maxClockSkew = Duration.ofMinutes(5);
        private AgentEndpointLimits limits = AgentEndpointLimits.DEFAULT;
        private @Nullable AgentTls tls;
        private boolean plainHttp;
        private Clock clock = Clock.systemUTC();

        private Builder() {}

        /** Essential: sets who takes the calls. Its maker starts and closes it. */
        public Builder callback(AgentCallback callback) {
            this.callback = Objects.requireNonNull(callback, "callback");
            return this;
        }

        /**
         * Common: sets where to listen for HTTP; port 7834 of the loopback interface by default. Port 0 is any free one.
         */
        public Builder address(InetSocketAddress address) {
            this.address = Objects.requireNonNull(address, "address");
            return this;
        }

        /** Rare: sets whether to listen for HTTP; true by default. Without, there must be a {@link #grpcAddress}. */
        public Builder http(boolean http) {
            this.http = http;
            return this;
        }

        /**
         * Common: sets where to listen for gRPC, as agents of the system that this one follows speak it; nowhere by
         * default. It needs {@link #tls}, and {@code dev.shepherd:shepherd-callback-grpc} on the class path or module
         * path. The limits hold for both protocols together. Port 0 is any free one.
         */
        public Builder grpcAddress(InetSocketAddress address) {
            this.grpcAddress = Objects.requireNonNull(address, "grpcAddress");
            return this;
        }

        /**
         * Essential, unless it speaks HTTP only, and that on the loopback interface: sets where the certificate comes
         * from. The endpoint then speaks TLS only (1.3 and 1.2). By default it speaks plain HTTP.
         */
        public Builder tls(AgentTls tls) {
            this.tls = Objects.requireNonNull(tls, "tls");
            return this;
        }

        /**
         * Rare: sets whether it may speak plain HTTP on an address that others reach; false by default. Right only
         * behind a proxy that ends TLS, over a network that is as trusted as this host. Requests can be read there, but
         * not repeated.
         */
        public Builder plainHttp(boolean plainHttp) {
            this.plainHttp = plainHttp;
            return this;
        }

        /**
         * Common: sets how far the clock of an agent that signs its requests may be from the one here, 1 s to 1 day; 5
         * min by default.
         */
        public Builder maxClockSkew(Duration maxClockSkew) {
            this.maxClockSkew = Objects.requireNonNull(maxClockSkew, "maxClockSkew");
            return this;
        }

        /**
         * Common: sets what a connection, an address and a machine may take; {@link AgentEndpointLimits#DEFAULT} by
         * default.
         */
        public Builder limits(AgentEndpointLimits limits) {
            this.limits = Objects.requireNonNull(limits, "limits");
            return this;
        }

        /** Rare: sets the clock that requests are compared with; the system's by default. */
        public Builder clock(Clock clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /**
         * Makes the endpoint. It listens once it is started.
         *
         * @throws ConfigurationException if there is no callback, a value is out of its range, it is to listen for
         *     nothing, others could reach it without TLS although plainHttp is not set, or it is to speak gRPC without TLS
         *     or without the module that does
         */
        public AgentEndpoint build() {
            AgentCallback taker =
                    Checks.present("callback", callback, "an endpoint needs a callback to hand requests to");
            Checks.that("address", !address.isUnresolved(), "one that can be resolved", address);
            if (tls != null && plainHttp) {
                throw new ConfigurationException("plainHttp", "plainHttp and tls exclude each other: set one of both");
            }
            if (!http && grpcAddress == null) {
                throw new ConfigurationException(
                        "http", "http is false and grpcAddress is not set: the endpoint would listen for nothing");
            }
            if (grpcAddress != null) {
                Checks.that("grpcAddress", !grpcAddress.isUnresolved(), "one that can be resolved", grpcAddress);
                if (tls == null) {
                    throw new ConfigurationException(
                            "grpcAddress",
                            "grpcAddress needs tls: over gRPC, agents prove who they are by their certificates");
                }
            }
            if (http && tls == null && !plainHttp && !address.getAddress().isLoopbackAddress()) {
                throw new ConfigurationException(
                        "tls",
                        "tls is missing: others can reach " + address + ", so give the endpoint a certificate by tls;"
                                + " or, behind a proxy that ends TLS, allow plain HTTP by plainHttp");
            }
            Checks.span("maxClockSkew", maxClockSkew, Duration.ofSeconds(1), Duration.ofDays(1));
            return new AgentEndpoint(this, taker);
        }
    }
}
