package dev.shepherd.manager.internal;

import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** Makes text from elsewhere fit for one line of a log. */
public final class Escaped {

    private Escaped() {}

    /** Escapes what is not printable, and cuts off what is beyond so many characters. */
    public static String text(String text, int maxLength) {
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

    /** Escapes text in UTF-8, as {@link #text} does. */
    public static String bytes(byte[] utf8, int maxLength) {
        return text(new String(utf8, StandardCharsets.UTF_8), maxLength);
    }

    private static void append(StringBuilder escaped, int character) {
        switch (character) {
            case '\n' -> escaped.append("\\n");
            case '\r' -> escaped.append("\\r");
            case '\t' -> escaped.append("\\t");
            default -> {
                if (isPrintable(character)) {
                    escaped.appendCodePoint(character);
                } else {
                    escaped.append(String.format(Locale.ROOT, "\\u%04x", character));
                }
            }
        }
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
            default -> true;
        };
    }
}
