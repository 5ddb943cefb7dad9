package dev.shepherd.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.shepherd.api.ProviderProperty.Type;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ProviderConfigTest {

    private static final ProviderType TYPE = new ProviderType("racks-eu");

    /** A factory that takes one property of each type. */
    private static final class Racks implements ProviderFactory {
        @Override
        public String kind() {
            return "racks";
        }

        @Override
        public String description() {
            return "Racks.";
        }

        @Override
        public List<ProviderProperty> properties() {
            return List.of(
                    ProviderProperty.required("url", Type.URI, "where"),
                    ProviderProperty.optional("token", Type.STRING, null, "the token")
                            .asSecret(),
                    ProviderProperty.optional("pin", Type.INTEGER, null, "the pin")
                            .asSecret(),
                    ProviderProperty.optional("timeout", Type.DURATION, "10s", "how long"),
                    ProviderProperty.optional("retries", Type.INTEGER, null, "how often"),
                    ProviderProperty.optional("verify", Type.BOOLEAN, "true", "whether"),
                    ProviderProperty.optional("cache", Type.PATH, null, "the folder"));
        }

        @Override
        public Provider create(ProviderConfig config) {
            throw new UnsupportedOperationException();
        }
    }

    private static ProviderConfig config(Map<String, String> properties) {
        return ProviderConfig.of(new Racks(), TYPE, properties);
    }

    @Test
    void propertiesAreReadAsTheirTypesAndDefaultsFilledIn() {
        ProviderConfig config =
                config(Map.of("url", "https://racks/", "retries", " 3 ", "verify", "false", "cache", "a/b"));

        assertThat(config.type()).isEqualTo(TYPE);
        assertThat(config.uri("url")).contains(URI.create("https://racks/"));
        assertThat(config.integer("retries")).contains(3);
        assertThat(config.bool("verify")).contains(false);
        assertThat(config.path("cache")).contains(Path.of("a/b"));
        assertThat(config.duration("timeout")).contains(Duration.ofSeconds(10));
        assertThat(config.string("token")).isEmpty();
        assertThat(config.names()).containsExactly("url", "timeout", "retries", "verify", "cache");
    }

    @Test
    void anUnknownPropertyIsNamedTogetherWithThoseThatExist() {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> config(Map.of("url", "https://racks/", "tokn", "x")))
                .withMessageContaining("\"tokn\"")
                .withMessageContaining("token, pin, timeout")
                .satisfies(e -> assertThat(e.property()).contains("tokn"));
    }

    @Test
    void aMissingPropertyIsNamedWithItsMeaning() {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> config(Map.of()))
                .withMessageContaining("\"url\"")
                .withMessageContaining("where")
                .satisfies(e -> assertThat(e.property()).contains("url"));
    }

    @ParameterizedTest
    @CsvSource({
        "url, racks, absolute URI",
        "timeout, 10 parsecs, span of time",
        "retries, many, whole number",
        "verify, maybe, neither true nor false",
        "url, ' ', blank"
    })
    void aMalformedValueIsNamedAndShown(String name, String value, String why) {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> config(
                        name.equals("url") ? Map.of("url", value) : Map.of("url", "https://racks/", name, value)))
                .withMessageContaining("\"" + name + "\"")
                .withMessageContaining(why)
                .withMessageContaining(value);
    }

    @Test
    void aSecretIsNeverShown() {
        ProviderConfig config = config(Map.of("url", "https://racks/", "token", "hunter2"));

        assertThat(config).asString().contains("token=***").doesNotContain("hunter2");
        assertThat(config.string("token")).contains("hunter2");
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> config(Map.of("url", "https://racks/", "pin", "hunter2")))
                .withMessageContaining("\"pin\"")
                .satisfies(e -> {
                    for (Throwable t = e; t != null; t = t.getCause()) {
                        assertThat(t.toString()).doesNotContain("hunter2");
                    }
                });
    }

    @ParameterizedTest
    @CsvSource({"500ms,PT0.5S", "30s,PT30S", "5 m,PT5M", "4h,PT4H", "1d,PT24H", "PT1M30S,PT1M30S"})
    void spansOfTimeAreReadWithTheirUnit(String text, Duration expected) {
        assertThat(config(Map.of("url", "https://racks/", "timeout", text)).duration("timeout"))
                .contains(expected);
    }

    @Test
    void askingForAPropertyThatTheFactoryDoesNotDescribeIsAMistakeInTheFactory() {
        ProviderConfig config = config(Map.of("url", "https://racks/"));

        assertThatIllegalArgumentException().isThrownBy(() -> config.string("nothing"));
        assertThatIllegalArgumentException().isThrownBy(() -> config.string("timeout"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "Token", "to ken", "-token", "token-"})
    void aPropertyNeedsAProperName(String name) {
        assertThatIllegalArgumentException().isThrownBy(() -> ProviderProperty.required(name, Type.STRING, "what"));
    }

    @Test
    void aDefaultMustFitAndARequiredOrSecretPropertyHasNone() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ProviderProperty.optional("n", Type.INTEGER, "x", "what"))
                .withMessageContaining("n");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ProviderProperty.optional("n", Type.INTEGER, "1", "what")
                        .asSecret());
        assertThatIllegalArgumentException().isThrownBy(() -> ProviderProperty.required("n", Type.INTEGER, " "));
    }
}
