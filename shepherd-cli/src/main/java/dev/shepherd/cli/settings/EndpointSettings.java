package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointLimits;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Where agents report to, if that is here. */
public final class EndpointSettings {

    /** What clients of gRPC connect to: host and port. */
    private static final Pattern GRPC_TARGET = Pattern.compile("(\\[[0-9a-fA-F:.]+]|[\\w.-]+):\\d{1,5}");

    private final Builder values;

    private EndpointSettings(Builder values) {
        this.values = values;
    }

    /** Returns where to listen for HTTP, if anywhere. */
    public Optional<InetSocketAddress> address() {
        return Optional.ofNullable(values.address);
    }

    /** Returns where to listen for gRPC, if anywhere. */
    public Optional<InetSocketAddress> grpcAddress() {
        return Optional.ofNullable(values.grpcAddress);
    }

    /** Tells whether agents report here at all. */
    public boolean listens() {
        return values.address != null || values.grpcAddress != null;
    }

    /**
     * Tells whether TLS is spoken: if it is wanted, if gRPC needs it, or if others reach this and plain HTTP is not
     * allowed.
     */
    public boolean hasTls() {
        return values.grpcAddress != null
                || values.address != null
                        && !values.plainHttp
                        && (values.tls.isGiven() || !values.address.getAddress().isLoopbackAddress());
    }

    /** Tells whether its certificate is for no name as yet. */
    boolean isNameless() {
        return hasTls()
                && values.tls.isMade()
                && !values.tls.hasNames()
                && Stream.of(address(), grpcAddress())
                        .flatMap(Optional::stream)
                        .anyMatch(one -> one.getAddress().isAnyLocalAddress());
    }

    /** Tells whether agents connect through a proxy, which may speak TLS in its place, or speak it again. */
    boolean hasProxy() {
        return !values.limits.proxies().isEmpty();
    }

    /**
     * Returns what agents find it by, as far as that is known here: a URL or, where gRPC alone is spoken, host and port.
     */
    public String url() {
        return values.address == null
                ? target(Objects.requireNonNull(values.grpcAddress))
                : AgentEndpoint.url(values.address, hasTls());
    }

    /** Returns all that agents find it by, for people. */
    public String places() {
        return Stream.of(
                        address().map(one -> AgentEndpoint.url(one, hasTls())),
                        grpcAddress().map(one -> target(one) + " (gRPC)"))
                .flatMap(Optional::stream)
                .collect(Collectors.joining(" and "));
    }

    /** Returns the host in what agents are told: in a URL, or in host and port. */
    static Optional<String> host(String endpoint) {
        Matcher target = GRPC_TARGET.matcher(endpoint);
        try {
            return Optional.ofNullable(target.matches() ? target.group(1) : new URI(endpoint).getHost())
                    .map(host -> host.replaceAll("[\\[\\]]", ""));
        } catch (URISyntaxException e) {
            return Optional.empty(); // Agents may understand it.
        }
    }

    /** Returns an address as gRPC's clients have it. */
    private static String target(InetSocketAddress address) {
        return AgentEndpoint.url(address, true).replaceFirst("^https://", "");
    }

    /**
     * Returns what agents verify the endpoint with, if a certificate authority is made for it, which then is made.
     */
    public Optional<byte[]> caCertificate() {
        return hasTls() ? values.tls.with(List.of()).caCertificate() : Optional.empty();
    }

    /**
     * Sets them.
     *
     * @param names what agents reach it by
     */
    public AgentEndpoint.Builder on(AgentEndpoint.Builder endpoint, Collection<String> names) {
        address().ifPresentOrElse(endpoint::address, () -> endpoint.http(false));
        grpcAddress().ifPresent(endpoint::grpcAddress);
        if (hasTls()) {
            endpoint.tls(values.tls.with(names));
        }
        endpoint.plainHttp(values.plainHttp);
        if (values.maxClockSkew != null) {
            endpoint.maxClockSkew(values.maxClockSkew);
        }
        return endpoint.limits(values.limits);
    }

    /** Collects the settings. */
    static final class Builder {
        private @Nullable InetSocketAddress address;
        private @Nullable InetSocketAddress grpcAddress;
        private @Nullable Duration maxClockSkew;
        private boolean plainHttp;
        private TlsSettings tls = TlsSettings.NONE;
        private AgentEndpointLimits limits = AgentEndpointLimits.DEFAULT;

        void address(InetSocketAddress where) {
            this.address = where;
        }

        void grpcAddress(InetSocketAddress where) {
            this.grpcAddress = where;
        }

        void maxClockSkew(Duration span) {
            this.maxClockSkew = span;
        }

        void limits(AgentEndpointLimits values) {
            this.limits = values;
        }

        void tls(TlsSettings values) {
            this.tls = values;
        }

        void plainHttp(boolean allowed) {
            this.plainHttp = allowed;
        }

        EndpointSettings build() {
            if (plainHttp && tls.isGiven()) {
                throw new ConfigurationException(
                        "plainHttp",
                        "plain HTTP (--agent-plain-http) and TLS (agent-endpoint.tls) exclude each other: set one of"
                                + " both");
            }
            if (plainHttp && grpcAddress != null) {
                throw new ConfigurationException(
                        "plainHttp",
                        "plain HTTP (--agent-plain-http) and gRPC (--agent-grpc-listen), which needs TLS, exclude each"
                                + " other: set one of both, or serve gRPC by another process");
            }
            if (maxClockSkew != null) {
                // The endpoint says it no earlier than it is made, when the database is open.
                Checks.span("maxClockSkew", maxClockSkew, Duration.ofSeconds(1), Duration.ofDays(1));
            }
            return new EndpointSettings(this);
        }
    }
}
