package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The keys of one settings class: for each, how its text is read, and the builder's method that takes it. A key is the
 * method's name in lower case, with dashes.
 *
 * @param <B> the builder
 * @param <S> what it builds
 */
public final class Section<B, S> {

    private final Supplier<B> start;
    private final Function<B, S> build;
    private final Map<String, Row<B, S>> rows = new LinkedHashMap<>();

    private Section(Supplier<B> start, Function<B, S> build) {
        this.start = start;
        this.build = build;
    }

    static <B, S> Section<B, S> of(Supplier<B> start, Function<B, S> build) {
        return new Section<>(start, build);
    }

    /** A key, and what is done with what it is given. */
    private interface Row<B, S> {

        /** Reads what is given, and sets it. */
        void read(Entry.Keyed given, B builder, Reading reading, String path);

        /** Reports the value that it has where nothing is given. */
        void reportDefault(S settings, Reading reading, String path);

        default Optional<Section<?, ?>> nested() {
            return Optional.empty();
        }
    }

    /**
     * Adds a key with one value.
     *
     * @param usual returns the default of settings that are built without it, or says what it is
     */
    <T> Section<B, S> key(String setting, Kind<T> kind, BiConsumer<B, T> set, Function<S, ?> usual) {
        return add(setting, new Row<>() {
            @Override
            public void read(Entry.Keyed given, B builder, Reading reading, String path) {
                reading.value(given.value(), kind, path).ifPresent(value -> set.accept(builder, value));
            }

            @Override
            public void reportDefault(S settings, Reading reading, String path) {
                reading.reportDefault(path, Kind.text(usual.apply(settings)));
            }
        });
    }

    /** Adds a key whose value is a secret, if that is so of its text. */
    <T> Section<B, S> secret(String setting, Kind<T> kind, BiConsumer<B, T> set, Secrecy secrecy) {
        return add(setting, new Row<>() {
            @Override
            public void read(Entry.Keyed given, B builder, Reading reading, String path) {
                reading.secret(given.value(), kind, path, secrecy).ifPresent(value -> set.accept(builder, value));
            }

            @Override
            public void reportDefault(S settings, Reading reading, String path) {
                reading.reportDefault(path, Optional.empty());
            }
        });
    }

    /** Adds a key with a list of values; one value stands for a list of one. */
    <T> Section<B, S> list(String setting, Kind<T> kind, BiConsumer<B, List<T>> set, Function<S, ?> usual) {
        return add(setting, new Row<>() {
            @Override
            public void read(Entry.Keyed given, B builder, Reading reading, String path) {
                reading.list(given.value(), kind, path).ifPresent(values -> set.accept(builder, values));
            }

            @Override
            public void reportDefault(S settings, Reading reading, String path) {
                reading.reportDefault(path, Kind.text(usual.apply(settings)));
            }
        });
    }

    /** Adds a key with keys of its own. */
    <C, V> Section<B, S> nested(String setting, Section<C, V> section, BiConsumer<B, V> set) {
        return add(setting, new Row<>() {
            @Override
            public void read(Entry.Keyed given, B builder, Reading reading, String path) {
                reading.table(given, path)
                        .flatMap(table -> section.read(table, reading, path))
                        .ifPresent(value -> set.accept(builder, value));
            }

            @Override
            public void reportDefault(S settings, Reading reading, String path) {
                section.read(Entry.Table.empty(Mark.ofOption("")), reading.onlyEffects(), path);
            }

            @Override
            public Optional<Section<?, ?>> nested() {
                return Optional.of(section);
            }
        });
    }

    private Section<B, S> add(String setting, Row<B, S> row) {
        rows.put(Shown.kebab(setting), row);
        return this;
    }

    /** Returns the keys that stand in it. */
    List<String> ownKeys() {
        return List.copyOf(rows.keySet());
    }

    /** Returns the keys, those below others with a dot between. */
    public List<String> keys() {
        List<String> keys = new ArrayList<>();
        rows.forEach((key, row) -> {
            List<String> below = row.nested().map(Section::keys).orElse(List.of());
            keys.addAll(
                    below.isEmpty()
                            ? List.of(key)
                            : below.stream().map(one -> key + "." + one).toList());
        });
        return keys;
    }

    /**
     * Reads what is given, and builds the settings.
     *
     * @return empty if something is wrong, which is among the problems then
     */
    Optional<S> read(Entry.Table table, Reading reading, String path) {
        B builder = start.get();
        Set<String> failed = new HashSet<>();
        table.entries().forEach((key, given) -> {
            if (!rows.containsKey(key)) {
                reading.unknown(given, key, path, ownKeys());
            }
        });
        // In the order of the rows, so that a report is in one order.
        rows.forEach((key, row) -> {
            Entry.Keyed given = table.entries().get(key);
            if (given != null) {
                int before = reading.problems().count();
                try {
                    row.read(given, builder, reading, Reading.below(path, key));
                } catch (ConfigurationException e) {
                    reading.refused(e, table, path);
                }
                if (reading.problems().count() > before) {
                    failed.add(key);
                }
            }
        });
        S settings;
        try {
            settings = build.apply(builder);
        } catch (ConfigurationException e) {
            // What is missing may be what could not be read.
            String key = e.property().map(Shown::kebab).orElse("");
            boolean known = failed.contains(key)
                    || !failed.isEmpty() && !table.entries().containsKey(key);
            if (!known) {
                reading.refused(e, table, path);
            }
            return Optional.empty();
        }
        rows.forEach((key, row) -> {
            if (!table.entries().containsKey(key)) {
                row.reportDefault(settings, reading, Reading.below(path, key));
            }
        });
        return Optional.of(settings);
    }
}
