package dev.shepherd.manager;

import static java.util.Objects.requireNonNull;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.bmdb.meters.BoundMeters;
import dev.shepherd.manager.internal.ProviderCalls;
import dev.shepherd.manager.internal.ProviderCalls.Operation;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The meters of the calls of one provider. All exist from the beginning, so that the first failure is a rise from zero.
 */
final class ProviderMeters implements ProviderCalls.Observer {

    /** From what a provider in memory takes to a listing of a large fleet. */
    private static final Duration[] BUCKETS = {
        Duration.ofMillis(10),
        Duration.ofMillis(50),
        Duration.ofMillis(250),
        Duration.ofSeconds(1),
        Duration.ofSeconds(5),
        Duration.ofSeconds(30),
        Duration.ofMinutes(2)
    };

    private enum Outcome {
        OK,
        FAILED,

        /** By us: the loop ends, the session was lost, or the database failed while a listing was compared with it. */
        GIVEN_UP;

        static Outcome of(@Nullable Exception failure) {
            return failure == null ? OK : failure instanceof ProviderException ? FAILED : GIVEN_UP;
        }
    }

    /** The meters of one operation. */
    private record Meters(Timer waits, Map<Outcome, Timer> calls, Map<Reason, Counter> failures) {}

    private final Map<Operation, Meters> meters = new EnumMap<>(Operation.class);

    private ProviderMeters(BoundMeters registry, Tags tags) {
        for (Operation operation : Operation.values()) {
            meters.put(operation, meters(registry, tags.and("operation", BoundMeters.word(operation))));
        }
    }

    static void bind(BoundMeters registry, ProviderCalls calls) {
        Tags tags = Tags.of("provider", calls.type().name());
        registry.gauge(
                "shepherd.provider.calls.active",
                "Calls of the provider that are under way",
                tags,
                calls,
                ProviderCalls::active);
        registry.gauge(
                "shepherd.provider.calls.limit",
                "How many calls the provider takes at once",
                tags,
                calls,
                ProviderCalls::permits);
        registry.gauge(
                "shepherd.provider.calls.waiting",
                "Calls of the provider that wait for their turn",
                tags,
                calls,
                ProviderCalls::waiting);
        registry.counter(
                "shepherd.provider.labels.passed.over",
                "Labels of the provider's machines that break a rule, each time that the provider says them",
                tags,
                calls,
                ProviderCalls::labelsPassedOver);
        ProviderMeters observer = new ProviderMeters(registry, tags);
        calls.observe(observer);
        registry.onClose(() -> calls.forget(observer));
    }

    private static Meters meters(BoundMeters registry, Tags tags) {
        Map<Outcome, Timer> calls = new EnumMap<>(Outcome.class);
        for (Outcome outcome : Outcome.values()) {
            calls.put(
                    outcome,
                    registry.timer(
                            "shepherd.provider.calls",
                            "Calls of the provider that have ended, and how long they took",
                            tags.and("outcome", BoundMeters.word(outcome)),
                            BUCKETS));
        }
        Map<Reason, Counter> failures = new EnumMap<>(Reason.class);
        for (Reason reason : Reason.values()) {
            failures.put(
                    reason,
                    registry.counter(
                            "shepherd.provider.call.failures",
                            "Calls of the provider that failed, by why",
                            tags.and("reason", BoundMeters.word(reason))));
        }
        Timer waits = registry.timer(
                "shepherd.provider.call.waits", "How long calls waited for their turn at the provider", tags);
        return new Meters(waits, calls, failures);
    }

    private Meters of(Operation operation) {
        return requireNonNull(meters.get(operation));
    }

    @Override
    public void waited(Operation operation, long nanos) {
        of(operation).waits().record(nanos, TimeUnit.NANOSECONDS);
    }

    @Override
    public void ended(Operation operation, @Nullable Exception failure, long nanos) {
        Meters one = of(operation);
        requireNonNull(one.calls().get(Outcome.of(failure))).record(nanos, TimeUnit.NANOSECONDS);
        if (failure instanceof ProviderException provider) {
            requireNonNull(one.failures().get(provider.reason())).increment();
        }
    }
}
