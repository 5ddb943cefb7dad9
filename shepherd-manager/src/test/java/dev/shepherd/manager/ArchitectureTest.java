package dev.shepherd.manager;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.shepherd.api.Machine;
import dev.shepherd.api.Provider;
import dev.shepherd.manager.internal.ProviderCalls;
import org.junit.jupiter.api.Test;

class ArchitectureTest {

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(location -> !location.contains("testkit"))
            .importPackages("dev.shepherd.manager");

    @Test
    void theModuleIsNotEmpty() {
        assertThat(CLASSES.size()).isGreaterThanOrEqualTo(40);
    }

    @Test
    void theManagerKnowsNothingOfJooqAndOfTheInsideOfOtherModules() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.jooq..", "dev.shepherd.bmdb.internal..", "dev.shepherd.testkit..")
                .check(CLASSES);
    }

    @Test
    void onlyTheTakeoverKnowsOfTheAgentsMessages() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.shepherd.manager.takeover..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("com.google.protobuf..", "dev.shepherd.agent.messages..")
                .check(CLASSES);
    }

    @Test
    void theSshLibraryIsBehindOneDoor() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.shepherd.manager.takeover.ssh")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("net.schmizz..", "com.hierynomus..")
                .check(CLASSES);
        noClasses()
                .that()
                .resideOutsideOfPackages("dev.shepherd.manager.takeover", "dev.shepherd.manager.takeover.ssh")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("dev.shepherd.manager.takeover.ssh")
                .check(CLASSES);
    }

    @Test
    void onlyTheMetricsKnowOfMicrometerWhichIsOptional() {
        noClasses()
                .that()
                .haveNameNotMatching(".*\\.(ShepherdMetrics|GateMeters|ProviderMeters|TakeoverMeters)(\\$.*)?")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.micrometer..")
                .check(CLASSES);
    }

    @Test
    void nothingGoesRoundTheCallLimitOfAProvider() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName(ProviderCalls.class.getName())
                .and()
                .haveNameNotMatching(".*\\.ProviderCalls\\$.*")
                .should()
                .callMethodWhere(
                        new DescribedPredicate<JavaMethodCall>("the provider or one of its machines is called") {
                            @Override
                            public boolean test(JavaMethodCall call) {
                                return call.getTargetOwner().isAssignableTo(Provider.class)
                                        || call.getTargetOwner().isEquivalentTo(Machine.class);
                            }
                        })
                .check(CLASSES);
    }

    @Test
    void noFeatureLeansOnAnother() {
        slices().matching("dev.shepherd.manager.(listing|operator|provisioning|recovery|takeover)..")
                .should()
                .notDependOnEachOther()
                .check(CLASSES);
    }

    @Test
    void thePackagesHaveNoCycles() {
        slices().matching("dev.shepherd.(**)").should().beFreeOfCycles().check(CLASSES);
    }
}
