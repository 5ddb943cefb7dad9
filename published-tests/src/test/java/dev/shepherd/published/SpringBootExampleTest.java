package dev.shepherd.published;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;

/**
 * Builds examples/spring-boot as a user would: with the dependency management of Spring Boot, whose versions of jOOQ, Netty, Flyway
 * and others are not ours.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class SpringBootExampleTest {

    private static final Path EXAMPLE = Outside.ROOT.resolve("examples/spring-boot");
    private static final String BOOT_3 = Outside.property("published.spring-boot-3");
    private static final String BOOT_4 = Outside.property("published.spring-boot-4");

    @TempDir
    Path folder;

    @Test
    void itsVersionsAreThoseOfThisBuild() throws Exception {
        Document example = Published.parse(EXAMPLE.resolve("pom.xml"));
        Document parent = Published.parse(Outside.ROOT.resolve("pom.xml"));
        assertThat(Published.text(example, "/project/parent/version")).isEqualTo(BOOT_3);
        assertThat(Published.text(example, "/project/properties/shepherd.version"))
                .isEqualTo(Outside.VERSION);
        String advice = Files.readString(Outside.ROOT.resolve(
                "shepherd-spring-boot-starter/src/main/java/dev/shepherd/spring/boot/Libraries.java"));
        String page = Files.readString(Outside.ROOT.resolve("docs/spring-boot.md"));
        for (String library : List.of("jooq", "netty")) {
            String version = Published.text(parent, "/project/properties/version." + library);
            assertThat(version).isNotEmpty();
            assertThat(Published.text(example, "/project/properties/" + library + ".version"))
                    .as("%s in the example", library)
                    .isEqualTo(version);
            assertThat(advice).contains(library + ".version to " + version);
            assertThat(page).contains("<" + library + ".version>" + version + "</" + library + ".version>");
        }
    }

    @Test
    void thePageShowsItAsItIsCompiled() throws Exception {
        String source = Files.readString(EXAMPLE.resolve("src/main/java/com/example/fleet/FleetApplication.java"));
        String security = source.substring(source.indexOf("    /** All paths want"), source.lastIndexOf('}'))
                .stripTrailing()
                .stripIndent()
                .strip();
        assertThat(Files.readString(Outside.ROOT.resolve("docs/spring-boot.md")))
                .contains(security);
    }

    @Test
    void itsTestIsGreenOnBoot3() throws Exception {
        testExample(BOOT_3, Path.of(System.getProperty("java.home")));
    }

    @Test
    @Tag("slow")
    void itsTestIsGreenOnBoot4() throws Exception {
        testExample(BOOT_4, Path.of(System.getProperty("java.home")));
    }

    @Test
    @Tag("slow")
    void itsTestIsGreenOnBoot3WithJdk25() throws Exception {
        testExample(BOOT_3, jdk25());
    }

    @Test
    @Tag("slow")
    void itsTestIsGreenOnBoot4WithJdk25() throws Exception {
        testExample(BOOT_4, jdk25());
    }

    private void testExample(String boot, Path jdk) throws Exception {
        Outside outside = Outside.in(folder).environment("JAVA_HOME", jdk.toString());
        Path project = folder.resolve("project");
        for (Map.Entry<String, String> file : Outside.texts(EXAMPLE).entrySet()) {
            Path target = project.resolve(file.getKey());
            Files.createDirectories(target.getParent());
            Files.writeString(
                    target,
                    file.getKey().equals("pom.xml")
                            ? file.getValue().replace("<version>" + BOOT_3 + "<", "<version>" + boot + "<")
                            : file.getValue());
        }

        outside.run("cd project && mvn test");

        assertThat(Files.readString(
                        project.resolve("target/surefire-reports/com.example.fleet.FleetApplicationTest.txt")))
                .contains("Tests run: 1, Failures: 0, Errors: 0, Skipped: 0");
        String report = Files.readString(
                project.resolve("target/surefire-reports/TEST-com.example.fleet.FleetApplicationTest.xml"));
        assertThat(report)
                .as("that it ran on this Boot and this JDK")
                .contains("spring-boot/" + boot + "/")
                .contains("name=\"java.home\" value=\"" + jdk.toRealPath() + "\"");
    }

    /** The test is skipped where there is none, and says so. */
    private static Path jdk25() throws IOException {
        Optional<Path> found = jdk(25);
        assumeTrue(found.isPresent(), "there is no JDK 25 where JDKs are looked for: this is not tried");
        return found.orElseThrow();
    }

    /** Finds a JDK where CI services, Linux distributions and SDKMAN have theirs. */
    private static Optional<Path> jdk(int version) throws IOException {
        List<Path> candidates = new ArrayList<>();
        candidates.add(Path.of(System.getProperty("java.home")));
        System.getenv().forEach((name, value) -> {
            if (name.startsWith("JAVA_HOME") || name.startsWith("JDK_")) {
                candidates.add(Path.of(value));
            }
        });
        for (Path place : List.of(
                Path.of("/usr/lib/jvm"),
                Path.of("/opt/java"),
                Path.of(System.getProperty("user.home"), ".sdkman", "candidates", "java"),
                Path.of(System.getProperty("user.home"), ".jdks"))) {
            if (Files.isDirectory(place)) {
                try (Stream<Path> folders = Files.list(place)) {
                    folders.sorted().forEach(candidates::add);
                }
            }
        }
        for (Path candidate : candidates) {
            Path release = candidate.resolve("release");
            if (Files.isRegularFile(release) && Files.isExecutable(candidate.resolve("bin/javac"))) {
                Properties properties = new Properties();
                try (InputStream in = Files.newInputStream(release)) {
                    properties.load(in);
                }
                String own = properties.getProperty("JAVA_VERSION", "").replace("\"", "");
                if (own.equals(String.valueOf(version)) || own.startsWith(version + ".")) {
                    return Optional.of(candidate);
                }
            }
        }
        return Optional.empty();
    }
}
