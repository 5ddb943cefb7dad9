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
    private static class Racks implements ProviderFactory {
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

    /** A factory that takes properties of certain forms. */
    private static ProviderConfig formed(String name, String value) {
        return ProviderConfig.of(
                new Racks() {
                    @Override
                    public List<ProviderProperty> properties() {
                        return List.of(
                                ProviderProperty.optional("url", Type.URI, null, "where")
                                        .asHttpUrl(),
                                ProviderProperty.optional("token", Type.STRING, null, "the token")
                                        .matching("[!-~]+", "printable ASCII without spaces")
                                        .asSecret(),
                                ProviderProperty.optional("timeout", Type.DURATION, "10s", "how long")
                                        .between("1ms", "10m"),
                                ProviderProperty.optional("retries", Type.INTEGER, null, "how often")
                                        .between("0", "5"));
                    }
                },
                TYPE,
                Map.of(name, value));
    }

    @ParameterizedTest
    @CsvSource({
        "timeout, 1ms",
        "timeout, 600s",
        "retries, 0",
        "retries, ' 5 '",
        "token, a~!",
        "url, http://racks",
        "url, https://racks.example.com:8443/a/b/",
        "url, HTTP://10.0.0.1:80",
        "url, 'http://[2001:db8::1]:80/x'"
    })
    void aValueOfItsFormIsTaken(String name, String value) {
        assertThat(formed(name, value).names()).contains(name);
    }

    @ParameterizedTest
    @CsvSource({
        "timeout, 0s, from 1ms to 10m",
        "timeout, 601s, from 1ms to 10m",
        "timeout, 1000000d, from 1ms to 10m",
        "retries, -1, from 0 to 5",
        "retries, 6, from 0 to 5",
        "url, 'http:///', an http: or https: URL",
        "url, gopher:nowhere, an http: or https: URL",
        "url, file:/etc/passwd, an http: or https: URL",
        "url, 'http://user:pass@racks/', an http: or https: URL",
        "url, 'http://racks/?a=b', an http: or https: URL",
        "url, 'http://racks/#a', an http: or https: URL"
    })
    void aValueOfAnotherFormIsRefusedByName(String name, String value, String form) {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> formed(name, value))
                .withMessageContaining("the property \"" + name + "\" of provider racks must be " + form)
                .withMessageContaining("\"" + value + "\"")
                .satisfies(e -> assertThat(e.property()).contains(name));
    }

    @ParameterizedTest
    @ValueSource(strings = {"hunter2 ?", "hunter2\u00fc", "hunter2\nx"})
    void aSecretOfAnotherFormIsNotShown(String token) {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> formed("token", token))
                .withMessageContaining("must be printable ASCII without spaces: \"***\"")
                .withMessageNotContaining("hunter2");
    }

    @Test
    void aFormFitsTheTypeAndTheDefault() {
        ProviderProperty timeout = ProviderProperty.optional("t", Type.DURATION, "10s", "what");

        assertThatIllegalArgumentException().isThrownBy(() -> timeout.between("1s", "5s"));
        assertThatIllegalArgumentException().isThrownBy(() -> timeout.between("5s", "1s"));
        assertThatIllegalArgumentException().isThrownBy(() -> timeout.between("1", "5s"));
        assertThatIllegalArgumentException().isThrownBy(() -> timeout.between("1s", "soon"));
        assertThatIllegalArgumentException().isThrownBy(timeout::asHttpUrl);
        assertThatIllegalArgumentException().isThrownBy(() -> timeout.matching("(", "what"));
        for (Type type : List.of(Type.STRING, Type.BOOLEAN, Type.URI, Type.PATH)) {
            ProviderProperty other = ProviderProperty.optional("n", type, null, "what");
            assertThatIllegalArgumentException().isThrownBy(() -> other.between("1", "5"));
        }
        assertThat(timeout.between("1s", "10s")).isEqualTo(timeout.between("1s", "10s"));
    }
}
