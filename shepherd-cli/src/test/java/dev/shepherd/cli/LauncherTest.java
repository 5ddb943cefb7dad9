package dev.shepherd.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The scripts that run a program from the source tree, in a tree that is built already. Its java tells the version as the
 * real one does, and is otherwise a script that prints what it is given.
 */
class LauncherTest {

    private static final String JAVA = """
            #!/bin/sh
            [ "$1" = -version ] && exec '%s' -version
            echo "LC_ALL=${LC_ALL:-}"
            for argument; do echo "<$argument>"; done
            """;

    @TempDir
    Path folder;

    private Path javaHome = Path.of("");

    @BeforeEach
    void makeAJava() throws IOException {
        javaHome = folder.resolve("jdk");
        Files.createDirectories(javaHome.resolve("bin"));
        Path real = Path.of(System.getProperty("java.home"), "bin", "java");
        Path java = Files.writeString(javaHome.resolve("bin/java"), JAVA.formatted(real));
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** Makes a source tree in which both programs are built. */
    private Path tree(String name) throws IOException {
        Path tree = Files.createDirectories(folder.resolve(name));
        Path source = Path.of("..").toAbsolutePath();
        for (String file : List.of("shepherd", "benchmarks/run", "build-tools/from-source.sh", "build-tools/java.sh")) {
            Files.createDirectories(tree.resolve(file).getParent());
            Files.copy(source.resolve(file), tree.resolve(file));
        }
        Files.createFile(tree.resolve("pom.xml"));
        for (String module : List.of("shepherd-cli", "provider-static", "benchmarks")) {
            Files.createDirectories(tree.resolve(module).resolve("target"));
        }
        Files.createFile(tree.resolve("shepherd-cli/target/built"));
        Files.createFile(tree.resolve("benchmarks/target/built"));
        return tree;
    }

    @ParameterizedTest
    @ValueSource(strings = {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"})
    void aVariableWithOptionsOfTheJvmDoesNotHideItsVersion(String variable) throws Exception {
        Path tree = tree("tree");

        for (String program : List.of("shepherd", "benchmarks/run")) {
            Run run = run(tree, Map.of(variable, "-Dx=y"), tree.resolve(program).toString(), "--version");

            assertThat(run.exitCode).as(run.output).isZero();
            assertThat(run.output).contains("<--version>");
        }
    }

    @Test
    void aJvmThatIsOutOfMemoryEndsWhateverItsOtherOptionsAre() throws Exception {
        Path tree = tree("tree");
        String program = tree.resolve("shepherd").toString();

        assertThat(run(tree, Map.of(), program, "--version").output)
                .containsSubsequence("<-XX:+ExitOnOutOfMemoryError>", "<-Xmx512m>");
        // What is given comes later, and so wins.
        assertThat(run(tree, Map.of("SHEPHERD_JAVA_OPTS", "-Xmx1g"), program, "--version").output)
                .containsSubsequence("<-XX:+ExitOnOutOfMemoryError>", "<-Xmx1g>")
                .doesNotContain("512");
    }

    @ParameterizedTest
    @ValueSource(strings = {"tree/shepherd", "tree/benchmarks/run"})
    void aFolderToChangeToByNameIsNoMatter(String program) throws Exception {
        Path tree = tree("tree");
        tree("elsewhere/tree");

        Run run = run(folder, Map.of("CDPATH", folder.resolve("elsewhere") + ":."), program, "--version");

        assertThat(run.exitCode).as(run.output).isZero();
        assertThat(run.output).contains("<" + tree + "/").doesNotContain("elsewhere");
    }

    @ParameterizedTest
    @ValueSource(strings = {"shepherd", "benchmarks/run"})
    void aColonInThePathIsToldAsWhatItIs(String program) throws Exception {
        Path tree = tree("a:b/tree");

        Run run = run(folder, Map.of(), tree.resolve(program).toString(), "--version");

        assertThat(run.exitCode).isEqualTo(2);
        assertThat(run.output).contains(tree + " has a colon in its path").contains("move the folder");
    }

    @Test
    void spacesInThePathAndLinksToItAreNoMatter() throws Exception {
        Path tree = tree("a tree, with *");
        Files.createDirectories(folder.resolve("bin"));
        Path link = Files.createSymbolicLink(
                folder.resolve("bin/shepherd"),
                Path.of("..").resolve(tree.getFileName()).resolve("shepherd"));

        Run run = run(folder, Map.of(), link.toString(), "two words", "*", "");

        assertThat(run.exitCode).as(run.output).isZero();
        assertThat(run.output)
                .contains("a tree, with */shepherd-cli/target/shepherd-cli.jar:")
                .contains("<two words>", "<*>", "<>");
    }

    @Test
    void aJvmThatDoesNotStartIsQuoted() throws Exception {
        Path tree = tree("tree");

        Run run = run(
                folder,
                Map.of("JAVA_TOOL_OPTIONS", "-XX:+None"),
                tree.resolve("shepherd").toString());

        assertThat(run.exitCode).isEqualTo(2);
        assertThat(run.output).contains("-version\" fails").contains("Unrecognized VM option");
    }

    @ParameterizedTest
    @CsvSource({
        "LANG, '', C.UTF-8",
        "LANG, C, C.UTF-8",
        "LC_ALL, POSIX, C.UTF-8",
        "LANG, xx_YY.UTF-8, C.UTF-8",
        "LANG, C.UTF-8, ''",
        "LC_ALL, C.UTF-8, C.UTF-8"
    })
    void whereTheLocaleTakesOnlyAsciiTheJvmGetsAnother(String variable, String locale, String given) throws Exception {
        assumeTrue(run(folder, Map.of("LC_ALL", "C.UTF-8"), "-c", "locale charmap")
                .output
                .startsWith("UTF-8"));
        Path tree = tree("tree");

        Run run = run(folder, Map.of(variable, locale), tree.resolve("shepherd").toString());

        assertThat(run.output).contains("LC_ALL=" + given + "\n");
    }

    private record Run(int exitCode, String output) {}

    private Run run(Path where, Map<String, String> environment, String... command) throws Exception {
        List<String> whole = new ArrayList<>(List.of("sh"));
        whole.addAll(List.of(command));
        ProcessBuilder builder =
                new ProcessBuilder(whole).directory(where.toFile()).redirectErrorStream(true);
        builder.environment().keySet().removeIf(name -> name.startsWith("LC_") || name.startsWith("LANG"));
        builder.environment().put("JAVA_HOME", javaHome.toString());
        builder.environment().remove("SHEPHERD_JAVA_OPTS");
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        return new Run(process.exitValue(), output);
    }
}
