package dev.shepherd.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * What holds for the main sources of every module. They are read as files, so that a new module is held to it from its
 * first day; and here, since nearly every build of a part of the tree begins with this module.
 */
class SourcesTest {

    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    /** The files of each package, with their package-info, and the lines of each file. */
    private static final Map<String, Integer> FILES = new TreeMap<>();

    private static final Map<String, Integer> LINES = new TreeMap<>();

    @BeforeAll
    static void read() throws IOException {
        Files.walkFileTree(ROOT, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
                String name = folder.getFileName().toString();
                return name.equals("target") || name.startsWith(".")
                        ? FileVisitResult.SKIP_SUBTREE
                        : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                String name = ROOT.relativize(file).toString().replace('\\', '/');
                if (name.contains("src/main/java/") && name.endsWith(".java")) {
                    FILES.merge(name.substring(0, name.lastIndexOf('/')), 1, Integer::sum);
                    LINES.put(name, Files.readAllLines(file).size());
                }
                return FileVisitResult.CONTINUE;
            }
        });
    }

    @Test
    void thereIsSomethingToCheck() {
        assertThat(FILES).hasSizeGreaterThan(40).containsKey("shepherd-api/src/main/java/dev/shepherd/api");
        assertThat(LINES).hasSizeGreaterThan(300);
    }

    @Test
    void noPackageIsTwoFeatures() {
        assertThat(above(30, FILES, "")).isEmpty();
    }

    /** The rules of the contract kit stand in one flat class for each role, so that an author sees them all. */
    @Test
    void noClassIsTooLongToReadButTheRulesOfTheContractKit() {
        String rules = "shepherd-testkit/src/main/java/dev/shepherd/testkit/contract/\\w+Contract\\.java";
        assertThat(LINES.keySet()).anyMatch(name -> name.matches(rules));
        assertThat(above(500, LINES, rules)).isEmpty();
    }

    private static Map<String, Integer> above(int limit, Map<String, Integer> counts, String exempt) {
        Map<String, Integer> above = new TreeMap<>(counts);
        above.entrySet()
                .removeIf(count -> count.getValue() <= limit || count.getKey().matches(exempt));
        return above;
    }
}
