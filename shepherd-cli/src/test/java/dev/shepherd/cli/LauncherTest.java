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
            for argument; do
                echo "<$argument>"
                case $argument in -XX:ArchiveClassesAtExit=*) echo classes >"${argument#*=}" ;; esac
            done
            exit "${STATUS:-0}"
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
            Files.createDirectories(tree.resolve(module).resolve("target/lib"));
        }
        Files.createFile(tree.resolve("shepherd-cli/target/shepherd-cli.jar"));
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

    @Test
    void commandsThatEndSoonLoadTheirClassesFromAFileThatOneOfThemWrites() throws Exception {
        Path tree = tree("tree");
        String program = tree.resolve("shepherd").toString();
        Path cache = folder.resolve("a cache");

        String before = runWithCache(cache, program, "explain", "x").output;
        String writing = runWithCache(cache, program, "-v", "machines").output;
        String reading = runWithCache(cache, program, "machines").output;
        String another = runWithCache(cache, program, "explain", "x").output;
        Files.writeString(tree.resolve("shepherd-cli/target/shepherd-cli.jar"), "another version");
        String afterAChange = runWithCache(cache, program, "explain", "x").output;

        assertThat(before).contains("<-XX:TieredStopAtLevel=1>", "<x>").doesNotContain("classes-");
        assertThat(writing).contains("<-XX:ArchiveClassesAtExit=" + cache + "/classes-", "<-v>\n<machines>");
        assertThat(reading).contains("<-XX:SharedArchiveFile=" + cache + "/classes-", "<machines>");
        assertThat(another).contains("<-XX:SharedArchiveFile=" + cache + "/classes-", "<explain>\n<x>");
        assertThat(afterAChange).contains("<x>").doesNotContain("classes-");
        assertThat(cache).isDirectoryContaining(file -> file.toString().endsWith(".jsa"));
        assertThat(Files.getPosixFilePermissions(cache)).isEqualTo(PosixFilePermissions.fromString("rwx------"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"run", "serve", "demo", "contract", "fake-bmc"})
    void commandsThatGoOnAreCompiledInFull(String command) throws Exception {
        String program = tree("tree").resolve("shepherd").toString();
        Path cache = folder.resolve("cache");

        assertThat(runWithCache(cache, program, command, "machines").output)
                .contains("<" + command + ">")
                .doesNotContain("Tiered", "classes-");
        assertThat(cache).doesNotExist();
    }

    @Test
    void whatACommandThatFailsHasLoadedIsNotKept() throws Exception {
        String program = tree("tree").resolve("shepherd").toString();
        Path cache = folder.resolve("cache");

        Run run = run(folder, Map.of("SHEPHERD_CACHE", cache.toString(), "STATUS", "3"), program, "machines");

        assertThat(run.exitCode).isEqualTo(3);
        assertThat(run.output).contains("<-XX:ArchiveClassesAtExit=");
        assertThat(cache).isEmptyDirectory();
    }

    @Test
    void withoutAFolderForItNothingIsKept() throws Exception {
        String program = tree("tree").resolve("shepherd").toString();
        Path inTheWay = Files.createFile(folder.resolve("file"));

        for (String cache : List.of("", inTheWay.toString(), inTheWay + "/below", "/proc/none")) {
            Run run = run(folder, Map.of("SHEPHERD_CACHE", cache), program, "machines");

            assertThat(run.exitCode).as(run.output).isZero();
            assertThat(run.output)
                    .startsWith("LC_ALL=")
                    .contains("<-XX:TieredStopAtLevel=1>", "<machines>")
                    .doesNotContain("classes-");
        }
    }

    private Run runWithCache(Path cache, String... command) throws Exception {
        Run run = run(folder, Map.of("SHEPHERD_CACHE", cache.toString()), command);
        assertThat(run.exitCode).as(run.output).isZero();
        return run;
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
        builder.environment().put("SHEPHERD_CACHE", "");
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        return new Run(process.exitValue(), output);
    }
}
