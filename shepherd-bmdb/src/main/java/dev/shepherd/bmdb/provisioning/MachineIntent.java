package dev.shepherd.bmdb.provisioning;

import dev.shepherd.api.ProviderType;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * The record that a machine is about to be created at a provider, made before the provider is called.
 *
 * @param intentId its id, which becomes the machine's
 * @param provider the provider
 * @param candidate the name of the machine to create, as given to {@link Intents#reserve}
 * @param sessionId the session that holds it; empty if its holder is gone and any session may take it over
 * @param madeAt when it was made, in the database's time
 * @param attempts how often the provider was asked
 * @param retryAt when it may be tried again, if it failed
 * @param lastError why it failed, if it did
 */
public record MachineIntent(
        UUID intentId,
        ProviderType provider,
        String candidate,
        Optional<UUID> sessionId,
        Instant madeAt,
        int attempts,
        Optional<Instant> retryAt,
        Optional<String> lastError) {}
