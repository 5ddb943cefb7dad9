package dev.shepherd.benchmarks;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** What was measured: names and numbers, in the order in which they were put. Not safe for several threads. */
final class Figures {

    private final Map<String, String> numbers = new LinkedHashMap<>();

    Figures put(String name, long number) {
        numbers.put(name, String.valueOf(number));
        return this;
    }

    Figures put(String name, double number, int decimals) {
        numbers.put(name, String.format(Locale.ROOT, "%." + decimals + "f", number));
        return this;
    }

    /** Says that there is no such number this time. */
    Figures putUnmeasured(String name) {
        numbers.put(name, "null");
        return this;
    }

    String text() {
        return numbers.entrySet().stream()
                .map(figure -> String.format(Locale.ROOT, "  %-18s %12s", figure.getKey(), figure.getValue()))
                .collect(Collectors.joining(System.lineSeparator()));
    }

    String json() {
        return numbers.entrySet().stream()
                .map(figure -> "\"" + figure.getKey() + "\":" + figure.getValue())
                .collect(Collectors.joining(",", "{", "}"));
    }
}
