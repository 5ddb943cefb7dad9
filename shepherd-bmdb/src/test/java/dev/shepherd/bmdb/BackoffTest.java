package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.ConfigurationException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BackoffTest {

    private static final Duration MINUTE = Duration.ofMinutes(1);

    @Test
    void growsByATenthRoundedUpToWholeSecondsUntilTheMaximum() {
        Backoff backoff = Backoff.builder()
                .initial(MINUTE)
                .exponent(1.1)
                .maximum(MINUTE.multipliedBy(2))
                .build();

        assertThat(sequence(backoff, null, 9)).containsExactly(60L, 66L, 73L, 81L, 90L, 99L, 109L, 120L, 120L);
    }

    @Test
    void goesOnFromAShorterPeriodThanItsOwnFirst() {
        Backoff backoff = Backoff.builder()
                .initial(MINUTE)
                .exponent(2)
                .maximum(MINUTE.multipliedBy(2))
                .build();

        assertThat(sequence(backoff, Duration.ofSeconds(2), 7)).containsExactly(4L, 8L, 16L, 32L, 64L, 120L, 120L);
    }

    @Test
    void isConstantWithoutAnExponent() {
        assertThat(sequence(Backoff.constant(MINUTE), null, 3)).containsExactly(60L, 60L, 60L);
        assertThat(sequence(Backoff.constant(MINUTE), Duration.ofSeconds(7), 2)).containsExactly(60L, 60L);
    }

    @Test
    void isOneSecondWhereNothingIsGiven() {
        assertThat(sequence(Backoff.builder().build(), null, 3)).containsExactly(1L, 1L, 1L);
    }

    @Test
    void shrinksToAMaximumThatWasLowered() {
        Backoff backoff = Backoff.builder()
                .initial(MINUTE)
                .exponent(1.5)
                .maximum(MINUTE.multipliedBy(2))
                .build();

        assertThat(backoff.next(Duration.ofHours(9))).isEqualTo(Duration.ofMinutes(2));
    }

    @Test
    void roundsAFractionOfASecondUp() {
        Backoff backoff = Backoff.builder()
                .initial(Duration.ofMillis(1500))
                .maximum(Duration.ofMillis(2500))
                .exponent(1.01)
                .build();

        assertThat(sequence(backoff, null, 3)).containsExactly(2L, 3L, 3L);
    }

    @Test
    void alwaysGrowsUntilTheMaximumWhateverTheExponent() {
        Random random = new Random(7);
        for (int i = 0; i < 2000; i++) {
            double exponent = 1 + random.nextDouble() * (i % 2 == 0 ? 0.001 : 5);
            Duration maximum = Duration.ofSeconds(1 + random.nextInt(100_000));
            Backoff backoff = backoff(Duration.ofSeconds(1), maximum, Math.nextUp(exponent), 0);
            Duration before = Duration.ofSeconds(1 + random.nextInt((int) maximum.toSeconds()));

            Duration next = backoff.next(before);

            assertThat(next).isLessThanOrEqualTo(maximum);
            if (before.compareTo(maximum) < 0) {
                assertThat(next).as("after %s with %s", before, backoff).isGreaterThan(before);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "PT0.999S, PT1M, 1, 0, at least 1 s",
        "PT0S, PT1M, 1, 0, at least 1 s",
        "PT-5S, PT1M, 1, 0, at least 1 s",
        "PT1M, PT59S, 1, 0, shorter than the first",
        "PT1M, P36501D, 1, 0, at most 36500 days",
        "PT1M, PT2M, 0.99, 0, exponent",
        "PT1M, PT2M, -1, 0, exponent",
        "PT1M, PT2M, NaN, 0, exponent",
        "PT1M, PT2M, Infinity, 0, exponent",
        "PT1M, PT2M, 1, -0.1, jitter",
        "PT1M, PT2M, 1, 1.1, jitter",
        "PT1M, PT2M, 1, NaN, jitter",
    })
    void refusesWhatIsOutOfRange(Duration initial, Duration maximum, double exponent, double jitter, String message) {
        assertThatThrownBy(() -> backoff(initial, maximum, exponent, jitter))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining(message);
    }

    @Test
    void takesWhatIsJustInRange() {
        Duration day = Duration.ofDays(1);
        assertThatCode(() -> backoff(Duration.ofSeconds(1), Duration.ofSeconds(1), 1, 0))
                .doesNotThrowAnyException();
        assertThatCode(() -> backoff(day, Duration.ofDays(36_500), Double.MAX_VALUE, 1)
                        .next(day))
                .doesNotThrowAnyException();
        assertThat(Backoff.constant(Duration.ofDays(3)).maximum()).isEqualTo(Duration.ofDays(3));
    }

    private static Backoff backoff(Duration initial, Duration maximum, double exponent, double jitter) {
        return Backoff.builder()
                .initial(initial)
                .maximum(maximum)
                .exponent(exponent)
                .jitter(jitter)
                .build();
    }

    private static List<Long> sequence(Backoff backoff, @Nullable Duration previous, int length) {
        List<Long> periods = new ArrayList<>();
        Duration period = previous;
        for (int i = 0; i < length; i++) {
            period = backoff.next(period);
            periods.add(period.toSeconds());
        }
        return periods;
    }
}
