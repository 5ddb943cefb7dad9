package dev.shepherd.callback;

import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/** What has happened since the endpoint was made. Safe for use by several threads. */
final class Counters {

    private final Map<Outcome, LongAdder> requests = new EnumMap<>(Outcome.class);
    final LongAdder evicted = new LongAdder();
    final LongAdder refused = new LongAdder();
    final LongAdder tooSlow = new LongAdder();
    final LongAdder restarts = new LongAdder();

    Counters() {
        for (Outcome outcome : Outcome.values()) {
            requests.put(outcome, new LongAdder());
        }
    }

    void answered(Outcome outcome) {
        of(outcome).increment();
    }

    long answers(Outcome outcome) {
        return of(outcome).sum();
    }

    private LongAdder of(Outcome outcome) {
        LongAdder adder = requests.get(outcome);
        if (adder == null) {
            throw new IllegalStateException("no counter for " + outcome);
        }
        return adder;
    }

    Map<Outcome, Long> requests() {
        Map<Outcome, Long> sums = new EnumMap<>(Outcome.class);
        requests.forEach((outcome, adder) -> sums.put(outcome, adder.sum()));
        return sums;
    }
}
