package dev.shepherd.cli.internal;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.internal.Escaped;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The kinds of provider on the class path and in plugins. Close it after the last provider. */
public final class ProviderFactories implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(ProviderFactories.class);

    /** A plugin that cannot be used, and why. */
    public record BrokenPlugin(Path path, String reason) {
        @Override
        public String toString() {
            return "plugin " + path + " cannot be used: " + reason;
        }
    }

    private final List<Plugin> plugins = new ArrayList<>();
    private final List<FoundProvider> found = new ArrayList<>();
    private final List<BrokenPlugin> broken = new ArrayList<>();

    private ProviderFactories() {}

    /** Finds all there are. A plugin that is broken keeps none of the others from being found. */
    public static ProviderFactories open(Optional<Path> folder) {
        ProviderFactories factories = new ProviderFactories();
        try {
            ServiceLoader.load(ProviderFactory.class, ProviderFactories.class.getClassLoader())
                    .forEach(factory -> factories.found.add(FoundProvider.of(factory, FoundProvider.CLASS_PATH)));
            folder.map(Plugin::in).orElse(List.of()).forEach(factories::add);
            factories.found.sort(Comparator.comparing(FoundProvider::kind).thenComparing(FoundProvider::from));
            return factories;
        } catch (RuntimeException | Error e) {
            factories.close();
            throw e;
        }
    }

    private void add(Path path) {
        try {
            Plugin plugin = Plugin.open(path);
            plugins.add(plugin);
            found.addAll(plugin.providers());
        } catch (Plugin.BrokenException e) {
            broken.add(new BrokenPlugin(path, String.valueOf(e.getMessage())));
        }
    }

    public List<FoundProvider> found() {
        return List.copyOf(found);
    }

    public List<BrokenPlugin> broken() {
        return List.copyOf(broken);
    }

    /** Finds the one that is asked for. It does not guess which of two with the same name is meant. */
    public FoundProvider find(String kind) {
        List<FoundProvider> matching =
                found.stream().filter(one -> one.kind().equals(kind)).toList();
        if (matching.size() > 1) {
            throw new ConfigurationException(
                    "--provider",
                    "there is more than one provider \"" + kind + "\": from "
                            + matching.stream().map(FoundProvider::from).collect(Collectors.joining(", and from "))
                            + "; take away all but one");
        }
        if (matching.isEmpty()) {
            throw new ConfigurationException(
                    "--provider",
                    "there is no provider \"" + kind + "\"; there are: "
                            + found.stream().map(FoundProvider::kind).distinct().collect(Collectors.joining(", "))
                            + broken.stream().map(one -> "; " + one).collect(Collectors.joining()));
        }
        broken.forEach(one -> log.warn("The {}", Escaped.text(one)));
        log.info("Provider {} comes from {}", kind, matching.get(0).from());
        return matching.get(0);
    }

    @Override
    public void close() {
        plugins.forEach(Plugin::close);
    }
}
