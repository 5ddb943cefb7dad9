package dev.shepherd.provider.equinix;

/** Makes text that comes from outside fit to stand in one line of a log, whatever is in it. */
final class Excerpt {

    /** How much of a text is shown, in characters: enough for what an API has to say of an error. */
    private static final int LENGTH = 500;

    private Excerpt() {}

    static String of(String text) {
        StringBuilder shown = new StringBuilder();
        text.codePoints().limit(LENGTH).forEach(c -> {
            switch (Character.getType(c)) {
                case Character.CONTROL,
                        Character.FORMAT,
                        Character.SURROGATE,
                        Character.PRIVATE_USE,
                        Character.UNASSIGNED,
                        Character.LINE_SEPARATOR,
                        Character.PARAGRAPH_SEPARATOR -> shown.append(' ');
                default -> shown.appendCodePoint(c);
            }
        });
        if (text.codePointCount(0, text.length()) > LENGTH) {
            shown.append('…');
        }
        return shown.toString().strip();
    }
}
