package dev.shepherd.callback.grpc;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class ArchitectureTest {

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.shepherd.callback.grpc");

    @Test
    void theModuleIsNotEmpty() {
        assertThat(CLASSES.size()).isGreaterThanOrEqualTo(4);
    }

    @Test
    void theModuleUsesTheLibrariesItNamesAndNoOther() {
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "dev.shepherd.bmdb",
                        "dev.shepherd.bmdb.agent",
                        "dev.shepherd.callback.grpc",
                        "dev.shepherd.callback.transport",
                        "io.netty..",
                        "com.google.protobuf..",
                        "org.jspecify..")
                .check(CLASSES);
    }
}
