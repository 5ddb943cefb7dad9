package dev.shepherd.agent.inventory;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class ArchitectureTest {

    /** Each library more is carried to every machine, and each module of the JDK. */
    @Test
    void theAgentUsesTheBaseOfTheJdkAndTheMessagesAndNothingElse() {
        JavaClasses all = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("dev.shepherd.agent.inventory");
        assertThat(all.size()).isGreaterThanOrEqualTo(10);
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java.io..",
                        "java.lang..",
                        "java.math..",
                        "java.nio..",
                        "java.time..",
                        "java.util",
                        "java.util.concurrent..",
                        "java.util.function..",
                        "java.util.regex..",
                        "java.util.stream..",
                        "com.google.protobuf..",
                        "dev.shepherd.agent..",
                        "org.jspecify..")
                .check(all);
    }
}
