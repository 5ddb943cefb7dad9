package dev.shepherd.cli.internal;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderType;
import java.util.List;
import java.util.Objects;

/**
 * A kind of provider that is there.
 *
 * @param factory what makes it
 * @param kind its name
 * @param description what it is for
 * @param properties what it takes
 * @param from the plugin that it comes from, or {@link #CLASS_PATH}
 */
public record FoundProvider(
        ProviderFactory factory, String kind, String description, List<ProviderProperty> properties, String from) {

    static final String CLASS_PATH = "the class path";

    /** Asks a factory of the class path what it makes. */
    public static FoundProvider onClassPath(ProviderFactory factory) {
        return of(factory, CLASS_PATH);
    }

    /** Asks a factory what it makes. Fails as the factory does, and where it says nothing or a kind that is none. */
    static FoundProvider of(ProviderFactory factory, String from) {
        String kind = Objects.requireNonNull(factory.kind(), () -> factory.getClass() + " has no kind");
        return new FoundProvider(
                factory,
                new ProviderType(kind).name(),
                Objects.requireNonNull(factory.description(), () -> kind + " has no description"),
                List.copyOf(factory.properties()),
                from);
    }

    /** Makes a provider. The caller closes it, and before the plugin. */
    public Provider create(ProviderConfig config) throws InterruptedException {
        try {
            Provider provider = factory.create(config);
            return from.equals(CLASS_PATH) || provider == null ? provider : PluginProvider.of(this, provider);
        } catch (LinkageError e) {
            throw new ConfigurationException(
                    "--provider",
                    "the provider \"" + kind + "\" from " + from + " cannot be used: " + Plugin.reason(e),
                    e);
        }
    }

    /**
     * Makes the provider's class loader that of this thread, and of those that it starts, until it is closed: libraries
     * look there for what they load by name. It sees all that the command line's sees.
     */
    public ContextClassLoader asContext() {
        return new ContextClassLoader(factory.getClass().getClassLoader());
    }

    /** The class loader of the current thread, until it is closed. */
    public static final class ContextClassLoader implements AutoCloseable {
        private final ClassLoader before = Thread.currentThread().getContextClassLoader();

        private ContextClassLoader(ClassLoader loader) {
            Thread.currentThread().setContextClassLoader(loader);
        }

        @Override
        public void close() {
            Thread.currentThread().setContextClassLoader(before);
        }
    }
}
