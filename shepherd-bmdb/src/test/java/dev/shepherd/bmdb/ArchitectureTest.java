package dev.shepherd.bmdb;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ArchitectureTest {

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.shepherd.bmdb");

    @Test
    void thereIsSomethingToCheck() {
        assertThat(api().count()).isGreaterThanOrEqualTo(25);
        assertThat(CLASSES.size()).isGreaterThanOrEqualTo(60);
        assertThat(exposing(name -> name.startsWith("dev.shepherd.api"))).isNotEmpty();
    }

    @Test
    void noPublicSignatureShowsWhatIsInternal() {
        assertThat(exposing(name -> name.contains(".internal."))).isEmpty();
    }

    @Test
    void jooqShowsInTheEscapeHatchOnly() {
        assertThat(exposing(name -> name.startsWith("org.jooq")))
                .containsExactly("Bmdb$Query.run", "BmdbTransaction.dsl", "Eligibility.where");
    }

    @Test
    void noPublicSignatureShowsAnyOtherLibrary() {
        assertThat(exposing(name -> !name.startsWith("java.")
                        && !name.startsWith("javax.sql.")
                        && !name.startsWith("dev.shepherd.")
                        && !name.startsWith("org.jooq.")
                        && name.contains(".")))
                .containsExactlyInAnyOrder(
                        "AgentCallbackMetrics",
                        "AgentCallbackMetrics.bindTo",
                        "BmdbMetrics",
                        "BmdbMetrics.bindTo",
                        "FleetMetrics",
                        "FleetMetrics.bindTo");
    }

    @Test
    void theModuleUsesTheLibrariesItNamesAndNoOther() {
        classes()
                .that()
                .resideOutsideOfPackage("dev.shepherd.bmdb.internal.schema..")
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "javax.sql..",
                        "com.google.protobuf..",
                        "dev.shepherd.agent.messages..",
                        "dev.shepherd.api..",
                        "dev.shepherd.bmdb..",
                        "org.jooq..",
                        "org.postgresql..",
                        "org.flywaydb..",
                        "com.zaxxer.hikari..",
                        "io.micrometer..",
                        "org.slf4j..",
                        "org.jspecify..")
                .check(CLASSES);
    }

    @Test
    void onlyTheReaderOfReportsKnowsOfTheAgentsMessages() {
        noClasses()
                .that()
                .haveNameNotMatching(".*\\.ReportReader(\\$.*)?")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("com.google.protobuf..", "dev.shepherd.agent.messages..")
                .check(CLASSES);
        assertThat(exposing(name -> name.startsWith("dev.shepherd.agent."))).isEmpty();
    }

    @Test
    void onlyTheMetricsAndTracesKnowOfMicrometerWhichIsOptional() {
        noClasses()
                .that()
                .haveNameNotMatching(".*\\.(BoundMeters|ObservationTracer|[A-Za-z]+Metrics)(\\$.*)?")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.micrometer..")
                .check(CLASSES);
    }

    @Test
    void nobodyExitsOrSleepsOrPrints() {
        noClasses()
                .that()
                .doNotHaveSimpleName("Transactions") // It pauses between attempts, as does the other.
                .and()
                .doNotHaveSimpleName("EndingQueue")
                .should()
                .callMethod(Thread.class, "sleep", long.class)
                .orShould()
                .callMethod(System.class, "exit", int.class)
                .orShould()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .check(CLASSES);
    }

    @Test
    void thereIsNoStaticState() {
        assertThat(CLASSES.stream()
                        .filter(type -> !type.getPackageName().startsWith("dev.shepherd.bmdb.internal.schema"))
                        .flatMap(type -> type.getFields().stream())
                        .filter(field -> field.getModifiers().contains(JavaModifier.STATIC))
                        .filter(field -> !field.getModifiers().contains(JavaModifier.FINAL))
                        .map(JavaField::getFullName))
                .isEmpty();
    }

    /** The root and what it keeps in {@code internal} are one room; the features stand on it, and not on one another's. */
    @Test
    void thePackagesHaveNoCycles() {
        slices().assignedFrom(rooms()).should().beFreeOfCycles().check(CLASSES);
    }

    private static SliceAssignment rooms() {
        return new SliceAssignment() {
            @Override
            public SliceIdentifier getIdentifierOf(JavaClass type) {
                String name = type.getPackageName();
                if (!name.startsWith("dev.shepherd.bmdb") || name.startsWith("dev.shepherd.bmdb.internal.schema")) {
                    return SliceIdentifier.ignore();
                }
                return name.equals("dev.shepherd.bmdb") || name.startsWith("dev.shepherd.bmdb.internal")
                        ? SliceIdentifier.of("core")
                        : SliceIdentifier.of(name);
            }

            @Override
            public String getDescription() {
                return "the rooms of the database";
            }
        };
    }

    /** What every embedder sees. The other packages are exported to the manager, or to none. */
    private static Stream<JavaClass> api() {
        Set<String> exported = Set.of(
                "dev.shepherd.bmdb",
                "dev.shepherd.bmdb.agent",
                "dev.shepherd.bmdb.fleet",
                "dev.shepherd.bmdb.hardware",
                "dev.shepherd.bmdb.labels",
                "dev.shepherd.bmdb.metrics",
                "dev.shepherd.bmdb.operator");
        return CLASSES.stream()
                .filter(type -> exported.contains(type.getPackageName()))
                .filter(ArchitectureTest::isPublic);
    }

    @Test
    void whatIsExportedToASiblingAloneIsNotOnWhatEmbeddersSee() {
        assertThat(exposing(name -> name.matches(
                        "dev\\.shepherd\\.bmdb\\.(listing|meters|provisioning|recovery|takeover|threads)\\..*")))
                .isEmpty();
    }

    private static boolean isPublic(JavaClass type) {
        return type.getModifiers().contains(JavaModifier.PUBLIC)
                && type.getEnclosingClass().map(ArchitectureTest::isPublic).orElse(true);
    }

    /** Returns which members of the API have such a type in their signature, also as the argument of another. */
    private static Set<String> exposing(Predicate<String> typeName) {
        Set<String> members = new TreeSet<>();
        api().forEach(type -> {
            String name = type.getName().substring(type.getPackageName().length() + 1);
            Set<String> supertypes = Stream.concat(type.getRawSuperclass().stream(), type.getRawInterfaces().stream())
                    .map(JavaClass::getName)
                    .collect(Collectors.toSet());
            if (supertypes.stream().anyMatch(typeName)) {
                members.add(name);
            }
            Stream.<JavaCodeUnit>concat(type.getMethods().stream(), type.getConstructors().stream())
                    .filter(unit -> isVisible(unit.getModifiers()))
                    .filter(unit -> Stream.concat(
                                    Stream.concat(unit.getParameterTypes().stream(), Stream.of(unit.getReturnType())),
                                    unit.getExceptionTypes().stream())
                            .flatMap(involved -> involved.getAllInvolvedRawTypes().stream())
                            .anyMatch(involved -> typeName.test(involved.getName())))
                    .forEach(unit -> members.add(name + "." + unit.getName()));
            type.getFields().stream()
                    .filter(field -> isVisible(field.getModifiers()))
                    .filter(field -> field.getAllInvolvedRawTypes().stream()
                            .anyMatch(involved -> typeName.test(involved.getName())))
                    .forEach(field -> members.add(name + "." + field.getName()));
        });
        return members;
    }

    private static boolean isVisible(Set<JavaModifier> modifiers) {
        return modifiers.contains(JavaModifier.PUBLIC) || modifiers.contains(JavaModifier.PROTECTED);
    }
}
