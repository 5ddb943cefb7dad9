package dev.shepherd.cli.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.cli.PluginJar;
import dev.shepherd.manager.takeover.SshCredentials;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class PluginsTest {

    @TempDir
    Path folder;

    @Test
    void aJarInTheFolderAddsItsProvider() {
        Path jar = PluginJar.racks().write(folder.resolve("racks.jar"));

        CommandLineRun run = providers();

        assertThat(run.err()).isEmpty();
        assertThat(run.exitCode()).isZero();
        assertThat(run.out())
                .containsSubsequence("equinix: ", "racks: one machine of a rack", "static: ")
                .contains("  from " + jar, "  from the class path", "  port (integer, required)")
                .contains("      port of the machine's SSH server, from 1 to 65535");
    }

    @Test
    void aFolderOfJarsIsOnePlugin() {
        Path library = new PluginJar()
                .source("Library", "public final class Library { public static String text() { return \"shared\"; } }")
                .write(folder.resolve("racks/library.jar"));
        new PluginJar()
                .library(library)
                .service("RackFactory")
                .source("RackFactory", PluginJar.factoryOnly("RackFactory", "racks", "Library.text()", ""))
                .write(folder.resolve("racks/racks.jar"));

        CommandLineRun run = providers();

        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("racks: shared", "  from " + folder.resolve("racks"));
    }

    @Test
    void pluginsDoNotSeeOneAnother() {
        for (String name : new String[] {"east", "west"}) {
            new PluginJar()
                    .service("RackFactory")
                    .source("RackFactory", PluginJar.factoryOnly("RackFactory", name, "Library.TEXT", ""))
                    .source(
                            "Library",
                            "class Library { static final String TEXT = new String(\"of the " + name + "\"); }")
                    .write(folder.resolve(name + ".jar"));
        }

        assertThat(providers().out()).contains("east: of the east", "west: of the west");
    }

    @Test
    void aPluginThatIsBrokenIsNamedWithItsReasonAndTheOthersAreListed() {
        PluginJar.racks().write(folder.resolve("good.jar"));
        Path broken = new PluginJar().write(folder.resolve("nothing.jar"));

        CommandLineRun run = providers();

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.out()).contains("racks: ", "static: ");
        assertThat(run.err().strip())
                .isEqualTo("shepherd: plugin " + broken + " cannot be used: it has no provider: there is no"
                        + " META-INF/services/dev.shepherd.api.ProviderFactory in it");
    }

    static Stream<Arguments> breakages() {
        return Stream.of(
                breakage("cannot be read as a jar", plugin -> Files.writeString(plugin, "not a jar")),
                breakage("there is no jar in it", plugin -> Files.createDirectory(plugin)),
                breakage(
                        "Provider com.example.racks.Absent not found",
                        plugin -> new PluginJar().service("Absent").write(plugin)),
                breakage(
                        "java.lang.IllegalStateException: no racks today",
                        plugin -> new PluginJar()
                                .service("F")
                                .source(
                                        "F",
                                        PluginJar.factoryOnly(
                                                "F",
                                                "racks",
                                                "\"\"",
                                                "if (true) throw new IllegalStateException(\"no racks today\");"))
                                .write(plugin)),
                breakage(
                        "not a subtype",
                        plugin -> new PluginJar()
                                .service("F")
                                .source("F", "public final class F {}")
                                .write(plugin)),
                breakage(
                        "a class that it needs is neither in it nor on the class path: com.example.racks.Library",
                        plugin -> new PluginJar()
                                .library(new PluginJar()
                                        .source(
                                                "Library",
                                                "public class Library { public static int ONE() { return 1; } }")
                                        .write(plugin.resolveSibling(".elsewhere/library.jar")))
                                .service("F")
                                .source("F", PluginJar.factoryOnly("F", "racks", "\"\" + Library.ONE()", ""))
                                .write(plugin)),
                breakage(
                        "more recent version of the Java Runtime",
                        plugin -> PluginJar.racks()
                                .bytes(PluginsTest::ofALaterJava)
                                .write(plugin)),
                breakage(
                        "its factory does not say what it makes: java.lang.IllegalArgumentException",
                        plugin -> new PluginJar()
                                .service("F")
                                .source("F", PluginJar.factoryOnly("F", "No Kind", "\"\"", ""))
                                .write(plugin)),
                breakage(
                        "its factory does not say what it makes: java.lang.NullPointerException: racks has no description",
                        plugin -> new PluginJar()
                                .service("F")
                                .source("F", PluginJar.factoryOnly("F", "racks", "null", ""))
                                .write(plugin)),
                breakage(
                        "it adds no provider",
                        plugin -> new PluginJar()
                                .foreignService("dev.shepherd.provider.staticlist.StaticProviderFactory")
                                .write(plugin)));
    }

    @ParameterizedTest
    @MethodSource("breakages")
    void eachWayToBeBrokenIsExplained(String reason, Breakage breakage) throws Exception {
        Path plugin = folder.resolve("broken.jar");
        breakage.apply(plugin);

        CommandLineRun run = providers();

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err())
                .startsWith("shepherd: plugin " + plugin + " cannot be used: ")
                .contains(reason)
                .hasLineCount(1);
    }

    @Test
    void aProviderThatIsNotThereIsExplainedWithThePluginsThatAreBroken() throws Exception {
        Files.writeString(folder.resolve("racks.jar"), "not a jar");

        CommandLineRun run = run("racks");

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err())
                .contains("there is no provider \"racks\"; there are: equinix, redfish, static; plugin ")
                .contains("racks.jar cannot be used: racks.jar cannot be read as a jar");
    }

    @Test
    void ofTwoProvidersOfOneNameNoneIsChosen() throws Exception {
        Path plugin = new PluginJar()
                .service("F")
                .source("F", PluginJar.factoryOnly("F", "static", "\"another\"", ""))
                .write(folder.resolve("static.jar"));

        CommandLineRun run = run("static");

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err())
                .contains("there is more than one provider \"static\": from " + plugin + ", and from the class path");
        assertThat(providers().out()).contains("static: another");
    }

    @Test
    void aProviderWhoseClassesAreMissingOnlyWhenItIsMadeIsExplained() throws Exception {
        Path provider = PluginJar.racks().write(folder.resolve(".elsewhere/racks.jar"));
        new PluginJar()
                .library(provider)
                .service("F")
                .source("F", PluginJar.factory("F", "racks", "\"no provider in it\"", ""))
                .write(folder.resolve("racks.jar"));
        assertThat(providers().exitCode()).isZero();

        CommandLineRun run = run("racks", "--property", "port=22");

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err())
                .contains("the provider \"racks\" from " + folder.resolve("racks.jar")
                        + " cannot be used: a class that it"
                        + " needs is neither in it nor on the class path: com.example.racks.RackProvider")
                .doesNotContain("\tat ");
    }

    @Test
    void whatIsNoPluginIsPassedOver() throws Exception {
        Files.writeString(folder.resolve("README.md"), "what the plugins are");
        Files.createDirectory(folder.resolve(".git"));

        CommandLineRun run = providers();

        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.err()).isEmpty();
    }

    @Test
    void aFolderThatIsAskedForMustBeThere() {
        CommandLineRun run = CommandLineRun.of(
                "providers", "--plugins", folder.resolve("absent").toString());

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--plugins: there is no folder " + folder.resolve("absent"));
    }

    @Test
    void thePluginsAreClosedInTheEnd() throws Exception {
        PluginJar.racks()
                .source("Late", "public final class Late {}")
                .source("Later", "public final class Later {}")
                .write(folder.resolve("racks.jar"));
        ClassLoader loader;
        try (ProviderFactories factories = ProviderFactories.open(Optional.of(folder))) {
            loader = factories.find("racks").factory().getClass().getClassLoader();
            assertThat(loader.loadClass("com.example.racks.Late")).isNotNull();
        }

        assertThatThrownBy(() -> loader.loadClass("com.example.racks.Later"))
                .isInstanceOf(ClassNotFoundException.class);
    }

    @Test
    void theContextClassLoaderIsThePluginsOnlyForTheRun() throws Exception {
        PluginJar.racks().write(folder.resolve("racks.jar"));
        ClassLoader before = Thread.currentThread().getContextClassLoader();

        try (ProviderFactories factories = ProviderFactories.open(Optional.of(folder));
                FoundProvider.ContextClassLoader context =
                        factories.find("racks").asContext()) {
            assertThat(Thread.currentThread().getContextClassLoader()).isNotSameAs(before);
        }

        assertThat(Thread.currentThread().getContextClassLoader()).isSameAs(before);
        assertThatThrownBy(() -> {
                    try (ProviderFactories factories = ProviderFactories.open(Optional.empty())) {
                        factories.find("racks");
                    }
                })
                .isInstanceOf(ConfigurationException.class);
    }

    private interface Breakage {
        void apply(Path plugin) throws Exception;
    }

    private static Arguments breakage(String reason, Breakage breakage) {
        return Arguments.of(reason, breakage);
    }

    /** Raises the version of a class file, which is in its bytes 6 and 7, beyond any that a JVM knows. */
    private static byte[] ofALaterJava(byte[] classFile) {
        classFile[7] = 99;
        return classFile;
    }

    private CommandLineRun providers() {
        return CommandLineRun.of("providers", "--plugins", folder.toString());
    }

    private CommandLineRun run(String kind, String... more) throws Exception {
        Path work = Files.createDirectories(folder.resolve(".work"));
        SshCredentials.generateIfAbsent(work.resolve("key"));
        return CommandLineRun.of(Stream.concat(
                        Stream.of(
                                "run",
                                "--provider",
                                kind,
                                "--plugins",
                                folder.toString(),
                                "--agent",
                                Files.writeString(work.resolve("agent"), "#!/bin/sh\n")
                                        .toString(),
                                "--endpoint",
                                "here",
                                "--key",
                                work.resolve("key").toString()),
                        Stream.of(more))
                .toArray(String[]::new));
    }
}
