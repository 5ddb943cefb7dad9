package dev.shepherd.web.http;

import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.StringJoiner;

/** The parameters of a URL or of a form. Immutable. */
public final class Query {

    private static final int MOST = 50;

    private final Map<String, String> values;

    private Query(Map<String, String> values) {
        this.values = values;
    }

    /**
     * Reads parameters as browsers write them.
     *
     * @throws BadRequestException if there are more than 50, or one cannot be decoded
     */
    public static Query parse(String text) {
        Map<String, String> values = new LinkedHashMap<>();
        if (text.isEmpty()) {
            return new Query(values);
        }
        String[] pairs = text.split("&", MOST + 1);
        if (pairs.length > MOST) {
            throw new BadRequestException("there are more than " + MOST + " parameters");
        }
        for (String pair : pairs) {
            int equal = pair.indexOf('=');
            String name = decode(equal < 0 ? pair : pair.substring(0, equal));
            String value = equal < 0 ? "" : decode(pair.substring(equal + 1));
            if (!name.isEmpty()) {
                values.putIfAbsent(name, value);
            }
        }
        return new Query(values);
    }

    /** Makes parameters of values. */
    public static Query ofValues(Map<String, String> values) {
        return new Query(new LinkedHashMap<>(values));
    }

    private static String decode(String text) {
        try {
            String decoded = URLDecoder.decode(text, StandardCharsets.UTF_8);
            if (decoded.indexOf('\0') >= 0) {
                throw new BadRequestException("a parameter has a NUL");
            }
            return decoded;
        } catch (IllegalArgumentException e) {
            throw new BadRequestException("a parameter is not encoded as one");
        }
    }

    /** Returns a parameter without blanks around it; empty if it is not there, or blank. */
    public Optional<String> get(String name) {
        return Optional.ofNullable(values.get(name)).map(String::strip).filter(value -> !value.isEmpty());
    }

    /** Tells whether a parameter is there, blank or not. */
    public boolean has(String name) {
        return values.containsKey(name);
    }

    /** Writes parameters; those that are blank are left out. */
    public static String of(Map<String, String> values) {
        StringJoiner text = new StringJoiner("&");
        values.forEach((name, value) -> {
            if (!value.isEmpty()) {
                text.add(URLEncoder.encode(name, StandardCharsets.UTF_8) + "="
                        + URLEncoder.encode(value, StandardCharsets.UTF_8));
            }
        });
        return text.toString();
    }
}
