package dev.shepherd.cli.settings;

import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointLimits;
import java.net.InetSocketAddress;
import java.time.Duration;
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

    /** Sets them. */
    public AgentEndpoint.Builder on(AgentEndpoint.Builder endpoint) {
        address().ifPresent(endpoint::address);
        if (values.maxClockSkew != null) {
            endpoint.maxClockSkew(values.maxClockSkew);
        }
        return endpoint.limits(values.limits);
    }

    /** Collects the settings. */
    static final class Builder {
        private @Nullable InetSocketAddress address;
        private @Nullable Duration maxClockSkew;
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

        EndpointSettings build() {
            if (maxClockSkew != null) {
                // The endpoint says it no earlier than it is made, when the database is open.
                Checks.span("maxClockSkew", maxClockSkew, Duration.ofSeconds(1), Duration.ofDays(1));
            }
            return new EndpointSettings(this);
        }
    }
}
