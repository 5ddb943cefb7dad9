package dev.shepherd.spring.boot;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.spring.boot.ShepherdProperties.ProviderProperties;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** All providers: the application's beans, which stay its own, and those that properties name, which are closed with this. */
final class Providers implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(Providers.class);

    private final List<Provider> all = new ArrayList<>();
    private final List<Provider> made = new ArrayList<>();

    private Providers() {}

    /**
     * Makes those that properties name. If one cannot be made, none is left.
     *
     * @param beans the application's own
     * @param factories all kinds that are found
     * @throws ConfigurationException if there is none at all, or one cannot be made so
     */
    static Providers of(FleetSettings settings, List<Provider> beans, List<ProviderFactory> factories)
            throws InterruptedException {
        Providers providers = new Providers();
        providers.all.addAll(beans);
        try {
            for (Map.Entry<String, ProviderProperties> entry :
                    settings.providers().entrySet()) {
                providers.add(entry.getKey(), entry.getValue(), beans, factories);
            }
            if (providers.all.isEmpty()) {
                String prefix = ShepherdProperties.PREFIX + ".providers";
                throw new ConfigurationException(
                        prefix,
                        prefix + ": there is no provider: define a bean of type Provider, or name one by its kind, as"
                                + " in " + prefix + ".racks.kind=static" + kinds(factories));
            }
            return providers;
        } catch (RuntimeException | InterruptedException | Error e) {
            providers.close();
            throw e;
        }
    }

    private void add(String key, ProviderProperties given, List<Provider> beans, List<ProviderFactory> factories)
            throws InterruptedException {
        String prefix = FleetSettings.prefix(key);
        ProviderType type;
        try {
            type = new ProviderType(key);
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException(prefix, prefix + ": " + e.getMessage(), e);
        }
        if (beans.stream().anyMatch(bean -> bean.type().equals(type))) {
            if (given.kind() != null || !given.properties().isEmpty()) {
                String property = prefix + (given.kind() != null ? ".kind" : ".properties");
                throw new ConfigurationException(
                        property,
                        property + " is for a provider that is made here, but a bean is the provider of type " + key
                                + ": take one of both away, or give one another type");
            }
            return;
        }
        Provider provider = make(prefix, type, given, factories);
        made.add(provider);
        all.add(provider);
    }

    private static Provider make(
            String prefix, ProviderType type, ProviderProperties given, List<ProviderFactory> factories)
            throws InterruptedException {
        String kind = given.kind() == null ? type.name() : given.kind();
        List<ProviderFactory> found = factories.stream()
                .filter(factory -> factory.kind().equals(kind))
                .toList();
        if (found.size() != 1) {
            String property = prefix + ".kind";
            throw new ConfigurationException(
                    property,
                    found.isEmpty()
                            ? property + ": there is no kind of provider \"" + Escaped.text(kind, 100) + "\""
                                    + kinds(factories) + "; a bean with the type " + type + " would do, too"
                            : property + ": there is more than one kind of provider \"" + kind + "\": from "
                                    + found.stream()
                                            .map(factory -> factory.getClass().getName())
                                            .collect(Collectors.joining(" and ")));
        }
        ProviderFactory factory = found.get(0);
        ProviderConfig config;
        try {
            config = ProviderConfig.of(factory, type, Names.asKnown(given.properties(), factory.properties()));
            return factory.create(config);
        } catch (ConfigurationException e) {
            String property = prefix + ".properties"
                    + e.property().map(name -> "." + name).orElse("");
            throw new ConfigurationException(property, property + ": " + e.getMessage(), e);
        }
    }

    private static String kinds(List<ProviderFactory> factories) {
        return factories.isEmpty()
                ? "; no kind is on the class path: add one, such as dev.shepherd:shepherd-provider-static"
                : "; there are: "
                        + factories.stream().map(ProviderFactory::kind).sorted().collect(Collectors.joining(", "));
    }

    List<Provider> all() {
        return all;
    }

    /** Closes what was made here, the last one first; that one cannot be closed keeps none of the others open. */
    @Override
    public void close() {
        for (int i = made.size() - 1; i >= 0; i--) {
            try {
                made.get(i).close();
            } catch (RuntimeException e) {
                log.warn("A provider could not be closed: {}", e.toString(), e);
            }
        }
        made.clear();
    }
}
