package dev.shepherd.manager.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.ProviderType;
import dev.shepherd.manager.status.LoopStatus;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

class LoopMonitorTest {

    private Instant now = Instant.parse("2026-01-01T00:00:00Z");

    private final LoopMonitor monitor = new LoopMonitor("initializer", new ProviderType("lab"), new Clock() {
        @Override
        public Instant instant() {
            return now;
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    });

    private void pass(long seconds) {
        now = now.plusSeconds(seconds);
    }

    @Test
    void stepsAndTheirTimesAddUp() {
        monitor.stepBegins("it");
        pass(3);
        monitor.stepSucceeded();
        monitor.stepEnded();
        pass(100);
        monitor.stepBegins("it");
        pass(4);
        monitor.stepEnded();
        monitor.stepFailed("of a test");

        LoopMonitor.Totals totals = monitor.totals();
        assertThat(totals.steps()).isEqualTo(2);
        assertThat(totals.stepFailures()).isEqualTo(1);
        assertThat(totals.stepTime()).isEqualTo(Duration.ofSeconds(7));
        assertThat(monitor.status().lastError().orElseThrow().message()).isEqualTo("of a test");
    }

    @Test
    void theTimeSpentOnMachinesIsThatOfAllTogetherWithThoseInProgress() {
        pass(1000);
        monitor.machineBegins();
        pass(2);
        monitor.machineBegins();
        pass(3);
        monitor.machineSucceeded();
        monitor.machineBegins();
        pass(4);

        // Two began at 0 and 2, one of them ended at 5, when a third began; now it is 9.
        assertThat(monitor.totals().machineTime()).isEqualTo(Duration.ofSeconds(5 + 3 + 4 + 4));
        monitor.machineFailed("of a test");
        monitor.machineGivenUp();
        pass(50);
        LoopMonitor.Totals totals = monitor.totals();
        assertThat(totals.machineTime()).isEqualTo(Duration.ofSeconds(16));
        assertThat(totals.inProgress()).isZero();
        assertThat(totals.succeeded()).isEqualTo(1);
        assertThat(totals.failed()).isEqualTo(1);
        assertThat(totals.givenUp()).isEqualTo(1);
    }

    @Test
    void theAgeOfSuccessCountsFromTheStartAndOnlyWhileItRuns() {
        pass(10);
        assertThat(monitor.totals().sinceSuccess()).isEmpty();
        monitor.state(LoopStatus.State.RUNNING);
        pass(5);
        assertThat(monitor.totals().sinceSuccess()).contains(Duration.ofSeconds(5));
        monitor.stepSucceeded();
        pass(2);
        monitor.stepFailed("of a test");
        assertThat(monitor.totals().sinceSuccess()).contains(Duration.ofSeconds(2));
        monitor.state(LoopStatus.State.CLOSED);
        assertThat(monitor.totals().sinceSuccess()).isEmpty();
    }
}
