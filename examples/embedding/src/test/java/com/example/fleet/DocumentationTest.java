package com.example.fleet;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the README and the docs show is what is compiled and tested here. */
class DocumentationTest {

    private static final Path ROOT = Path.of("").toAbsolutePath().getParent().getParent();

    @Test
    void theReadmeShowsTheExampleAsItIsCompiled() throws IOException {
        List<String> readme = Files.readAllLines(ROOT.resolve("README.md"));
        String example = example();
        assertThat(String.join("\n", readme)).contains(example);
        int lastLine = String.join("\n", readme)
                        .substring(0, String.join("\n", readme).indexOf(example))
                        .split("\n")
                        .length
                + example.split("\n").length;
        assertThat(lastLine).as("the last line of the example").isLessThan(75);
    }

    @Test
    void everyLinkBetweenTheDocumentsLeadsSomewhere() throws IOException {
        try (Stream<Path> files = Stream.concat(
                Files.list(ROOT).filter(file -> file.toString().endsWith(".md")), Files.walk(ROOT.resolve("docs")))) {
            List<Path> documents =
                    files.filter(file -> file.toString().endsWith(".md")).toList();
            assertThat(documents).hasSizeGreaterThan(5);
            for (Path document : documents) {
                var links = java.util.regex.Pattern.compile("\\]\\((?!https?:|#)([^)#\\s]+)")
                        .matcher(Files.readString(document));
                while (links.find()) {
                    assertThat(document.resolveSibling(links.group(1)))
                            .as("a link in %s", ROOT.relativize(document))
                            .exists();
                }
            }
        }
    }

    private static String example() throws IOException {
        String source = Files.readString(Path.of("src/main/java/com/example/fleet/Fleet.java"));
        String tagged = source.substring(
                source.indexOf("\n", source.indexOf("// tag::embedding[]")) + 1,
                source.lastIndexOf("\n", source.indexOf("// end::embedding[]")));
        return tagged.stripIndent();
    }
}
