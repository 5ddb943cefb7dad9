package dev.shepherd.manager;

import static java.util.Objects.requireNonNull;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.meters.BoundMeters;
import dev.shepherd.manager.takeover.Initializer;
import dev.shepherd.manager.takeover.TakeoverException;
import dev.shepherd.manager.takeover.TakeoverResult;
import dev.shepherd.manager.takeover.TakeoverStep;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;

/** The meters of the takeovers of one provider's machines. All exist from the beginning, like those of its calls. */
final class TakeoverMeters implements Initializer.Observer {

    private static final Duration[] BUCKETS = {
        Duration.ofMillis(100),
        Duration.ofMillis(500),
        Duration.ofSeconds(2),
        Duration.ofSeconds(10),
        Duration.ofSeconds(30),
        Duration.ofMinutes(1)
    };

    private final Timer succeeded;
    private final Timer failed;
    private final Map<TakeoverStep, Timer> steps = new EnumMap<>(TakeoverStep.class);
    private final Map<TakeoverStep, Map<TakeoverException.Kind, Counter>> failures = new EnumMap<>(TakeoverStep.class);

    private TakeoverMeters(BoundMeters registry, Tags tags) {
        succeeded = whole(registry, tags.and("outcome", "succeeded"));
        failed = whole(registry, tags.and("outcome", "failed"));
        for (TakeoverStep step : TakeoverStep.values()) {
            Tags ofStep = tags.and("step", BoundMeters.word(step));
            steps.put(
                    step,
                    registry.timer(
                            "shepherd.takeover.steps",
                            "How long the steps of takeovers took that succeeded",
                            ofStep,
                            BUCKETS));
            Map<TakeoverException.Kind, Counter> byKind = new EnumMap<>(TakeoverException.Kind.class);
            for (TakeoverException.Kind kind : TakeoverException.Kind.values()) {
                byKind.put(
                        kind,
                        registry.counter(
                                "shepherd.takeover.failures",
                                "Takeovers that failed, by where and how",
                                ofStep.and("kind", BoundMeters.word(kind))));
            }
            failures.put(step, byKind);
        }
    }

    private static Timer whole(BoundMeters registry, Tags tags) {
        return registry.timer("shepherd.takeovers", "Takeovers that have ended, and how long they took", tags, BUCKETS);
    }

    static void bind(BoundMeters registry, ProviderType provider, Initializer initializer) {
        TakeoverMeters observer = new TakeoverMeters(registry, Tags.of("provider", provider.name()));
        initializer.observe(observer);
        registry.onClose(() -> initializer.forget(observer));
    }

    @Override
    public void succeeded(TakeoverResult result) {
        succeeded.record(result.elapsed());
        result.durations()
                .forEach((step, took) -> requireNonNull(steps.get(step)).record(took));
    }

    @Override
    public void failed(TakeoverException failure) {
        failed.record(failure.elapsed());
        requireNonNull(requireNonNull(failures.get(failure.step())).get(failure.kind()))
                .increment();
    }
}
