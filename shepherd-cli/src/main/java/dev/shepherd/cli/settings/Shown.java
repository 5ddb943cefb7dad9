package dev.shepherd.cli.settings;

import dev.shepherd.api.internal.Escaped;
import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** Keys as messages show them. */
final class Shown {

    private static final int MAX_LENGTH = 80;

    private Shown() {}

    static String key(String key) {
        return Escaped.quoted(key, MAX_LENGTH);
    }

    static String text(String text) {
        return Escaped.text(text, 2 * MAX_LENGTH);
    }

    /** Says which keys there are instead of one that there is not, the one that may be meant first. */
    static String instead(String wrong, Collection<String> known) {
        return nearest(wrong, known).map(key -> "; did you mean " + key + "?").orElse("") + " Known here: "
                + String.join(", ", known);
    }

    private static Optional<String> nearest(String wrong, Collection<String> known) {
        String word = kebab(wrong);
        int most = Math.max(1, Math.min(word.length(), 30) / 3);
        return known.stream()
                .min(Comparator.comparingInt(key -> distance(word, key)))
                .filter(key -> distance(word, key) <= most);
    }

    /** Returns the key of a setting: {@code maxShare} is {@code max-share}. */
    static String kebab(String name) {
        return name.replaceAll("(?<=[a-z])(?=[A-Z])", "-").replace('_', '-').toLowerCase(Locale.ROOT);
    }

    /** Counts how many letters must be put in, taken away or changed. */
    private static int distance(String one, String other) {
        if (one.length() > 2 * MAX_LENGTH) {
            return one.length();
        }
        int[] before = new int[other.length() + 1];
        for (int j = 0; j <= other.length(); j++) {
            before[j] = j;
        }
        for (int i = 1; i <= one.length(); i++) {
            int[] row = new int[other.length() + 1];
            row[0] = i;
            for (int j = 1; j <= other.length(); j++) {
                int changed = before[j - 1] + (one.charAt(i - 1) == other.charAt(j - 1) ? 0 : 1);
                row[j] = Math.min(changed, 1 + Math.min(before[j], row[j - 1]));
            }
            before = row;
        }
        return before[other.length()];
    }
}
