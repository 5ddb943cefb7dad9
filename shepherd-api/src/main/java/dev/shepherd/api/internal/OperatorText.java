package dev.shepherd.api.internal;

import java.util.Locale;

/** Checks operators' names and reasons before they are recorded. */
public final class OperatorText {

    /** The longest name of an operator, in characters. */
    public static final int LONGEST_NAME = 128;

    /** The longest reason, in characters. */
    public static final int LONGEST_REASON = 1000;

    private OperatorText() {}

    /**
     * Checks who asks for something: one line.
     *
     * @throws IllegalArgumentException if the name is blank, too long, or has a control character or half a character
     */
    public static void checkName(String by) {
        check("by", by, LONGEST_NAME);
    }

    /**
     * Checks why something is asked for: one line.
     *
     * @param what what the reason is called
     * @throws IllegalArgumentException if the reason is blank, too long, or has a control character or half a character
     */
    public static void checkReason(String what, String reason) {
        check(what, reason, LONGEST_REASON);
    }

    private static void check(String what, String text, int most) {
        if (text.isBlank()) {
            throw new IllegalArgumentException(what + " is blank: operators want to know");
        }
        if (text.length() > most) {
            throw new IllegalArgumentException(what + " has at most " + most + " characters, not " + text.length());
        }
        int refused = Escaped.firstRefused(text);
        if (refused >= 0) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "%s is one line without control characters and without half a character, but has U+%04X",
                    what,
                    refused));
        }
    }
}
