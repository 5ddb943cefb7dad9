package dev.shepherd.api;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The description of one property that a {@link ProviderFactory} takes. Immutable.
 *
 * @param name the name: lower-case words joined by dashes or dots, such as {@code api-token}
 * @param type how its text is read
 * @param required whether it must be given; a required property has no default
 * @param secret whether its value must never be shown
 * @param defaultValue the text used when it is not given, if there is one
 * @param description what it means, its unit and range, for people
 */
public record ProviderProperty(
        String name, Type type, boolean required, boolean secret, Optional<String> defaultValue, String description) {

    /** How the text of a property is read. */
    public enum Type {
        /** Any text that is not blank. */
        STRING,
        /** A whole number, as {@link Integer#parseInt} reads it. */
        INTEGER,
        /** {@code true} or {@code false}. */
        BOOLEAN,
        /** A span of time: a whole number with one of the units {@code ms s m h d}, or ISO 8601 ({@code PT30S}). */
        DURATION,
        /** An absolute URI. */
        URI,
        /** A path of this machine's default file system. */
        PATH;

        /**
         * Reads a text as this type.
         *
         * @return a {@link String}, {@link Integer}, {@link Boolean}, {@link Duration}, {@link java.net.URI} or
         *     {@link Path}
         * @throws IllegalArgumentException if it cannot be read so; the message does not contain the text
         */
        Object parse(String text) {
            if (text.isBlank()) {
                throw new IllegalArgumentException("is blank");
            }
            try {
                return switch (this) {
                    case STRING -> text;
                    case INTEGER -> Integer.parseInt(text.strip());
                    case BOOLEAN -> parseBoolean(text.strip());
                    case DURATION -> parseDuration(text.strip());
                    case URI -> parseUri(text.strip());
                    case PATH -> Path.of(text);
                };
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException("is not a whole number");
            } catch (InvalidPathException e) {
                throw new IllegalArgumentException("is not a path");
            }
        }

        private static boolean parseBoolean(String text) {
            return switch (text) {
                case "true" -> true;
                case "false" -> false;
                default -> throw new IllegalArgumentException("is neither true nor false");
            };
        }

        private static URI parseUri(String text) {
            try {
                URI uri = new URI(text);
                if (uri.isAbsolute()) {
                    return uri;
                }
            } catch (URISyntaxException e) {
                // Its message repeats the text, which may be a secret.
            }
            throw new IllegalArgumentException("is not an absolute URI such as https://host/path or file:/path");
        }

        private static Duration parseDuration(String text) {
            try {
                var simple = SIMPLE_DURATION.matcher(text);
                if (!simple.matches()) {
                    return Duration.parse(text);
                }
                long amount = Long.parseLong(simple.group(1));
                return switch (simple.group(2)) {
                    case "ms" -> Duration.ofMillis(amount);
                    case "s" -> Duration.ofSeconds(amount);
                    case "m" -> Duration.ofMinutes(amount);
                    case "h" -> Duration.ofHours(amount);
                    default -> Duration.ofDays(amount);
                };
            } catch (ArithmeticException | NumberFormatException | java.time.format.DateTimeParseException e) {
                throw new IllegalArgumentException("is not a span of time such as 500ms, 30s, 5m, 4h or 1d");
            }
        }
    }

    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9]*([-.][a-z0-9]+)*");
    private static final Pattern SIMPLE_DURATION = Pattern.compile("(\\d+)\\s*(ms|s|m|h|d)");

    /**
     * Checks the description.
     *
     * @throws IllegalArgumentException if the name is malformed, the description blank, a required or secret
     *     property has a default, or the default cannot be read as its type
     */
    public ProviderProperty {
        Objects.requireNonNull(type, "type");
        Objects.requireNonNull(defaultValue, "defaultValue");
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    "a property name is lower-case words joined by dashes or dots, not \"" + name + "\"");
        }
        if (description.isBlank()) {
            throw new IllegalArgumentException("property " + name + " needs a description");
        }
        if (defaultValue.isPresent() && (required || secret)) {
            throw new IllegalArgumentException("property " + name + " is required or secret and so has no default");
        }
        defaultValue.ifPresent(text -> {
            try {
                type.parse(text);
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("the default of property " + name + " " + e.getMessage(), e);
            }
        });
    }

    /** Describes a property that must be given. */
    public static ProviderProperty required(String name, Type type, String description) {
        return new ProviderProperty(name, type, true, false, Optional.empty(), description);
    }

    /** Describes a property that may be left out; with a null default it then has no value. */
    public static ProviderProperty optional(String name, Type type, @Nullable String defaultValue, String description) {
        return new ProviderProperty(name, type, false, false, Optional.ofNullable(defaultValue), description);
    }

    /** Returns the same property, marked as one whose value must never be shown. */
    public ProviderProperty asSecret() {
        return new ProviderProperty(name, type, required, true, defaultValue, description);
    }
}
