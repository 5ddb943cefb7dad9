package dev.shepherd.bmdb.fleet;

import dev.shepherd.api.ProviderType;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/**
 * How many machines there are in each state, as last counted. Immutable.
 *
 * @param countedAt when that was, by the database's clock
 * @param took how long counting took
 * @param counts the counts, by provider, location and state; none is zero
 */
public record FleetSummary(Instant countedAt, Duration took, List<Count> counts) {

    /** Copies the counts. */
    public FleetSummary {
        counts = List.copyOf(counts);
    }

    /**
     * How many machines of a provider at a location are in a state.
     *
     * @param provider the provider
     * @param location the location; empty for machines without one
     * @param state the state
     * @param machines how many, at least 1
     */
    public record Count(ProviderType provider, String location, MachineState state, long machines) {}

    /** Returns how many machines there are. */
    public long machines() {
        return counts.stream().mapToLong(Count::machines).sum();
    }

    /** Returns how many machines are in a state. */
    public long machines(MachineState state) {
        return counts.stream()
                .filter(count -> count.state() == state)
                .mapToLong(Count::machines)
                .sum();
    }
}
