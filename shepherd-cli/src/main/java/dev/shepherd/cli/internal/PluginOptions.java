package dev.shepherd.cli.internal;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderType;
import dev.shepherd.cli.settings.Given;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option that says where providers are found beside the class path. */
public final class PluginOptions {

    private static final Path DEFAULT = Path.of("plugins");

    @Option(
            names = "--plugins",
            paramLabel = "DIR",
            description = "folder of providers: each a jar, or a folder of jars (default: plugins, if it exists)")
    private @Nullable Path folder;

    /** Gives what was given. */
    public void give(Given given) {
        given.put("plugins", "--plugins", folder);
    }

    /** Finds the providers of the class path and of the folder. A folder that was asked for must be there. */
    public ProviderFactories open() {
        return ProviderFactories.open(folder());
    }

    /** What is done with a provider that was found. */
    @FunctionalInterface
    public interface Use<T> {

        /**
         * Does it.
         *
         * @param type the name of this instance of the provider
         */
        T with(FoundProvider found, ProviderType type) throws InterruptedException;
    }

    /**
     * Finds a provider and does something with it, with its class loader as that of the thread; then closes its plugin.
     *
     * @param kind what {@code --provider} says
     * @param type what {@code --type} says; null for the kind
     */
    public <T> T use(String kind, @Nullable String type, Use<T> use) throws InterruptedException {
        try (ProviderFactories factories = open()) {
            FoundProvider found = factories.find(kind);
            ProviderType named = Setting.of("--type", type == null ? found.kind() : type, ProviderType::new);
            try (FoundProvider.ContextClassLoader context = found.asContext()) {
                return use.with(found, named);
            }
        }
    }

    /** Fails if a folder is given and no provider is named that could be in it. */
    public void requireNone() {
        if (folder != null) {
            throw new ConfigurationException("--plugins", "--plugins goes with --provider, which is not given");
        }
    }

    private Optional<Path> folder() {
        if (folder != null && !Files.isDirectory(folder)) {
            throw new ConfigurationException("--plugins", "--plugins: there is no folder " + folder);
        }
        return Optional.of(folder == null ? DEFAULT : folder).filter(Files::isDirectory);
    }
}
