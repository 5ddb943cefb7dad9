package dev.shepherd.spring.boot;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Holds {@code docs/spring-boot.md} to the metadata that IDEs read, and both to the builders of settings. */
class SettingsTest {

    private static final Path METADATA = Path.of("target/classes/META-INF/spring-configuration-metadata.json");
    private static final Path DOCUMENT = Path.of("..", "docs", "spring-boot.md");

    /** Where the properties of a builder's class are. */
    private static final Map<String, List<String>> SECTIONS = Map.ofEntries(
            Map.entry("BmdbConfig", List.of("shepherd.database")),
            Map.entry(
                    "Backoff",
                    List.of(
                            "shepherd.database.loss-backoff",
                            "shepherd.initializer.backoff",
                            "shepherd.recovery.backoff")),
            Map.entry("Shepherd", List.of("shepherd")),
            Map.entry("ProvisionerSettings", List.of("shepherd.provisioner")),
            Map.entry("InitializerSettings", List.of("shepherd.initializer")),
            Map.entry("RecovererSettings", List.of("shepherd.recoverer")),
            Map.entry("RecoveryPolicy", List.of("shepherd.recovery")),
            Map.entry("UpdaterSettings", List.of("shepherd.updater")),
            Map.entry("DisruptionSettings", List.of("shepherd.disruptions")),
            Map.entry("AgentTakeover", List.of("shepherd.agent")),
            Map.entry("AgentCallbackConfig", List.of("shepherd.agent-callback")),
            Map.entry("AgentEndpoint", List.of("shepherd.agent-endpoint")),
            Map.entry("AgentTls", List.of("shepherd.agent-endpoint.tls")),
            Map.entry("AgentEndpointLimits", List.of("shepherd.agent-endpoint.limits")),
            Map.entry("WebConsole", List.of("shepherd.web")),
            Map.entry("WebhookSettings", List.of("shepherd.webhook")));

    /** Builders of values; and {@code ProviderSettings}, which are what stands below each provider. */
    private static final Set<String> OTHERS =
            Set.of("MachineInfo", "ProviderException", "TakeoverTarget", "RolloutPlan", "ProviderSettings");

    private static Map<String, String> metadata() throws IOException {
        Map<String, String> properties = new TreeMap<>();
        JsonNode json = new ObjectMapper().readTree(METADATA.toFile());
        json.get("properties")
                .forEach(property -> properties.put(
                        property.get("name").asText(),
                        Optional.ofNullable(property.get("description"))
                                .map(JsonNode::asText)
                                .orElse("")));
        return properties;
    }

    @Test
    void everyPropertyHasADescription() throws Exception {
        assertThat(metadata())
                .hasSizeGreaterThan(100)
                .allSatisfy(
                        (name, description) -> assertThat(description).as(name).matches("[A-Z].*[.]"));
    }

    @Test
    void theDocumentHasEveryPropertyWithItsDescription() throws Exception {
        Map<String, String> documented = new TreeMap<>();
        Matcher row = Pattern.compile("(?m)^\\| `((?:shepherd|management)\\.[a-z0-9.-]+)` \\| (.+) \\|$")
                .matcher(Files.readString(DOCUMENT));
        while (row.find()) {
            documented.put(row.group(1), row.group(2));
        }

        assertThat(documented).isEqualTo(metadata());
    }

    @Test
    void everySettingOfABuilderHasAPropertyOrAReason() throws Exception {
        Set<String> properties = metadata().keySet();
        Set<String> reasons = new TreeSet<>();
        Matcher row = Pattern.compile("(?m)^\\| ((?:`[A-Z]\\w+\\.\\w+`(?:, )?)+) \\| .+ \\|$")
                .matcher(Files.readString(DOCUMENT));
        while (row.find()) {
            for (String name : row.group(1).split(", ")) {
                reasons.add(name.replace("`", ""));
            }
        }
        Set<String> without = new TreeSet<>();
        int settings = 0;
        for (JavaClass builder : builders()) {
            String owner = builder.getEnclosingClass().orElseThrow().getSimpleName();
            List<String> sections = SECTIONS.get(owner);
            assertThat(sections).as("where the properties of %s are", owner).isNotNull();
            for (String setting : methods(builder)) {
                settings++;
                for (String section : sections) {
                    String property = section + "." + Setting.kebab(setting);
                    boolean nested = properties.stream().anyMatch(name -> name.startsWith(property + "."));
                    if (!nested && !properties.contains(property)) {
                        without.add(owner + "." + setting);
                    }
                }
            }
        }

        assertThat(settings).isGreaterThan(100);
        assertThat(without).as("settings without a property").containsExactlyInAnyOrderElementsOf(reasons);
    }

    private static List<JavaClass> builders() {
        JavaClasses classes = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages(
                        "dev.shepherd.api",
                        "dev.shepherd.bmdb",
                        "dev.shepherd.callback",
                        "dev.shepherd.manager",
                        "dev.shepherd.web");
        return classes.stream()
                .filter(one -> one.getSimpleName().equals("Builder"))
                .filter(one -> one.getModifiers().contains(JavaModifier.PUBLIC))
                .filter(one ->
                        !OTHERS.contains(one.getEnclosingClass().orElseThrow().getSimpleName()))
                .toList();
    }

    private static List<String> methods(JavaClass builder) {
        List<String> methods = new ArrayList<>();
        builder.getMethods().stream()
                .filter(method -> method.getModifiers().contains(JavaModifier.PUBLIC))
                .filter(method -> method.getRawReturnType().equals(builder))
                .map(method -> method.getName())
                .distinct()
                .forEach(methods::add);
        return methods;
    }
}
