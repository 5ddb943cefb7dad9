package dev.shepherd.cli.run;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.cli.internal.FoundProvider;
import dev.shepherd.manager.ProviderSettings;

/**
 * A provider that is yet to be made, with what holds for it.
 *
 * @param parallelism how many of its machines are taken over at once
 */
record ConfiguredProvider(FoundProvider found, ProviderConfig config, ProviderSettings settings, int parallelism) {

    /**
     * Makes it.
     *
     * @throws ConfigurationException if it cannot be made, by the name of this instance
     * @throws dev.shepherd.api.ProviderException if what it asks outside fails; the message names it
     */
    Provider create() throws InterruptedException {
        try (FoundProvider.ContextClassLoader context = found.asContext()) {
            return found.create(config);
        } catch (ConfigurationException e) {
            throw new ConfigurationException(
                    e.property().orElse(null), "provider " + config.type() + ": " + e.getMessage(), e);
        }
    }
}
