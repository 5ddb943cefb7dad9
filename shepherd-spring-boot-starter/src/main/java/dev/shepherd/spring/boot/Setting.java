package dev.shepherd.spring.boot;

import dev.shepherd.api.ConfigurationException;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.util.unit.DataSize;

/** How properties get to the builders of settings, and what builders refuse back to the properties. */
final class Setting {

    private Setting() {}

    /** Sets what is given; what is not is left to the builder. */
    static <T> void set(@Nullable T value, Consumer<T> setter) {
        if (value != null) {
            setter.accept(value);
        }
    }

    /** The same for a number of bytes that an {@code int} holds. */
    static void setBytes(String property, @Nullable DataSize value, Consumer<Integer> setter) {
        if (value != null) {
            if (value.toBytes() > Integer.MAX_VALUE) {
                throw new ConfigurationException(property, property + " must be below 2 GiB, not " + value);
            }
            setter.accept((int) value.toBytes());
        }
    }

    /**
     * Makes settings of properties.
     *
     * @param prefix what the properties are below
     * @throws ConfigurationException what the builder refuses, by the name of the property
     */
    static <T> T named(String prefix, Supplier<T> maker) {
        try {
            return maker.get();
        } catch (ConfigurationException e) {
            throw named(prefix, e);
        }
    }

    /** Returns a failure that names the property, in place of one that names the builder's setting. */
    static ConfigurationException named(String prefix, ConfigurationException e) {
        String setting = e.property().orElse("");
        if (setting.startsWith(ShepherdProperties.PREFIX + ".")) {
            return e;
        }
        String property = setting.isEmpty() ? prefix : prefix + "." + kebab(setting);
        return new ConfigurationException(property, property + ": " + e.getMessage(), e);
    }

    /** Returns how a property is written whose builder's method has this name: {@code max-share}. */
    static String kebab(String name) {
        return name.replaceAll("([a-z0-9])([A-Z])", "$1-$2").toLowerCase(Locale.ROOT);
    }
}
