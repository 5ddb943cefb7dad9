package dev.shepherd.manager.disruption;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.operator.Actor;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * What is about to take a machine down. Immutable.
 *
 * @param id stays the same from the first question about a machine until the machine is well again, whichever process asks, or until
 *     drain hooks are told that it is cancelled; what they are told carries it
 * @param kind what is to be done
 * @param machineId the machine's id in the database
 * @param provider its provider
 * @param providerId its id there
 * @param labels its labels in force
 * @param reason why it is to be done, for people: one line
 * @param wantedBy the person who wants it; empty if a loop does
 * @param at now, by the database's clock
 */
public record Disruption(
        UUID id,
        DisruptionKind kind,
        UUID machineId,
        ProviderType provider,
        ProviderID providerId,
        Map<String, String> labels,
        String reason,
        Optional<Actor> wantedBy,
        Instant at) {

    /** Copies the labels. */
    public Disruption {
        labels = Map.copyOf(labels);
    }

    /** Describes it in a few words. */
    @Override
    public String toString() {
        return kind + " of machine " + machineId + " (" + provider + " " + providerId + ")";
    }
}
