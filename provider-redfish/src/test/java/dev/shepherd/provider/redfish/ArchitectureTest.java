package dev.shepherd.provider.redfish;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class ArchitectureTest {

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.shepherd.provider.redfish");

    @Test
    void theModuleIsNotEmpty() {
        assertThat(CLASSES.size()).isGreaterThanOrEqualTo(12);
    }

    @Test
    void theProviderNeedsNothingOfShepherdButTheApiTheSupportAndTheList() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "dev.shepherd.provider.staticlist",
                        "dev.shepherd.bmdb..",
                        "dev.shepherd.manager..",
                        "dev.shepherd.testkit..",
                        "org.jooq..")
                .check(CLASSES);
    }

    @Test
    void onlyWhatIsMeantForUsersIsPublic() {
        classes()
                .that()
                .areTopLevelClasses()
                .and()
                .arePublic()
                .should()
                .haveNameMatching(".*\\.(RedfishProvider(Factory)?|BmcReport)")
                .check(CLASSES);
    }
}
