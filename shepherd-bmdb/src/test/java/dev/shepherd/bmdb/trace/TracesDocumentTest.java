package dev.shepherd.bmdb.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** {@code docs/traces.md} lists what there is. */
class TracesDocumentTest {

    private static final Pattern CODE = Pattern.compile("`([^`]+)`");

    /** Returns the name, the tags and the details of a row of the table. */
    private static String row(String line) {
        List<String> cells = List.of(line.split("\\|", -1));
        return words(cells.get(1)) + " " + words(cells.get(3)) + " " + words(cells.get(4));
    }

    private static List<String> words(String cell) {
        return CODE.matcher(cell).results().map(found -> found.group(1)).toList();
    }

    @Test
    void theDocumentHasEachSpanWithItsTagsAndDetails() throws Exception {
        List<String> documented = Files.readAllLines(Path.of("../docs/traces.md")).stream()
                .filter(line -> line.startsWith("| `shepherd."))
                .map(TracesDocumentTest::row)
                .toList();

        assertThat(documented)
                .containsExactlyElementsOf(Arrays.stream(SpanName.values())
                        .map(name -> List.of(name.text()) + " " + name.tags() + " " + name.details())
                        .collect(Collectors.toList()));
    }
}
