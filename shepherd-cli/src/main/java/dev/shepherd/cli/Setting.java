package dev.shepherd.cli;

import dev.shepherd.api.ConfigurationException;

/** Makes of options what the library takes. What that refuses is told under the option's name, as a mistake of usage. */
final class Setting {

    private Setting() {}

    /** Makes something of an option's value. */
    @FunctionalInterface
    interface Making<T, E extends Exception> {
        T make() throws E;
    }

    /** Returns what an option says, which must be something. */
    static String text(String option, String value) {
        if (value.isBlank()) {
            throw new ConfigurationException(option, option + " is blank: operators want to know");
        }
        return value;
    }

    /** Makes something of the value of an option. */
    static <T, E extends Exception> T of(String option, Making<T, E> making) throws E {
        try {
            return making.make();
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException(option, option + ": " + e.getMessage(), e);
        }
    }
}
