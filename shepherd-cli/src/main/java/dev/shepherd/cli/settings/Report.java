package dev.shepherd.cli.settings;

import dev.shepherd.api.internal.Escaped;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Prints settings as a file could have them, each with where it comes from. */
final class Report {

    private static final int ORIGIN_COLUMN = 60;

    private final PrintWriter out;

    Report(PrintWriter out) {
        this.out = out;
    }

    /** Prints settings by their paths, in the order of the catalogue. */
    void section(Map<String, Reading.Effect> effects, String indent) {
        List<String> order = order();
        Map<Integer, String> sorted = new TreeMap<>();
        effects.keySet().forEach(path -> {
            int place = order.indexOf(path);
            sorted.put(place < 0 ? order.size() + sorted.size() : place, path);
        });
        List<String> before = List.of();
        for (String path : sorted.values()) {
            List<String> words = List.of(path.split("\\.", -1));
            int same = 0;
            while (same < words.size() - 1
                    && same < before.size() - 1
                    && words.get(same).equals(before.get(same))) {
                same++;
            }
            for (int i = same; i < words.size() - 1; i++) {
                out.println(indent + "  ".repeat(i) + words.get(i) + ":");
            }
            Reading.Effect effect = effects.get(path);
            if (effect != null) {
                line(indent + "  ".repeat(words.size() - 1) + words.get(words.size() - 1) + ":", effect);
            }
            before = words;
        }
    }

    /** Prints a provider with what it has of its own. */
    void provider(ProviderEntry provider, Map<String, Reading.Effect> effects) {
        line("  - kind:", new Reading.Effect(provider.kind(), provider.mark()));
        line("    type:", new Reading.Effect(provider.type().name(), provider.mark()));
        Map<String, Reading.Effect> own = new TreeMap<>(effects);
        own.entrySet().removeIf(effect -> !isOwn(provider, effect.getKey()));
        section(own, "    ");
    }

    private static boolean isOwn(ProviderEntry provider, String path) {
        if (path.startsWith("properties.")) {
            return true;
        }
        Entry entry = provider.overrides();
        for (String key : path.split("\\.", -1)) {
            Entry.@Nullable Keyed keyed =
                    entry instanceof Entry.Table table ? table.entries().get(key) : null;
            if (keyed == null) {
                return false;
            }
            entry = keyed.value();
        }
        return true;
    }

    private void line(String key, Reading.Effect effect) {
        String text = effect.text();
        String line = text == null ? "# " + key : key + " " + Escaped.text(text);
        Mark origin = effect.origin();
        out.println(line + " ".repeat(Math.max(1, ORIGIN_COLUMN - line.length())) + "# "
                + (origin == null ? text == null ? "not set" : "default" : origin));
    }

    private static List<String> order() {
        List<String> order = new ArrayList<>(Sections.OF_PROCESS.keys());
        Sections.all().forEach((name, section) -> section.keys().forEach(key -> order.add(name + "." + key)));
        return order;
    }
}
