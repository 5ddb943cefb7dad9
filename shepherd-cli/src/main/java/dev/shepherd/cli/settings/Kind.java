package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.settings.ListenAddress;
import dev.shepherd.bmdb.labels.LabelLimit;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * How the text of a value is read.
 *
 * @param words what such a value is, as a message says it after "must be"
 * @param reader reads it; throws an {@link IllegalArgumentException} if it is none, or a {@link ConfigurationException}
 *     that says more
 */
public record Kind<T>(String words, Reader<T> reader) {

    /** Reads a text. */
    @FunctionalInterface
    public interface Reader<T> {
        T read(Value value);
    }

    /**
     * A text that is read.
     *
     * @param name the option or the key
     * @param folder what relative paths are relative to
     */
    public record Value(String name, String text, Path folder) {}

    private static final Pattern SPAN = Pattern.compile("(\\d{1,12}) ?(ms|s|m|h|d)");
    private static final Pattern BYTES = Pattern.compile("(\\d{1,18}) ?(|KiB|MiB|GiB|TiB)");

    public static final Kind<String> TEXT = new Kind<>("a text that is not blank", value -> {
        require(!value.text.isBlank() && value.text.chars().noneMatch(Character::isISOControl));
        return value.text;
    });

    public static final Kind<Integer> COUNT =
            new Kind<>("a whole number", value -> Integer.parseInt(value.text.strip()));

    public static final Kind<Double> NUMBER = new Kind<>("a number such as 0.2", value -> {
        double number = Double.parseDouble(value.text.strip());
        require(Double.isFinite(number) && !value.text.matches(".*[dDfFxX].*"));
        return number;
    });

    public static final Kind<Boolean> SWITCH = new Kind<>("true or false", value -> {
        require(value.text.equals("true") || value.text.equals("false"));
        return Boolean.parseBoolean(value.text);
    });

    public static final Kind<Duration> SPAN_OF_TIME =
            new Kind<>("a span of time such as 500ms, 90s, 15m, 2h or 1d", value -> {
                Matcher matcher = SPAN.matcher(value.text.strip());
                require(matcher.matches());
                long number = Long.parseLong(matcher.group(1));
                return switch (matcher.group(2)) {
                    case "ms" -> Duration.ofMillis(number);
                    case "s" -> Duration.ofSeconds(number);
                    case "m" -> Duration.ofMinutes(number);
                    case "h" -> Duration.ofHours(number);
                    default -> Duration.ofDays(number);
                };
            });

    public static final Kind<Long> SIZE = new Kind<>("a number of bytes such as 65536, 64KiB, 16MiB or 1GiB", value -> {
        Matcher matcher = BYTES.matcher(value.text.strip());
        require(matcher.matches());
        long number = Long.parseLong(matcher.group(1));
        int shift = switch (matcher.group(2)) {
            case "KiB" -> 10;
            case "MiB" -> 20;
            case "GiB" -> 30;
            case "TiB" -> 40;
            default -> 0;
        };
        require(number <= Long.MAX_VALUE >> shift);
        return number << shift;
    });

    /** Where the builder takes fewer bytes than {@link #SIZE} can say. */
    public static final Kind<Integer> SMALL_SIZE =
            new Kind<>("a number of bytes below 2GiB, such as 65536, 64KiB or 16MiB", value -> {
                long bytes = SIZE.reader.read(value);
                require(bytes <= Integer.MAX_VALUE);
                return (int) bytes;
            });

    public static final Kind<Path> FILE = new Kind<>("a path", value -> {
        require(!value.text.isBlank());
        return value.folder.resolve(value.text);
    });

    public static final Kind<byte[]> CONTENT =
            new Kind<>("the path of a file", value -> OptionFile.bytes(value.name, FILE.reader.read(value)));

    public static final Kind<InetSocketAddress> LISTEN =
            new Kind<>("a port from 1 to 65535 or HOST:PORT", value -> ListenAddress.of(value.name, value.text));

    public static final Kind<InetAddress> ADDRESS = new Kind<>("the address of a host", value -> {
        try {
            return InetAddress.getByName(value.text);
        } catch (UnknownHostException e) {
            throw new ConfigurationException(value.name, value.name + ": there is no host " + value.text, e);
        }
    });

    public static final Kind<ProviderType> TYPE = new Kind<>("the name of a provider", value -> {
        try {
            return new ProviderType(value.text);
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException(value.name, value.name + ": " + e.getMessage(), e);
        }
    });

    public static final Kind<LabelLimit> LABEL_LIMIT = new Kind<>("a limit such as 1 of raft-group", value -> {
        try {
            return LabelLimit.parse(value.text);
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException(value.name, value.name + ": " + e.getMessage(), e);
        }
    });

    /** One of the constants of an enum, in lower case, with dashes. */
    public static <E extends Enum<E>> Kind<E> choice(Class<E> type) {
        String all = Arrays.stream(type.getEnumConstants())
                .map(one -> Shown.kebab(one.name()))
                .collect(Collectors.joining(", "));
        return new Kind<>(
                "one of " + all,
                value -> Arrays.stream(type.getEnumConstants())
                        .filter(one -> Shown.kebab(one.name()).equals(value.text))
                        .findFirst()
                        .orElseThrow(IllegalArgumentException::new));
    }

    private static void require(boolean valid) {
        if (!valid) {
            throw new IllegalArgumentException();
        }
    }

    /** Writes a value as it would be in a file; empty where there is none. */
    static Optional<String> text(Object value) {
        if (value instanceof Optional<?> optional) {
            return optional.flatMap(Kind::text);
        }
        if (value instanceof OptionalInt optional) {
            return optional.isPresent() ? Optional.of(String.valueOf(optional.getAsInt())) : Optional.empty();
        }
        if (value instanceof Collection<?> several) {
            return several.isEmpty() ? Optional.empty() : Optional.of(several.toString());
        }
        if (value instanceof Duration span) {
            return Optional.of(span(span));
        }
        if (value instanceof Enum<?> constant) {
            return Optional.of(Shown.kebab(constant.name()));
        }
        return Optional.of(String.valueOf(value)).filter(text -> !text.isEmpty());
    }

    private static String span(Duration span) {
        long millis = span.toMillis();
        if (millis % 1000 != 0) {
            return millis + "ms";
        }
        long seconds = millis / 1000;
        if (seconds == 0 || seconds % 60 != 0) {
            return seconds + "s";
        }
        if (seconds % 3600 != 0) {
            return seconds / 60 + "m";
        }
        return seconds % 86_400 == 0 ? seconds / 86_400 + "d" : seconds / 3600 + "h";
    }
}
