package dev.shepherd.published;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;

/** The POMs say what Maven Central asks of them, and the BOM has all there is. */
class PomsTest {

    @Test
    void theBomHasEveryLibrary() throws Exception {
        Document bom = Published.parse(Outside.ROOT.resolve("shepherd-bom/pom.xml"));

        assertThat(Published.texts(bom, "/project/dependencyManagement/dependencies/dependency/artifactId"))
                .containsExactlyInAnyOrderElementsOf(Published.libraries());
    }

    @Test
    void theParentAndTheBomSayWhoseTheyAre() throws Exception {
        for (String pom : List.of("pom.xml", "shepherd-bom/pom.xml")) {
            Document document = Published.parse(Outside.ROOT.resolve(pom));
            for (String path : List.of(
                    "name",
                    "description",
                    "url",
                    "licenses/license/name",
                    "licenses/license/url",
                    "developers/developer/name",
                    "developers/developer/organization",
                    "scm/connection",
                    "scm/developerConnection",
                    "scm/url")) {
                assertThat(Published.text(document, "/project/" + path))
                        .as("%s of %s", path, pom)
                        .isNotEmpty();
            }
        }
    }

    @Test
    void theBomAndTheParentAgreeOnWhereTheProjectIsAtHomeAndOnTheVersion() throws Exception {
        Document parent = Published.parse(Outside.ROOT.resolve("pom.xml"));
        Document bom = Published.parse(Outside.ROOT.resolve("shepherd-bom/pom.xml"));

        for (String path : List.of("/project/properties/shepherd.home", "/project/version")) {
            assertThat(Published.text(bom, path)).as(path).isEqualTo(Published.text(parent, path));
        }
    }

    @Test
    void everyPublishedModuleHasANameOfItsOwnAndComesWithItsSources() throws Exception {
        List<Published.Module> published =
                Published.modules().stream().filter(Published.Module::published).toList();
        assertThat(published).hasSizeGreaterThan(8);
        for (Published.Module module : published) {
            assertThat(Published.text(module.pom(), "/project/name")).isNotEmpty();
            assertThat(Published.text(module.pom(), "/project/description")).isNotEmpty();
            assertThat(Published.file(module.artifact(), ".pom"))
                    .as(module.artifact())
                    .isPresent();
            if (Files.exists(module.folder().resolve("src"))) {
                assertThat(Published.file(module.artifact(), ".jar"))
                        .as(module.artifact())
                        .isPresent();
                assertThat(module.folder().resolve("target")).isDirectoryContaining("glob:**-sources.jar");
            }
        }
    }
}
