package dev.shepherd.bmdb.operator;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * Something that a person did to the fleet, as it was recorded. Its texts come from people, and some from providers:
 * escape them for what shows them. Immutable.
 *
 * @param id counts up; where the next page of actions begins
 * @param at when, by the database's clock
 * @param by who
 * @param channel through what
 * @param verb what, by {@link Verb#databaseName()}; a later version of the library may know more verbs
 * @param reason why
 * @param machineId on which machine, which may be gone; empty if it was about something else
 * @param provider the provider that had the machine then, or that it was about
 * @param providerId that provider's id of the machine
 * @param subject what it was about beside the machine, such as a pause, a session or a freeze
 * @param details what else there is to know, such as the cause of a backoff that was lifted
 */
public record OperatorAction(
        long id,
        Instant at,
        String by,
        Actor.Channel channel,
        String verb,
        String reason,
        Optional<UUID> machineId,
        Optional<ProviderType> provider,
        Optional<ProviderID> providerId,
        Optional<String> subject,
        Optional<String> details) {}
