package dev.shepherd.api.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SpansTest {

    @ParameterizedTest
    @CsvSource({
        "PT0S, 0 s",
        "PT0.000001S, under 1 ms",
        "PT0.25S, 250 ms",
        "PT1S, 1 s",
        "PT1.5S, 1.5 s",
        "PT60.002S, 60.002 s",
        "PT1M, 1 min",
        "PT90S, 90 s",
        "PT2M, 2 min",
        "PT5M12.4S, 5 min 12 s",
        "PT59M59.6S, 1 h",
        "PT2H10M, 2 h 10 min",
        "PT4H, 4 h",
        "PT23H59M50S, 1 d",
        "P1DT30M, 1 d 1 h",
        "P365D, 365 d",
        "PT-5S, -5 s"
    })
    void spansAreSaidAsPeopleSayThem(Duration span, String text) {
        assertThat(Spans.text(span)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"9223372036854775807", "-9223372036854775807"})
    void theLongestSpanIsSaidToo(long seconds) {
        assertThat(Spans.text(Duration.ofSeconds(seconds))).endsWith("106751991167300 d");
    }
}
