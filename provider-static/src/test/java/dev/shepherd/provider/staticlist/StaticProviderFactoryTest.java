package dev.shepherd.provider.staticlist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.provider.staticlist.list.CurrentList;
import dev.shepherd.testkit.LogCapture;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class StaticProviderFactoryTest {

    @RegisterExtension
    final LogCapture log = LogCapture.of(StaticProvider.class.getName());

    private final ProviderFactory factory = new StaticProviderFactory();

    private Provider create(Map<String, String> properties) throws InterruptedException {
        return factory.create(ProviderConfig.of(factory, new ProviderType("rack-1"), properties));
    }

    @Test
    void theServiceLoaderFindsIt() {
        assertThat(ServiceLoader.load(ProviderFactory.class))
                .singleElement()
                .isInstanceOf(StaticProviderFactory.class)
                .satisfies(found -> assertThat(found.kind()).isEqualTo("static"));
    }

    @Test
    void itsKindIsAProviderType() {
        assertThat(new ProviderType(factory.kind())).hasToString("static");
        assertThat(factory.description()).isNotBlank();
    }

    @Test
    void itTellsItsPropertiesAndTheirDefaults() {
        assertThat(factory.properties())
                .extracting(ProviderProperty::name)
                .containsExactly("list", "timeout", "max-size");
        ProviderConfig config =
                ProviderConfig.of(factory, new ProviderType("static"), Map.of("list", "file:/machines.json"));
        assertThat(config.duration("timeout")).contains(CurrentList.DEFAULT_TIMEOUT);
        assertThat(config.integer("max-size")).contains(CurrentList.DEFAULT_MAX_SIZE);
    }

    @Test
    void itMakesAProviderOfTheTypeThatIsAskedFor(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("machines.json"), Lists.of("a"));

        try (Provider provider = create(Map.of("list", file.toUri().toString(), "timeout", "5s", "max-size", "1000"))) {
            assertThat(provider.type()).isEqualTo(new ProviderType("rack-1"));
            assertThat(provider.listMachines()).hasSize(1);
            assertThat(provider).isNotInstanceOf(Recoverer.class);
        }
    }

    @Test
    void aListThatIsOutOfReachForTheMomentDoesNoHarm() throws Exception {
        create(Map.of("list", "http://127.0.0.1:1/machines.json")).close();
        create(Map.of("list", "file:/no/such/file.json")).close();
    }

    @Test
    void aMissingListIsNamed() {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> create(Map.of()))
                .withMessageStartingWith("provider static needs the property \"list\": ")
                .satisfies(e -> assertThat(e.property()).contains("list"));
    }

    @Test
    void anUnknownPropertyIsNamed() {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> create(Map.of("list", "file:/a", "lists", "x")))
                .withMessage("provider static has no property \"lists\"; it has: list, timeout, max-size");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "ftp://host/a | must begin with file:, http: or https:, not ftp:",
                "jar:file:/a!/b | must begin with file:, http: or https:, not jar:",
                "C:/machines.json | must begin with file:, http: or https:, not C:",
                "file://host/a | must name a file of this machine: file: and a path, nothing else",
                "file:/a?b | must name a file of this machine: file: and a path, nothing else",
                "file:/a#b | must name a file of this machine: file: and a path, nothing else",
                "file:/a%00 | must name a file of this machine: file: and a path, nothing else",
                "file:%00 | must name a file of this machine: file: and a path, nothing else",
                "http:machines | must name a host, such as http://host/machines.json",
                "https:///machines | must name a host, such as https://host/machines.json",
                "http://under_score/machines | must name a host, such as http://host/machines.json",
                "http://host:0/ | must have a port from 1 to 65535, not 0",
                "http://host:65536/ | must have a port from 1 to 65535, not 65536",
            })
    void aUriThatCannotBeReadFromIsRefused(String uri, String why) {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> create(Map.of("list", uri)))
                .withMessage("the URI in \"list\" " + why)
                .satisfies(e -> assertThat(e.property()).contains("list"));
    }

    @Test
    void aRelativeFileStartsAtTheWorkingDirectory() throws Exception {
        Path folder = Files.createTempDirectory(Path.of("target"), "lists");
        Files.writeString(folder.resolve("my machines.json"), "[{\"ID\": \"a\", \"Addr\": \"10.0.0.1\"}]");

        try (Provider provider =
                create(Map.of("list", "file:target/" + folder.getFileName() + "/my%20machines.json"))) {
            assertThat(provider.listMachines()).hasSize(1);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "http://operator:hunter2@host/a",
                "https://hunter2@host/",
                "https://@host/",
                "https://operator:hunter2@under_score/hunter2",
                "https://operator:hunter2@:80/",
            })
    void aUserOrPasswordIsRefusedAndNotRepeated(String uri) {
        Throwable refused = catchThrowable(() -> create(Map.of("list", uri)));

        assertThat(refused)
                .isInstanceOf(ConfigurationException.class)
                .hasMessage("the URI in \"list\" must not hold a user or a password (what stands before the @)")
                .hasNoCause();
    }

    @Test
    void theListIsNotShownWithTheOtherProperties() {
        ProviderConfig config =
                ProviderConfig.of(factory, new ProviderType("static"), Map.of("list", "https://host/a?token=hunter2"));
        Throwable malformed = catchThrowable(() -> create(Map.of("list", "https://host/a b?token=hunter2")));

        assertThat(config.toString()).contains("list=***").doesNotContain("hunter2");
        assertThat(malformed)
                .isInstanceOf(ConfigurationException.class)
                .message()
                .doesNotContain("hunter2");
    }

    @ParameterizedTest
    @CsvSource({
        "timeout, 0s, 'timeout must be from 1 ms to 1 h, not 0 s'",
        "timeout, 61m, 'timeout must be from 1 ms to 1 h, not 1 h 1 min'",
        "timeout, PT-1S, 'timeout must be from 1 ms to 1 h, not -1 s'",
        "max-size, 0, 'max-size must be from 1 to 1073741824 bytes, not 0'",
        "max-size, -5, 'max-size must be from 1 to 1073741824 bytes, not -5'",
        "max-size, 1073741825, 'max-size must be from 1 to 1073741824 bytes, not 1073741825'",
    })
    void aSettingOutOfItsRangeIsNamed(String property, String value, String message) {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> create(Map.of("list", "file:/a", property, value)))
                .withMessage(message)
                .satisfies(e -> assertThat(e.property()).contains(property));
    }
}
