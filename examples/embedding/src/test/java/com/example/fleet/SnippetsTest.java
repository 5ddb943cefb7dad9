package com.example.fleet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.event.StoredEvent;
import dev.shepherd.bmdb.feed.EventFeed;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.disruption.Disruption;
import dev.shepherd.manager.disruption.DisruptionBudget;
import dev.shepherd.manager.disruption.DisruptionGate;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.disruption.DrainHook;
import dev.shepherd.manager.disruption.GateAnswer;
import dev.shepherd.manager.disruption.TimeWindows;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.testkit.fleet.ShepherdTest;
import dev.shepherd.testkit.fleet.TestFleet;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The Java of {@code docs/disruptions.md} and {@code docs/events.md}, which {@link DocumentationTest} compares, and what it does. */
@ShepherdTest(machines = 1, started = false)
class SnippetsTest {

    private static final Actor ACTOR = Actor.program("a test");

    private interface Cluster {
        boolean isVoter(String node);
    }

    private interface Scheduler {
        void cordon(UUID machineId);

        boolean isEmpty(UUID machineId);

        void uncordon(UUID machineId);
    }

    private interface Pager {
        void call(Optional<ProviderID> machine, Optional<String> why);
    }

    private static Shepherd gated(Bmdb bmdb, Provider provider, MachineTakeover takeover, Cluster cluster) {
        // tag::gate[]
        DisruptionGate gate = disruption -> {
            if (cluster.isVoter(disruption.labels().get("node"))) {
                return GateAnswer.notNow("it is the last voter of its zone");
            }
            return GateAnswer.proceed();
        };
        Shepherd shepherd = Shepherd.builder()
                .bmdb(bmdb)
                .provider(provider)
                .takeover(takeover)
                .disruptions(DisruptionSettings.builder()
                        .gate(gate.named("cluster"))
                        .gate(TimeWindows.parse("Mon-Fri 22:00-06:00 Europe/Berlin")
                                .onlyFor(DisruptionKind.ROLLOUT))
                        .gate(DisruptionBudget.parse("1 of raft-group"))
                        .build())
                .build();
        // end::gate[]
        return shepherd;
    }

    private static DisruptionSettings drained(Scheduler scheduler) {
        // tag::drain[]
        DrainHook hook = new DrainHook() {
            @Override
            public Duration begin(Disruption disruption) {
                scheduler.cordon(disruption.machineId());
                return Duration.ofMinutes(10);
            }

            @Override
            public boolean isDrained(Disruption disruption) {
                return scheduler.isEmpty(disruption.machineId());
            }

            @Override
            public void done(Disruption disruption) {
                scheduler.uncordon(disruption.machineId());
            }

            @Override
            public void cancelled(Disruption disruption, String why) {
                scheduler.uncordon(disruption.machineId());
            }
        };
        DisruptionSettings settings =
                DisruptionSettings.builder().drainHook(hook).build();
        // end::drain[]
        return settings;
    }

    private static Bmdb listening(String url, Pager pager) throws InterruptedException {
        // tag::listener[]
        Bmdb bmdb = Bmdb.open(BmdbConfig.builder()
                .jdbcUrl(url)
                .listener(event -> {
                    if (event.kind() == EventKind.QUARANTINED) {
                        pager.call(event.providerId(), event.detail("cause"));
                    }
                })
                .build());
        // end::listener[]
        return bmdb;
    }

    private final List<ShepherdEvent> handled = new ArrayList<>();

    private void handle(ShepherdEvent event) {
        handled.add(event);
    }

    private long read(Bmdb bmdb) throws InterruptedException {
        // tag::feed[]
        EventFeed feed = EventFeed.of(bmdb);
        long position = EventFeed.START; // or feed.last(), or what was kept
        for (StoredEvent stored : feed.after(position, 1000)) {
            handle(stored.event());
            position = stored.position(); // keep it once that is done
        }
        // end::feed[]
        return position;
    }

    @Test
    void theGateHoldsItsMachineBack(TestFleet fleet) throws Exception {
        try (Shepherd shepherd = gated(fleet.bmdb(), fleet.provider(), fleet.takeover(), node -> true)) {
            shepherd.start();
            fleet.awaitTakenOver();

            UUID machineId = fleet.machine(0).machineId();
            assertThatThrownBy(() -> shepherd.reboot(machineId, ACTOR, "it is slow", false))
                    .hasMessageContaining("gate cluster holds it back: it is the last voter of its zone");
        }
    }

    @Test
    void workIsMovedAwayBeforeARebootAndComesBackAfterIt(TestFleet fleet) throws Exception {
        List<String> told = new CopyOnWriteArrayList<>();
        CompletableFuture<Boolean> isEmpty = new CompletableFuture<>();
        Scheduler scheduler = new Scheduler() {
            @Override
            public void cordon(UUID machineId) {
                told.add("cordon");
            }

            @Override
            public boolean isEmpty(UUID machineId) {
                return isEmpty.isDone();
            }

            @Override
            public void uncordon(UUID machineId) {
                told.add("uncordon");
            }
        };
        Shepherd shepherd = fleet.start(builder -> builder.disruptions(drained(scheduler)));
        fleet.awaitHeard();
        fleet.machine(0).allowReboots();
        UUID machineId = fleet.machine(0).machineId();
        CompletableFuture<Void> reboot = CompletableFuture.runAsync(() -> {
            try {
                shepherd.reboot(machineId, ACTOR, "it is slow", false);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });

        fleet.await("the drain to begin", () -> told.contains("cordon"));
        assertThat(fleet.machine(0).reboots()).isZero();
        isEmpty.complete(true);
        reboot.get(1, TimeUnit.MINUTES);
        assertThat(fleet.machine(0).reboots()).isEqualTo(1);
        fleet.await("the end of the drain", () -> told.contains("uncordon"));
        assertThat(told).containsExactly("cordon", "uncordon");
    }

    @Test
    void aListenerIsToldAndTheFeedHasIt(TestFleet fleet) throws Exception {
        List<String> calls = new CopyOnWriteArrayList<>();
        fleet.start();
        fleet.awaitTakenOver();
        try (Bmdb bmdb = listening(
                fleet.jdbcUrl(), (machine, why) -> calls.add(machine.orElseThrow() + ": " + why.orElseThrow()))) {
            OperatorActions.of(bmdb, ACTOR).quarantine(fleet.machine(0).machineId(), "it burns");

            fleet.await("the pager to be called", () -> !calls.isEmpty());
            assertThat(calls)
                    .singleElement()
                    .asString()
                    .startsWith(fleet.machine(0).id().toString())
                    .contains("it burns");
            assertThat(read(bmdb)).isPositive();
            assertThat(handled)
                    .extracting(ShepherdEvent::kind)
                    .contains(EventKind.MACHINE_RECORDED, EventKind.TAKEN_OVER, EventKind.QUARANTINED);
        }
    }
}
