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
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the archive has beside jars: its launcher, its unit for systemd and its configuration. The tests run before the
 * archive is packed, so they lay it out as {@code archive.xml} says; {@code published-tests} unpacks the real one.
 */
class ArchiveTest {

    private static final Path ARCHIVE = Path.of("src", "main", "archive").toAbsolutePath();
    private static final Path TREE = Path.of("..").toAbsolutePath();

    @TempDir
    Path folder;

    private Path home = Path.of("");

    @BeforeEach
    void layOut() throws IOException {
        home = folder.resolve("shepherd 1.0");
        for (String name : List.of("bin", "lib", "etc", "systemd")) {
            Files.createDirectories(home.resolve(name));
        }
        Path launcher = Files.copy(ARCHIVE.resolve("bin/shepherd"), home.resolve("bin/shepherd"));
        Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.copy(TREE.resolve("build-tools/java.sh"), home.resolve("lib/java.sh"));
        Files.copy(TREE.resolve("docs/shepherd.yaml"), home.resolve("etc/shepherd.yaml"));
        // A jar that names the class path of the tests stands for those of the archive.
        try (Stream<String> entries =
                Stream.of(System.getProperty("java.class.path").split(":"))) {
            List<String> uris =
                    entries.map(entry -> Path.of(entry).toUri().toString()).toList();
            java.util.jar.Manifest manifest = new java.util.jar.Manifest();
            manifest.getMainAttributes().putValue("Manifest-Version", "1.0");
            manifest.getMainAttributes().putValue("Class-Path", String.join(" ", uris));
            new java.util.jar.JarOutputStream(Files.newOutputStream(home.resolve("lib/shepherd-cli.jar")), manifest)
                    .close();
        }
    }

    private record Run(int exitCode, String output) {}

    private Run run(Map<String, String> environment, String... command) throws Exception {
        Path elsewhere = Files.createDirectories(folder.resolve("elsewhere"));
        ProcessBuilder builder =
                new ProcessBuilder(command).directory(elsewhere.toFile()).redirectErrorStream(true);
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("SHEPHERD_CACHE", "");
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        return new Run(process.exitValue(), output);
    }

    @Test
    void theLauncherRunsFromAnotherFolderThroughALink() throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("shepherd"), home.resolve("bin/shepherd"));

        Run version = run(Map.of(), link.toString(), "--version");
        Run help = run(Map.of(), link.toString(), "run", "--help");

        assertThat(version.exitCode).as(version.output).isZero();
        assertThat(version.output).startsWith("shepherd ");
        assertThat(help.exitCode).isZero();
        assertThat(help.output).contains("--config", "--check");
    }

    @Test
    void theSampleIsCheckedAndSaysWhatIsToBeFilledIn() throws Exception {
        Path sample = home.resolve("etc/shepherd.yaml");
        Run plain =
                run(Map.of(), home.resolve("bin/shepherd").toString(), "run", "--config", sample.toString(), "--check");

        assertThat(plain.exitCode).isEqualTo(2);
        assertThat(plain.output)
                .contains("database.password: ${credential:database-password}: there are no credentials")
                .contains("/usr/lib/shepherd/agent is not a file that can be read")
                .contains("/etc/shepherd/id_ed25519 does not exist")
                .doesNotContain("\tat ");
    }

    @Test
    void itsOptionsAreGivenToTheJvm() throws Exception {
        Run run = run(
                Map.of("JAVA_OPTS", "-Xmx300m -XX:+PrintFlagsFinal"),
                home.resolve("bin/shepherd").toString(),
                "--version");

        assertThat(run.output)
                .containsPattern("MaxHeapSize +:?= 314572800 ")
                .containsPattern("ExitOnOutOfMemoryError +:?= true ");
    }

    @Test
    void aJavaThatIsTooOldIsToldAsWhatItIs() throws Exception {
        Path old = Files.createDirectories(folder.resolve("old/bin"));
        Path java = Files.writeString(old.resolve("java"), "#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n");
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));

        Run run = run(
                Map.of("JAVA_HOME", folder.resolve("old").toString()),
                home.resolve("bin/shepherd").toString(),
                "--version");

        assertThat(run.exitCode).isEqualTo(2);
        assertThat(run.output).startsWith("shepherd: needs Java 17 or newer; ").contains(" is 11. Set JAVA_HOME");
    }

    private Path unit() throws IOException {
        String text = Files.readString(ARCHIVE.resolve("systemd/shepherd.service"));
        assertThat(text).contains("ExecStart=/opt/shepherd/bin/shepherd run --config /etc/shepherd/shepherd.yaml\n");
        // What it runs must be there. A name with a blank would have to be quoted.
        Path plain = Files.createSymbolicLink(folder.resolve("plain"), home);
        return Files.writeString(
                folder.resolve("shepherd.service"),
                text.replace("/opt/shepherd/", plain + "/").replace("User=shepherd", "User=daemon"));
    }

    @Test
    void systemdUnderstandsTheUnitAndFindsItHardened() throws Exception {
        List<String> program = List.of("systemd-analyze");
        boolean there = new ProcessBuilder("sh", "-c", "command -v systemd-analyze")
                        .start()
                        .waitFor()
                == 0;
        assumeTrue(there, "systemd-analyze is not installed (Debian's package systemd)");
        Path unit = unit();

        List<String> verify = new ArrayList<>(program);
        verify.addAll(List.of("verify", "--man=no", unit.toString()));
        Run verified = run(Map.of(), verify.toArray(String[]::new));
        List<String> security = new ArrayList<>(program);
        security.addAll(List.of("security", "--offline=yes", "--no-pager", unit.toString()));
        Run secured = run(Map.of(), security.toArray(String[]::new));

        assertThat(verified.exitCode).as(verified.output).isZero();
        assertThat(verified.output.lines().filter(line -> line.contains("shepherd.service")))
                .isEmpty();
        assertThat(secured.output).containsPattern("exposure level for shepherd.service: [0-2]\\.\\d OK");
    }

    /** What the unit allows for an end must be more than what the program takes at most. */
    @Test
    void systemdWaitsLongerForTheEndThanItMayTake() throws Exception {
        String text = Files.readString(ARCHIVE.resolve("systemd/shepherd.service"));

        assertThat(Integer.parseInt(text.replaceAll("(?s).*\nTimeoutStopSec=(\\d+)\n.*", "$1")))
                .isGreaterThan(60);
        assertThat(text).contains("\nSuccessExitStatus=143\n", "\nRestartPreventExitStatus=2\n");
    }
}
