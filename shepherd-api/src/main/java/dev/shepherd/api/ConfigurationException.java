package dev.shepherd.api;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A setting is missing, unknown or malformed. Names the setting; never contains the value of a secret. */
public class ConfigurationException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    private final @Nullable String property;

    /** Makes a failure that concerns one property. */
    public ConfigurationException(String property, String message) {
        super(message);
        this.property = property;
    }

    /** Makes a failure that concerns one property, with what led to it. */
    public ConfigurationException(@Nullable String property, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.property = property;
    }

    /** Returns the name of the property at fault, if it is a single one. */
    public Optional<String> property() {
        return Optional.ofNullable(property);
    }
}
