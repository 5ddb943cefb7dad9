package dev.shepherd.testkit;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class ArchitectureTest {

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.shepherd.testkit");

    @Test
    void theModuleIsNotEmpty() {
        assertThat(CLASSES.size()).isGreaterThanOrEqualTo(60);
    }

    @Test
    void thePackagesHaveNoCycles() {
        slices().matching("dev.shepherd.(**)").should().beFreeOfCycles().check(CLASSES);
    }

    @Test
    void whatADemoRunsNeedsNoJUnit() {
        noClasses()
                .that()
                .resideInAnyPackage(
                        "dev.shepherd.testkit.agent",
                        "dev.shepherd.testkit.bmc",
                        "dev.shepherd.testkit.equinix",
                        "dev.shepherd.testkit.http",
                        "dev.shepherd.testkit.provider",
                        "dev.shepherd.testkit.ssh")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.junit..", "org.testcontainers..")
                .check(CLASSES);
    }

    @Test
    void onlyTheHostsKnowWhatServesSsh() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.shepherd.testkit.ssh")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.apache.sshd..")
                .check(CLASSES);
    }
}
