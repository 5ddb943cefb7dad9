package dev.shepherd.api.internal.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Spans;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Checks the values of settings. What it refuses is a {@link ConfigurationException} that names the setting, and a
 * message of one form: {@code poolSize must be from 1 to 1000, not 0}.
 */
public final class Checks {

    private Checks() {}

    /** Requires a number within a range, both ends included. */
    public static void count(String setting, long value, long least, long most) {
        that(setting, value >= least && value <= most, "from " + least + " to " + most, value);
    }

    /** Requires a number of bytes within a range, both ends included. */
    public static void bytes(String setting, long value, long least, long most) {
        that(setting, value >= least && value <= most, "from " + least + " to " + most + " bytes", value);
    }

    /** Requires a number that is not below another. */
    public static void atLeast(String setting, long value, long least) {
        that(setting, value >= least, "at least " + least, value);
    }

    /** Requires a share of a whole: over 0, and at most 1. */
    public static void share(String setting, double value) {
        that(setting, value > 0 && value <= 1, "over 0 and at most 1", value);
    }

    /** Requires a span within a range, both ends included. */
    public static void span(String setting, Duration value, Duration least, Duration most) {
        boolean tooShort = value.compareTo(least) < 0;
        that(
                setting,
                !tooShort && value.compareTo(most) <= 0,
                "from " + Spans.text(least) + " to " + Spans.text(most),
                shown(value, tooShort ? least : most));
    }

    /** Requires a span that is not below another. */
    public static void atLeast(String setting, Duration value, Duration least) {
        that(setting, value.compareTo(least) >= 0, "at least " + Spans.text(least), shown(value, least));
    }

    /** Requires a span that is not below another, which follows from other settings: the message says how. */
    public static void atLeast(String setting, Duration value, Duration least, String why) {
        that(setting, value.compareTo(least) >= 0, "at least " + Spans.text(least), shown(value, least) + ": " + why);
    }

    /**
     * Requires that a value is valid.
     *
     * @param range what the setting must be, as the words of the message
     * @param value what it is; never a secret
     */
    public static void that(String setting, boolean valid, String range, Object value) {
        if (!valid) {
            throw new ConfigurationException(setting, setting + " must be " + range + ", not " + value);
        }
    }

    /**
     * Requires that a setting was set.
     *
     * @param needed who needs what, as the words of the message: {@code a shepherd needs a database}
     */
    public static <T> T present(String setting, @Nullable T value, String needed) {
        if (value == null) {
            throw new ConfigurationException(setting, needed + ": set " + setting);
        }
        return value;
    }

    /** A span that is rounded to the bound that it is beyond would seem to be within. */
    private static String shown(Duration value, Duration bound) {
        String text = Spans.text(value);
        if (value.equals(bound) || !text.equals(Spans.text(bound))) {
            return text;
        }
        return (value.compareTo(bound) < 0 ? "a little less than " : "a little more than ") + text;
    }
}
