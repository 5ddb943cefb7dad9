package dev.shepherd.cli;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackage;
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
            .importPackages("dev.shepherd.cli");

    @Test
    void theModuleIsNotEmpty() {
        assertThat(CLASSES.size()).isGreaterThanOrEqualTo(50);
    }

    @Test
    void thePackagesHaveNoCycles() {
        slices().matching("dev.shepherd.(**)").should().beFreeOfCycles().check(CLASSES);
    }

    @Test
    void onlyTheDemoRunsOnFakes() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.shepherd.cli.demo")
                .should()
                .dependOnClassesThat(resideInAPackage("dev.shepherd.testkit..")
                        .and(resideOutsideOfPackage("dev.shepherd.testkit.contract")))
                .check(CLASSES);
    }

    @Test
    void onlyTheCommandThatRunsTheContractKnowsTestsAndTheirEngine() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.shepherd.cli.contract")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.shepherd.testkit.contract", "org.junit..")
                .check(CLASSES);
    }
}
