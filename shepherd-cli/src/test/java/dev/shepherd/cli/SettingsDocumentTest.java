package dev.shepherd.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.cli.run.RunCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Holds {@code docs/settings.md} to the builders of settings, to the command line and to the providers' properties. */
class SettingsDocumentTest {

    private static final Path DOCUMENT = Path.of("..", "docs", "settings.md");
    private static final Pattern SECTION = Pattern.compile("(?m)^### `(\\w+)`$");
    private static final Pattern ROW =
            Pattern.compile("(?m)^\\| `(\\w+)` \\| (essential|common|rare) \\|(?:[^|\\n]*\\|){4}$");

    /** Builders of values, of a machine or a failure that is described, and of what only our own providers build. */
    private static final Set<String> VALUES =
            Set.of("CurrentList", "MachineInfo", "ProviderException", "TakeoverTarget");

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages(
                    "dev.shepherd.api",
                    "dev.shepherd.bmdb",
                    "dev.shepherd.callback",
                    "dev.shepherd.manager",
                    "dev.shepherd.provider",
                    "dev.shepherd.postgres",
                    "dev.shepherd.web");

    @Test
    void everySettingHasARow() throws Exception {
        List<String> settings = new ArrayList<>();
        for (JavaClass builder : CLASSES) {
            if (isBuilderOfSettings(builder)) {
                String owner = builder.getEnclosingClass().orElseThrow().getSimpleName();
                builder.getMethods().stream()
                        .filter(method -> method.getModifiers().contains(JavaModifier.PUBLIC))
                        .filter(method -> method.getRawReturnType().equals(builder))
                        .map(method -> owner + "." + method.getName())
                        .distinct()
                        .forEach(settings::add);
            }
        }

        assertThat(rows()).hasSizeGreaterThan(100).containsExactlyInAnyOrderElementsOf(settings);
    }

    @Test
    void everyOptionOfRunIsNamed() throws Exception {
        String text = Files.readString(DOCUMENT);
        List<String> options = new CommandLine(new RunCommand())
                .getCommandSpec().options().stream()
                        .filter(option -> !option.usageHelp() && !option.versionHelp())
                        .map(OptionSpec::longestName)
                        .toList();

        assertThat(options)
                .hasSizeGreaterThan(40)
                .allSatisfy(option -> assertThat(text).contains("`" + option + "`"));
    }

    @Test
    void everyPropertyOfAProviderIsNamed() throws Exception {
        String text = Files.readString(DOCUMENT);
        List<String> properties = ServiceLoader.load(ProviderFactory.class).stream()
                .flatMap(factory -> factory.get().properties().stream())
                .map(ProviderProperty::name)
                .toList();

        assertThat(properties)
                .hasSizeGreaterThan(15)
                .allSatisfy(property -> assertThat(text).contains("`" + property + "`"));
    }

    @Test
    void noSettingsAreAPublicRecord() {
        List<JavaClass> settings = CLASSES.stream()
                .filter(one -> one.getSimpleName().matches("\\w+(Settings|Config|Limits|Policy)"))
                .filter(one -> one.getModifiers().contains(JavaModifier.PUBLIC))
                .toList();

        assertThat(settings).hasSizeGreaterThan(6).noneMatch(JavaClass::isRecord);
    }

    private static boolean isBuilderOfSettings(JavaClass one) {
        return one.getSimpleName().equals("Builder")
                && one.getModifiers().contains(JavaModifier.PUBLIC)
                && !VALUES.contains(one.getEnclosingClass().orElseThrow().getSimpleName())
                && !one.isAssignableTo("com.google.protobuf.MessageLite$Builder");
    }

    private static List<String> rows() throws IOException {
        List<String> rows = new ArrayList<>();
        String text = Files.readString(DOCUMENT);
        Matcher section = SECTION.matcher(text);
        while (section.find()) {
            int end = text.indexOf("\n#", section.end());
            Matcher row = ROW.matcher(text.substring(section.end(), end < 0 ? text.length() : end));
            while (row.find()) {
                rows.add(section.group(1) + "." + row.group(1));
            }
        }
        return rows;
    }
}
