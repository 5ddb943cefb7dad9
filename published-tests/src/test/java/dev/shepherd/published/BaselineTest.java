package dev.shepherd.published;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From the first release on, a change that breaks what was compiled against the last one fails the build. */
class BaselineTest {

    @TempDir
    Path folder;

    @BeforeAll
    static void onlyInTheProfileRelease() {
        assumeTrue(Outside.RELEASE.isPresent(), "nothing is released here: that takes the profile release, online");
    }

    @Test
    void aMethodThatIsNoLongerPublicFailsTheComparisonWithTheLastReleaseAndOneMoreDoesNot() throws Exception {
        Outside outside = Outside.in(folder);
        Path module = folder.resolve("next");
        Outside.copy(Outside.ROOT.resolve("shepherd-api"), module);
        // The next version of the module and of the BOM; their parent, and with it the comparison, is the released one.
        Path pom = module.resolve("pom.xml");
        String parent = "</parent>";
        Files.writeString(
                pom,
                Files.readString(pom).replace(parent, "<relativePath/>" + parent + "<version>99-SNAPSHOT</version>"));
        Files.createDirectory(folder.resolve("bom"));
        Files.writeString(
                folder.resolve("bom/pom.xml"),
                Files.readString(Outside.ROOT.resolve("shepherd-bom/pom.xml"))
                        .replace("<version>" + Outside.VERSION + "<", "<version>99-SNAPSHOT<"));
        Files.writeString(folder.resolve("pom.xml"), """
                <project xmlns="http://maven.apache.org/POM/4.0.0">
                  <modelVersion>4.0.0</modelVersion>
                  <groupId>com.example</groupId>
                  <artifactId>next-release</artifactId>
                  <version>1</version>
                  <packaging>pom</packaging>
                  <modules><module>bom</module><module>next</module></modules>
                </project>
                """);
        // Error Prone reaches into the compiler.
        Files.createDirectory(folder.resolve(".mvn"));
        Files.copy(Outside.ROOT.resolve(".mvn/jvm.config"), folder.resolve(".mvn/jvm.config"));
        Path source = module.resolve("src/main/java/dev/shepherd/api/MachineInfo.java");
        String method = "public Builder toBuilder() {";
        String before = Files.readString(source);
        assertThat(before).contains(method);
        String build = "mvn -q verify -Dmaven.test.skip=true -Dspotless.check.skip=true -Dshepherd.baseline="
                + Outside.VERSION;

        Files.writeString(source, before.replace(method, "public void more() {}\n" + method));
        outside.run(build);

        Files.writeString(source, before.replace(method, "Builder toBuilder() {"));
        assertThatThrownBy(() -> outside.run(build))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("dev.shepherd.api.MachineInfo.toBuilder():METHOD_LESS_ACCESSIBLE");
    }

    @Test
    void whatNoModuleExportsToAllIsLeftOutOfTheComparison() throws Exception {
        Set<String> excluded = new TreeSet<>(Published.texts(
                Published.parse(Outside.ROOT.resolve("pom.xml")), "//plugin/configuration/parameter/excludes/exclude"));
        Set<String> hidden = new TreeSet<>(Set.of("dev.shepherd.cli"));
        for (Published.Module module : Published.modules()) {
            Path sources = module.folder().resolve("src/main/java");
            Path descriptor = sources.resolve("module-info.java");
            if (!module.published()
                    || !Files.exists(descriptor)
                    || module.artifact().equals("shepherd-cli")) {
                continue;
            }
            Set<String> exported = new TreeSet<>();
            Matcher exports = Pattern.compile("exports ([\\w.]+);").matcher(Files.readString(descriptor));
            while (exports.find()) {
                exported.add(exports.group(1));
            }
            try (Stream<Path> files = Files.walk(sources)) {
                files.filter(file -> file.endsWith("package-info.java"))
                        .map(file ->
                                sources.relativize(file.getParent()).toString().replace('/', '.'))
                        .filter(name -> !exported.contains(name))
                        .filter(name -> !name.matches(".*\\.internal\\..*"))
                        .forEach(hidden::add);
            }
        }
        assertThat(excluded).containsAll(hidden);
    }
}
