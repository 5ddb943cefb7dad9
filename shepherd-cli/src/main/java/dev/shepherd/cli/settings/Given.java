package dev.shepherd.cli.settings;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What the options of a command give, by the paths of the settings that they set. */
public final class Given {

    private static final Path FOLDER = Path.of("");

    private final Map<String, String> options = new HashMap<>();
    private final List<String> replaced = new ArrayList<>();
    private Entry.Table table = Entry.Table.empty(Mark.ofOption(""));

    /**
     * Gives a setting a value.
     *
     * @param path the setting: the key in a file, with those that it is below
     * @param value null if the option is not given
     */
    public void put(String path, String option, @Nullable Object value) {
        options.put(path, option);
        if (value != null) {
            Mark mark = Mark.ofOption(option);
            add(path, mark, new Entry.Text(mark, String.valueOf(value), FOLDER));
        }
    }

    /** Does the same with a span of time, which is in seconds if it has no unit. */
    public void putSpan(String path, String option, @Nullable String value) {
        put(path, option, value != null && value.matches("-?\\d+") ? value + "s" : value);
    }

    /** Does the same with several values. */
    public void putAll(String path, String option, List<String> values) {
        options.put(path, option);
        if (!values.isEmpty()) {
            Mark mark = Mark.ofOption(option);
            List<Entry> items = new ArrayList<>();
            values.forEach(value -> items.add(new Entry.Text(mark, value, FOLDER)));
            add(path, mark, new Entry.Items(mark, items));
        }
    }

    /** Says that what a file has at a path does not count beside what is given. */
    public void replace(String path) {
        replaced.add(path);
    }

    private void add(String path, Mark mark, Entry value) {
        int dot = path.lastIndexOf('.');
        if (dot < 0) {
            table = table.overlaidBy(single(mark, path, value));
        } else {
            add(path.substring(0, dot), mark, single(mark, path.substring(dot + 1), value));
        }
    }

    private static Entry.Table single(Mark mark, String key, Entry value) {
        Map<String, Entry.Keyed> entries = new LinkedHashMap<>();
        entries.put(key, new Entry.Keyed(mark, value));
        return new Entry.Table(mark, entries);
    }

    /** Returns the options of the command, by the paths of the settings that they set. */
    Map<String, String> options() {
        return options;
    }

    /** Lays what is given over what a file has. */
    Entry.Table over(Entry.Table file) {
        Entry.Table rest = file;
        for (String path : replaced) {
            rest = rest.without(path);
        }
        return rest.overlaidBy(table);
    }
}
