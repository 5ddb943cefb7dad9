package dev.shepherd.cli;

import dev.shepherd.api.ConfigurationException;
import java.util.function.Function;

/** Makes of options what the library takes. What that refuses is told under the option's name, as a mistake of usage. */
final class Setting {

    private Setting() {}

    /** Returns what an option says, which must be something. */
    static String text(String option, String value) {
        if (value.isBlank()) {
            throw new ConfigurationException(option, option + " is blank: operators want to know");
        }
        return value;
    }

    /** Makes something of the value of an option. */
    static <V, T> T of(String option, V value, Function<V, T> making) {
        try {
            return making.apply(value);
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException(option, option + ": " + e.getMessage(), e);
        } catch (ConfigurationException e) {
            if (e.property().isPresent()) {
                throw e;
            }
            throw new ConfigurationException(option, option + ": " + e.getMessage(), e);
        }
    }
}
