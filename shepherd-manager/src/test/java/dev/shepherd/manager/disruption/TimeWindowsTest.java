package dev.shepherd.manager.disruption;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TimeWindowsTest {

    private static Disruption at(Instant at) {
        return new Disruption(
                UUID.randomUUID(),
                DisruptionKind.REBOOT,
                UUID.randomUUID(),
                new ProviderType("lab"),
                new ProviderID("one"),
                Map.of(),
                "a test",
                Optional.empty(),
                at);
    }

    /** 2026-11-30 is a Monday. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            Mon-Fri 22:00-06:00 | 2026-11-30T21:59:59Z | false | 2026-11-30T22:00:00Z
            Mon-Fri 22:00-06:00 | 2026-11-30T22:00:00Z | true  | 2026-12-01T22:00:00Z
            Mon-Fri 22:00-06:00 | 2026-12-05T05:59:59Z | true  | 2026-12-07T22:00:00Z
            Mon-Fri 22:00-06:00 | 2026-12-05T06:00:00Z | false | 2026-12-07T22:00:00Z
            Mon-Fri 22:00-06:00 | 2026-11-30T05:00:00Z | false | 2026-11-30T22:00:00Z
            22:00-23:00         | 2026-11-30T22:30:00Z | true  | 2026-12-01T22:00:00Z
            Sat,Sun 00:00-24:00 | 2026-12-06T23:59:59Z | true  | 2026-12-12T00:00:00Z
            Sat,Sun 00:00-24:00 | 2026-12-07T00:00:00Z | false | 2026-12-12T00:00:00Z
            sun-mon 10:00-11:00 | 2026-11-30T10:30:00Z | true  | 2026-12-06T10:00:00Z
            Mon 00:00-24:00     | 2026-11-30T12:00:00Z | true  | 2026-12-07T00:00:00Z
            Mon 08:00-09:00 America/New_York | 2026-11-30T13:30:00Z | true | 2026-12-07T13:00:00Z
            """)
    void itIsOpenFromTheFirstMomentToJustBeforeTheLast(String window, Instant at, boolean open, Instant next) {
        TimeWindows windows = TimeWindows.parse(window);
        assertThat(windows.isOpen(at)).isEqualTo(open);
        assertThat(windows.nextOpening(at)).isEqualTo(next);
        GateAnswer answer = windows.ask(at(at));
        if (open) {
            assertThat(answer).isEqualTo(GateAnswer.proceed());
        } else {
            assertThat(answer.until()).contains(next);
            assertThat(answer.why()).isEqualTo("outside of " + window + "; the next window opens at " + next);
        }
    }

    @Test
    void clocksThatAreSetForwardAndBackMoveTheWindowWithThem() {
        ZoneId berlin = ZoneId.of("Europe/Berlin");
        TimeWindows nights = TimeWindows.parse("01:00-04:00 Europe/Berlin");
        for (String day : new String[] {"2027-03-28", "2026-10-25"}) {
            Instant opening = LocalDate.parse(day).atTime(1, 0).atZone(berlin).toInstant();
            assertThat(nights.isOpen(opening)).isTrue();
            assertThat(nights.isOpen(opening.minusMillis(1))).isFalse();
            long open = 0;
            for (Instant at = opening.minus(Duration.ofHours(1));
                    at.isBefore(opening.plus(Duration.ofHours(6)));
                    at = at.plus(Duration.ofMinutes(1))) {
                open += nights.isOpen(at) ? 1 : 0;
            }
            assertThat(open).isEqualTo(day.startsWith("2027") ? 120 : 240);
        }
    }

    @Test
    void itIsOpenInEachOfSeveralWindows() {
        TimeWindows windows = TimeWindows.parse("Mon 10:00-11:00", "Wed 10:00-11:00");
        assertThat(windows.isOpen(Instant.parse("2026-11-30T10:00:00Z"))).isTrue();
        assertThat(windows.isOpen(Instant.parse("2026-12-02T10:00:00Z"))).isTrue();
        assertThat(windows.nextOpening(Instant.parse("2026-11-30T12:00:00Z")))
                .isEqualTo(Instant.parse("2026-12-02T10:00:00Z"));
        assertThat(windows).hasToString("Mon 10:00-11:00, Wed 10:00-11:00");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            22-6              | it is written as days, times and a zone
            Mon               | it is written as days, times and a zone
            Mondays 1:00-2:00 | it is written as days, times and a zone
            Foo 10:00-11:00   | there is no day "Foo"; days are Mon, Tue
            Mon-Tue-Wed 10:00-11:00 | days are written as
            Mon, 10:00-11:00  | there is no day ""
            10:00-10:00       | it ends when it begins; a whole day is 00:00-24:00
            10:00-25:00       | 25:00
            24:00-10:00       | 24:00
            10:00-11:00 Mars/Base | Mars/Base
            """)
    void whatIsNoWindowIsRefusedAndSaysWhy(String window, String why) {
        assertThatThrownBy(() -> TimeWindows.parse(window))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("the window \"" + window + "\": ")
                .hasMessageContaining(why);
    }

    @Test
    void aGateWithoutWindowsIsRefused() {
        assertThatThrownBy(TimeWindows::parse).isInstanceOf(IllegalArgumentException.class);
    }
}
