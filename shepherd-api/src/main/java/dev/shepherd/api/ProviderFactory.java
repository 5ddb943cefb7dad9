package dev.shepherd.api;

import java.util.List;

/**
 * Makes providers of one kind from text properties. This is what {@link java.util.ServiceLoader} finds.
 *
 * <p>Register the class in {@code META-INF/services/dev.shepherd.api.ProviderFactory} and, in a named
 * module, with {@code provides … with}. It has a public constructor without parameters that does nothing:
 * no thread, connection or file exists before {@link #create}. Safe for use by several threads.
 */
public interface ProviderFactory {

    /**
     * Returns the kind of provider this makes, such as {@code equinix}: the name that users choose it by,
     * and its default {@link ProviderType}. It has the form of a provider type.
     */
    String kind();

    /** Returns one line that tells users what this kind of provider is for. */
    String description();

    /** Returns every property that {@link #create} takes, in the order in which to show them. */
    List<ProviderProperty> properties();

    /**
     * Makes a provider.
     *
     * @param config checked against {@link #properties()}: it holds no unknown property, every required one,
     *     and values that parse as their type and have their {@linkplain ProviderProperty#form() form}
     * @return a provider whose {@link Provider#type()} is {@link ProviderConfig#type()}; the caller closes it
     * @throws ConfigurationException if the values do not fit together or do not mean anything
     * @throws ProviderException if the provider cannot be reached and cannot start without
     * @throws InterruptedException if the thread is interrupted
     */
    Provider create(ProviderConfig config) throws InterruptedException;
}
