package dev.shepherd.provider.staticlist.list;

import dev.shepherd.api.internal.Escaped;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * The fields that one kind of list has in its entries, beyond those of every list. All are text.
 *
 * @param fields the fields, in the order in which messages name them
 * @param comparison starts the comparison of the entries of one document
 */
public record EntryFields(List<Field> fields, Supplier<Comparison> comparison) {

    /** None. */
    public static final EntryFields NONE = new EntryFields(List.of(), () -> (entry, values) -> {});

    /** Copies the fields. */
    public EntryFields {
        fields = List.copyOf(fields);
        Objects.requireNonNull(comparison, "comparison");
    }

    /**
     * One field.
     *
     * @param key its name, spelled as in the document
     * @param required whether each entry has it
     * @param check returns the value as it is kept; it throws {@link IllegalArgumentException} with what the value must be,
     *     as a message says it after the name of the field
     */
    public record Field(String key, boolean required, UnaryOperator<String> check) {}

    /** Compares each entry with those before it. */
    @FunctionalInterface
    public interface Comparison {

        /**
         * Compares an entry whose fields are each right.
         *
         * @param entry its position, from 1
         * @param values the values of the fields that it has
         * @throws IllegalArgumentException with what is wrong, as a message says it after the place of the entry
         */
        void compare(int entry, Map<String, String> values);
    }

    Optional<Field> field(String key) {
        return fields.stream().filter(field -> field.key().equals(key)).findFirst();
    }

    /** Shows the beginning of a value in a message. */
    public static String quoted(String value) {
        return Escaped.quoted(value, MachineListParser.EXCERPT);
    }
}
