package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderType;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.equinix.FakeEquinix;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EquinixProviderFactoryTest {

    private static final Path DOCUMENT = Path.of("..", "docs", "providers", "equinix.md");

    @RegisterExtension
    final LogCapture log = LogCapture.of(EquinixProvider.class.getPackageName() + ".");

    private final FakeEquinix api = FakeEquinix.start();
    private final Map<String, String> environment = new HashMap<>();
    private final EquinixProviderFactory factory = new EquinixProviderFactory(environment::get);

    @TempDir
    Path folder;

    @AfterEach
    void close() {
        api.close();
    }

    private Map<String, String> properties() {
        Map<String, String> properties = new HashMap<>();
        properties.put("project", api.projectId().toString());
        properties.put("endpoint", api.endpoint().toString());
        properties.put("api-token", api.token());
        properties.put("device-prefix", "fleet-");
        properties.put("ssh-key-label", "fleet");
        properties.put("ssh-public-key", Equinix.KEY);
        return properties;
    }

    private EquinixProvider create(Map<String, String> properties) throws InterruptedException {
        return factory.create(ProviderConfig.of(factory, new ProviderType("equinix-eu"), properties));
    }

    private EquinixProvider create(String property, String value) throws InterruptedException {
        Map<String, String> properties = properties();
        if (value == null) {
            properties.remove(property);
        } else {
            properties.put(property, value);
        }
        return create(properties);
    }

    private void assertRefused(Map<String, String> properties, String property, String message) {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> create(properties))
                .withMessageContaining(message)
                .satisfies(e -> assertThat(e.property()).contains(property));
        assertThat(api.calls()).as("calls before the settings were checked").isEmpty();
    }

    @Test
    void theServiceLoaderFindsIt() {
        assertThat(ServiceLoader.load(ProviderFactory.class)).singleElement().satisfies(found -> {
            assertThat(found).isInstanceOf(EquinixProviderFactory.class);
            assertThat(found.kind()).isEqualTo("equinix");
            assertThat(new ProviderType(found.kind())).isNotNull();
        });
    }

    @Test
    void itMakesAProviderOfTheTypeThatIsAskedFor() throws Exception {
        api.addReservations(2);
        try (EquinixProvider provider = create(properties())) {
            assertThat(provider.type()).isEqualTo(new ProviderType("equinix-eu"));
            assertThat(provider.listMachines()).hasSize(2);
        }
    }

    @Test
    void aSlashAtTheEndOfTheEndpointDoesNoHarm() throws Exception {
        create("endpoint", api.endpoint() + "/").close();

        assertThat(api.calls()).isNotEmpty().allMatch(call -> call.status() < 300);
    }

    @Test
    void theTokenComesFromThePropertyOrAFileOrAVariable() throws Exception {
        create(properties()).close();

        Path file = Files.writeString(folder.resolve("token"), api.token() + "\nsecond line\n");
        Map<String, String> properties = properties();
        properties.remove("api-token");
        properties.put("api-token-file", file.toString());
        create(properties).close();

        properties.remove("api-token-file");
        environment.put("METAL_AUTH_TOKEN", api.token());
        create(properties).close();

        properties.put("api-token-variable", "OTHER_TOKEN");
        environment.put("OTHER_TOKEN", api.token());
        environment.put("METAL_AUTH_TOKEN", "wrong");
        create(properties).close();
        assertThat(api.calls()).isNotEmpty().allMatch(call -> call.status() < 300);
    }

    @Test
    void aTokenThatIsMissingOrGivenTwiceOrMalformedIsNamedAndNotShown() throws Exception {
        Map<String, String> properties = properties();
        properties.put("api-token-file", "/some/file");
        assertRefused(properties, "api-token", "exclude one another");

        properties.remove("api-token");
        properties.put("api-token-file", folder.resolve("missing").toString());
        assertRefused(properties, "api-token-file", "cannot be read: NoSuchFileException");

        properties.put(
                "api-token-file",
                Files.writeString(folder.resolve("empty"), "\n").toString());
        assertRefused(properties, "api-token-file", "is empty");

        properties.remove("api-token-file");
        assertRefused(properties, "api-token-file", "set the environment variable METAL_AUTH_TOKEN");

        properties.put("api-token", "hunter2\nX-Other: header");
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> create(properties))
                .withMessageNotContaining("hunter2");
    }

    @Test
    void thePublicKeyMayComeFromAFile() throws Exception {
        Map<String, String> properties = properties();
        properties.put(
                "ssh-public-key-file",
                Files.writeString(folder.resolve("id.pub"), Equinix.KEY + "\n").toString());
        assertRefused(properties, "ssh-public-key-file", "give one of");

        properties.remove("ssh-public-key");
        create(properties).close();

        assertThat(api.sshKeys()).containsExactly(Map.entry("fleet", Equinix.KEY));
    }

    @Test
    void projectKeysNeedNoKeyAndTakeNone() throws Exception {
        Map<String, String> properties = properties();
        properties.put("use-project-keys", "true");
        assertRefused(properties, "use-project-keys", "exclude one another");

        properties.remove("ssh-key-label");
        properties.remove("ssh-public-key");
        create(properties).close();
        assertThat(api.sshKeys()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "none",
            delimiter = '|',
            value = {
                "project | none | needs the property \"project\"",
                "project | fleet | must be the id of a project, a UUID, not \"fleet\"",
                "device-prefix | none | needs the property \"device-prefix\"",
                "device-prefix | shepherd-FIXME- | \"device-prefix\" is still \"shepherd-FIXME-\": choose one of your own",
                "device-prefix | under_score | begins a hostname",
                "device-prefix | -a | begins a hostname",
                "ssh-key-label | none | \"ssh-key-label\" is empty: choose one of your own",
                "ssh-key-label | FIXME | \"ssh-key-label\" is still \"FIXME\": choose one of your own",
                "ssh-public-key | ssh-ed25519 | is not a public key in one line",
                "ssh-public-key | -----BEGIN OPENSSH PRIVATE KEY----- | is not a public key in one line",
                "operating-system | FIXME | \"operating-system\" is still",
                "endpoint | ftp://api.example.com/ | must be an http: or https: URL",
                "endpoint | https://me:secret@api.example.com/ | must be an http: or https: URL",
                "endpoint | https://api.example.com/?a=b | must be an http: or https: URL",
                "page-size | 0 | must be from 1 to 1000, not 0",
                "page-size | 1001 | must be from 1 to 1000, not 1001",
                "max-concurrent-calls | 0 | must be from 1 to 100, not 0",
                "calls-per-second | 0 | must be from 1 to 10000, not 0",
                "attempt-timeout | 0s | must be from 1 ms to 1 h",
                "total-timeout | 2h | must be from 1 ms to 1 h",
                "backoff-initial | 0s | must be from 1 ms to 1 h",
                "backoff-maximum | 2h | must be from 1 ms to 1 h",
                "reservation-cache | PT-1S | must be from 0 s to 30 d",
                "failed-reservation-pause | 31d | must be from 0 s to 30 d",
            })
    void aSettingThatIsMissingOrDoesNotMeanAnythingIsNamed(String property, String value, String message) {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> create(property, value))
                .withMessageContaining(message)
                .satisfies(e -> assertThat(e.property()).contains(property));
        assertThat(api.calls()).as("calls before the settings were checked").isEmpty();
    }

    @Test
    void theTokenIsNotShownWithTheOtherProperties() {
        assertThat(ProviderConfig.of(factory, new ProviderType("equinix"), properties()))
                .asString()
                .contains("api-token=***")
                .doesNotContain(api.token());
    }

    @Test
    void theDocumentHasEveryPropertyWithItsDefaultAndNoOther() throws Exception {
        List<String> documented = new java.util.ArrayList<>();
        for (String line : Files.readAllLines(DOCUMENT)) {
            Matcher row = Pattern.compile("\\| `([a-z-]+)` \\| ([^|]+) \\| ([^|]*)\\| [^|]+ \\|")
                    .matcher(line);
            if (row.matches()) {
                ProviderProperty property = factory.properties().stream()
                        .filter(known -> known.name().equals(row.group(1)))
                        .findFirst()
                        .orElseThrow(() -> new AssertionError("there is no property " + row.group(1)));
                documented.add(property.name());
                assertThat(row.group(2).equals("yes")).as(line).isEqualTo(property.required());
                assertThat(row.group(3).strip())
                        .as(line)
                        .isEqualTo(property.defaultValue()
                                .map(value -> "`" + value + "`")
                                .orElse(""));
            }
        }
        assertThat(documented)
                .containsExactlyElementsOf(factory.properties().stream()
                        .map(ProviderProperty::name)
                        .toList());
    }
}
