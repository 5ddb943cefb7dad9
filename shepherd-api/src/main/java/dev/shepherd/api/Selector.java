package dev.shepherd.api;

import dev.shepherd.api.internal.Escaped;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Selects machines by their labels, as selectors of Kubernetes do. A machine is selected if all terms hold:
 *
 * <table>
 *   <caption>Terms</caption>
 *   <tr><td>{@code rack=7}</td><td>it has this label ({@code ==} is the same)</td></tr>
 *   <tr><td>{@code tier!=db}</td><td>it has not; one without a label {@code tier} is selected too</td></tr>
 *   <tr><td>{@code rack in (7,8)}</td><td>it has one of these labels</td></tr>
 *   <tr><td>{@code rack notin (7,8)}</td><td>it has none of them</td></tr>
 *   <tr><td>{@code rack}</td><td>it has a label with this key</td></tr>
 *   <tr><td>{@code !rack}</td><td>it has none with this key</td></tr>
 * </table>
 *
 * <p>Terms are separated by commas, such as {@code rack=7,tier!=db}; spaces between words are allowed. Two selectors are
 * equal if their terms are, in the same order. Immutable.
 */
public final class Selector {

    /** The most terms of a selector. */
    public static final int MOST_TERMS = 16;

    /** The most values of a term. */
    public static final int MOST_VALUES = 64;

    /** The longest text of a selector, in characters. */
    public static final int LONGEST = 4000;

    private final List<Term> terms;

    private Selector(List<Term> terms) {
        this.terms = List.copyOf(terms);
    }

    /**
     * One condition: whether a machine has a label with a key and one of some values.
     *
     * @param key the key
     * @param values the values, in order and each once; empty for any
     * @param wanted whether machines with such a label are selected; otherwise all the others are
     */
    public record Term(String key, List<String> values, boolean wanted) {

        /**
         * Checks and copies.
         *
         * @throws IllegalArgumentException if the key or a value breaks a rule of {@link Labels}, or if there are too
         *     many values
         */
        public Term {
            if (values.size() > MOST_VALUES) {
                throw new IllegalArgumentException(
                        String.format(Locale.ROOT, "a term has at most %d values, not %d", MOST_VALUES, values.size()));
            }
            refuse(Labels.problemOfKey(key));
            for (String value : values) {
                refuse(Labels.problemOfValue(key, value));
            }
            values = List.copyOf(new TreeSet<>(values));
        }

        private static void refuse(Optional<String> problem) {
            problem.ifPresent(why -> {
                throw new IllegalArgumentException(why);
            });
        }

        /** Tells whether it holds of a machine with these labels. */
        public boolean matches(Map<String, String> labels) {
            String value = labels.get(key);
            return (value != null && (values.isEmpty() || values.contains(value))) == wanted;
        }

        @Override
        public String toString() {
            return switch (values.size()) {
                case 0 -> (wanted ? "" : "!") + key;
                case 1 -> key + (wanted ? "=" : "!=") + values.get(0);
                default -> key + (wanted ? " in (" : " notin (") + String.join(",", values) + ")";
            };
        }
    }

    /**
     * Makes a selector.
     *
     * @throws IllegalArgumentException if there is no term, or too many, or if its text would be too long
     */
    public static Selector of(Collection<Term> terms) {
        if (terms.isEmpty() || terms.size() > MOST_TERMS) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "a selector has 1 to %d terms, not %d", MOST_TERMS, terms.size()));
        }
        Selector selector = new Selector(List.copyOf(terms));
        int length = selector.toString().length();
        if (length > LONGEST) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "a selector has at most %d characters, not %d", LONGEST, length));
        }
        return selector;
    }

    /** Selects the machines that have a label. */
    public static Selector of(String key, String value) {
        return of(List.of(new Term(key, List.of(value), true)));
    }

    /**
     * Reads a selector.
     *
     * @throws IllegalArgumentException if it is none; says what is wrong, and at which character
     */
    public static Selector parse(String text) {
        if (text.length() > LONGEST) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "a selector has at most %d characters, not %d", LONGEST, text.length()));
        }
        return of(new Parser(text).terms());
    }

    /** Returns the terms, in the order in which they were given. */
    public List<Term> terms() {
        return terms;
    }

    /** Tells whether a machine with these labels is selected. */
    public boolean matches(Map<String, String> labels) {
        return terms.stream().allMatch(term -> term.matches(labels));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Selector selector && selector.terms.equals(terms);
    }

    @Override
    public int hashCode() {
        return Objects.hash(terms);
    }

    /** Returns its text, which {@link #parse} reads. */
    @Override
    public String toString() {
        return terms.stream().map(Term::toString).collect(Collectors.joining(","));
    }

    /** Reads a text from left to right. */
    private static final class Parser {
        private final String text;
        private int at;

        Parser(String text) {
            this.text = text;
        }

        List<Term> terms() {
            List<Term> terms = new ArrayList<>();
            do {
                if (terms.size() == MOST_TERMS) {
                    throw wrong("the end: a selector has at most " + MOST_TERMS + " terms");
                }
                terms.add(term());
            } while (takes(","));
            if (at < text.length()) {
                throw wrong("a comma or the end");
            }
            return terms;
        }

        private Term term() {
            boolean isNegated = takes("!");
            int start = skipSpaces();
            String key = word();
            if (key.isEmpty()) {
                throw wrong("the key of a label");
            }
            if (isNegated) {
                return made(start, key, List.of(), false);
            }
            if (takes("!=")) {
                return made(start, key, List.of(value()), false);
            }
            if (takes("==") || takes("=")) {
                return made(start, key, List.of(value()), true);
            }
            int afterKey = at;
            String word = word();
            if (word.equals("in") || word.equals("notin")) {
                return made(start, key, values(), word.equals("in"));
            }
            at = afterKey;
            return made(start, key, List.of(), true);
        }

        private Term made(int start, String key, List<String> values, boolean wanted) {
            try {
                return new Term(key, values, wanted);
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(
                        String.format(Locale.ROOT, "%s, at character %d of the selector", e.getMessage(), start + 1),
                        e);
            }
        }

        /** An empty one is a value too. */
        private String value() {
            return word();
        }

        private List<String> values() {
            if (!takes("(")) {
                throw wrong("( and values");
            }
            List<String> values = new ArrayList<>();
            do {
                if (values.size() == MOST_VALUES) {
                    throw wrong("): a term has at most " + MOST_VALUES + " values");
                }
                values.add(value());
            } while (takes(","));
            if (!takes(")")) {
                throw wrong("a comma or )");
            }
            return values;
        }

        private boolean takes(String sign) {
            skipSpaces();
            boolean is = text.startsWith(sign, at);
            at += is ? sign.length() : 0;
            skipSpaces();
            return is;
        }

        private String word() {
            int start = skipSpaces();
            while (at < text.length() && " \t,=!()".indexOf(text.charAt(at)) < 0) {
                at++;
            }
            String word = text.substring(start, at);
            skipSpaces();
            return word;
        }

        private int skipSpaces() {
            while (at < text.length() && (text.charAt(at) == ' ' || text.charAt(at) == '\t')) {
                at++;
            }
            return at;
        }

        private IllegalArgumentException wrong(String expected) {
            String found = at < text.length() ? Escaped.quoted(text.substring(at), 20) : "the end";
            return new IllegalArgumentException(String.format(
                    Locale.ROOT, "at character %d of the selector there is %s instead of %s", at + 1, found, expected));
        }
    }
}
