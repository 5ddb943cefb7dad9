package dev.shepherd.bmdb.fleet;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import java.util.List;
import java.util.Optional;

/**
 * A part of a list of machines, in the order of their providers and of their ids there. Immutable.
 *
 * @param lines the machines
 * @param next where the next page begins, if there is one
 * @param previous where the page before ends, if there is one
 */
public record MachinePage(List<MachineLine> lines, Optional<Place> next, Optional<Place> previous) {

    /** Copies the lines. */
    public MachinePage {
        lines = List.copyOf(lines);
    }

    /**
     * A place in the list: beside a machine, which may be gone meanwhile.
     *
     * @param provider the machine's provider
     * @param id its id there
     * @param after whether the place is behind that machine, and so leads forward; else it leads backward from it
     */
    public record Place(ProviderType provider, ProviderID id, boolean after) {}
}
