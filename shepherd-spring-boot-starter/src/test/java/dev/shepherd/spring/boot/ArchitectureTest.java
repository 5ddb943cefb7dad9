package dev.shepherd.spring.boot;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class ArchitectureTest {

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.shepherd.spring.boot");

    @Test
    void theModuleIsNotEmpty() {
        assertThat(CLASSES.size()).isGreaterThanOrEqualTo(30);
    }

    @Test
    void anApplicationSeesTheMarkAndTheCustomizersAlone() {
        assertThat(CLASSES.stream()
                        .filter(one -> one.getModifiers().contains(JavaModifier.PUBLIC))
                        .map(JavaClass::getSimpleName))
                .containsExactlyInAnyOrder("BmdbConfigCustomizer", "ShepherdCustomizer", "ShepherdDataSource");
    }

    @Test
    void whatAnApplicationNeedNotHaveIsKnownWhereItIsConfiguredAlone() {
        only("dev.shepherd.web.webhook..", "WebhookAutoConfiguration.*|MetricsAutoConfiguration\\$OfTheWebhook");
        only(
                "dev.shepherd.web..",
                "WebAutoConfiguration.*|WebhookAutoConfiguration.*|MetricsAutoConfiguration\\$OfTheWebhook");
        only("jakarta.servlet..", "WebAutoConfiguration.*");
        only("io.micrometer.core..", "MetricsAutoConfiguration.*");
        only("io.micrometer.observation..", "TracesAutoConfiguration.*");
        only("org.springframework.boot.actuate..", "(Actuator|Health)AutoConfiguration.*|ShepherdEndpoint.*");
        only("org.springframework.boot.health..", "HealthAutoConfiguration.*");
        only("org.springframework.boot.autoconfigure.flyway..", "FlywayGuardAutoConfiguration.*");
    }

    private static void only(String packages, String users) {
        noClasses()
                .that()
                .haveNameNotMatching("dev\\.shepherd\\.spring\\.boot\\.(" + users + ")")
                .should()
                .dependOnClassesThat()
                .resideInAPackage(packages)
                .check(CLASSES);
    }

    @Test
    void theModuleUsesTheLibrariesItNamesAndNoOther() {
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "javax.sql..",
                        "com.zaxxer.hikari",
                        "dev.shepherd.api..",
                        "dev.shepherd.bmdb",
                        "dev.shepherd.bmdb.agent",
                        "dev.shepherd.bmdb.disruption",
                        "dev.shepherd.bmdb.event",
                        "dev.shepherd.bmdb.fleet",
                        "dev.shepherd.bmdb.labels",
                        "dev.shepherd.bmdb.metrics",
                        "dev.shepherd.bmdb.operator",
                        "dev.shepherd.bmdb.trace",
                        "dev.shepherd.callback",
                        "dev.shepherd.manager..",
                        "dev.shepherd.spring.boot",
                        "dev.shepherd.web..",
                        "io.micrometer.core.instrument..",
                        "io.micrometer.observation",
                        "jakarta.servlet..",
                        "org.flywaydb.core..",
                        "org.jspecify..",
                        "org.slf4j..",
                        "org.springframework..")
                .check(CLASSES);
    }
}
