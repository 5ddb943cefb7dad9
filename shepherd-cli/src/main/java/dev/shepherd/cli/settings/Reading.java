package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.SecretFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Reads values: puts in what they refer to, notes what is wrong, and what is in effect from where. */
final class Reading {

    private static final int MAX_SHOWN = 200;

    /**
     * What a setting is.
     *
     * @param text as it is given; null where it has no value
     * @param origin where it comes from; null for the default
     */
    record Effect(@Nullable String text, @Nullable Mark origin) {}

    private final Problems problems;
    private final References references;
    private final Map<String, String> options;
    private final @Nullable Path file;
    private final Map<String, Effect> effects;

    /**
     * Starts.
     *
     * @param options the options of the command, by the paths of the settings that they set
     * @param file the configuration file, if there is one
     */
    Reading(Problems problems, References references, Map<String, String> options, @Nullable Path file) {
        this(problems, references, options, file, new LinkedHashMap<>());
    }

    private Reading(
            Problems problems,
            References references,
            Map<String, String> options,
            @Nullable Path file,
            Map<String, Effect> effects) {
        this.problems = problems;
        this.references = references;
        this.options = options;
        this.file = file;
        this.effects = effects;
    }

    /** Returns the same with notes of its own of what is in effect. */
    Reading withOtherEffects() {
        return new Reading(problems, references, options, file);
    }

    /** Returns the same with problems of its own. */
    Reading onlyEffects() {
        return new Reading(new Problems(), references, options, file, effects);
    }

    static String below(String path, String key) {
        return path.isEmpty() ? key : path + "." + key;
    }

    Map<String, Effect> effects() {
        return effects;
    }

    Problems problems() {
        return problems;
    }

    <T> Optional<T> value(Entry entry, Kind<T> kind, String path) {
        return value(entry, kind, path, null);
    }

    /** Reads a list, or one value as a list of one. */
    <T> Optional<List<T>> list(Entry entry, Kind<T> kind, String path) {
        List<Entry> items = entry instanceof Entry.Items all ? all.items() : List.of(entry);
        Reading quiet = withOtherEffects();
        List<T> values = new ArrayList<>();
        items.forEach(item -> quiet.value(item, kind, path).ifPresent(values::add));
        report(
                path,
                items.stream()
                        .map(item -> item instanceof Entry.Text text ? text.value() : item.what())
                        .collect(Collectors.joining(", ", "[", "]")),
                entry.mark());
        return values.size() == items.size() ? Optional.of(values) : Optional.empty();
    }

    <T> Optional<T> secret(Entry entry, Kind<T> kind, String path, Secrecy secrecy) {
        return value(entry, kind, path, secrecy);
    }

    private <T> Optional<T> value(Entry entry, Kind<T> kind, String path, @Nullable Secrecy secrecy) {
        Mark mark = entry.mark();
        String name = name(path, mark);
        if (!(entry instanceof Entry.Text text)) {
            problems.add(mark, name + " must be " + kind.words() + ", not " + entry.what());
            return Optional.empty();
        }
        Optional<String> resolved = text(text, path, secrecy);
        if (resolved.isEmpty()) {
            return Optional.empty();
        }
        try {
            return Optional.of(kind.reader().read(new Kind.Value(name, resolved.get(), text.folder())));
        } catch (ConfigurationException e) {
            problems.add(mark, named(name, "", String.valueOf(e.getMessage())));
        } catch (IllegalArgumentException e) {
            // Not what a reference stands for either: it may be another's secret.
            String is = secrecy != null || !resolved.get().equals(text.value())
                    ? ""
                    : ", not " + Escaped.quoted(text.value(), MAX_SHOWN);
            problems.add(mark, name + " must be " + kind.words() + is);
        }
        return Optional.empty();
    }

    /** Returns the text of a value with what it refers to, and notes it as in effect. */
    Optional<String> text(Entry.Text text, String path, @Nullable Secrecy secrecy) {
        Mark mark = text.mark();
        report(path, secrecy == null ? text.value() : mark.isOption() ? "***" : secrecy.shown(text.value()), mark);
        if (mark.isOption()) {
            return Optional.of(text.value());
        }
        if (secrecy != null && secrecy.isInClear(text.value())) {
            openPermissions()
                    .ifPresent(permissions -> problems.add(
                            mark,
                            name(path, mark) + " is a secret, and others can read this file (" + permissions
                                    + "): take the permission away (chmod 600), or refer to it, as ${file:PATH}, ${env:NAME} or"
                                    + " ${credential:NAME}"));
        }
        try {
            return Optional.of(references.resolve(text.value(), text.folder()));
        } catch (ConfigurationException e) {
            problems.add(mark, name(path, mark) + ": " + e.getMessage());
            return Optional.empty();
        }
    }

    private Optional<String> openPermissions() {
        try {
            return file == null ? Optional.empty() : SecretFiles.openPermissions(file);
        } catch (IOException e) {
            return Optional.of("whose permissions cannot be read: " + e.getMessage());
        }
    }

    Optional<Entry.Table> table(Entry.Keyed given, String path) {
        if (given.value() instanceof Entry.Table table) {
            return Optional.of(table);
        }
        problems.add(
                given.value().mark(),
                path + " has keys of its own, and is not " + given.value().what());
        return Optional.empty();
    }

    void unknown(Entry.Keyed given, String key, String path, Collection<String> known) {
        String where = path.isEmpty() ? "a configuration file" : path;
        problems.add(given.mark(), where + " has no " + Shown.key(key) + Shown.instead(key, known));
    }

    /** Notes what a builder refuses: where the setting is given, else where it could be. */
    void refused(ConfigurationException e, Entry.Table table, String path) {
        String setting = e.property().orElse("");
        String key = Shown.kebab(setting);
        String whole = setting.isEmpty() ? path : below(path, key);
        Entry.Keyed given = table.entries().get(key);
        String option = options.get(whole);
        Mark mark = given != null
                ? given.value().mark()
                : file == null && option != null ? Mark.ofOption(option) : table.mark();
        problems.add(mark, named(name(whole, mark), setting, String.valueOf(e.getMessage())));
    }

    /** Has a message begin with the name that the user knows, in place of the builder's. */
    private static String named(String name, String setting, String message) {
        for (String known : List.of(name, setting)) {
            if (!known.isEmpty() && (message.startsWith(known + " ") || message.startsWith(known + ":"))) {
                return name + message.substring(known.length());
            }
        }
        return name + ": " + message;
    }

    String name(String path, Mark mark) {
        return mark.isOption() && !mark.source().isEmpty() ? mark.source() : path;
    }

    private void report(String path, String text, Mark mark) {
        effects.put(path, new Effect(text, mark));
    }

    void reportDefault(String path, Optional<String> text) {
        effects.put(path, new Effect(text.orElse(null), null));
    }
}
