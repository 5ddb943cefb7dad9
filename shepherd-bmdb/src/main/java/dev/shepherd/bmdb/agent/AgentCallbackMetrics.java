package dev.shepherd.bmdb.agent;

import dev.shepherd.bmdb.agent.AgentCallException.Reason;
import dev.shepherd.bmdb.meters.BoundMeters;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * What an {@link AgentCallback} does, as metrics of Micrometer: heartbeats and reports by their answer, what waits, and
 * the sizes of batches. Make them with {@link #of}, bind them to a registry, and close them before the callback.
 *
 * <p>Their names and tags are in {@code docs/metrics.md}. They are read from memory. Micrometer ({@code
 * io.micrometer:micrometer-core}) is an optional dependency, which only this class and its like need. A registry refers
 * to the callback weakly, and takes the meters of one only. Safe for use by several threads.
 */
public final class AgentCallbackMetrics implements MeterBinder, AutoCloseable {

    private static final double[] BATCHES = {1, 4, 16, 64, 256, 1024};

    private final AgentCallback callback;
    private final Object lock = new Object();
    private final List<BoundMeters> bound = new ArrayList<>();

    private AgentCallbackMetrics(AgentCallback callback) {
        this.callback = callback;
    }

    /** Makes the metrics of a callback, started or not; none exist until they are bound to a registry. */
    public static AgentCallbackMetrics of(AgentCallback callback) {
        return new AgentCallbackMetrics(Objects.requireNonNull(callback, "callback"));
    }

    /** Registers the meters. They stay until {@link #close()}. */
    @Override
    public void bindTo(MeterRegistry registry) {
        BoundMeters meters = new BoundMeters(registry);
        synchronized (lock) {
            bound.add(meters);
        }
        bindAnswers(meters, "heartbeats", "Calls of agents with a heartbeat alone, by their answer", false);
        bindAnswers(meters, "reports", "Calls of agents with a report, by their answer", true);
        bindQueue(meters, "heartbeats", callback.heartbeats());
        bindQueue(meters, "reports", callback.reports());
        DistributionSummary sizes = meters.sizes(
                "shepherd.agent.batches", "Heartbeats that were written together, with one statement", BATCHES);
        IntConsumer observer = sizes::record;
        callback.counters().observe(observer);
        meters.onClose(() -> callback.counters().forget(observer));
    }

    private void bindAnswers(BoundMeters meters, String name, String description, boolean withReports) {
        bindAnswer(meters, name, description, withReports, null);
        for (Reason reason : Reason.values()) {
            if (!withReports && reason == Reason.OTHER_GENERATION) {
                continue; // Only a report can be for another one.
            }
            bindAnswer(meters, name, description, withReports, reason);
        }
    }

    private void bindAnswer(
            BoundMeters meters, String name, String description, boolean withReports, @Nullable Reason refusal) {
        meters.counter(
                "shepherd.agent." + name,
                description,
                Tags.of("outcome", refusal == null ? "ok" : BoundMeters.word(refusal)),
                callback.counters(),
                of -> of.answers(withReports, refusal));
    }

    private static void bindQueue(BoundMeters meters, String name, AgentCallQueue queue) {
        Tags tags = Tags.of("queue", name);
        meters.gauge(
                "shepherd.agent.queue.length",
                "Calls of agents that wait to be written",
                tags,
                queue,
                AgentCallQueue::size);
        meters.gauge("shepherd.agent.queue.limit", "How many may wait", tags, queue, AgentCallQueue::limit);
    }

    /** Takes the meters out of the registries that they were bound to. The callback goes on. */
    @Override
    public void close() {
        synchronized (lock) {
            bound.forEach(BoundMeters::close);
            bound.clear();
        }
    }
}
