package dev.shepherd.cli.internal;

import dev.shepherd.api.ConfigurationException;
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

    /** Finds the providers of the class path and of the folder. A folder that was asked for must be there. */
    public ProviderFactories open() {
        return ProviderFactories.open(folder());
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
