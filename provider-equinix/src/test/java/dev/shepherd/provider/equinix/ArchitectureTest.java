package dev.shepherd.provider.equinix;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class ArchitectureTest {

    private static final String PROVIDER = "dev.shepherd.provider.equinix";
    private static final String CLIENT = PROVIDER + ".client";

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages(PROVIDER);

    @Test
    void theModuleIsNotEmpty() {
        assertThat(CLASSES.size()).isGreaterThanOrEqualTo(60);
    }

    @Test
    void theProviderNeedsNothingOfShepherdButTheApiAndTheSupport() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "dev.shepherd.bmdb..", "dev.shepherd.manager..", "dev.shepherd.testkit..", "org.jooq..")
                .check(CLASSES);
    }

    @Test
    void onlyWhatIsMeantForUsersIsPublic() {
        classes()
                .that()
                .resideInAPackage(PROVIDER)
                .and()
                .areTopLevelClasses()
                .and()
                .arePublic()
                .should()
                .haveSimpleNameStartingWith("EquinixProvider")
                .check(CLASSES);
    }

    @Test
    void theGeneratedClientKnowsNothingOfTheProvider() {
        noClasses()
                .that()
                .resideInAPackage(CLIENT)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(PROVIDER)
                .check(CLASSES);
    }
}
