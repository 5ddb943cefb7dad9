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
 * @param description what it means, for people; a form need not be said again
 * @param form what the value must be beyond its type, if anything; see {@link #between}, {@link #matching} and {@link
 *     #asHttpUrl()}
 */
public record ProviderProperty(
        String name,
        Type type,
        boolean required,
        boolean secret,
        Optional<String> defaultValue,
        String description,
        Optional<Form> form) {

    /**
     * What a value must be beyond its type. {@link ProviderConfig#of} refuses another one by the property's name, before
     * a provider is made.
     *
     * @param words what that is, as a message says it after "must be": {@code from 1ms to 10m}
     * @param least the text of the smallest value, where there is a range
     * @param most the text of the largest value, where there is a range
     * @param regex what the whole text must match, where it is not a range
     */
    public record Form(String words, Optional<String> least, Optional<String> most, Optional<String> regex) {

        /** Checks a value that has been read from a text. The message does not contain the text. */
        void check(Type type, String text, Object value) {
            boolean within = least.map(bound -> type.compare(value, type.parse(bound)) >= 0)
                            .orElse(true)
                    && most.map(bound -> type.compare(value, type.parse(bound)) <= 0)
                            .orElse(true)
                    && regex.map(text.strip()::matches).orElse(true);
            if (!within) {
                throw new IllegalArgumentException("must be " + words);
            }
        }
    }

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

        /** Compares two values of this type, which is one that has an order. */
        int compare(Object a, Object b) {
            return switch (this) {
                case INTEGER -> Integer.compare((Integer) a, (Integer) b);
                case DURATION -> ((Duration) a).compareTo((Duration) b);
                case STRING, BOOLEAN, URI, PATH ->
                    throw new IllegalArgumentException("has the type " + this + ", which has no range");
            };
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

    /** A host, perhaps with a port and a path: no user, whose password would show in messages, no query, no fragment. */
    private static final String HTTP_URL = "(?i)https?://([a-z0-9.-]+|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?(/[^?#\\s]*)?";

    private static final Pattern SIMPLE_DURATION = Pattern.compile("(\\d+)\\s*(ms|s|m|h|d)");

    /**
     * Checks the description.
     *
     * @throws IllegalArgumentException if the name is malformed, the description blank, a required or secret
     *     property has a default, the default or a bound cannot be read as its type, a type without an order has a range,
     *     or the default does not have the form
     */
    public ProviderProperty {
        Objects.requireNonNull(type, "type");
        Objects.requireNonNull(defaultValue, "defaultValue");
        Objects.requireNonNull(form, "form");
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
        try {
            if (form.isPresent() && form.get().least().isPresent()) {
                Form range = form.get();
                range.check(type, "", type.parse(range.least().get()));
            }
            defaultValue.ifPresent(text -> parse(type, form, text));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "the default or the range of property " + name + " " + e.getMessage(), e);
        }
    }

    /**
     * Reads the text of a value.
     *
     * @throws IllegalArgumentException if it cannot be read as the type, or does not have the form; the message does not
     *     contain the text
     */
    Object parse(String text) {
        return parse(type, form, text);
    }

    private static Object parse(Type type, Optional<Form> form, String text) {
        Object value = type.parse(text);
        form.ifPresent(required -> required.check(type, text, value));
        return value;
    }

    /** Describes a property that must be given. */
    public static ProviderProperty required(String name, Type type, String description) {
        return new ProviderProperty(name, type, true, false, Optional.empty(), description, Optional.empty());
    }

    /** Describes a property that may be left out; with a null default it then has no value. */
    public static ProviderProperty optional(String name, Type type, @Nullable String defaultValue, String description) {
        return new ProviderProperty(
                name, type, false, false, Optional.ofNullable(defaultValue), description, Optional.empty());
    }

    /** Returns the same property, marked as one whose value must never be shown. */
    public ProviderProperty asSecret() {
        return new ProviderProperty(name, type, required, true, defaultValue, description, form);
    }

    /**
     * Returns the same property, of which other values are refused by name.
     *
     * @param least the text of the smallest value, for {@link Type#INTEGER} or {@link Type#DURATION}: {@code 1ms}
     * @param most the text of the largest value: {@code 10m}
     */
    public ProviderProperty between(String least, String most) {
        return with(new Form("from " + least + " to " + most, Optional.of(least), Optional.of(most), Optional.empty()));
    }

    /**
     * Returns the same property, of which other texts are refused by name.
     *
     * @param regex what the whole text must match, without blanks at its ends
     * @param words what such a text is, as a message says it after "must be": {@code a UUID}
     */
    public ProviderProperty matching(String regex, String words) {
        Pattern.compile(regex);
        return with(new Form(words, Optional.empty(), Optional.empty(), Optional.of(regex)));
    }

    /**
     * Returns the same property, of type {@link Type#URI}, of which all but {@code http:} and {@code https:} URLs of a host
     * are refused by name: with a port and a path or without, never with a user, a query or a fragment.
     */
    public ProviderProperty asHttpUrl() {
        if (type != Type.URI) {
            throw new IllegalArgumentException("property " + name + " is a " + type + ", not a " + Type.URI);
        }
        return matching(
                HTTP_URL, "an http: or https: URL of a host and perhaps a path, without user, query and fragment");
    }

    private ProviderProperty with(Form other) {
        return new ProviderProperty(name, type, required, secret, defaultValue, description, Optional.of(other));
    }
}
