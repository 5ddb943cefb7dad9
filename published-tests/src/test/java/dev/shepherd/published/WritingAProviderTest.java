package dev.shepherd.published;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Does what docs/writing-a-provider.md says, from an empty folder. */
@Tag("slow")
class WritingAProviderTest {

    private static final Path PAGE = Outside.ROOT.resolve("docs/writing-a-provider.md");
    private static final Path EXAMPLE = Outside.ROOT.resolve("examples/custom-provider");
    private static final Path COMMAND_LINE = Outside.ROOT.resolve("shepherd-cli/target");

    @TempDir
    Path folder;

    @Test
    @Timeout(value = 15, unit = TimeUnit.MINUTES)
    void theCommandsOfThePageMakeAProviderThatKeepsTheContractAndRunsAFleet() throws Exception {
        List<String> steps = fences("sh");
        assertThat(steps).hasSize(4);
        Outside outside = Outside.in(folder);
        // What the script in a clone starts, but for building it first.
        outside.command(folder.resolve(".bin/shepherd"), """
                exec '%s' -cp '%s:%s/*' dev.shepherd.cli.Main "$@"
                """.formatted(
                        Path.of(System.getProperty("java.home"), "bin", "java"),
                        COMMAND_LINE.resolve("shepherd-cli.jar"),
                        COMMAND_LINE.resolve("lib")));

        String printed = outside.run(String.join("\n", steps));

        Path project = folder.resolve("rack-provider");
        assertThat(Outside.texts(project))
                .as("what the archetype makes, and the example")
                .isEqualTo(Outside.texts(EXAMPLE));
        assertThat(printed)
                .as("the fleet")
                .contains("5 of 5 servers have their agent started")
                .as("what Maven prints of the contract")
                .containsPattern("Contract of providers, RackProviderTest: [7-9]\\d rule\\(s\\) tried, 0 skipped")
                .as("the command line")
                .containsSubsequence(
                        "racks: ", "from target/plugins/rack-provider", "token (string, required, secret)");
        String results =
                Files.readString(project.resolve("target/surefire-reports/com.example.racks.RackProviderTest.txt"));
        Matcher counts = Pattern.compile("Tests run: (\\d+), Failures: 0, Errors: 0, Skipped: ")
                .matcher(results);
        assertThat(counts.find()).as(results).isTrue();
        assertThat(Integer.parseInt(counts.group(1))).isGreaterThan(100);
        assertThat(project.resolve("target/surefire-reports/com.example.racks.RackProviderFactoryTest.txt"))
                .exists();
    }

    @Test
    void aProjectWithOtherNamesHasNoneOfTheExamples() throws Exception {
        Outside.in(folder).run("""
                mvn archetype:generate -DarchetypeGroupId=dev.shepherd \
                    -DarchetypeArtifactId=shepherd-provider-archetype -DarchetypeVersion=%s \
                    -DgroupId=org.example -DartifactId=lab -DclassName=Lab -Dkind=lab-hosts
                """.formatted(Outside.VERSION));

        Map<String, String> texts = Outside.texts(folder.resolve("lab"));
        assertThat(texts)
                .hasSameSizeAs(Outside.texts(EXAMPLE))
                .containsKey("src/main/java/org/example/LabProvider.java");
        assertThat(texts.get("src/main/resources/META-INF/services/dev.shepherd.api.ProviderFactory"))
                .isEqualTo("org.example.LabProviderFactory\n");
        texts.forEach((name, text) -> assertThat(name + "\n" + text)
                .doesNotContain("Rack", "racks", "com.example", "${className", "${kind", "${package"));
    }

    @Test
    void theJavaOfThePageIsWhatTheExampleHas() throws Exception {
        List<String> snippets = fences("java");
        assertThat(snippets).hasSizeGreaterThan(5);
        String sources = Outside.texts(EXAMPLE).entrySet().stream()
                .filter(file -> file.getKey().endsWith(".java"))
                .map(Map.Entry::getValue)
                .collect(Collectors.joining("\n"));
        assertThat(snippets).allSatisfy(snippet -> assertThat(sources).contains(snippet));
    }

    @Test
    void theNumbersOfLinesOnThePageAreAboutTheRealOnes() throws Exception {
        Matcher said = Pattern.compile("some (\\d+) are the provider, and (\\d+) are its tests")
                .matcher(Files.readString(PAGE));
        assertThat(said.find()).isTrue();
        assertThat(Long.parseLong(said.group(1)))
                .isCloseTo(lines("src/main"), org.assertj.core.data.Percentage.withPercentage(5));
        assertThat(Long.parseLong(said.group(2)))
                .isCloseTo(lines("src/test"), org.assertj.core.data.Percentage.withPercentage(5));
    }

    private static long lines(String under) throws Exception {
        return Outside.texts(EXAMPLE.resolve(under)).entrySet().stream()
                .filter(file -> file.getKey().endsWith(".java"))
                .mapToLong(file -> file.getValue().lines().count())
                .sum();
    }

    /** Returns what stands in the page's blocks of one language. */
    private static List<String> fences(String language) throws Exception {
        return Pattern.compile("^```" + language + "\n(.*?)^```", Pattern.MULTILINE | Pattern.DOTALL)
                .matcher(Files.readString(PAGE))
                .results()
                .map(block -> block.group(1))
                .toList();
    }
}
