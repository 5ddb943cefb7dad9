package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.ConfigurationException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.ds.PGSimpleDataSource;

class BmdbConfigTest {

    private static final String URL = "jdbc:postgresql://db.example.com/fleet";
    private static final String SECRET = "hunter2";

    static Stream<Arguments> settingsOutOfRange() {
        return Stream.of(
                setting("poolSize", config -> config.poolSize(0)),
                setting("poolSize", config -> config.poolSize(1001)),
                setting("maxAttempts", config -> config.maxAttempts(0)),
                setting("maxAttempts", config -> config.maxAttempts(101)),
                setting("connectTimeout", config -> config.connectTimeout(Duration.ofMillis(249))),
                setting("connectTimeout", config -> config.connectTimeout(Duration.ofMinutes(11))),
                setting("socketTimeout", config -> config.socketTimeout(Duration.ofMillis(999))),
                setting("socketTimeout", config -> config.socketTimeout(Duration.ofHours(2))),
                setting("sessionInterval", config -> config.sessionInterval(Duration.ZERO)),
                setting("sessionInterval", config -> config.sessionInterval(Duration.ofSeconds(-5))),
                setting("sessionInterval", config -> config.sessionInterval(Duration.ofMillis(1500))),
                setting("sessionInterval", config -> config.sessionInterval(Duration.ofHours(2))),
                setting("idleInTransactionTimeout", config -> config.idleInTransactionTimeout(Duration.ZERO)),
                setting("idleInTransactionTimeout", config -> config.idleInTransactionTimeout(Duration.ofHours(2))));
    }

    private static Arguments setting(String name, UnaryOperator<BmdbConfig.Builder> change) {
        return Arguments.of(name, change);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("settingsOutOfRange")
    void aSettingOutOfItsRangeIsAnErrorThatNamesIt(String name, UnaryOperator<BmdbConfig.Builder> change) {
        BmdbConfig.Builder config = change.apply(BmdbConfig.builder().jdbcUrl(URL));

        assertThatThrownBy(config::build)
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining(name);
    }

    @Test
    void theLimitsThemselvesAreInRange() {
        assertThatCode(() -> BmdbConfig.builder()
                        .jdbcUrl(URL)
                        .poolSize(1)
                        .maxAttempts(1)
                        .connectTimeout(Duration.ofMillis(250))
                        .socketTimeout(Duration.ofSeconds(1))
                        .sessionInterval(Duration.ofSeconds(1))
                        .idleInTransactionTimeout(Duration.ofSeconds(1))
                        .build())
                .doesNotThrowAnyException();
    }

    @Test
    void theDatabaseIsNamedOnce() {
        assertThatThrownBy(() -> BmdbConfig.builder().build()).isInstanceOf(ConfigurationException.class);
        assertThatThrownBy(() -> BmdbConfig.builder()
                        .jdbcUrl(URL)
                        .dataSource(new PGSimpleDataSource())
                        .build())
                .isInstanceOf(ConfigurationException.class);
    }

    @Test
    void laterChangesOfTheBuilderDoNotChangeWhatWasBuilt() {
        BmdbConfig.Builder builder = BmdbConfig.builder().jdbcUrl(URL).poolSize(3);
        BmdbConfig config = builder.build();

        builder.poolSize(7);

        assertThat(config.poolSize()).isEqualTo(3);
    }

    static List<String> urlsThatAreNone() {
        return List.of(
                "postgresql://shepherd:" + SECRET + "@db/fleet",
                "jdbc:mysql://db/fleet?password=" + SECRET,
                "host=db user=shepherd password=" + SECRET,
                "jdbc:postgresql://shepherd:" + SECRET + "@db/fleet",
                "jdbc:postgresql://shepherd:a/b@" + SECRET + "@db/fleet",
                "jdbc:postgresql://db:port/fleet?password=" + SECRET,
                "jdbc:postgresql://db:99999/fleet?password=" + SECRET,
                "jdbc:postgresql://db/fleet?password=100%" + SECRET,
                "jdbc:postgresql:/db/fleet?password=" + SECRET);
    }

    @ParameterizedTest
    @MethodSource("urlsThatAreNone")
    void aMalformedUrlIsAnErrorThatDoesNotShowThePassword(String url) {
        assertThatThrownBy(() -> BmdbConfig.builder().jdbcUrl(url).build())
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("jdbc:postgresql:")
                .satisfies(e -> assertThat(printed(e)).doesNotContain(SECRET));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "jdbc:postgresql://db/fleet",
                "jdbc:postgresql:fleet",
                "jdbc:postgresql://a:5432,b:5433/fleet?targetServerType=primary",
                "jdbc:postgresql://[::1]:5432/fleet?password=a%26b",
                "jdbc:postgresql://db/fleet?user=a@b&password=c@d",
            })
    void theUrlsOfTheDriverAreTaken(String url) {
        assertThatCode(() -> BmdbConfig.builder().jdbcUrl(url).build()).doesNotThrowAnyException();
    }

    @Test
    void thePasswordIsNotShown() {
        assertThat(BmdbConfig.builder()
                        .jdbcUrl(URL + "?user=shepherd&password=" + SECRET)
                        .username("shepherd")
                        .password(SECRET)
                        .build()
                        .toString())
                .contains(URL)
                .doesNotContain(SECRET);
    }

    private static String printed(Throwable e) {
        StringWriter text = new StringWriter();
        e.printStackTrace(new PrintWriter(text));
        return text.toString();
    }
}
