package dev.shepherd.callback;

import dev.shepherd.callback.AgentEndpointStatus.Handshake;
import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/** What has happened since the endpoint was made. Safe for use by several threads. */
final class Counters {

    private final Map<Outcome, LongAdder> requests = new EnumMap<>(Outcome.class);
    private final Map<Handshake, LongAdder> handshakes = new EnumMap<>(Handshake.class);
    final LongAdder evicted = new LongAdder();
    final LongAdder refused = new LongAdder();
    final LongAdder tooSlow = new LongAdder();
    final LongAdder restarts = new LongAdder();

    Counters() {
        for (Outcome outcome : Outcome.values()) {
            requests.put(outcome, new LongAdder());
        }
        for (Handshake outcome : Handshake.values()) {
            handshakes.put(outcome, new LongAdder());
        }
    }

    void answered(Outcome outcome) {
        of(requests, outcome).increment();
    }

    long answers(Outcome outcome) {
        return of(requests, outcome).sum();
    }

    void handshake(Handshake outcome) {
        of(handshakes, outcome).increment();
    }

    long handshakes(Handshake outcome) {
        return of(handshakes, outcome).sum();
    }

    private static <K> LongAdder of(Map<K, LongAdder> adders, K outcome) {
        LongAdder adder = adders.get(outcome);
        if (adder == null) {
            throw new IllegalStateException("no counter for " + outcome);
        }
        return adder;
    }

    Map<Outcome, Long> requests() {
        return sums(requests);
    }

    Map<Handshake, Long> handshakes() {
        return sums(handshakes);
    }

    private static <K> Map<K, Long> sums(Map<K, LongAdder> adders) {
        Map<K, Long> sums = new HashMap<>();
        adders.forEach((outcome, adder) -> sums.put(outcome, adder.sum()));
        return sums;
    }
}
