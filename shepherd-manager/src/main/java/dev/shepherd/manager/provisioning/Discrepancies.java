package dev.shepherd.manager.provisioning;

import dev.shepherd.manager.provisioning.Discrepancy.Kind;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Collects discrepancies: counts all, and names so many of each kind. Not safe for use by several threads. */
final class Discrepancies {

    /** How many of a kind are named. An operator who has lost a whole site needs the number, not a million names. */
    static final int NAMED = 100;

    private final Map<Kind, List<Discrepancy>> named = new EnumMap<>(Kind.class);
    private final Map<Kind, Long> counts = new EnumMap<>(Kind.class);

    void add(Discrepancy discrepancy) {
        count(discrepancy.kind(), 1);
        List<Discrepancy> ofKind = named.computeIfAbsent(discrepancy.kind(), kind -> new ArrayList<>());
        if (ofKind.size() < NAMED) {
            ofKind.add(discrepancy);
        }
    }

    /** Counts others that are not named. */
    void count(Kind kind, long others) {
        counts.merge(kind, others, Long::sum);
    }

    /** Returns how many there are. */
    long count() {
        return counts.values().stream().mapToLong(Long::longValue).sum();
    }

    /** Returns how many there are of a kind. */
    long count(Kind kind) {
        return counts.getOrDefault(kind, 0L);
    }

    /** Returns the first of each kind. */
    List<Discrepancy> named() {
        List<Discrepancy> all = new ArrayList<>();
        named.values().forEach(all::addAll);
        return List.copyOf(all);
    }
}
