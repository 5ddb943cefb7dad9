package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointLimits;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Where agents report to, if that is here. */
public final class EndpointSettings {

    private final Builder values;

    private EndpointSettings(Builder values) {
        this.values = values;
    }

    /** Returns where to listen, if anywhere. */
    public Optional<InetSocketAddress> address() {
        return Optional.ofNullable(values.address);
    }

    /** Tells whether TLS is spoken there: if it is wanted, or if others reach it and plain HTTP is not allowed. */
    public boolean hasTls() {
        return values.address != null
                && !values.plainHttp
                && (values.tls.isGiven() || !values.address.getAddress().isLoopbackAddress());
    }

    /** Tells whether its certificate is for no name as yet. */
    boolean isNameless() {
        return hasTls()
                && values.tls.isMade()
                && !values.tls.hasNames()
                && values.address != null
                && values.address.getAddress().isAnyLocalAddress();
    }

    /** Tells whether agents connect through a proxy, which may speak TLS in its place, or speak it again. */
    boolean hasProxy() {
        return !values.limits.proxies().isEmpty();
    }

    /** Returns the URL that agents find it at, as far as that is known here. */
    public String url() {
        return AgentEndpoint.url(Objects.requireNonNull(values.address), hasTls());
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
        address().ifPresent(endpoint::address);
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
        private @Nullable Duration maxClockSkew;
        private boolean plainHttp;
        private TlsSettings tls = TlsSettings.NONE;
        private AgentEndpointLimits limits = AgentEndpointLimits.DEFAULT;

        void address(InetSocketAddress where) {
            this.address = where;
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
            if (maxClockSkew != null) {
                // The endpoint says it no earlier than it is made, when the database is open.
                Checks.span("maxClockSkew", maxClockSkew, Duration.ofSeconds(1), Duration.ofDays(1));
            }
            return new EndpointSettings(this);
        }
    }
}
