package dev.shepherd.testkit.fleet;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class ArchitectureTest {

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.shepherd.testkit.fleet");

    @Test
    void onlyTheExtensionAndItsAnnotationKnowJUnit() {
        assertThat(CLASSES.size()).isGreaterThanOrEqualTo(6);
        noClasses()
                .that()
                .haveSimpleNameNotStartingWith("Shepherd")
                .and()
                .doNotHaveSimpleName("Owned")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.junit..")
                .check(CLASSES);
    }
}
