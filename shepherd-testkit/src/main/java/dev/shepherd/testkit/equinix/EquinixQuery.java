package dev.shepherd.testkit.equinix;

import dev.shepherd.testkit.equinix.EquinixProject.Refusal;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The query of a request. */
record EquinixQuery(Map<String, String> parameters) {

    static EquinixQuery parse(String query) {
        Map<String, String> parameters = new LinkedHashMap<>();
        for (String part : query.split("&")) {
            String[] pair = part.split("=", 2);
            if (pair.length == 2) {
                parameters.put(decode(pair[0]), decode(pair[1]));
            }
        }
        return new EquinixQuery(parameters);
    }

    private static String decode(String text) {
        return URLDecoder.decode(text, StandardCharsets.UTF_8);
    }

    Optional<String> text(String name) {
        return Optional.ofNullable(parameters.get(name));
    }

    List<String> list(String name) {
        return text(name).map(text -> List.of(text.split(","))).orElse(List.of());
    }

    boolean matches(String name, @Nullable Object value) {
        return text(name).map(text -> text.equals(value)).orElse(true);
    }

    int number(String name, int whenAbsent, int most) throws Refusal {
        Optional<String> text = text(name);
        if (text.isEmpty()) {
            return whenAbsent;
        }
        try {
            int number = Integer.parseInt(text.get());
            if (number >= 1 && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Refused like a number out of range.
        }
        throw Refusal.unprocessable(name + " must be from 1 to " + most);
    }
}
