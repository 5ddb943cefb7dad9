package dev.shepherd.bmdb.fleet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.fleet.FleetSummary.Count;
import dev.shepherd.bmdb.fleet.FleetSummary.Figure;
import dev.shepherd.bmdb.fleet.FleetSummary.What;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class FleetMetricsTest {

    private static final ProviderType RACKS = new ProviderType("racks");

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final FleetMetrics metrics = FleetMetrics.create();

    private static FleetSummary summary(Duration age, List<Count> counts, List<Figure> figures) {
        return new FleetSummary(Instant.EPOCH, Duration.ofMillis(30), age, counts, figures, List.of());
    }

    private double value(String name, String... tags) {
        return registry.get(name).tags(tags).gauge().value();
    }

    @Test
    void whatWasNotCountedHasNoMeter() {
        metrics.bindTo(registry);
        assertThat(registry.getMeters()).isEmpty();

        metrics.update(summary(Duration.ZERO, List.of(), List.of()));

        assertThat(registry.getMeters())
                .extracting(meter -> meter.getId().getName())
                .containsExactlyInAnyOrder("shepherd.fleet.counts.age", "shepherd.fleet.counts.duration");
    }

    @Test
    void countsAreAddedUpOverLocationsAndEveryStateHasAValue() {
        metrics.bindTo(registry);
        metrics.update(summary(
                Duration.ofSeconds(7),
                List.of(
                        new Count(RACKS, "rack 1", MachineState.UP, 3),
                        new Count(RACKS, "rack 2", MachineState.UP, 4),
                        new Count(RACKS, "rack 2", MachineState.SILENT, 1)),
                List.of(
                        new Figure(What.DUE, "racks", "ShepherdAgentStart", "", 5),
                        new Figure(What.BACKED_OFF, "racks", "ShepherdAgentStart", "unreachable", 6),
                        new Figure(What.INSTALLATIONS_PENDING, "racks", "", "", 7),
                        new Figure(What.IN_RECOVERY, "racks", "", "", 8),
                        new Figure(What.RECOVERY_LIMIT, "racks", "", "", 9),
                        new Figure(What.HELD_BACK, "racks", "", "never", 14),
                        new Figure(What.FREEZES, "racks", "", "", 10),
                        new Figure(What.ROLLOUTS, "racks", "", "stopped", 1),
                        new Figure(What.ROLLOUT_MACHINES, "racks", "", "baking", 13),
                        new Figure(What.PAUSES, "", "", "", 11),
                        new Figure(What.ACTIONS, "", "", "reboot", 12))));

        assertThat(value("shepherd.fleet.machines", "provider", "racks", "state", "up"))
                .isEqualTo(7);
        assertThat(value("shepherd.fleet.machines", "provider", "racks", "state", "silent"))
                .isEqualTo(1);
        for (MachineState state : MachineState.values()) {
            assertThat(value("shepherd.fleet.machines", "provider", "racks", "state", state.word()))
                    .as("%s", state)
                    .isNotNaN();
        }
        assertThat(value("shepherd.fleet.due", "process", "ShepherdAgentStart")).isEqualTo(5);
        assertThat(value("shepherd.fleet.backoffs", "kind", "unreachable")).isEqualTo(6);
        assertThat(value("shepherd.fleet.installations.pending")).isEqualTo(7);
        assertThat(value("shepherd.fleet.recovering")).isEqualTo(8);
        assertThat(value("shepherd.fleet.recovery.limit")).isEqualTo(9);
        assertThat(value("shepherd.fleet.held.back.seconds", "provider", "racks", "answer", "never"))
                .isEqualTo(14);
        assertThat(value("shepherd.fleet.freezes")).isEqualTo(10);
        assertThat(value("shepherd.fleet.rollouts", "provider", "racks", "state", "stopped"))
                .isEqualTo(1);
        assertThat(value("shepherd.fleet.rollout.machines", "provider", "racks", "step", "baking"))
                .isEqualTo(13);
        assertThat(value("shepherd.fleet.pauses")).isEqualTo(11);
        assertThat(value("shepherd.fleet.actions", "verb", "reboot")).isEqualTo(12);
        assertThat(registry.get("shepherd.fleet.counts.age").timeGauge().value(TimeUnit.SECONDS))
                .isBetween(7.0, 60.0);
        assertThat(registry.get("shepherd.fleet.counts.duration").timeGauge().value(TimeUnit.MILLISECONDS))
                .isEqualTo(30);
    }

    @Test
    void anUpdateChangesValuesAndTakesAwayWhatIsNoLongerCounted() {
        metrics.update(summary(
                Duration.ZERO,
                List.of(new Count(RACKS, "", MachineState.UP, 3)),
                List.of(new Figure(What.BACKED_OFF, "racks", "ShepherdAgentStart", "unreachable", 6))));
        metrics.bindTo(registry);
        assertThat(value("shepherd.fleet.backoffs")).isEqualTo(6);

        metrics.update(summary(Duration.ZERO, List.of(new Count(RACKS, "", MachineState.UP, 2)), List.of()));

        assertThat(value("shepherd.fleet.machines", "state", "up")).isEqualTo(2);
        assertThat(registry.find("shepherd.fleet.backoffs").gauge()).isNull();
        metrics.close();
        assertThat(registry.getMeters()).isEmpty();
    }
}
