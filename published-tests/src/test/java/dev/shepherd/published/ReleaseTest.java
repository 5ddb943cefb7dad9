package dev.shepherd.published;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.shepherd.published.Published.Module;
import java.io.IOException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.xml.XMLConstants;
import javax.xml.transform.Source;
import javax.xml.transform.stream.StreamSource;
import javax.xml.validation.Schema;
import javax.xml.validation.SchemaFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;

/** The folder that is released has all that Maven Central asks for, and nothing else. */
class ReleaseTest {

    private static final List<String> LIBRARY =
            List.of(".pom", ".jar", "-sources.jar", "-javadoc.jar", "-cyclonedx.json", "-cyclonedx.xml");

    @TempDir
    static Path temporary;

    /** Where the keys are that gpg knows; its name is short, since the path of a socket in it has to be. */
    private static Optional<Path> keys = Optional.empty();

    @BeforeAll
    static void onlyInTheProfileRelease() throws Exception {
        assumeTrue(Outside.RELEASE.isPresent(), "nothing is released here: that takes the profile release, online");
        Path publicKey = Path.of(Outside.property("published.signed-by"));
        if (Files.exists(publicKey)) {
            keys = Optional.of(Files.createTempDirectory(
                    Path.of("/tmp"),
                    "gpg",
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))));
            assertThat(gpg("--import", publicKey.toString()).exitCode()).isZero();
        }
    }

    @AfterAll
    static void forgetTheKeys() throws Exception {
        if (keys.isPresent()) {
            run(List.of("gpgconf", "--homedir", keys.get().toString(), "--kill", "all"));
            try (Stream<Path> files = Files.walk(keys.get())) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(file);
                }
            }
        }
    }

    /** What each module has to have; the parent of all comes first. */
    private static List<String> endings(String artifact) {
        if (artifact.equals("shepherd-bom")) {
            return List.of(".pom");
        }
        if (artifact.equals("shepherd-parent")) {
            return List.of(".pom", "-cyclonedx.json", "-cyclonedx.xml");
        }
        return LIBRARY;
    }

    private static List<String> artifacts() throws Exception {
        List<String> artifacts = new ArrayList<>(List.of("shepherd-parent"));
        Published.modules().stream()
                .filter(Module::published)
                .map(Module::artifact)
                .forEach(artifacts::add);
        return artifacts;
    }

    /** All files that stand for themselves: neither checksums, nor signatures, nor lists of versions. */
    private static List<Path> files() throws Exception {
        try (Stream<Path> files = Files.walk(Outside.RELEASE.orElseThrow())) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> !file.getFileName().toString().matches(".*\\.(asc|md5|sha1|sha256|sha512)"))
                    .filter(file -> !file.getFileName().toString().startsWith("maven-metadata"))
                    .toList();
        }
    }

    @Test
    void itHasAllPartsOfEachArtifactAndNothingElse() throws Exception {
        Set<Path> wanted = new TreeSet<>();
        for (String artifact : artifacts()) {
            for (String ending : endings(artifact)) {
                Optional<Path> file = Published.file(artifact, ending);
                assertThat(file)
                        .as("%s, the file that ends with %s", artifact, ending)
                        .isPresent();
                wanted.add(file.orElseThrow());
            }
        }
        assertThat(wanted).hasSizeGreaterThan(60);
        assertThat(files()).containsExactlyInAnyOrderElementsOf(wanted);
    }

    @Test
    void eachFileHasItsChecksums() throws Exception {
        for (Path file : files()) {
            for (Map.Entry<String, String> kind :
                    Map.of("md5", "MD5", "sha1", "SHA-1").entrySet()) {
                String sum = HexFormat.of()
                        .formatHex(MessageDigest.getInstance(kind.getValue()).digest(Files.readAllBytes(file)));
                assertThat(Path.of(file + "." + kind.getKey())).content().isEqualTo(sum);
            }
        }
    }

    @Test
    void eachFileIsSignedAndGpgVerifiesIt() throws Exception {
        assumeTrue(isSigned(), "the release is not signed: there is no gpg");
        List<Path> files = files();
        assertThat(files).hasSizeGreaterThan(60);
        for (Path file : files) {
            assertThat(Path.of(file + ".asc")).exists();
            Run verified = gpg("--verify", file + ".asc", file.toString());
            assertThat(verified.exitCode()).as(verified.output()).isZero();
            assertThat(verified.output()).contains("Good signature from");
        }

        Path changed = Files.copy(files.get(0), temporary.resolve("changed"));
        Files.writeString(changed, Files.readString(changed, StandardCharsets.ISO_8859_1) + " ");
        Run refused = gpg("--verify", files.get(0) + ".asc", changed.toString());
        assertThat(refused.exitCode()).isNotZero();
        assertThat(refused.output()).contains("BAD signature");
    }

    private static boolean isSigned() throws Exception {
        return keys.isPresent()
                || Files.exists(Path.of(Published.file("shepherd-api", ".pom").orElseThrow() + ".asc"));
    }

    @Test
    void eachPomSaysWhatMavenCentralAsksFor() throws Exception {
        Document parent = pom("shepherd-parent");
        for (String artifact : artifacts()) {
            Document pom = pom(artifact);
            boolean inherits =
                    !Published.text(pom, "/project/parent/artifactId").isEmpty();
            for (String path : List.of("groupId", "version")) {
                assertThat(Published.text(inherits ? parent : pom, "/project/" + path))
                        .isNotEmpty();
            }
            for (String path : List.of("artifactId", "name", "description")) {
                assertThat(Published.text(pom, "/project/" + path))
                        .as("%s of %s", path, artifact)
                        .isNotEmpty();
            }
            for (String path :
                    List.of("url", "licenses/license/url", "developers/developer/name", "scm/connection", "scm/url")) {
                assertThat(Published.text(inherits ? parent : pom, "/project/" + path))
                        .as("%s of %s", path, artifact)
                        .isNotEmpty();
            }
            assertThat(Published.texts(pom, "//repository | //pluginRepository"))
                    .as("repositories in the POM of %s", artifact)
                    .isEmpty();
            assertThat(Published.texts(pom, "/project/dependencies/dependency/version"))
                    .as("versions in the POM of %s", artifact)
                    .noneMatch(version -> version.endsWith("-SNAPSHOT"));
        }
    }

    private static Document pom(String artifact) throws Exception {
        return Published.parse(Published.file(artifact, ".pom").orElseThrow());
    }

    @Test
    void eachBillOfMaterialsKeepsToTheFormatAndListsWhatTheArtifactBringsAlong() throws Exception {
        Map<String, Set<String>> lists = DependenciesTest.runtimeDependencies();
        Schema schema = formatOfBills();
        for (String artifact : Published.libraries()) {
            Path file = Published.file(artifact, "-cyclonedx.xml").orElseThrow();

            schema.newValidator().validate(new StreamSource(file.toFile()));

            Document bill = Published.parse(file);
            String component = "/bom/components/component";
            List<String> names = new ArrayList<>(Published.texts(bill, component + "/name"));
            List<String> groups = Published.texts(bill, component + "/group");
            names.replaceAll(name -> groups.get(names.indexOf(name)) + ":" + name);
            assertThat(Published.text(bill, "/bom/metadata/component/name")).isEqualTo(artifact);
            assertThat(names).as("what the SBOM of %s lists", artifact).containsAll(lists.get(artifact));
            for (String part : List.of("[not(hashes/hash)]", "[not(licenses)]")) {
                assertThat(Published.texts(bill, component + part + "/name"))
                        .as("components of %s%s", artifact, part)
                        .isEmpty();
            }
            JsonNode json = new ObjectMapper()
                    .readTree(Published.file(artifact, "-cyclonedx.json")
                            .orElseThrow()
                            .toFile());
            assertThat(json.get("bomFormat").textValue()).isEqualTo("CycloneDX");
            assertThat(json.get("components")).hasSameSizeAs(names);
        }
    }

    /** The schema as CycloneDX has it in its library, whose classes want another JSON validator than this build has. */
    private static Schema formatOfBills() throws Exception {
        SchemaFactory factory = SchemaFactory.newInstance(XMLConstants.W3C_XML_SCHEMA_NS_URI);
        // What it imports is given before it, and is not fetched.
        factory.setProperty(XMLConstants.ACCESS_EXTERNAL_SCHEMA, "");
        return factory.newSchema(new Source[] {schema("spdx.xsd"), schema("bom-1.6.xsd")});
    }

    private static Source schema(String name) {
        URL url = ReleaseTest.class.getClassLoader().getResource(name);
        assertThat(url).as(name).isNotNull();
        return new StreamSource(url.toString());
    }

    @Test
    void aProgramThatUsesOnlyTheApiGetsTheAnnotationsAndNothingElse() throws Exception {
        assertThat(DependenciesTest.runtimeDependencies().get("shepherd-api")).containsExactly("org.jspecify:jspecify");
    }

    @Test
    void theOnlyPlaceThatArtifactsComeFromIsTheRelease() throws Exception {
        Path project = Files.createDirectory(temporary.resolve("project"));
        Outside outside = Outside.in(project);
        Files.writeString(project.resolve("pom.xml"), """
                <project xmlns="http://maven.apache.org/POM/4.0.0">
                  <modelVersion>4.0.0</modelVersion>
                  <groupId>com.example</groupId>
                  <artifactId>with-manager</artifactId>
                  <version>1</version>
                  <dependencies>
                    <dependency>
                      <groupId>dev.shepherd</groupId>
                      <artifactId>shepherd-manager</artifactId>
                      <version>%s</version>
                    </dependency>
                  </dependencies>
                </project>
                """.formatted(Outside.VERSION));

        outside.run("mvn org.apache.maven.plugins:maven-dependency-plugin:3.10.0:list -DincludeScope=runtime");

        Path local = Outside.LOCAL_REPOSITORY.resolve("dev/shepherd");
        int found = 0;
        try (Stream<Path> files = Files.walk(local)) {
            for (Path file :
                    files.filter(path -> path.endsWith("_remote.repositories")).toList()) {
                for (String line : Files.readAllLines(file)) {
                    if (!line.startsWith("#")) {
                        found++;
                        assertThat(line).as("%s", file).endsWith(">release=");
                    }
                }
            }
        }
        assertThat(found).isGreaterThan(5);
    }

    @Test
    void theChangelogHasASectionForTheRelease() throws Exception {
        String changelog = Files.readString(Outside.ROOT.resolve("CHANGELOG.md"));
        String section = Outside.VERSION.endsWith("-SNAPSHOT")
                ? "## Unreleased"
                : "## " + Outside.VERSION + " - \\d{4}-\\d\\d-\\d\\d";
        assertThat(Pattern.compile("^" + section + "\\R+###? .+\\R+- ", Pattern.MULTILINE)
                        .matcher(changelog)
                        .find())
                .as("a section %s with something in it", section)
                .isTrue();
    }

    private record Run(int exitCode, String output) {}

    private static Run gpg(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("gpg", "--batch"));
        keys.ifPresent(home -> command.addAll(List.of("--homedir", home.toString())));
        command.addAll(List.of(arguments));
        return run(command);
    }

    private static Run run(List<String> command) throws IOException, InterruptedException {
        Path output = Files.createTempFile(temporary, "gpg", ".txt");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment().put("LC_ALL", "C");
        Process process = builder.start();
        try {
            assertThat(process.waitFor(1, TimeUnit.MINUTES)).as("%s", command).isTrue();
            return new Run(process.exitValue(), Files.readString(output));
        } finally {
            process.destroyForcibly();
        }
    }
}
