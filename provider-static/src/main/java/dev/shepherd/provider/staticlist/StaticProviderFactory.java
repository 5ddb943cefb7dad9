package dev.shepherd.provider.staticlist;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderProperty.Type;
import dev.shepherd.provider.staticlist.list.CurrentList;
import java.net.URI;
import java.util.List;

/**
 * Makes {@link StaticProvider}s from text properties: {@code list}, {@code timeout} and {@code max-size}.
 *
 * <p>Which provider type the list plays is {@link ProviderConfig#type()}, {@code static} unless the user
 * chooses another.
 */
public final class StaticProviderFactory implements ProviderFactory {

    private static final String LIST = "list";
    static final String TIMEOUT = "timeout";
    static final String MAX_SIZE = "max-size";

    /** Makes the factory, as {@link java.util.ServiceLoader} does. */
    public StaticProviderFactory() {}

    @Override
    public String kind() {
        return "static";
    }

    @Override
    public String description() {
        return "A fixed list of machines, from a file or a URL";
    }

    @Override
    public List<ProviderProperty> properties() {
        return List.of(
                ProviderProperty.required(
                                LIST,
                                Type.URI,
                                "where the list of machines is: a file:, http: or https: URI; never"
                                        + " shown, since its query may be a secret")
                        .asSecret(),
                ProviderProperty.optional(
                        TIMEOUT,
                        Type.DURATION,
                        "10s",
                        "how long one reading of the list may take in all, from 1ms to 1h"),
                ProviderProperty.optional(
                        MAX_SIZE,
                        Type.INTEGER,
                        String.valueOf(CurrentList.DEFAULT_MAX_SIZE),
                        "how long the list may be, in bytes, from 1 to 1073741824"));
    }

    /**
     * Makes a provider. The list is not read yet: that it is out of reach or malformed shows at the first
     * listing.
     *
     * @throws ConfigurationException if the URI is none of a file, http or https, or holds a user or a
     *     password, or if another property is out of range
     */
    @Override
    public StaticProvider create(ProviderConfig config) {
        URI list = config.uri(LIST).orElseThrow(() -> new ConfigurationException(LIST, "\"list\" is missing"));
        StaticProvider.Builder builder = StaticProvider.builder(config.type(), list);
        config.duration(TIMEOUT).ifPresent(builder::timeout);
        config.integer(MAX_SIZE).ifPresent(builder::maxSize);
        return builder.build();
    }
}
