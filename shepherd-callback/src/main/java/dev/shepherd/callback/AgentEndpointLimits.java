package dev.shepherd.callback;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.settings.Checks;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Collection;
import java.util.Objects;
import java.util.Set;

/**
 * What a connection, an address and a machine may take of an {@link AgentEndpoint}. Immutable; made by {@link
 * #builder()}. The defaults are right for fleets whose agents connect directly and beat once a minute.
 */
public final class AgentEndpointLimits {

    /** The defaults. */
    public static final AgentEndpointLimits DEFAULT = builder().build();

    private final int maxConnections;
    private final int maxConnectionsPerAddress;
    private final int heartbeatsPerMinute;
    private final int reportsPerHour;
    private final long reportBytesPerHour;
    private final int strangerCallsPerMinute;
    private final int handshakesPerMinute;
    private final int maxBodySize;
    private final int minBodyRate;
    private final int maxRequestsPerConnection;
    private final int threads;
    private final int maxWaiting;
    private final Duration headTimeout;
    private final Duration bodyTimeout;
    private final Duration idleTimeout;
    private final Set<InetAddress> proxies;

    private AgentEndpointLimits(Builder values) {
        maxConnections = values.maxConnections;
        maxConnectionsPerAddress = values.maxConnectionsPerAddress;
        heartbeatsPerMinute = values.heartbeatsPerMinute;
        reportsPerHour = values.reportsPerHour;
        reportBytesPerHour = values.reportBytesPerHour;
        strangerCallsPerMinute = values.strangerCallsPerMinute;
        handshakesPerMinute = values.handshakesPerMinute;
        maxBodySize = values.maxBodySize;
        minBodyRate = values.minBodyRate;
        maxRequestsPerConnection = values.maxRequestsPerConnection;
        threads = values.threads;
        maxWaiting = values.maxWaiting;
        headTimeout = values.headTimeout;
        bodyTimeout = values.bodyTimeout;
        idleTimeout = values.idleTimeout;
        proxies = values.proxies;
    }

    /** Starts with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    int maxConnections() {
        return maxConnections;
    }

    int maxConnectionsPerAddress() {
        return maxConnectionsPerAddress;
    }

    int heartbeatsPerMinute() {
        return heartbeatsPerMinute;
    }

    int reportsPerHour() {
        return reportsPerHour;
    }

    long reportBytesPerHour() {
        return reportBytesPerHour;
    }

    int strangerCallsPerMinute() {
        return strangerCallsPerMinute;
    }

    int handshakesPerMinute() {
        return handshakesPerMinute;
    }

    int maxBodySize() {
        return maxBodySize;
    }

    int minBodyRate() {
        return minBodyRate;
    }

    int maxRequestsPerConnection() {
        return maxRequestsPerConnection;
    }

    int threads() {
        return threads;
    }

    int maxWaiting() {
        return maxWaiting;
    }

    Duration headTimeout() {
        return headTimeout;
    }

    Duration bodyTimeout() {
        return bodyTimeout;
    }

    Duration idleTimeout() {
        return idleTimeout;
    }

    /** Tells whether a body of which so many bytes have arrived, in so many nanoseconds, takes too long. */
    boolean isTooSlow(long nanos, int size) {
        long counted = nanos - headTimeout.toNanos();
        return nanos >= bodyTimeout.toNanos() || size * 1e9 < (double) counted * minBodyRate;
    }

    /** Returns the addresses of proxies that agents connect through. */
    public Set<InetAddress> proxies() {
        return proxies;
    }

    /** Describes the limits. */
    @Override
    public String toString() {
        return "AgentEndpointLimits{maxConnections=" + maxConnections + ", maxConnectionsPerAddress="
                + maxConnectionsPerAddress + ", heartbeatsPerMinute=" + heartbeatsPerMinute + ", reportsPerHour="
                + reportsPerHour + ", reportBytesPerHour=" + reportBytesPerHour + ", strangerCallsPerMinute="
                + strangerCallsPerMinute + ", handshakesPerMinute=" + handshakesPerMinute + ", maxBodySize="
                + maxBodySize + ", minBodyRate=" + minBodyRate
                + ", maxRequestsPerConnection=" + maxRequestsPerConnection + ", threads=" + threads + ", maxWaiting="
                + maxWaiting + ", headTimeout=" + headTimeout + ", bodyTimeout=" + bodyTimeout + ", idleTimeout="
                + idleTimeout + ", proxies=" + proxies + "}";
    }

    /** Collects the settings of {@link AgentEndpointLimits}. Not safe for several threads. */
    public static final class Builder {
        private int maxConnections = 10_000;
        private int maxConnectionsPerAddress = 64;
        private int heartbeatsPerMinute = 60;
        private int reportsPerHour = 60;
        private long reportBytesPerHour = 16L << 20;
        private int strangerCallsPerMinute = 1_200;
        private int handshakesPerMinute = 1_200;
        private int maxBodySize = 1 << 20;
        private int minBodyRate = 8 << 10;
        private int maxRequestsPerConnection = 1_000;
        private int threads = 2;
        private int maxWaiting = 1_000;
        private Duration headTimeout = Duration.ofSeconds(5);
        private Duration bodyTimeout = Duration.ofMinutes(1);
        private Duration idleTimeout = Duration.ofSeconds(90);
        private Set<InetAddress> proxies = Set.of();

        private Builder() {}

        /**
         * Common: sets how many connections may be open at once, 1 to 1,000,000; 10,000 by default. A new one takes the
         * place of that which has waited for a request for the longest. If all are being answered, no more are accepted
         * until one is done. Fewer are allowed, with a warning at the start, where the process may not open that many
         * files.
         */
        public Builder maxConnections(int maxConnections) {
            this.maxConnections = maxConnections;
            return this;
        }

        /**
         * Common: sets how many connections may be open from one address, 1 to 1,000,000; 64 by default. For IPv6, an
         * address is the first 64 bits of it. A new connection takes the place of that from the same address which has
         * waited for a request for the longest; if all are being answered, the new one is closed.
         */
        public Builder maxConnectionsPerAddress(int maxConnectionsPerAddress) {
            this.maxConnectionsPerAddress = maxConnectionsPerAddress;
            return this;
        }

        /**
         * Common: sets how many calls of one machine are taken a minute, with reports or without, 1 to 1,000,000; 60 by
         * default. So many may come at once after a minute of rest. This and the next two are counted by each process
         * on its own.
         */
        public Builder heartbeatsPerMinute(int heartbeatsPerMinute) {
            this.heartbeatsPerMinute = heartbeatsPerMinute;
            return this;
        }

        /**
         * Common: sets how many calls with a report are taken of one machine an hour, 1 to 1,000,000; 60 by default.
         */
        public Builder reportsPerHour(int reportsPerHour) {
            this.reportsPerHour = reportsPerHour;
            return this;
        }

        /**
         * Common: sets how many bytes of requests with reports are taken of one machine an hour, 1 KiB to 1 TiB and not
         * less than one body may have; 16 MiB by default.
         */
        public Builder reportBytesPerHour(long reportBytesPerHour) {
            this.reportBytesPerHour = reportBytesPerHour;
            return this;
        }

        /**
         * Rare: sets how many requests a minute are looked into that come from one address and turn out not to be by
         * the agent of a machine, 1 to 1,000,000; 1,200 by default.
         */
        public Builder strangerCallsPerMinute(int strangerCallsPerMinute) {
            this.strangerCallsPerMinute = strangerCallsPerMinute;
            return this;
        }

        /**
         * Rare: sets how many TLS handshakes may be begun from one address in a minute, 1 to 1,000,000; 1,200 by
         * default. So many may come at once after a minute of rest; beyond that, connections are closed.
         */
        public Builder handshakesPerMinute(int handshakesPerMinute) {
            this.handshakesPerMinute = handshakesPerMinute;
            return this;
        }

        /**
         * Rare: sets how many bytes a request's body may have, 1 KiB to 64 MiB; 1 MiB by default.
         */
        public Builder maxBodySize(int maxBodySize) {
            this.maxBodySize = maxBodySize;
            return this;
        }

        /**
         * Rare: sets how many bytes a second of a body must arrive at least, after the time that a head may take, 1 to
         * 1 GiB; 8 KiB by default.
         */
        public Builder minBodyRate(int minBodyRate) {
            this.minBodyRate = minBodyRate;
            return this;
        }

        /**
         * Rare: sets after how many requests a connection is closed, 1 to 1,000,000; 1,000 by default.
         */
        public Builder maxRequestsPerConnection(int maxRequestsPerConnection) {
            this.maxRequestsPerConnection = maxRequestsPerConnection;
            return this;
        }

        /**
         * Rare: sets how many threads check signatures, and as many make TLS handshakes, 1 to 64; 2 by default.
         */
        public Builder threads(int threads) {
            this.threads = threads;
            return this;
        }

        /**
         * Rare: sets how many requests may wait for their signatures to be checked, 1 to 1,000,000; 1,000 by default.
         */
        public Builder maxWaiting(int maxWaiting) {
            this.maxWaiting = maxWaiting;
            return this;
        }

        /**
         * Rare: sets how long the line and the headers of a request may take, from its first byte, or from the
         * beginning of its connection, 100 ms to 5 min; 5 s by default. An answer may take as long to be read by the
         * agent.
         */
        public Builder headTimeout(Duration headTimeout) {
            this.headTimeout = Objects.requireNonNull(headTimeout, "headTimeout");
            return this;
        }

        /**
         * Rare: sets how long the body of a request may take, 100 ms to 1 h; 1 min by default.
         */
        public Builder bodyTimeout(Duration bodyTimeout) {
            this.bodyTimeout = Objects.requireNonNull(bodyTimeout, "bodyTimeout");
            return this;
        }

        /**
         * Rare: sets how long a connection may stay open between two requests, 100 ms to 1 h; 90 s by default, so that
         * agents which send a heartbeat a minute keep theirs.
         */
        public Builder idleTimeout(Duration idleTimeout) {
            this.idleTimeout = Objects.requireNonNull(idleTimeout, "idleTimeout");
            return this;
        }

        /**
         * Common: sets the addresses of proxies that agents connect through; none by default. The limits by address are
         * then applied to the last address in {@code X-Forwarded-For}, which the proxy must set. Without that header,
         * all that comes through the proxy counts as one address. The proxy itself may have any number of connections.
         */
        public Builder proxies(Collection<InetAddress> proxies) {
            this.proxies = Set.copyOf(proxies);
            return this;
        }

        /**
         * Makes the limits.
         *
         * @throws ConfigurationException if a value is out of its range
         */
        public AgentEndpointLimits build() {
            Checks.count("maxConnections", maxConnections, 1, 1_000_000);
            Checks.count("maxConnectionsPerAddress", maxConnectionsPerAddress, 1, 1_000_000);
            Checks.count("heartbeatsPerMinute", heartbeatsPerMinute, 1, 1_000_000);
            Checks.count("reportsPerHour", reportsPerHour, 1, 1_000_000);
            Checks.bytes("reportBytesPerHour", reportBytesPerHour, 1 << 10, 1L << 40);
            Checks.count("strangerCallsPerMinute", strangerCallsPerMinute, 1, 1_000_000);
            Checks.count("handshakesPerMinute", handshakesPerMinute, 1, 1_000_000);
            Checks.bytes("maxBodySize", maxBodySize, 1 << 10, 1 << 26);
            Checks.bytes("minBodyRate", minBodyRate, 1, 1 << 30);
            Checks.count("maxRequestsPerConnection", maxRequestsPerConnection, 1, 1_000_000);
            Checks.count("threads", threads, 1, 64);
            Checks.count("maxWaiting", maxWaiting, 1, 1_000_000);
            Checks.span("headTimeout", headTimeout, Duration.ofMillis(100), Duration.ofMinutes(5));
            Checks.span("bodyTimeout", bodyTimeout, Duration.ofMillis(100), Duration.ofHours(1));
            Checks.span("idleTimeout", idleTimeout, Duration.ofMillis(100), Duration.ofHours(1));
            if (reportBytesPerHour < maxBodySize) {
                throw new ConfigurationException(
                        "reportBytesPerHour",
                        "reportBytesPerHour must not be less than maxBodySize, " + maxBodySize + ": "
                                + reportBytesPerHour);
            }
            return new AgentEndpointLimits(this);
        }
    }
}
