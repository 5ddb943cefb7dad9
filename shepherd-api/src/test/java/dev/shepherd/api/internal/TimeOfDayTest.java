package dev.shepherd.api.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

class TimeOfDayTest {

    private static final Instant NOW = Instant.parse("2026-11-29T22:31:14.5Z");

    @Test
    void aMomentOfTodayIsSaidWithoutItsDate() {
        assertThat(TimeOfDay.text(NOW.plusSeconds(300), NOW, ZoneOffset.UTC)).isEqualTo("22:36:14Z");
        assertThat(TimeOfDay.text(NOW.plusSeconds(7200), NOW, ZoneOffset.UTC)).isEqualTo("2026-11-30 00:31:14Z");
    }

    @Test
    void todayIsWhatItIsInTheZoneOfTheLog() {
        ZoneId zone = ZoneId.of("Asia/Kolkata");
        assertThat(TimeOfDay.text(NOW.plusSeconds(7200), NOW, zone)).isEqualTo("06:01:14+0530");
    }
}
