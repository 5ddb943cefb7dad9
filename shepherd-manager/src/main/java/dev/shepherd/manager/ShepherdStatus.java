package dev.shepherd.manager;

import dev.shepherd.api.ProviderType;
import java.util.List;
import java.util.Map;

/**
 * What a {@link Shepherd} is doing. A snapshot; immutable.
 *
 * @param loops the state of every loop, provider by provider
 * @param discrepancies the machines on which a provider and the database disagree, by provider; while there are
 *     any, nothing is provisioned for that provider
 */
public record ShepherdStatus(List<LoopStatus> loops, Map<ProviderType, List<Discrepancy>> discrepancies) {

    /** Copies list and map. */
    public ShepherdStatus {
        loops = List.copyOf(loops);
        discrepancies = Map.copyOf(discrepancies);
    }
}
