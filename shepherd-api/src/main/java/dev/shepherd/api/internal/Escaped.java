package dev.shepherd.api.internal;

import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Makes others' text fit for one line of a log, a table or a terminal: what machines, providers, agents and
 * operators say, and what the database keeps of it. Line breaks and other control characters, marks that
 * reverse text, invisible characters, and halves of characters become {@code \n} or {@code \u202e}.
 *
 * <p>Text that is escaped already stays as it is, so it may pass through here more than once. The escaped form is for
 * people: the original cannot be recovered from it with certainty.
 */
public final class Escaped {

    /**
     * The longest text where a caller names no limit, in characters: longer than any that this library makes itself.
     */
    public static final int LONGEST = 65_536;

    /** How many throwables of one failure are shown. */
    private static final int MOST_THROWABLES = 50;

    private Escaped() {}

    /** Escapes what a log shows of this, at most {@value #LONGEST} characters. */
    public static String text(@Nullable Object text) {
        return text(String.valueOf(text), LONGEST);
    }

    /** Escapes what is not printable, and cuts the text off after so many characters. */
    public static String text(String text, int maxLength) {
        if (text.length() <= maxLength && isAscii(text)) {
            return text;
        }
        StringBuilder escaped = new StringBuilder(Math.min(text.length(), maxLength));
        int end = Math.min(text.length(), maxLength);
        if (end < text.length() && end > 0 && Character.isHighSurrogate(text.charAt(end - 1))) {
            end--;
        }
        for (int i = 0; i < end; ) {
            int character = text.codePointAt(i);
            append(escaped, character);
            i += Character.charCount(character);
        }
        return end < text.length() ? escaped.append('…').toString() : escaped.toString();
    }

    /** Escapes text in UTF-8, as {@link #text(String, int)} does. */
    public static String bytes(byte[] utf8, int maxLength) {
        return text(new String(utf8, StandardCharsets.UTF_8), maxLength);
    }

    /** Escapes a text as {@link #text(String, int)} does, and puts it between quotes. */
    public static String quoted(String text, int maxLength) {
        return "\"" + text(text, maxLength) + "\"";
    }

    /** Appends a character as it may be shown. */
    public static void append(StringBuilder escaped, int character) {
        switch (character) {
            case '\n' -> escaped.append("\\n");
            case '\r' -> escaped.append("\\r");
            case '\t' -> escaped.append("\\t");
            default -> {
                if (isPrintable(character)) {
                    escaped.appendCodePoint(character);
                } else {
                    escaped.append(String.format(
                            Locale.ROOT, Character.isBmpCodePoint(character) ? "\\u%04x" : "\\u{%x}", character));
                }
            }
        }
    }

    /**
     * Returns the first character of a text that no id, name or reason may have, or -1: a control character, which a
     * log takes for the end of its line and PostgreSQL may refuse, or half a character, which is another one in the
     * database.
     */
    public static int firstRefused(String text) {
        // A plain loop: a listing has a million of these.
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
            } else if (Character.isISOControl(c) || Character.isSurrogate(c) || c == '\u2028' || c == '\u2029') {
                return c;
            }
        }
        return -1;
    }

    /**
     * Returns a failure whose text, with all its causes, can be logged: the failure itself where nothing has to be
     * escaped, otherwise a copy with the same stack traces, each named by the type of the original.
     */
    public static @Nullable Throwable failure(@Nullable Throwable failure) {
        if (failure == null || isClean(failure, newSet())) {
            return failure;
        }
        return Copy.of(failure, newSet());
    }

    private static Set<Throwable> newSet() {
        return Collections.newSetFromMap(new IdentityHashMap<>());
    }

    private static boolean isClean(Throwable failure, Set<Throwable> seen) {
        if (!seen.add(failure)) {
            return true;
        }
        if (seen.size() > MOST_THROWABLES || !speaksCleanly(failure)) {
            return false;
        }
        for (Throwable suppressed : failure.getSuppressed()) {
            if (!isClean(suppressed, seen)) {
                return false;
            }
        }
        Throwable cause = failure.getCause();
        return cause == null || isClean(cause, seen);
    }

    /** A failure's text may be made by code of a plugin, and logs show either of the two. */
    private static boolean speaksCleanly(Throwable failure) {
        try {
            String said = failure.toString();
            String message = failure.getMessage();
            return said.equals(text(said)) && (message == null || message.equals(text(message)));
        } catch (RuntimeException e) {
            return false;
        }
    }

    private static String say(Throwable failure) {
        try {
            return text(failure.toString());
        } catch (RuntimeException e) {
            return failure.getClass().getName() + " (which does not say what it is)";
        }
    }

    /** Stands for a failure of another type, and says the same. */
    private static final class Copy extends Exception {
        private static final long serialVersionUID = 1L;

        private Copy(String said, @Nullable Throwable cause) {
            super(said, cause);
        }

        static Copy of(Throwable failure, Set<Throwable> seen) {
            seen.add(failure);
            Throwable cause = failure.getCause();
            Copy copy = new Copy(say(failure), cause == null || isEnough(cause, seen) ? null : of(cause, seen));
            copy.setStackTrace(failure.getStackTrace());
            for (Throwable suppressed : failure.getSuppressed()) {
                if (!isEnough(suppressed, seen)) {
                    copy.addSuppressed(of(suppressed, seen));
                }
            }
            return copy;
        }

        private static boolean isEnough(Throwable next, Set<Throwable> seen) {
            return seen.contains(next) || seen.size() >= MOST_THROWABLES;
        }

        @Override
        public String toString() {
            return String.valueOf(getMessage());
        }
    }

    private static boolean isAscii(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < ' ' || c > '~') {
                return false;
            }
        }
        return true;
    }

    /** Format characters go too: those that turn the direction of text can make a line say something else. */
    private static boolean isPrintable(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.PRIVATE_USE,
                    Character.SURROGATE,
                    Character.UNASSIGNED -> false;
            default -> !isInvisible(character);
        };
    }

    /**
     * Invisible letters and marks for which Java has no category: fillers, joiners and variation selectors.
     */
    private static boolean isInvisible(int c) {
        return c == 0x034f // combining grapheme joiner
                || c == 0x115f
                || c == 0x1160
                || c == 0x3164
                || c == 0xffa0 // fillers of Hangul
                || c == 0x17b4
                || c == 0x17b5 // inherent vowels of Khmer
                || (c >= 0x180b && c <= 0x180f)
                || (c >= 0xfe00 && c <= 0xfe0f)
                || (c >= 0xe0100 && c <= 0xe01ef); // variation selectors
    }
}
