package dev.shepherd.cli.settings;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Holds the keys of a file to {@code docs/settings.md}, and the sample to both. */
class FileDocumentTest {

    private static final Path DOCUMENT = Path.of("..", "docs", "settings.md");
    private static final Path SAMPLE = Path.of("..", "docs", "shepherd.yaml");
    private static final Pattern CLASS =
            Pattern.compile("(?m)^### `(\\w+)`\\n\\nIn the file: (`[\\w.-]+`|at the top)([^.]*)\\.(?=\\s)");
    private static final Pattern ROW = Pattern.compile("(?m)^\\| `(\\w+)` \\| (?:essential|common|rare) \\|");
    private static final Pattern WORD = Pattern.compile("`([\\w-]+)`");

    @TempDir
    Path folder;

    private static Map<String, Section<?, ?>> sections() {
        Map<String, Section<?, ?>> sections = new TreeMap<>(Sections.all());
        sections.put("agent-endpoint.limits", Sections.OF_LIMITS);
        sections.put("agent-endpoint.tls", Sections.OF_TLS);
        sections.put("", Sections.OF_PROCESS);
        return sections;
    }

    @Test
    void theKeysAreTheBuilderMethodsThatTheDocumentSays() throws Exception {
        String text = Files.readString(DOCUMENT);
        Map<String, Set<String>> documented = new TreeMap<>();
        Matcher matcher = CLASS.matcher(text);
        while (matcher.find()) {
            int end = text.indexOf("\n#", matcher.end());
            String section = text.substring(matcher.end(), end < 0 ? text.length() : end);
            String[] exceptions = (matcher.group(3) + " ").split("besides:", 2);
            Set<String> keys = new TreeSet<>();
            ROW.matcher(section).results().forEach(row -> keys.add(Shown.kebab(row.group(1))));
            words(exceptions[0])
                    .forEach(word -> assertThat(keys.remove(Shown.kebab(word)))
                            .as(matcher.group(1) + " has " + word)
                            .isTrue());
            if (exceptions.length > 1) {
                keys.addAll(words(exceptions[1]));
            }
            documented.put(matcher.group(2).replaceAll("`|at the top", ""), keys);
        }

        Map<String, Set<String>> known = new TreeMap<>();
        sections().forEach((name, section) -> known.put(name, new TreeSet<>(section.ownKeys())));
        assertThat(known).hasSizeGreaterThan(10);
        assertThat(documented).isEqualTo(known);
    }

    private static List<String> words(String text) {
        return WORD.matcher(text).results().map(word -> word.group(1)).toList();
    }

    /** Returns the sample with all that is commented out. */
    private static String whole() throws Exception {
        String sample = Files.readString(SAMPLE);
        int providers = sample.indexOf("\nproviders:");
        return sample.substring(0, providers).replaceAll("(?m)^( *)#(?=[a-z])", "$1")
                + sample.substring(providers).replaceAll("(?m)^#(?= )", "");
    }

    private Settings read(String text) throws Exception {
        return Settings.of(Files.writeString(folder.resolve("shepherd.yaml"), text), new Given(), Map.of());
    }

    @Test
    void theSampleHasEveryKeyAndTheDefaults() throws Exception {
        Settings settings = read(whole());
        Map<String, String> given = new HashMap<>();
        collect("", settings.root(), given);
        given.keySet().removeIf(path -> path.startsWith("providers"));

        Set<String> known = new LinkedHashSet<>(Sections.OF_PROCESS.keys());
        Map<String, String> defaults = new HashMap<>();
        Sections.all().forEach((name, section) -> {
            section.keys().forEach(key -> known.add(name + "." + key));
            defaults.putAll(defaults(section, name));
        });
        assertThat(given.keySet()).containsExactlyInAnyOrderElementsOf(known);
        assertThat(defaults).hasSizeGreaterThan(50);
        defaults.forEach(
                (path, value) -> assertThat(given.get(path)).as(path).isEqualTo(value.replaceFirst("\\.0$", "")));
    }

    private static Map<String, String> defaults(Section<?, ?> section, String name) {
        Reading reading = new Reading(new Problems(), new References(Map.of()), Map.of(), null);
        section.read(Entry.Table.empty(Mark.ofOption("")), reading, name);
        Map<String, String> defaults = new HashMap<>();
        reading.effects().forEach((path, effect) -> {
            if (effect.text() != null) {
                defaults.put(path, effect.text());
            }
        });
        return defaults;
    }

    private static void collect(String path, Entry entry, Map<String, String> into) {
        if (entry instanceof Entry.Table table) {
            table.entries().forEach((key, keyed) -> collect(Reading.below(path, key), keyed.value(), into));
        } else {
            into.put(path, entry instanceof Entry.Text text ? text.value() : entry.what());
        }
    }

    @Test
    void theSampleIsRightButForTheFilesThatItNames() throws Exception {
        String credentials = folder.toString();
        Files.writeString(folder.resolve("database-password"), "x\n");
        Path file = Files.writeString(folder.resolve("shepherd.yaml"), Files.readString(SAMPLE));
        Settings settings = Settings.of(file, new Given(), Map.of("CREDENTIALS_DIRECTORY", credentials));
        settings.process();
        EndpointSettings endpoint = settings.endpoint();
        settings.web(false);
        settings.database();
        settings.requireValid();
        List<ProviderEntry> providers = settings.providers();
        assertThat(providers).hasSize(1);
        settings.agent(providers.get(0), endpoint, Optional.empty(), Optional::empty);

        List<String> problems = new ArrayList<>();
        try {
            settings.requireValid();
        } catch (WrongSettingsException e) {
            problems.addAll(e.problems());
        }
        assertThat(problems)
                .isNotEmpty()
                .allSatisfy(problem -> assertThat(problem)
                        .containsAnyOf(
                                "/usr/lib/shepherd/agent is not a file that can be read",
                                "/etc/shepherd/id_ed25519 does not exist"));
    }

    @Test
    void theProvidersOfTheSampleAreRight() throws Exception {
        Settings settings = read(whole());

        assertThat(settings.providers()).extracting(ProviderEntry::kind).containsExactly("static", "equinix");
        ProviderEntry cloud = settings.providers().get(1);
        assertThat(settings.provisioner(cloud).orElseThrow().maxCount()).hasValue(20);
        assertThat(settings.recovery(cloud.type()).maxPerProvider()).isEqualTo(5);
    }
}
