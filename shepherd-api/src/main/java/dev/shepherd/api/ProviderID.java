package dev.shepherd.api;

import dev.shepherd.api.internal.Escaped;
import java.util.Locale;
import java.util.Objects;

/**
 * A provider's own name for one of its machines: opaque, stable for as long as the machine exists,
 * and unique within one provider instance.
 *
 * <p>It need not be a UUID. Providers that list machines which have no id yet (a free hardware
 * reservation, say) use {@link #INVALID} for them.
 *
 * @param value the text of the id: 1 to {@value #MAX_LENGTH} characters, not blank, without control characters (line
 *     separators among them) and without half a surrogate pair, which would be another id in the database
 */
public record ProviderID(String value) implements Comparable<ProviderID> {

    /** The longest id the database can hold, in characters (UTF-16 code units). */
    public static final int MAX_LENGTH = 128;

    /** The id of a machine that has none yet. The only id for which {@link #isValid()} is false. */
    public static final ProviderID INVALID = new ProviderID("invalid");

    /**
     * Checks the id.
     *
     * @throws IllegalArgumentException if the value is blank, longer than {@value #MAX_LENGTH}
     *     characters, or contains a control character or half a surrogate pair
     */
    public ProviderID {
        Objects.requireNonNull(value, "value");
        if (value.isBlank()) {
            throw new IllegalArgumentException("a provider id must not be blank");
        }
        if (value.length() > MAX_LENGTH) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "a provider id has at most %d characters, this one has %d: \"%s…\"",
                    MAX_LENGTH,
                    value.length(),
                    Escaped.text(value.substring(0, 32))));
        }
        int refused = Escaped.firstRefused(value);
        if (refused >= 0) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "a provider id must not contain control characters or half a character, U+%04X",
                    refused));
        }
    }

    /** Tells whether this id names a machine; false only for {@link #INVALID}. */
    public boolean isValid() {
        return !equals(INVALID);
    }

    @Override
    public int compareTo(ProviderID other) {
        return value.compareTo(other.value);
    }

    /**
     * Returns the id as logs and messages show it: the {@link #value()}, in which marks that turn the direction of text
     * and characters that cannot be seen are escaped. Compare and store the value, not this.
     */
    @Override
    public String toString() {
        return Escaped.text(value, MAX_LENGTH);
    }
}
