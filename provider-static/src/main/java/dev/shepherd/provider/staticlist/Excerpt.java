package dev.shepherd.provider.staticlist;

/** Makes text that comes from outside fit to stand in one line of a log, whatever is in it. */
final class Excerpt {

    /** How much of a value is shown, in characters. */
    static final int LENGTH = 40;

    private static final int LENGTH_OF_MESSAGE = 200;

    private Excerpt() {}

    static String quote(String text) {
        return "\"" + of(text) + "\"";
    }

    static String of(String text) {
        return of(text, LENGTH);
    }

    /** Shows more: the message of an exception, which may repeat something from outside. */
    static String ofMessage(String message) {
        return of(message, LENGTH_OF_MESSAGE);
    }

    private static String of(String text, int length) {
        StringBuilder shown = new StringBuilder();
        text.codePoints().limit(length).forEach(c -> {
            switch (Character.getType(c)) {
                case Character.CONTROL,
                        Character.FORMAT,
                        Character.SURROGATE,
                        Character.PRIVATE_USE,
                        Character.UNASSIGNED,
                        Character.LINE_SEPARATOR,
                        Character.PARAGRAPH_SEPARATOR ->
                    shown.append("\\u{").append(Integer.toHexString(c)).append('}');
                default -> shown.appendCodePoint(c);
            }
        });
        if (text.codePointCount(0, text.length()) > length) {
            shown.append('…');
        }
        return shown.toString();
    }
}
