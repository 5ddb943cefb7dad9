package dev.shepherd.cli.internal;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.OperatorText;
import java.util.function.Function;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/**
 * Converts options into values of the library. A value that the library refuses is reported under the option's name, as
 * a usage error.
 */
public final class Setting {

    private Setting() {}

    /** Returns who asks for something, as given by an option. */
    public static String name(String option, String value) {
        return checked(option, () -> OperatorText.checkName(value), value);
    }

    /** Returns why something is asked for, as given by an option. */
    public static String reason(String option, String value) {
        return checked(option, () -> OperatorText.checkReason("the reason", value), value);
    }

    private static String checked(String option, Runnable check, String value) {
        return of(option, value, text -> {
            check.run();
            return text;
        });
    }

    /** Checks a number that the command itself uses. */
    public static void requireRange(CommandSpec spec, String option, int value, int least, int most) {
        if (value < least || value > most) {
            throw new ParameterException(
                    spec.commandLine(), option + " is from " + least + " to " + most + ", not " + value);
        }
    }

    /** Makes something of the value of an option. */
    public static <V, T> T of(String option, V value, Function<V, T> making) {
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
