package dev.shepherd.api.internal.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.shepherd.api.ConfigurationException;
import java.time.Duration;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class ChecksTest {

    private static final Duration SECOND = Duration.ofSeconds(1);
    private static final Duration HOUR = Duration.ofHours(1);

    @Test
    void takesBothEndsOfARange() {
        assertThatCode(() -> {
                    Checks.count("size", 1, 1, 3);
                    Checks.count("size", 3, 1, 3);
                    Checks.bytes("size", 3, 3, 3);
                    Checks.atLeast("size", 3, 3);
                    Checks.share("part", 1);
                    Checks.share("part", Double.MIN_VALUE);
                    Checks.span("wait", SECOND, SECOND, HOUR);
                    Checks.span("wait", HOUR, SECOND, HOUR);
                    Checks.atLeast("wait", SECOND, SECOND);
                })
                .doesNotThrowAnyException();
        assertThat(Checks.present("thing", "it", "something needs a thing")).isEqualTo("it");
    }

    @Test
    void saysWhatASettingMustBeAndWhatItIs() {
        refuses(() -> Checks.count("it", 0, 1, 1000), "it must be from 1 to 1000, not 0");
        refuses(() -> Checks.count("it", 1001, 1, 1000), "it must be from 1 to 1000, not 1001");
        refuses(() -> Checks.bytes("it", 0, 1, 1024), "it must be from 1 to 1024 bytes, not 0");
        refuses(() -> Checks.atLeast("it", -1, 0), "it must be at least 0, not -1");
        refuses(() -> Checks.share("it", 0), "it must be over 0 and at most 1, not 0.0");
        refuses(() -> Checks.share("it", 1.5), "it must be over 0 and at most 1, not 1.5");
        refuses(() -> Checks.share("it", Double.NaN), "it must be over 0 and at most 1, not NaN");
        refuses(() -> Checks.that("it", false, "odd", 2), "it must be odd, not 2");
        refuses(() -> Checks.present("it", null, "a fleet needs it"), "a fleet needs it: set it");
    }

    @Test
    void saysSpansAsPeopleDo() {
        refuses(() -> Checks.span("it", Duration.ZERO, SECOND, HOUR), "it must be from 1 s to 1 h, not 0 s");
        refuses(
                () -> Checks.span("it", Duration.ofMinutes(130), SECOND, HOUR),
                "it must be from 1 s to 1 h, not 2 h 10 min");
        refuses(() -> Checks.atLeast("it", SECOND, HOUR), "it must be at least 1 h, not 1 s");
        refuses(() -> Checks.atLeast("it", SECOND, HOUR, "hours pass"), "it must be at least 1 h, not 1 s: hours pass");
    }

    @Test
    void aSpanThatIsRoundedToItsBoundDoesNotSeemToBeWithin() {
        refuses(
                () -> Checks.span("it", HOUR.plusMillis(1), SECOND, HOUR),
                "it must be from 1 s to 1 h, not a little more than 1 h");
        refuses(
                () -> Checks.atLeast("it", HOUR.minusMillis(1), HOUR),
                "it must be at least 1 h, not a little less than 1 h");
    }

    private static void refuses(ThrowingCallable check, String message) {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(check)
                .withMessage(message)
                .satisfies(e -> assertThat(e.property()).contains("it"));
    }
}
