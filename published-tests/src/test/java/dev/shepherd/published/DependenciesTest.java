package dev.shepherd.published;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whoever adds an artifact gets what stands in runtime-dependencies.txt, and nothing else. */
class DependenciesTest {

    private static final Path LISTS = Path.of("src/test/resources/runtime-dependencies.txt");
    private static final Pattern LISTED =
            Pattern.compile("^\\s*([\\w.-]+:[\\w.-]+):jar:(?:[\\w.-]+:)?[^:]+:(compile|runtime)\\b");

    @TempDir
    Path folder;

    @Test
    void eachArtifactBringsWhatItsListSaysAndNothingElse() throws Exception {
        Map<String, String> lists = lists();
        assertThat(lists.keySet())
                .as("the artifacts that have a list")
                .containsExactlyInAnyOrderElementsOf(Published.libraries());
        Outside outside = Outside.in(folder);
        for (String artifact : lists.keySet()) {
            Path project = Files.createDirectory(folder.resolve(artifact));
            Files.writeString(
                    project.resolve("pom.xml"), pom(artifact, "jar", """
                    <dependencies>
                      <dependency>
                        <groupId>dev.shepherd</groupId>
                        <artifactId>%s</artifactId>
                        <version>%s</version>
                      </dependency>
                    </dependencies>
                    """.formatted(artifact, Outside.VERSION)));
        }
        Files.writeString(
                folder.resolve("pom.xml"),
                pom(
                        "all",
                        "pom",
                        lists.keySet().stream()
                                .map(artifact -> "<module>" + artifact + "</module>")
                                .collect(Collectors.joining("", "<modules>", "</modules>"))));

        outside.run("mvn org.apache.maven.plugins:maven-dependency-plugin:3.10.0:list"
                + " -DincludeScope=runtime -DoutputFile=dependencies.txt -Dsort=true");

        Map<String, String> actual = new TreeMap<>();
        for (String artifact : lists.keySet()) {
            actual.put(artifact, dependencies(artifact));
        }
        assertThat(text(actual))
                .as(
                        "What each artifact brings along. If that is meant, and worth its weight to all who use it: %s",
                        LISTS)
                .isEqualTo(text(lists));
    }

    private static String pom(String artifact, String packaging, String content) {
        return """
                <project xmlns="http://maven.apache.org/POM/4.0.0">
                  <modelVersion>4.0.0</modelVersion>
                  <groupId>com.example</groupId>
                  <artifactId>with-%s</artifactId>
                  <version>1</version>
                  <packaging>%s</packaging>
                  %s
                </project>
                """.formatted(artifact, packaging, content);
    }

    private String dependencies(String artifact) throws Exception {
        return Files.readAllLines(folder.resolve(artifact).resolve("dependencies.txt")).stream()
                .map(LISTED::matcher)
                .filter(Matcher::find)
                .map(found -> found.group(1))
                .filter(name -> !name.equals("dev.shepherd:" + artifact))
                .sorted()
                .distinct()
                .collect(Collectors.joining("\n"));
    }

    /** Returns what each artifact brings along. */
    static Map<String, Set<String>> runtimeDependencies() throws Exception {
        Map<String, Set<String>> dependencies = new TreeMap<>();
        lists().forEach((artifact, list) ->
                dependencies.put(artifact, list.lines().collect(Collectors.toCollection(TreeSet::new))));
        return dependencies;
    }

    /** Reads the lists: an artifact's name in brackets, and below it what it brings, one a line. */
    private static Map<String, String> lists() throws Exception {
        Map<String, String> lists = new TreeMap<>();
        String artifact = "";
        for (String line : Files.readAllLines(LISTS)) {
            if (line.startsWith("[")) {
                artifact = line.substring(1, line.length() - 1);
                lists.put(artifact, "");
            } else if (!line.isBlank() && !line.startsWith("#")) {
                lists.merge(artifact, line, (before, next) -> before.isEmpty() ? next : before + "\n" + next);
            }
        }
        return lists;
    }

    private static String text(Map<String, String> lists) {
        return lists.entrySet().stream()
                .map(list -> "[" + list.getKey() + "]\n" + list.getValue() + "\n")
                .collect(Collectors.joining("\n"));
    }
}
