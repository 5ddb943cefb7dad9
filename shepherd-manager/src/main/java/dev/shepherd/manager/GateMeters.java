package dev.shepherd.manager;

import static java.util.Objects.requireNonNull;

import dev.shepherd.bmdb.meters.BoundMeters;
import dev.shepherd.manager.internal.GateCalls;
import dev.shepherd.manager.internal.GateCalls.Said;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The meters of what gates say. All exist from the beginning. */
final class GateMeters implements GateCalls.Observer {

    private static final Duration[] BUCKETS = {
        Duration.ofMillis(10), Duration.ofMillis(100), Duration.ofSeconds(1), Duration.ofSeconds(10)
    };

    private final Map<String, Map<Said, Timer>> timers = new HashMap<>();

    private GateMeters(BoundMeters registry, GateCalls gates) {
        for (String gate : gates.names()) {
            Map<Said, Timer> answers = new EnumMap<>(Said.class);
            for (Said said : Said.values()) {
                answers.put(
                        said,
                        registry.timer(
                                "shepherd.gate.answers",
                                "What gates said of machines that are about to go down, and how long that took",
                                Tags.of("gate", gate, "answer", BoundMeters.word(said)),
                                BUCKETS));
            }
            timers.put(gate, answers);
        }
    }

    static void bind(BoundMeters registry, GateCalls gates) {
        GateMeters observer = new GateMeters(registry, gates);
        gates.observe(observer);
        registry.onClose(() -> gates.forget(observer));
    }

    @Override
    public void answered(String gate, Said said, long nanos) {
        Map<Said, Timer> answers = timers.get(gate);
        if (answers != null) {
            requireNonNull(answers.get(said)).record(nanos, TimeUnit.NANOSECONDS);
        }
    }
}
