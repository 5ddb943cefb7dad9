package dev.shepherd.bmdb;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import java.time.Instant;
import java.util.Optional;

/**
 * Recovery is frozen where so many agents fell silent at once that the fault is more likely on our side. Immutable.
 *
 * @param provider for which provider; empty for the whole fleet
 * @param location for which of its locations; empty for all
 * @param at since when
 * @param silentSince agents that were last heard after this are counted
 * @param evidence what was seen, for people
 * @param calmSince since when heartbeats are back; the freeze ends once they have been back for long enough
 */
public record Freeze(
        Optional<ProviderType> provider,
        Optional<String> location,
        Instant at,
        Instant silentSince,
        String evidence,
        Optional<Instant> calmSince) {

    /**
     * Tells whether it keeps recovery off a machine of its provider.
     *
     * @param where the machine's location; empty if it has none
     */
    public boolean covers(String where) {
        return location.isEmpty() || location.get().equals(where);
    }

    /** Returns what is frozen, for people. */
    public String scope() {
        if (provider.isEmpty()) {
            return "the whole fleet";
        }
        return location.map(where -> "location " + Escaped.text(where) + " of provider ")
                        .orElse("provider ")
                + provider.get();
    }
}
