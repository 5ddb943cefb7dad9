package dev.shepherd.callback;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
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
            .importPackages("dev.shepherd.callback");

    @Test
    void theModuleIsNotEmpty() {
        assertThat(CLASSES.size()).isGreaterThanOrEqualTo(20);
    }

    @Test
    void theModuleUsesTheLibrariesItNamesAndNoOther() {
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "javax.net.ssl",
                        "javax.security.auth.x500",
                        "com.sun.management..",
                        "dev.shepherd.agent.messages..",
                        "dev.shepherd.api..",
                        "dev.shepherd.bmdb",
                        "dev.shepherd.bmdb.agent",
                        "dev.shepherd.bmdb.meters",
                        "dev.shepherd.bmdb.threads",
                        "dev.shepherd.callback..",
                        "io.netty..",
                        "io.micrometer..",
                        "com.google.protobuf..",
                        "org.slf4j..",
                        "org.jspecify..")
                .check(CLASSES);
    }

    @Test
    void whoMayCallHowOftenIsDecidedWithoutTheTransport() {
        noClasses()
                .that()
                .haveSimpleName("AgentCalls")
                .or()
                .haveSimpleName("FairQueue")
                .or()
                .haveSimpleName("Allowance")
                .or()
                .haveSimpleName("SignedRequest")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.netty..")
                .check(CLASSES);
    }

    @Test
    void onlyTheMetricsKnowOfMicrometerWhichIsOptional() {
        noClasses()
                .that()
                .haveNameNotMatching(".*\\.AgentEndpointMetrics(\\$.*)?")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.micrometer..")
                .check(CLASSES);
    }

    @Test
    void thePackagesHaveNoCycles() {
        slices().matching("dev.shepherd.(**)").should().beFreeOfCycles().check(CLASSES);
    }
}
