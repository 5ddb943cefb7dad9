package dev.shepherd.api;

import dev.shepherd.api.internal.Escaped;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * The key of one provider <em>instance</em> in the database, such as {@code equinix} or
 * {@code equinix-eu}.
 *
 * <p>Two instances of one kind of provider live side by side under two types. A type is plain text,
 * so a new provider needs no migration; changing the type of a running instance orphans its machines.
 *
 * @param name lower-case letters, digits and single dashes, starting with a letter, at most
 *     {@value #MAX_LENGTH} characters
 */
public record ProviderType(String name) implements Comparable<ProviderType> {

    /** The longest name, in characters. */
    public static final int MAX_LENGTH = 63;

    private static final Pattern PATTERN = Pattern.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*");

    /**
     * Checks the name.
     *
     * @throws IllegalArgumentException if the name does not have the form above
     */
    public ProviderType {
        Objects.requireNonNull(name, "name");
        if (name.length() > MAX_LENGTH || !PATTERN.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    "a provider type is made of lower-case letters, digits and single dashes, starts with a letter"
                            + " and has at most " + MAX_LENGTH + " characters, but this is "
                            + Escaped.quoted(name, 2 * MAX_LENGTH));
        }
    }

    @Override
    public int compareTo(ProviderType other) {
        return name.compareTo(other.name);
    }

    /** Returns the bare name, as it appears in logs and in the database. */
    @Override
    public String toString() {
        return name;
    }
}
