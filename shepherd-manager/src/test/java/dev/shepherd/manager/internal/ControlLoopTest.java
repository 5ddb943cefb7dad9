package dev.shepherd.manager.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** How long a loop waits after a failure. */
class ControlLoopTest {

    @Test
    void aDatabaseThatIsBackIsNotKeptWaiting() {
        Throwable away = catchThrowable(() -> Bmdb.open("jdbc:postgresql://127.0.0.1:1/fleet"));

        assertThat(away)
                .isInstanceOfSatisfying(
                        BmdbException.class, e -> assertThat(e.isDatabaseAway()).isTrue());
        assertThat(ControlLoop.pause(away, 1)).isEqualTo(Duration.ofSeconds(1));
        assertThat(ControlLoop.pause(away, 10)).isEqualTo(Duration.ofSeconds(1));
    }

    @Test
    void aLostSessionIsFollowedByAnotherAtOnce() {
        SessionExpiredException lost = new SessionExpiredException(new UUID(1, 2), "it expired", null);

        assertThat(ControlLoop.pause(lost, 1)).isLessThan(Duration.ofSeconds(1));
        assertThat(ControlLoop.pause(lost, 2)).isEqualTo(Duration.ofSeconds(1));
    }

    @Test
    void whatFailsAgainAndAgainIsTriedLessAndLessOften() {
        assertThat(ControlLoop.pause(new IllegalStateException(), 3)).isEqualTo(Duration.ofSeconds(4));
        assertThat(ControlLoop.pause(new IllegalStateException(), 30)).isEqualTo(Duration.ofMinutes(1));
    }
}
