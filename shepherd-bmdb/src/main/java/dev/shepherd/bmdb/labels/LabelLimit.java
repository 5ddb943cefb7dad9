package dev.shepherd.bmdb.labels;

import dev.shepherd.api.Selector;
import dev.shepherd.api.Selector.Term;
import dev.shepherd.api.internal.Escaped;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How many machines may be in recovery at once of those that a label makes one group, such as the members of a cluster that
 * survives the loss of one. Machines are counted wherever they stand: at one provider or several. Immutable.
 *
 * <p>Its text, which {@link #parse} reads, is one of
 *
 * <ul>
 *   <li>{@code 1 of raft-group}: one for each value of the label. Machines without it have no such limit.
 *   <li>{@code 2 of raft-group=17}, or {@code 2 of} any other {@link Selector} than a key alone: two of all that it selects.
 * </ul>
 */
public final class LabelLimit {

    /** The largest limit. */
    public static final int MOST = 1_000_000;

    private static final Pattern TEXT = Pattern.compile("\\s*(\\d{1,7})\\s+of\\s+(.*)", Pattern.DOTALL);

    private final int machines;
    private final Selector selector;

    private LabelLimit(int machines, Selector selector) {
        if (machines < 1 || machines > MOST) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "a limit is from 1 to %d machines, not %d", MOST, machines));
        }
        this.machines = machines;
        this.selector = Objects.requireNonNull(selector, "selector");
    }

    /**
     * Limits the machines of each value of a label.
     *
     * @param machines how many may be in recovery at once, 1 to {@value #MOST}
     * @param key the key of the label
     * @throws IllegalArgumentException if the number is out of its range, or the key is none
     */
    public static LabelLimit ofEachValue(int machines, String key) {
        return new LabelLimit(machines, Selector.of(List.of(new Term(key, List.of(), true))));
    }

    /**
     * Limits the machines that a selector selects.
     *
     * @param machines how many may be in recovery at once, 1 to {@value #MOST}
     * @param selector which machines; one that is a key alone means each of its values, as {@link #ofEachValue} does
     * @throws IllegalArgumentException if the number is out of its range
     */
    public static LabelLimit of(int machines, Selector selector) {
        return new LabelLimit(machines, selector);
    }

    /**
     * Reads a limit.
     *
     * @throws IllegalArgumentException if it is none; says what is wrong
     */
    public static LabelLimit parse(String text) {
        Matcher matcher = TEXT.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("a limit is a number, \"of\" and a label's key or a selector, such as"
                    + " \"1 of raft-group\", not " + Escaped.quoted(text, 100));
        }
        return new LabelLimit(Integer.parseInt(matcher.group(1)), Selector.parse(matcher.group(2)));
    }

    /** Returns how many machines of a group may be in recovery at once. */
    public int machines() {
        return machines;
    }

    /** Returns which machines it concerns. */
    public Selector selector() {
        return selector;
    }

    /** Tells whether each value of a label is a group of its own. */
    public boolean isOfEachValue() {
        return selector.terms().size() == 1 && isKeyAlone(selector.terms().get(0));
    }

    private static boolean isKeyAlone(Term term) {
        return term.wanted() && term.values().isEmpty();
    }

    /**
     * Returns the group that a machine is in, as a selector of it; empty if the limit does not concern the machine.
     *
     * @param labels the machine's labels
     */
    public Optional<Selector> group(Map<String, String> labels) {
        if (!selector.matches(labels)) {
            return Optional.empty();
        }
        String key = selector.terms().get(0).key();
        return Optional.of(isOfEachValue() ? Selector.of(key, Objects.requireNonNull(labels.get(key))) : selector);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof LabelLimit limit && limit.machines == machines && limit.selector.equals(selector);
    }

    @Override
    public int hashCode() {
        return Objects.hash(machines, selector);
    }

    /** Returns its text, such as {@code 1 of raft-group}. */
    @Override
    public String toString() {
        return machines + " of " + selector;
    }
}
