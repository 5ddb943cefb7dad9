package dev.shepherd.published;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/**
 * A place outside of this build: a folder in which commands run, with a Maven that knows of this project only what is
 * released, in a repository that only it has. Without the profile {@code release}, what the modules have built was put there
 * before. The artifacts of others come from the repository of this build, as from a remote one, and then from Maven Central.
 */
final class Outside {

    static final String VERSION = property("published.version");
    static final Path ROOT = Path.of("").toAbsolutePath().getParent();

    /** Whether the build is offline: then Maven neither deploys to the folder that is released nor makes SBOMs. */
    static final boolean OFFLINE = property("published.offline").equals("is true");

    /** The folder that is released, in the profile {@code release}. */
    static final Optional<Path> RELEASE = Optional.of(property("published.release"))
            .filter(path -> !path.isEmpty() && !OFFLINE)
            .map(Path::of);

    /** What Maven has as its local repository outside of the build. */
    static final Path LOCAL_REPOSITORY =
            Path.of(property("published.repository") + (RELEASE.isPresent() ? "-of-release" : ""));

    /** As for this build: its JVMs live for seconds. */
    private static final String JVM_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";

    private static final long LIMIT_SECONDS = 800;

    private final Path folder;
    private final Map<String, String> environment = new TreeMap<>();

    private Outside(Path folder) {
        this.folder = folder;
    }

    /** Makes the place in an empty folder. */
    static Outside in(Path folder) {
        Outside outside = new Outside(folder);
        try {
            Path bin = Files.createDirectory(folder.resolve(".bin"));
            outside.command(bin.resolve("mvn"), """
                    exec '%s' -s '%s' -Dmaven.repo.local='%s' -B -ntp -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \\
                        -DargLine='%s' "$@"
                    """.formatted(
                            Path.of(property("published.maven"), "bin", "mvn"),
                            Files.writeString(folder.resolve(".settings.xml"), settings()),
                            LOCAL_REPOSITORY,
                            JVM_OPTIONS));
            outside.environment.put("PATH", bin + ":" + System.getenv("PATH"));
            outside.environment.put("JAVA_HOME", System.getProperty("java.home"));
            outside.environment.put("MAVEN_OPTS", JVM_OPTIONS);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return outside;
    }

    /** What is released comes first, and only from there. */
    private static String settings() {
        Map<String, String> urls = new LinkedHashMap<>();
        RELEASE.ifPresent(folder -> urls.put("release", folder.toUri().toString()));
        urls.put("known", Path.of(property("published.known-artifacts")).toUri().toString());
        StringBuilder repositories = new StringBuilder();
        StringBuilder pluginRepositories = new StringBuilder();
        urls.forEach((id, url) -> {
            repositories.append(repository("repository", id, url));
            pluginRepositories.append(repository("pluginRepository", id, url));
        });
        return """
                <settings>
                  <profiles>
                    <profile>
                      <id>known</id>
                      <repositories>%s</repositories>
                      <pluginRepositories>%s</pluginRepositories>
                    </profile>
                  </profiles>
                  <activeProfiles>
                    <activeProfile>known</activeProfile>
                  </activeProfiles>
                </settings>
                """.formatted(repositories, pluginRepositories);
    }

    private static String repository(String kind, String id, String url) {
        boolean release = id.equals("release");
        return """
                <%1$s>
                  <id>%2$s</id>
                  <url>%3$s</url>
                  <releases><checksumPolicy>%4$s</checksumPolicy></releases>
                  <snapshots><enabled>%5$s</enabled><updatePolicy>always</updatePolicy><checksumPolicy>%4$s</checksumPolicy></snapshots>
                </%1$s>
                """.formatted(kind, id, url, release ? "fail" : "ignore", release);
    }

    static String property(String name) {
        String value = System.getProperty(name);
        assertThat(value).as("the property %s, which the build sets", name).isNotNull();
        return value;
    }

    Path folder() {
        return folder;
    }

    /** Adds a command that a shell script is. */
    void command(Path file, String script) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/sh\n" + script);
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    Outside environment(String name, String value) {
        environment.put(name, value);
        return this;
    }

    /** Runs a shell script in the folder and returns what it printed. It must succeed. */
    String run(String script) throws Exception {
        return run(List.of("bash", "-euo", "pipefail", "-c", script));
    }

    /** Runs a command in the folder and returns what it printed. It must succeed. */
    String run(List<String> command) throws Exception {
        Path output = Files.createTempFile(folder, ".output", ".txt");
        ProcessBuilder builder = new ProcessBuilder(new ArrayList<>(command))
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        // What the outer Maven was started with is not the inner one's.
        builder.environment().keySet().removeIf(name -> name.startsWith("MAVEN_"));
        builder.environment().putAll(environment);
        Process process = builder.start();
        try {
            boolean ended = process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
            String printed = Files.readString(output);
            assertThat(ended).as("ended in time: %s%n%s", command, printed).isTrue();
            assertThat(process.exitValue()).as("%s%n%s", command, printed).isZero();
            return printed;
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }

    /** Copies a folder, but what a build left in it. */
    static void copy(Path from, Path to) throws IOException {
        for (Map.Entry<String, String> file : texts(from).entrySet()) {
            Path target = to.resolve(file.getKey());
            Files.createDirectories(target.getParent());
            Files.writeString(target, file.getValue());
        }
    }

    /** Reads all files of a folder, by their paths in it, but what a build left in it. */
    static Map<String, String> texts(Path folder) throws IOException {
        Map<String, String> texts = new TreeMap<>();
        try (var files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path path = folder.relativize(file);
                if (!path.startsWith("target")) {
                    texts.put(path.toString(), Files.readString(file));
                }
            }
        }
        return texts;
    }
}
