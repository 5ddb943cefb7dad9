package dev.shepherd.cli.internal;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads spans of time as people write them: {@code 90}, {@code 90s}, {@code 15m}, {@code 2h}, {@code 1d}. */
public final class SpanConverter implements ITypeConverter<Duration> {

    private static final Pattern PATTERN = Pattern.compile("(\\d{1,9})([smhd]?)");

    @Override
    public Duration convert(String text) {
        Matcher matcher = PATTERN.matcher(text);
        if (!matcher.matches()) {
            throw new TypeConversionException(
                    "'" + text + "' is no span of time: write seconds, or a number followed by s, m, h or d");
        }
        long number = Long.parseLong(matcher.group(1));
        return switch (matcher.group(2)) {
            case "m" -> Duration.ofMinutes(number);
            case "h" -> Duration.ofHours(number);
            case "d" -> Duration.ofDays(number);
            default -> Duration.ofSeconds(number);
        };
    }
}
