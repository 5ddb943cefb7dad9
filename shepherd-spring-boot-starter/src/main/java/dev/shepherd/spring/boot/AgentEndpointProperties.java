package dev.shepherd.spring.boot;

import static dev.shepherd.spring.boot.Setting.set;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.settings.ListenAddress;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointLimits;
import dev.shepherd.callback.AgentTls;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.NestedConfigurationProperty;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;

/**
 * Where agents report to. Nothing listens unless an address is given.
 *
 * @param address Where to listen for HTTP, as HOST:PORT, or PORT on the loopback interface; nowhere by default.
 * @param grpcAddress Where to listen for gRPC; with shepherd-callback-grpc and TLS; nowhere by default.
 * @param maxClockSkew How far the clock of an agent that signs its requests may be off.
 * @param plainHttp Plain HTTP on any address, behind a proxy that ends TLS.
 */
record AgentEndpointProperties(
        @Nullable String address,
        @Nullable String grpcAddress,
        @NestedConfigurationProperty @DefaultValue Tls tls,
        @NestedConfigurationProperty @DefaultValue Limits limits,
        @Nullable Duration maxClockSkew,
        @Nullable Boolean plainHttp) {

    static final String PREFIX = ShepherdProperties.PREFIX + ".agent-endpoint";

    /**
     * TLS: a certificate and its key, or a folder.
     *
     * @param certificate File of the certificate in PEM.
     * @param key File of its key in PEM.
     * @param folder Folder of the authority that vouches for certificates that are made; it is made if there is none.
     * @param names Host names and IP addresses that agents reach the endpoint by; with a folder.
     */
    record Tls(
            @Nullable Path certificate,
            @Nullable Path key,
            @Nullable Path folder,
            @Nullable List<String> names) {

        Optional<AgentTls> settings() {
            if (certificate == null && key == null && folder == null && names == null) {
                return Optional.empty();
            }
            return Optional.of(Setting.named(PREFIX + ".tls", () -> {
                AgentTls.Builder tls = AgentTls.builder();
                set(certificate, tls::certificate);
                set(key, tls::key);
                set(folder, tls::folder);
                set(names, tls::names);
                return tls.build();
            }));
        }
    }

    /**
     * What a connection, an address and a machine may take.
     *
     * @param maxConnections Open connections.
     * @param maxConnectionsPerAddress Open connections from one address.
     * @param heartbeatsPerMinute Calls of one machine.
     * @param reportsPerHour Calls of one machine with a report.
     * @param reportBytesPerHour Bytes of these.
     * @param proxies Addresses of proxies that agents connect through and that set X-Forwarded-For.
     * @param handshakesPerMinute TLS handshakes begun from one address.
     * @param strangerCallsPerMinute Requests of one address that are not by an agent.
     * @param maxBodySize Bytes of a body.
     * @param minBodyRate Bytes of a body that must arrive a second.
     * @param maxRequestsPerConnection Requests until a connection is closed.
     * @param threads Threads that check signatures, and as many that make TLS handshakes.
     * @param maxWaiting Requests that wait for that.
     * @param headTimeout Line and headers of a request.
     * @param bodyTimeout Body of a request.
     * @param idleTimeout Between two requests of a connection.
     */
    record Limits(
            @Nullable Integer maxConnections,
            @Nullable Integer maxConnectionsPerAddress,
            @Nullable Integer heartbeatsPerMinute,
            @Nullable Integer reportsPerHour,
            @Nullable DataSize reportBytesPerHour,
            @Nullable List<InetAddress> proxies,
            @Nullable Integer handshakesPerMinute,
            @Nullable Integer strangerCallsPerMinute,
            @Nullable DataSize maxBodySize,
            @Nullable DataSize minBodyRate,
            @Nullable Integer maxRequestsPerConnection,
            @Nullable Integer threads,
            @Nullable Integer maxWaiting,
            @Nullable Duration headTimeout,
            @Nullable Duration bodyTimeout,
            @Nullable Duration idleTimeout) {

        AgentEndpointLimits settings() {
            return Setting.named(PREFIX + ".limits", () -> {
                AgentEndpointLimits.Builder limits = AgentEndpointLimits.builder();
                set(maxConnections, limits::maxConnections);
                set(maxConnectionsPerAddress, limits::maxConnectionsPerAddress);
                set(heartbeatsPerMinute, limits::heartbeatsPerMinute);
                set(reportsPerHour, limits::reportsPerHour);
                set(reportBytesPerHour, size -> limits.reportBytesPerHour(size.toBytes()));
                set(proxies, limits::proxies);
                set(handshakesPerMinute, limits::handshakesPerMinute);
                set(strangerCallsPerMinute, limits::strangerCallsPerMinute);
                Setting.setBytes(PREFIX + ".limits.max-body-size", maxBodySize, limits::maxBodySize);
                Setting.setBytes(PREFIX + ".limits.min-body-rate", minBodyRate, limits::minBodyRate);
                set(maxRequestsPerConnection, limits::maxRequestsPerConnection);
                set(threads, limits::threads);
                set(maxWaiting, limits::maxWaiting);
                set(headTimeout, limits::headTimeout);
                set(bodyTimeout, limits::bodyTimeout);
                set(idleTimeout, limits::idleTimeout);
                return limits.build();
            });
        }
    }

    private static final AgentEndpointProperties NONE = new AgentEndpointProperties(
            null,
            null,
            new Tls(null, null, null, null),
            new Limits(null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
            null,
            null);

    /** Tells whether anything listens. */
    boolean listens() {
        return address != null || grpcAddress != null;
    }

    /**
     * Refuses what is said of an endpoint that is not there.
     *
     * @throws ConfigurationException if there is no address, but something else is given
     */
    void requireAddress() {
        if (!listens() && !equals(NONE)) {
            throw new ConfigurationException(
                    PREFIX + ".address",
                    PREFIX + ".address is missing: without it nothing listens, whatever else is given");
        }
    }

    /** Sets all of it. */
    void applyTo(AgentEndpoint.Builder endpoint) {
        http().ifPresentOrElse(endpoint::address, () -> endpoint.http(false));
        set(grpcAddress, text -> endpoint.grpcAddress(ListenAddress.of(PREFIX + ".grpc-address", text)));
        tls.settings().ifPresent(endpoint::tls);
        endpoint.limits(limits.settings());
        set(maxClockSkew, endpoint::maxClockSkew);
        set(plainHttp, endpoint::plainHttp);
    }

    private Optional<InetSocketAddress> http() {
        return Optional.ofNullable(address).map(text -> ListenAddress.of(PREFIX + ".address", text));
    }

    /**
     * Returns where agents find it, if that is known here.
     *
     * @throws ConfigurationException if it listens on all interfaces
     */
    Optional<String> url() {
        return http().map(listening -> {
            if (listening.getAddress().isAnyLocalAddress()) {
                throw new ConfigurationException(
                        "endpoint",
                        "it is not known where agents reach " + PREFIX + ".address, which is all interfaces: give the"
                                + " URL");
            }
            return AgentEndpoint.url(listening, tls.settings().isPresent());
        });
    }

    /** Returns what agents verify it with, if an authority is made for it, which then is made. */
    Optional<byte[]> caCertificate() {
        return !listens()
                ? Optional.empty()
                : tls.settings().flatMap(settings -> Setting.named(PREFIX + ".tls", settings::caCertificate));
    }
}
