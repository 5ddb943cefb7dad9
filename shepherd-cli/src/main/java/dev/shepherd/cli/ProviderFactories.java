package dev.shepherd.cli;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderFactory;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/** The kinds of provider on the class path. */
final class ProviderFactories {

    private ProviderFactories() {}

    static List<ProviderFactory> all() {
        return ServiceLoader.load(ProviderFactory.class).stream()
                .map(ServiceLoader.Provider::get)
                .sorted(Comparator.comparing(ProviderFactory::kind))
                .toList();
    }

    static ProviderFactory find(String kind) {
        List<ProviderFactory> all = all();
        return all.stream()
                .filter(factory -> factory.kind().equals(kind))
                .findFirst()
                .orElseThrow(() -> new ConfigurationException(
                        "--provider",
                        "there is no provider \"" + kind + "\"; there are: "
                                + all.stream().map(ProviderFactory::kind).collect(Collectors.joining(", "))));
    }
}
