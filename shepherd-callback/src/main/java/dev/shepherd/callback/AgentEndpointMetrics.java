package dev.shepherd.callback;

import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.ToDoubleFunction;

/**
 * What an {@link AgentEndpoint} does, as metrics of Micrometer. Their names and tags are in {@code docs/operations.md}.
 * They are read from memory. Micrometer ({@code io.micrometer:micrometer-core}) is an optional dependency, which only
 * this class needs.
 *
 * <p>A registry refers to the endpoint weakly. Meters of an endpoint that is gone stand in the way of those of another
 * one: close these first. Safe for use by several threads.
 */
public final class AgentEndpointMetrics implements MeterBinder, AutoCloseable {

    private record Bound(MeterRegistry registry, Meter meter) {}

    private final AgentEndpoint endpoint;
    private final Object lock = new Object();
    private final List<Bound> bound = new ArrayList<>();

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
        synchronized (lock) {
            for (Outcome outcome : Outcome.values()) {
                remember(
                        registry,
                        FunctionCounter.builder(
                                        "shepherd.agent.requests",
                                        endpoint,
                                        of -> of.counters().answers(outcome))
                                .description("Requests of agents, by their outcome")
                                .tag("outcome", outcome.name().toLowerCase(Locale.ROOT))
                                .register(registry));
            }
            gauge(registry, "connections", "Open connections", of -> of.status().connections());
            gauge(
                    registry,
                    "connections.limit",
                    "How many connections may be open",
                    of -> of.status().maxConnections());
            gauge(
                    registry,
                    "requests.waiting",
                    "Requests whose signatures are to be checked",
                    of -> of.status().waiting());
            closed(registry, "evicted", of -> of.counters().evicted.sum());
            closed(registry, "refused", of -> of.counters().refused.sum());
            closed(registry, "too_slow", of -> of.counters().tooSlow.sum());
            remember(
                    registry,
                    FunctionCounter.builder(
                                    "shepherd.agent.restarts",
                                    endpoint,
                                    of -> of.counters().restarts.sum())
                            .description("Times that the endpoint listened again after one of its threads had ended")
                            .register(registry));
        }
    }

    private void gauge(MeterRegistry registry, String name, String description, ToDoubleFunction<AgentEndpoint> value) {
        remember(
                registry,
                Gauge.builder("shepherd.agent." + name, endpoint, value)
                        .description(description)
                        .register(registry));
    }

    private void closed(MeterRegistry registry, String cause, ToDoubleFunction<AgentEndpoint> value) {
        remember(
                registry,
                FunctionCounter.builder("shepherd.agent.connections.closed", endpoint, value)
                        .description("Connections that the endpoint closed before it had to")
                        .tag("cause", cause)
                        .register(registry));
    }

    private void remember(MeterRegistry registry, Meter meter) {
        bound.add(new Bound(registry, meter));
    }

    /** Takes the meters out of the registries that they were bound to. The endpoint goes on. */
    @Override
    public void close() {
        synchronized (lock) {
            bound.forEach(one -> one.registry().remove(one.meter()));
            bound.clear();
        }
    }
}
