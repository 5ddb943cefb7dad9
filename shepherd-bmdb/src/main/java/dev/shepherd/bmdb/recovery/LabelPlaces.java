package dev.shepherd.bmdb.recovery;

import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.labels.LabelLimit;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * How many more machines of each group the limits that go by labels leave room for. Not safe for use by several threads.
 */
final class LabelPlaces {

    private final List<LabelLimit> limits;
    private final Map<LabelLimit, Map<Selector, Integer>> taken = new HashMap<>();

    /** What holds a machine back: a group, and how many of it take up its limit. */
    record Full(LabelLimit limit, Selector group, int taken) {

        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT, "%d of at most %d with %s are in recovery", taken, limit.machines(), group);
        }
    }

    /**
     * Counts.
     *
     * @param labels the labels of each machine that is in recovery
     */
    LabelPlaces(List<LabelLimit> limits, Collection<Map<String, String>> labels) {
        this.limits = limits;
        labels.forEach(this::add);
    }

    private Map<LabelLimit, Selector> groups(Map<String, String> labels) {
        Map<LabelLimit, Selector> groups = new LinkedHashMap<>();
        limits.forEach(limit -> limit.group(labels).ifPresent(group -> groups.put(limit, group)));
        return groups;
    }

    private int taken(LabelLimit limit, Selector group) {
        return taken.getOrDefault(limit, Map.of()).getOrDefault(group, 0);
    }

    private void add(Map<String, String> labels) {
        groups(labels)
                .forEach((limit, group) ->
                        taken.computeIfAbsent(limit, one -> new HashMap<>()).merge(group, 1, Integer::sum));
    }

    /** Returns what leaves no room for a machine with these labels; empty if there is room. */
    Optional<Full> full(Map<String, String> labels) {
        return groups(labels).entrySet().stream()
                .map(group -> new Full(group.getKey(), group.getValue(), taken(group.getKey(), group.getValue())))
                .filter(full -> full.taken() >= full.limit().machines())
                .findFirst();
    }

    /** Takes a place in each of its groups for a machine. Returns what leaves no room for it; then none is taken. */
    Optional<Full> take(Map<String, String> labels) {
        Optional<Full> full = full(labels);
        if (full.isEmpty()) {
            add(labels);
        }
        return full;
    }
}
