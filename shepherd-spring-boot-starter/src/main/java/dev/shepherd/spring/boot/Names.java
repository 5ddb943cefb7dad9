package dev.shepherd.spring.boot;

import dev.shepherd.api.ProviderProperty;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Boot's relaxed names, where keys of a map are names that it does not know. */
final class Names {

    private Names() {}

    /** Returns what all forms of a name have in common: {@code api-token}, {@code apiToken} and {@code API_TOKEN}. */
    static String uniform(String name) {
        return name.replaceAll("[^\\p{Alnum}]", "").toLowerCase(Locale.ROOT);
    }

    /**
     * Writes names as a provider has them. Of two forms of one name the first counts, which comes from the source that
     * precedes the other; what no property is named stays as it is, to be refused.
     */
    static Map<String, String> asKnown(Map<String, String> given, List<ProviderProperty> known) {
        Map<String, String> names = new LinkedHashMap<>();
        known.forEach(property -> names.put(uniform(property.name()), property.name()));
        Map<String, String> written = new LinkedHashMap<>();
        given.forEach((name, value) -> written.putIfAbsent(names.getOrDefault(uniform(name), name), value));
        return written;
    }
}
