package dev.shepherd.provider.support;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
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
            .importPackages("dev.shepherd.provider.support");

    @Test
    void theModuleNeedsTheApiAndTheJdkOnly() {
        assertThat(CLASSES.size()).isGreaterThanOrEqualTo(15);
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "dev.shepherd.provider.support",
                        "dev.shepherd.api",
                        "dev.shepherd.api.internal..",
                        "java..",
                        "javax.net.ssl",
                        "org.jspecify.annotations")
                .check(CLASSES);
    }

    @Test
    void itHasFewTypes() {
        assertThat(CLASSES.stream()
                        .filter(JavaClass::isTopLevelClass)
                        .filter(type -> type.getModifiers().contains(JavaModifier.PUBLIC))
                        .map(JavaClass::getSimpleName))
                .containsExactlyInAnyOrder(
                        "AddressLiteral",
                        "CallGate",
                        "CallThreads",
                        "ClaimingProvider",
                        "Excerpts",
                        "HttpAnswer",
                        "HttpCalls",
                        "HttpTarget",
                        "NoAnswerException",
                        "Pages",
                        "Ticker");
    }
}
