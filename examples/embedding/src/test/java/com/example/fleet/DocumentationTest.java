package com.example.fleet;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the README and the docs show is what is compiled and tested here. */
class DocumentationTest {

    private static final Path ROOT = Path.of("").toAbsolutePath().getParent().getParent();

    @Test
    void theReadmeShowsTheExampleAsItIsCompiled() throws IOException {
        List<String> readme = Files.readAllLines(ROOT.resolve("README.md"));
        String example = tagged("src/main/java/com/example/fleet/Fleet.java", "embedding");
        assertThat(String.join("\n", readme)).contains(example);
        int lastLine = String.join("\n", readme)
                        .substring(0, String.join("\n", readme).indexOf(example))
                        .split("\n")
                        .length
                + example.split("\n").length;
        assertThat(lastLine).as("the last line of the example").isLessThan(75);
    }

    @Test
    void theTestInTheReadmeAndTheDocsIsTheOneThatRuns() throws IOException {
        String example = tagged("src/test/java/com/example/fleet/RecoveryTest.java", "testing");
        assertThat(ROOT.resolve("README.md")).content().contains("```java\n" + example + "\n```");
        assertThat(ROOT.resolve("docs/testing.md")).content().contains("```java\n" + example + "\n```");
    }

    @ParameterizedTest
    @CsvSource({
        "gate, docs/disruptions.md",
        "drain, docs/disruptions.md",
        "listener, docs/events.md",
        "feed, docs/events.md",
    })
    void theSnippetsInTheDocsAreThoseThatRun(String tag, String document) throws IOException {
        String snippet = tagged("src/test/java/com/example/fleet/SnippetsTest.java", tag);
        assertThat(ROOT.resolve(document)).content().contains("```java\n" + snippet + "\n```");
    }

    @ParameterizedTest
    @ValueSource(strings = {"docs/disruptions.md", "docs/events.md", "docs/testing.md"})
    void noOtherJavaIsInThese(String document) throws IOException {
        String tests = Files.readString(Path.of("src/test/java/com/example/fleet/SnippetsTest.java"))
                + Files.readString(Path.of("src/test/java/com/example/fleet/RecoveryTest.java"));
        Matcher block = Pattern.compile("(?s)```java\n(.*?)\n```").matcher(Files.readString(ROOT.resolve(document)));
        int found = 0;
        while (block.find()) {
            found++;
            assertThat(tests.lines().map(String::strip).toList())
                    .as(block.group(1))
                    .containsSubsequence(
                            block.group(1).lines().map(String::strip).toList());
        }
        assertThat(found).isPositive();
    }

    @Test
    void everyLinkBetweenTheDocumentsLeadsSomewhere() throws IOException {
        try (Stream<Path> files = Stream.concat(
                Files.list(ROOT).filter(file -> file.toString().endsWith(".md")), Files.walk(ROOT.resolve("docs")))) {
            List<Path> documents =
                    files.filter(file -> file.toString().endsWith(".md")).toList();
            assertThat(documents).hasSizeGreaterThan(5);
            List<String> broken = new ArrayList<>();
            int followed = 0;
            for (Path document : documents) {
                Matcher link =
                        Pattern.compile("\\]\\(([^)#\\s]*)(?:#([^)\\s]*))?\\)").matcher(prose(document));
                while (link.find()) {
                    followed++;
                    if (!leadsSomewhere(document, link.group(1), link.group(2))) {
                        broken.add(ROOT.relativize(document) + " -> " + link.group());
                    }
                }
            }
            assertThat(broken).isEmpty();
            assertThat(followed).isGreaterThan(400);
        }
    }

    /** Other hosts are not asked: of a link to them only the form is looked at. */
    private static boolean leadsSomewhere(Path document, String path, String heading) throws IOException {
        if (path.matches("(https?|mailto):.*")) {
            return path.startsWith("mailto:") || URI.create(path).getHost() != null;
        }
        Path target = path.isEmpty() ? document : document.resolveSibling(path);
        return Files.exists(target)
                && (heading == null
                        || !target.toString().endsWith(".md")
                        || headings(target).contains(heading));
    }

    /** A document without its blocks of code. */
    private static String prose(Path document) throws IOException {
        return Files.readString(document).replaceAll("(?ms)^ *```.*?^ *```", "");
    }

    /** What the headings of a document are called in links, as the hosts of repositories have it. */
    private static Set<String> headings(Path document) throws IOException {
        return Pattern.compile("(?m)^#{1,6} +(.*)$")
                .matcher(prose(document))
                .results()
                .map(heading -> heading.group(1)
                        .replaceAll("\\[([^\\]]*)\\]\\([^)]*\\)", "$1")
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N} _-]", "")
                        .replace(' ', '-'))
                .collect(Collectors.toSet());
    }

    @Test
    void everyTypeAndMemberThatTheMapsNameExists() throws IOException {
        Map<String, String> sources = sources();
        Pattern named = Pattern.compile("`([A-Z][A-Za-z]*[a-z][A-Za-z]*)(?:\\.([a-z]\\w*))?(?:\\([^`]*\\))?`");
        Set<String> others = Set.of("Error", "DefaultLocale");
        int found = 0;
        for (String map : List.of("docs/architecture.md", "CONTRIBUTING.md")) {
            Matcher name = named.matcher(Files.readString(ROOT.resolve(map)).replaceAll("(?s)```.*?```", ""));
            while (name.find()) {
                if (others.contains(name.group(1))) {
                    continue;
                }
                found++;
                String source = sources.getOrDefault(name.group(1), "");
                assertThat(source.isEmpty())
                        .as("%s, which %s names, is missing", name.group(1), map)
                        .isFalse();
                if (name.group(2) != null) {
                    assertThat(Pattern.compile("\\b" + name.group(2) + "\\b")
                                    .matcher(source)
                                    .find())
                            .as("%s, which %s names, is there", name.group(), map)
                            .isTrue();
                }
            }
        }
        assertThat(found).isGreaterThan(150);
    }

    /** The sources that declare a type of a name. */
    private static Map<String, String> sources() throws IOException {
        Pattern declared = Pattern.compile("\\b(?:class|interface|record|enum) ([A-Z]\\w*)");
        Map<String, String> sources = new HashMap<>();
        try (Stream<Path> modules = Stream.concat(Files.list(ROOT), Files.list(ROOT.resolve("examples")))) {
            for (Path module : modules.filter(folder -> Files.isDirectory(folder.resolve("src")))
                    .toList()) {
                try (Stream<Path> files = Files.walk(module.resolve("src"))) {
                    for (Path file : files.filter(file -> file.toString().endsWith(".java"))
                            .toList()) {
                        String source = Files.readString(file);
                        declared.matcher(source)
                                .results()
                                .map(match -> match.group(1))
                                .distinct()
                                .forEach(type -> sources.merge(type, source, String::concat));
                    }
                }
            }
        }
        return sources;
    }

    private static String tagged(String file, String tag) throws IOException {
        String source = Files.readString(Path.of(file));
        String tagged = source.substring(
                source.indexOf("\n", source.indexOf("// tag::" + tag + "[]")) + 1,
                source.lastIndexOf("\n", source.indexOf("// end::" + tag + "[]")));
        return tagged.stripIndent();
    }
}
