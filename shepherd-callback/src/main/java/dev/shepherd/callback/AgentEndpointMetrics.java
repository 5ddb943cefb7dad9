package dev.shepherd.callback;

import dev.shepherd.bmdb.meters.BoundMeters;
import dev.shepherd.callback.AgentEndpointStatus.Handshake;
import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.ToDoubleFunction;

/**
 * What an {@link AgentEndpoint} does, as metrics of Micrometer. Their names and tags are in {@code docs/metrics.md}.
 * They are read from memory. Micrometer ({@code io.micrometer:micrometer-core}) is an optional dependency, which only
 * this class needs.
 *
 * <p>A registry refers to the endpoint weakly. Meters of an endpoint that is gone stand in the way of those of another
 * one: close these first. Safe for use by several threads.
 */
public final class AgentEndpointMetrics implements MeterBinder, AutoCloseable {

    private final AgentEndpoint endpoint;
    private final Object lock = new Object();
    private final List<BoundMeters> bound = new ArrayList<>();

    private AgentEndpointMetrics(AgentEndpoint endpoint) {
        this.endpoint = endpoint;
    }

    /** Makes the metrics of an endpoint, started or not; none exist until they are bound to a registry. */
    public static AgentEndpointMetrics of(AgentEndpoint endpoint) {
        return new AgentEndpointMetrics(Objects.requireNonNull(endpoint, "endpoint"));
    }

    /** Registers the meters. They stay until {@link #close()}. */
    @Override
    public void bindTo(MeterRegistry registry) {
        BoundMeters meters = new BoundMeters(registry);
        synchronized (lock) {
            bound.add(meters);
        }
        for (Outcome outcome : Outcome.values()) {
            meters.counter(
                    "shepherd.agent.requests",
                    "Requests of agents, by their outcome",
                    Tags.of("outcome", BoundMeters.word(outcome)),
                    endpoint,
                    of -> of.counters().answers(outcome));
        }
        gauge(meters, "connections", "Open connections", of -> of.status().connections());
        gauge(
                meters,
                "connections.limit",
                "How many connections may be open",
                of -> of.status().maxConnections());
        gauge(
                meters,
                "requests.waiting",
                "Requests whose signatures are to be checked",
                of -> of.status().waiting());
        for (Handshake outcome : Handshake.values()) {
            meters.counter(
                    "shepherd.agent.handshakes",
                    "Connections to a port that speaks TLS, by what became of them",
                    Tags.of("outcome", BoundMeters.word(outcome)),
                    endpoint,
                    of -> of.counters().handshakes(outcome));
        }
        meters.age(
                "shepherd.agent.certificate.left",
                "How long the certificate is valid that new connections are shown",
                Tags.empty(),
                endpoint,
                of -> of.certificateLeftMillis());
        closed(meters, "evicted", of -> of.counters().evicted.sum());
        closed(meters, "refused", of -> of.counters().refused.sum());
        closed(meters, "too_slow", of -> of.counters().tooSlow.sum());
        meters.counter(
                "shepherd.agent.restarts",
                "Times that the endpoint listened again after one of its threads had ended",
                Tags.empty(),
                endpoint,
                of -> of.counters().restarts.sum());
    }

    private void gauge(BoundMeters meters, String name, String description, ToDoubleFunction<AgentEndpoint> value) {
        meters.gauge("shepherd.agent." + name, description, Tags.empty(), endpoint, value);
    }

    private void closed(BoundMeters meters, String cause, ToDoubleFunction<AgentEndpoint> value) {
        meters.counter(
                "shepherd.agent.connections.closed",
                "Connections that the endpoint closed before it had to",
                Tags.of("cause", cause),
                endpoint,
                value);
    }

    /** Takes the meters out of the registries that they were bound to. The endpoint goes on. */
    @Override
    public void close() {
        synchronized (lock) {
            bound.forEach(BoundMeters::close);
            bound.clear();
        }
    }
}
