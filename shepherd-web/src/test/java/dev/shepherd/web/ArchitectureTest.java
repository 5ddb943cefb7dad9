package dev.shepherd.web;

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
            .importPackages("dev.shepherd.web");

    @Test
    void theModuleIsNotEmpty() {
        assertThat(CLASSES.size()).isGreaterThanOrEqualTo(30);
    }

    @Test
    void packagesFormNoCycle() {
        slices().matching("dev.shepherd.web.(*)..").should().beFreeOfCycles().check(CLASSES);
        noClasses()
                .that()
                .resideInAnyPackage(
                        "dev.shepherd.web.access",
                        "dev.shepherd.web.api",
                        "dev.shepherd.web.http",
                        "dev.shepherd.web.live",
                        "dev.shepherd.web.pages..",
                        "dev.shepherd.web.webhook")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("dev.shepherd.web")
                .check(CLASSES);
    }

    @Test
    void onlyTheServletKnowsOfServletContainersWhichAreOptional() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.shepherd.web.servlet")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("jakarta..")
                .check(CLASSES);
    }

    @Test
    void onlyTheMetricsKnowOfMicrometerWhichIsOptional() {
        noClasses()
                .that()
                .haveNameNotMatching(".*\\.WebhookMetrics(\\$.*)?")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.micrometer..")
                .check(CLASSES);
    }

    @Test
    void onlyTheWebhookMakesCalls() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.shepherd.web.webhook")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("dev.shepherd.provider..")
                .check(CLASSES);
    }

    @Test
    void theModuleUsesTheLibrariesItNamesAndNoOther() {
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "javax.crypto..",
                        "javax.net.ssl..",
                        "javax.annotation.processing..",
                        "com.sun.net.httpserver..",
                        "com.fasterxml.jackson..",
                        "dev.shepherd.api..",
                        "dev.shepherd.bmdb",
                        "dev.shepherd.bmdb.disruption",
                        "dev.shepherd.bmdb.event",
                        "dev.shepherd.bmdb.feed",
                        "dev.shepherd.bmdb.fleet",
                        "dev.shepherd.bmdb.hardware",
                        "dev.shepherd.bmdb.meters",
                        "dev.shepherd.bmdb.operator",
                        "dev.shepherd.bmdb.threads",
                        "dev.shepherd.manager..",
                        "dev.shepherd.provider.support",
                        "dev.shepherd.web..",
                        "gg.jte..",
                        "io.micrometer..",
                        "jakarta.servlet..",
                        "org.jspecify..",
                        "org.slf4j..")
                .check(CLASSES);
    }
}
