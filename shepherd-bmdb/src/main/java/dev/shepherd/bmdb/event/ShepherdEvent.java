package dev.shepherd.bmdb.event;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;

/**
 * Something that happened to the fleet. Immutable.
 *
 * @param kind what happened
 * @param at when, by the database's clock
 * @param machineId to which machine; empty if it concerns no machine, or several
 * @param provider whose machine, or which provider; empty if it concerns none
 * @param providerId the machine's id at its provider; empty if there is no machine, or none that a provider has
 * @param details what else is known of it, by name: {@code docs/events.md} says which names a kind has. In an order
 *     that means nothing
 */
public record ShepherdEvent(
        EventKind kind,
        Instant at,
        Optional<UUID> machineId,
        Optional<ProviderType> provider,
        Optional<ProviderID> providerId,
        Map<String, String> details) {

    /** Copies the details. */
    public ShepherdEvent {
        Objects.requireNonNull(kind, "kind");
        Objects.requireNonNull(at, "at");
        Objects.requireNonNull(machineId, "machineId");
        Objects.requireNonNull(provider, "provider");
        Objects.requireNonNull(providerId, "providerId");
        details = Map.copyOf(details);
    }

    /** Returns one of the details; empty if this event has none of that name. */
    public Optional<String> detail(String name) {
        return Optional.ofNullable(details.get(name));
    }
}
