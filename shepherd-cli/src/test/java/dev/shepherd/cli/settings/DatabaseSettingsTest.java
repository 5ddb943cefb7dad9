package dev.shepherd.cli.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.shepherd.api.ConfigurationException;
import java.util.List;
import org.junit.jupiter.api.Test;

class DatabaseSettingsTest {

    private static final String URL = "jdbc:postgresql://127.0.0.1:1/fleet";

    @Test
    void thePasswordIsTheOneGivenElseTheUrlsElseTheVariables() {
        assertThat(DatabaseSettings.password("given", URL, "of the variable")).isEqualTo("given");
        assertThat(DatabaseSettings.password(null, URL, "of the variable")).isEqualTo("of the variable");
        for (String url : List.of(URL + "?password=x", URL + "?user=u&password=x&ssl=false")) {
            assertThat(DatabaseSettings.password(null, url, "of the variable")).isNull();
            assertThatExceptionOfType(ConfigurationException.class)
                    .isThrownBy(() -> DatabaseSettings.password("given", url, null))
                    .withMessageContainingAll("URL has a password", "one of the two");
        }
    }

    @Test
    void anEmptyPasswordIsNone() {
        assertThat(DatabaseSettings.password(null, URL, "")).isNull();
        assertThat(DatabaseSettings.password(null, URL, null)).isNull();
        assertThat(DatabaseSettings.password(null, URL + "?password=&user=u", "of the variable"))
                .isEqualTo("of the variable");
    }
}
