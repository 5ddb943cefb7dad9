package dev.shepherd.api;

import java.util.Locale;
import java.util.Objects;

/**
 * A provider's own name for one of its machines: opaque, stable for as long as the machine exists,
 * and unique within one provider instance.
 *
 * <p>It need not be a UUID. Providers that list machines which have no id yet (a free hardware
 * reservation, say) use {@link #INVALID} for them.
 *
 * @param value the text of the id: 1 to {@value #MAX_LENGTH} characters, not blank, without control
 *     characters
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
     *     characters, or contains a control character
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
                    value.substring(0, 32)));
        }
        // A plain loop: a listing makes a million of these.
        for (int i = 0; i < value.length(); i++) {
            if (Character.isISOControl(value.charAt(i))) {
                throw new IllegalArgumentException("a provider id must not contain control characters");
            }
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

    /** Returns the bare value, as it appears in logs and in the database. */
    @Override
    public String toString() {
        return value;
    }
}
