package dev.shepherd.cli.settings;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What is given, before anyone knows what it means. */
sealed interface Entry {

    /** Returns where it is given. */
    Mark mark();

    /** Says what it is, for people. */
    String what();

    /**
     * A single value.
     *
     * @param value the text; with references in a file's
     * @param folder what relative paths are relative to
     */
    record Text(Mark mark, String value, Path folder) implements Entry {
        @Override
        public String what() {
            return "a single value";
        }
    }

    /** A list. */
    record Items(Mark mark, List<Entry> items) implements Entry {
        @Override
        public String what() {
            return "a list";
        }
    }

    /** Values by their keys, in order. */
    record Table(Mark mark, Map<String, Keyed> entries) implements Entry {

        static Table empty(Mark mark) {
            return new Table(mark, Map.of());
        }

        @Override
        public String what() {
            return "keys and values";
        }

        /** Returns the same with what another one gives in its place: key by key, and within tables again. */
        Table overlaidBy(Table other) {
            Map<String, Keyed> all = new LinkedHashMap<>(entries);
            other.entries.forEach((key, over) -> all.merge(
                    key,
                    over,
                    (below, above) -> below.value() instanceof Table one && above.value() instanceof Table two
                            ? new Keyed(above.mark(), one.overlaidBy(two))
                            : above));
            return new Table(mark, all);
        }

        /** Returns the same without what is at a path. */
        Table without(String path) {
            Map<String, Keyed> rest = new LinkedHashMap<>(entries);
            int dot = path.indexOf('.');
            String key = dot < 0 ? path : path.substring(0, dot);
            if (dot < 0) {
                rest.remove(key);
            } else {
                rest.computeIfPresent(
                        key,
                        (same, keyed) -> keyed.value() instanceof Table table
                                ? new Keyed(keyed.mark(), table.without(path.substring(dot + 1)))
                                : keyed);
            }
            return new Table(mark, rest);
        }
    }

    /**
     * A value with where its key is.
     *
     * @param mark where the key is
     */
    record Keyed(Mark mark, Entry value) {}
}
