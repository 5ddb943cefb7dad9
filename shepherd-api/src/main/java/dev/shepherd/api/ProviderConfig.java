package dev.shepherd.api;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The properties of one provider instance, checked against what its factory takes.
 *
 * <p>Immutable. {@link #toString()} and every exception show the values of secrets as {@code ***}.
 */
public final class ProviderConfig {

    private final ProviderType type;
    private final Map<String, ProviderProperty> known;
    private final Map<String, Object> values;

    private ProviderConfig(ProviderType type, Map<String, ProviderProperty> known, Map<String, Object> values) {
        this.type = type;
        this.known = known;
        this.values = values;
    }

    /**
     * Checks text properties against what a factory takes, and fills in its defaults.
     *
     * @param factory the factory whose properties they are
     * @param type the key of the instance; two instances of one kind need two types
     * @param properties the texts by property name
     * @throws ConfigurationException if a property is unknown, missing, cannot be read as its type, or does not
     *     have its {@linkplain ProviderProperty#form() form}; the message names the property and, for an unknown one,
     *     those that exist
     */
    public static ProviderConfig of(ProviderFactory factory, ProviderType type, Map<String, String> properties) {
        Map<String, ProviderProperty> known = new LinkedHashMap<>();
        factory.properties().forEach(property -> known.put(property.name(), property));
        for (String name : new TreeMap<>(properties).keySet()) {
            if (!known.containsKey(name)) {
                throw new ConfigurationException(
                        name,
                        "provider %s has no property \"%s\"; it has: %s"
                                .formatted(factory.kind(), name, String.join(", ", known.keySet())));
            }
        }
        Map<String, Object> values = new LinkedHashMap<>();
        for (ProviderProperty property : known.values()) {
            Optional<String> text =
                    Optional.ofNullable(properties.get(property.name())).or(property::defaultValue);
            if (text.isPresent()) {
                values.put(property.name(), parse(factory, property, text.get()));
            } else if (property.required()) {
                throw new ConfigurationException(
                        property.name(),
                        "provider %s needs the property \"%s\": %s"
                                .formatted(factory.kind(), property.name(), property.description()));
            }
        }
        return new ProviderConfig(type, Map.copyOf(known), values);
    }

    private static Object parse(ProviderFactory factory, ProviderProperty property, String text) {
        try {
            return property.parse(text);
        } catch (IllegalArgumentException e) {
            String shown = property.secret() ? "***" : text;
            throw new ConfigurationException(
                    property.name(),
                    "the property \"%s\" of provider %s %s: \"%s\""
                            .formatted(property.name(), factory.kind(), e.getMessage(), shown));
        }
    }

    /** Returns the key of the provider instance in the database. */
    public ProviderType type() {
        return type;
    }

    /** Returns the names of the properties that have a value, in the factory's order. */
    public List<String> names() {
        return List.copyOf(values.keySet());
    }

    /** Returns a property of type {@link ProviderProperty.Type#STRING}, if it has a value. */
    public Optional<String> string(String name) {
        return value(name, ProviderProperty.Type.STRING, String.class);
    }

    /** Returns a property of type {@link ProviderProperty.Type#INTEGER}, if it has a value. */
    public Optional<Integer> integer(String name) {
        return value(name, ProviderProperty.Type.INTEGER, Integer.class);
    }

    /** Returns a property of type {@link ProviderProperty.Type#BOOLEAN}, if it has a value. */
    public Optional<Boolean> bool(String name) {
        return value(name, ProviderProperty.Type.BOOLEAN, Boolean.class);
    }

    /** Returns a property of type {@link ProviderProperty.Type#DURATION}, if it has a value. */
    public Optional<Duration> duration(String name) {
        return value(name, ProviderProperty.Type.DURATION, Duration.class);
    }

    /** Returns a property of type {@link ProviderProperty.Type#URI}, if it has a value. */
    public Optional<URI> uri(String name) {
        return value(name, ProviderProperty.Type.URI, URI.class);
    }

    /** Returns a property of type {@link ProviderProperty.Type#PATH}, if it has a value. */
    public Optional<Path> path(String name) {
        return value(name, ProviderProperty.Type.PATH, Path.class);
    }

    /**
     * Reads one value.
     *
     * @throws IllegalArgumentException if the factory describes no such property, or another type of it: a
     *     mistake in the factory, not in the configuration
     */
    private <T> Optional<T> value(String name, ProviderProperty.Type type, Class<T> javaType) {
        ProviderProperty property = known.get(name);
        if (property == null || property.type() != type) {
            throw new IllegalArgumentException("the factory describes no property \"" + name + "\" of type " + type);
        }
        return Optional.ofNullable(values.get(name)).map(javaType::cast);
    }

    @Override
    public String toString() {
        return values.entrySet().stream()
                .map(entry -> entry.getKey() + "=" + (isSecret(entry.getKey()) ? "***" : entry.getValue()))
                .collect(Collectors.joining(", ", type + "{", "}"));
    }

    private boolean isSecret(String name) {
        ProviderProperty property = known.get(name);
        return property != null && property.secret();
    }
}
