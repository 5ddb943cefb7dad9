package dev.shepherd.api;

import dev.shepherd.api.internal.Escaped;
import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The rules of labels: keys and values on a machine, such as {@code rack} and {@code 7}, by which machines are selected
 * ({@link Selector}). They are those of Kubernetes, so that a label of one may be used in the other.
 *
 * <ul>
 *   <li>A key is a name of 1 to {@value #LONGEST_NAME} characters: ASCII letters and digits, and between them {@code -},
 *       {@code _} and {@code .}. A prefix and a {@code /} may stand before it: names of lower-case letters, digits and
 *       {@code -} with dots between them, {@value #LONGEST_PREFIX} characters at most, such as {@code example.com/rack}.
 *   <li>A value is empty, or like a name.
 *   <li>A machine has at most {@value #MOST} labels from its provider, and as many from others.
 * </ul>
 */
public final class Labels {

    /** The most labels of a machine from one side. */
    public static final int MOST = 64;

    /** The longest name of a key, and the longest value, in characters. */
    public static final int LONGEST_NAME = 63;

    /** The longest prefix of a key, in characters. */
    public static final int LONGEST_PREFIX = 253;

    /** How much of a text that breaks a rule is shown. */
    private static final int SHOWN = 80;

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?");
    private static final Pattern PREFIX =
            Pattern.compile("[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*");

    private Labels() {}

    /**
     * Copies labels, in the order of their keys.
     *
     * @return an unmodifiable map
     * @throws IllegalArgumentException if a label breaks a rule, or if there are too many
     */
    public static Map<String, String> copyOf(Map<String, String> labels) {
        if (labels.isEmpty()) {
            return Map.of();
        }
        if (labels.size() > MOST) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "a machine has at most %d labels, not %d", MOST, labels.size()));
        }
        Map<String, String> sorted = new TreeMap<>();
        labels.forEach((key, value) -> {
            problem(key, value).ifPresent(why -> {
                throw new IllegalArgumentException(why);
            });
            sorted.put(key, value);
        });
        return Collections.unmodifiableMap(sorted);
    }

    /** Says which rule a label breaks, in words; empty if none. */
    public static Optional<String> problem(@Nullable String key, @Nullable String value) {
        return problemOfKey(key).or(() -> problemOfValue(key, value));
    }

    /** Says which rule the key of a label breaks, in words; empty if none. */
    public static Optional<String> problemOfKey(@Nullable String key) {
        if (key == null) {
            return Optional.of("a label has no key");
        }
        int slash = key.indexOf('/');
        String name = key.substring(slash + 1);
        if (slash >= 0 && !isWithin(PREFIX, key.substring(0, slash), LONGEST_PREFIX)) {
            return Optional.of(String.format(
                    Locale.ROOT,
                    "the label key %s has a prefix that is not 1 to %d lower-case letters, digits and -, with dots"
                            + " between",
                    Escaped.quoted(key, SHOWN),
                    LONGEST_PREFIX));
        }
        if (!isWithin(NAME, name, LONGEST_NAME)) {
            return Optional.of(String.format(
                    Locale.ROOT,
                    "the label key %s has a name that is not 1 to %d letters, digits, -, _ and ., with a letter or a"
                            + " digit at both ends",
                    Escaped.quoted(key, SHOWN),
                    LONGEST_NAME));
        }
        return Optional.empty();
    }

    /** Says which rule the value of a label breaks, in words; empty if none. */
    static Optional<String> problemOfValue(@Nullable String key, @Nullable String value) {
        if (value == null) {
            return Optional.of("the label " + key + " has no value");
        }
        if (!value.isEmpty() && !isWithin(NAME, value, LONGEST_NAME)) {
            return Optional.of(String.format(
                    Locale.ROOT,
                    "the label %s has the value %s, which is not empty and not 1 to %d letters, digits, -, _ and .,"
                            + " with a letter or a digit at both ends",
                    key,
                    Escaped.quoted(value, SHOWN),
                    LONGEST_NAME));
        }
        return Optional.empty();
    }

    private static boolean isWithin(Pattern pattern, String text, int longest) {
        return text.length() <= longest && pattern.matcher(text).matches();
    }
}
