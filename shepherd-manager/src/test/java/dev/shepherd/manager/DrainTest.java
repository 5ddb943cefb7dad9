package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.bmdb.Explanation.Rule;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.feed.EventFeed;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.Rollout;
import dev.shepherd.bmdb.operator.Rollout.State;
import dev.shepherd.bmdb.operator.RolloutActions;
import dev.shepherd.bmdb.operator.RolloutPlan;
import dev.shepherd.manager.VirtualFleet.Health;
import dev.shepherd.manager.disruption.Disruption;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.disruption.DrainHook;
import dev.shepherd.manager.disruption.GateAnswer;
import dev.shepherd.manager.operator.InterventionException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Work is moved away before a machine goes down, and every drain that begins has one end. */
class DrainTest extends RecoveryScenario {

    private static final Actor ACTOR = Actor.program("nightshift");

    @TempDir
    Path folder;

    /** What the hook was told, as "begin", "done" or "cancelled: why". */
    private final List<String> told = new CopyOnWriteArrayList<>();

    private final Set<UUID> drained = ConcurrentHashMap.newKeySet();
    private final Set<UUID> ids = ConcurrentHashMap.newKeySet();
    private final AtomicReference<Duration> span = new AtomicReference<>(Duration.ofMinutes(10));
    private final AtomicReference<GateAnswer> answer = new AtomicReference<>(GateAnswer.proceed());
    private final AtomicReference<Runnable> onDone = new AtomicReference<>(() -> {});
    private volatile boolean broken;
    private volatile boolean deaf;

    private final class Hook implements DrainHook {
        @Override
        public Duration begin(Disruption disruption) {
            if (broken) {
                throw new IllegalStateException("there is nowhere to move it to");
            }
            ids.add(disruption.id());
            told.add("begin");
            return span.get();
        }

        @Override
        public boolean isDrained(Disruption disruption) {
            return drained.contains(disruption.machineId());
        }

        @Override
        public void done(Disruption disruption) {
            ids.add(disruption.id());
            told.add("done");
            onDone.getAndSet(() -> {}).run();
        }

        @Override
        public void cancelled(Disruption disruption, String why) {
            ids.add(disruption.id());
            if (deaf) {
                throw new IllegalStateException("it cannot take note of that now");
            }
            told.add("cancelled: " + why);
        }
    }

    private DisruptionSettings settings() {
        return DisruptionSettings.builder()
                .gate(disruption -> answer.get())
                .drainHook(new Hook())
                .drainPoll(Duration.ofSeconds(30))
                .build();
    }

    private UUID hungMachine() throws InterruptedException {
        fleet.passWithoutManagers(MINUTE);
        UUID machine = fleet.all().get(0);
        fleet.become(Health.HUNG, machine);
        return machine;
    }

    private void passUntilTold(int count) throws InterruptedException {
        for (int minute = 0; minute < 60 && told.size() < count; minute++) {
            pass(1);
        }
        assertThat(told).hasSize(count);
    }

    @Test
    void aMachineGoesDownWhenItsTimeIsOverAndTheHookHearsThatItIsBack() throws Exception {
        fleet(20, 2);
        Shepherd manager = fleet.manager(POLICY, settings());
        UUID machine = hungMachine();
        passUntilTold(1);
        Duration begun = fleet.elapsed();

        assertThat(manager.explain(machine).orElseThrow().processes())
                .filteredOn(process -> process.process().equals(WorkProcess.RECOVERY))
                .singleElement()
                .satisfies(process -> {
                    assertThat(process.rule()).isEqualTo(Rule.HELD_BACK);
                    assertThat(process.because()).startsWith("its reboot is approved, and work is moved away until ");
                });
        assertThat(manager.status().recovery().get(VirtualFleet.TYPE).inRecovery())
                .as("it takes its place already")
                .isEqualTo(1);
        passUntilEffects(1);
        assertThat(fleet.effects().get(0).at().minus(begun)).isBetween(Duration.ofMinutes(10), Duration.ofMinutes(12));
        pass(15);
        assertThat(told).containsExactly("begin", "done");
        assertThat(ids).hasSize(1);
        assertThat(database.bmdb().history(machine, 100))
                .filteredOn(entry -> entry.process().equals(WorkProcess.RECOVERY))
                .extracting(entry -> entry.event()
                        + entry.failedCause()
                                .map(cause -> cause.replaceAll("until .*", ""))
                                .orElse(""))
                .as("each look at the hook in between has left nothing there; the newest first")
                .containsExactly("FINISHED", "STARTED", "CANCELEDreboot: work is moved away from it ", "STARTED");
    }

    @Test
    void aMachineThatIsDrainedEarlyGoesDownEarly() throws Exception {
        fleet(20, 2);
        fleet.manager(POLICY, settings());
        UUID machine = hungMachine();
        passUntilTold(1);
        pass(2);
        assertThat(fleet.effects()).isEmpty();
        drained.add(machine);
        pass(2);
        assertThat(fleet.effects()).hasSize(1);
    }

    @Test
    void aHookThatNeedsNoTimeCostsNone() throws Exception {
        fleet(20, 2);
        fleet.manager(POLICY, settings());
        span.set(Duration.ZERO);
        hungMachine();
        passUntilTold(1);
        assertThat(fleet.effects()).hasSize(1);
    }

    @Test
    void aMachineThatIsHeardWhileItIsDrainedIsLeftAloneAndTheHookHearsOfIt() throws Exception {
        fleet(20, 2);
        fleet.manager(POLICY, settings());
        UUID machine = hungMachine();
        passUntilTold(1);
        fleet.revive(machine);
        pass(20);
        assertThat(fleet.effects()).isEmpty();
        assertThat(told).containsExactly("begin", "cancelled: it is no longer due");
        assertThat(ids).hasSize(1);
    }

    @Test
    void gatesAreAskedOnceMoreAfterTheDrain() throws Exception {
        fleet(20, 2);
        fleet.manager(POLICY, settings());
        hungMachine();
        passUntilTold(1);
        answer.set(GateAnswer.notNow("the window has closed"));
        pass(20);
        assertThat(fleet.effects()).isEmpty();
        assertThat(told).containsExactly("begin", "cancelled: gate gate holds its reboot back: the window has closed");
        answer.set(GateAnswer.proceed());
        span.set(Duration.ZERO);
        passUntilEffects(1);
        assertThat(told).last().isEqualTo("begin");
        assertThat(ids)
                .as("of another disruption, which the end of the former cannot be taken for")
                .hasSize(2);
    }

    @Test
    void anEndThatAHookCouldNotTakeNoteOfIsToldAgainUnderTheSameId() throws Exception {
        fleet(20, 2);
        fleet.manager(POLICY, settings());
        hungMachine();
        passUntilTold(1);
        deaf = true;
        answer.set(GateAnswer.notNow("the window has closed"));
        pass(20);
        assertThat(told).containsExactly("begin");
        assertThat(fleet.effects()).isEmpty();
        assertThat(ids).hasSize(1);
        deaf = false;
        passUntilTold(2);
        assertThat(told.get(1)).startsWith("cancelled: ");
        assertThat(ids).as("it is the end of what it was told of").hasSize(1);
    }

    @Test
    void aMachineThatARebootDidNotBringBackIsDrainedStillAndEndsOnce() throws Exception {
        fleet(20, 2);
        fleet.manager(POLICY, settings());
        UUID machine = hungMachine();
        fleet.become(Health.DEAD, machine);
        drained.add(machine);
        passUntilEffects(3);
        assertThat(told).containsExactly("begin");
        passUntilTold(2);
        assertThat(told).containsExactly("begin", "done");
        assertThat(Operator.of(database.bmdb()).quarantine(machine)).isPresent();
        assertThat(ids).hasSize(1);
    }

    @Test
    void aMachineThatIsToGoDownAgainWhileTheHookHearsOfTheEndIsDrainedAgain() throws Exception {
        fleet(20, 2);
        Shepherd manager = fleet.manager(POLICY, settings());
        UUID machine = hungMachine();
        passUntilTold(1);
        drained.add(machine);
        onDone.set(() -> {
            try {
                manager.reboot(machine, ACTOR, "once more", false);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        pass(30);

        assertThat(told).startsWith("begin", "done", "done", "begin");
        assertThat(fleet.effects()).hasSize(2);
        assertThat(ids).as("the second has an id of its own").hasSize(2);
    }

    @Test
    void anotherManagerGoesOnWhereOneDied() throws Exception {
        fleet(20, 2);
        Shepherd first = fleet.manager(database.openAnother(), POLICY, settings());
        hungMachine();
        passUntilTold(1);
        first.close();
        fleet.forget(first);
        fleet.manager(POLICY, settings());
        passUntilEffects(1);
        pass(15);
        assertThat(told).containsExactly("begin", "done");
    }

    @Test
    void aHookThatFailsHoldsTheMachineBack() throws Exception {
        fleet(20, 2);
        fleet.manager(POLICY, settings());
        UUID machine = hungMachine();
        broken = true;
        pass(20);
        assertThat(fleet.effects()).isEmpty();
        assertThat(told).isNotEmpty().allMatch(one -> one.startsWith("cancelled: "));
        assertThat(EventFeed.of(database.bmdb()).after(EventFeed.START, 1000))
                .filteredOn(event -> event.event().kind() == EventKind.HELD_BACK)
                .as("it is approved again each time, and that is no news")
                .hasSize(1);
        assertThat(database.bmdb().history(machine, 100))
                .filteredOn(entry -> entry.process().equals(WorkProcess.RECOVERY))
                .hasSize(2);
        broken = false;
        drained.addAll(fleet.all());
        passUntilEffects(1);
    }

    @Test
    void noMoreMachinesAreDrainedThanMayBeInRecovery() throws Exception {
        fleet(40, 1);
        fleet.manager(
                RecoveryPolicy.builder()
                        .maxShare(1)
                        .freezeShare(1)
                        .maxPerProvider(3)
                        .maxPerLocation(3)
                        .build(),
                settings());
        fleet.passWithoutManagers(MINUTE);
        fleet.become(Health.HUNG, fleet.all().subList(0, 10).toArray(UUID[]::new));
        passUntilTold(3);
        pass(5);
        assertThat(told).hasSize(3);
        assertThat(fleet.effects()).isEmpty();
        pass(30);
        assertThat(fleet.effects()).hasSizeGreaterThanOrEqualTo(3);
    }

    @Test
    void aPersonsRebootWaitsForTheDrain() throws Exception {
        fleet(4, 1);
        Shepherd manager = fleet.manager(POLICY, settings());
        pass(1);
        UUID machine = fleet.all().get(0);
        span.set(Duration.ofMinutes(5));
        var reboot = background(() -> manager.reboot(machine, ACTOR, "it is slow", false));
        for (int i = 0; i < 100 && told.isEmpty(); i++) {
            Thread.sleep(50);
        }
        Thread.sleep(300);
        assertThat(fleet.effects()).isEmpty();
        drained.add(machine);
        reboot.get(30, TimeUnit.SECONDS);
        assertThat(fleet.effects()).hasSize(1);
        pass(15);
        assertThat(told).containsExactly("begin", "done");

        UUID other = fleet.all().get(1);
        answer.set(GateAnswer.never("it is evidence"));
        assertThatThrownBy(() -> manager.reboot(other, ACTOR, "it is slow", false))
                .isInstanceOf(InterventionException.class)
                .hasMessageContaining("refuses: it is evidence");
        pass(2);
        assertThat(Operator.of(database.bmdb()).recovery(other)).isEmpty();
    }

    @Test
    void aRolloutDrainsAndWaitsForGatesAndLeavesOutWhatTheyRefuse() throws Exception {
        fleet(6, 1);
        fleet.manager(POLICY, settings());
        pass(2);
        drained.addAll(fleet.all());
        answer.set(GateAnswer.notNow("not during the day"));
        Path file = Files.writeString(folder.resolve("agent"), "#!/bin/sh\n# Shepherd-Agent-Version: 2.0\n");
        Rollout rollout = RolloutActions.of(database.bmdb(), ACTOR)
                .start(
                        VirtualFleet.TYPE,
                        file,
                        RolloutPlan.builder().canary(1).batch(2).bake(MINUTE).build(),
                        "a test");
        pass(20);
        assertThat(fleet.versions().values()).containsOnly("own");
        assertThat(read(rollout).state()).isEqualTo(State.RUNNING);
        assertThat(read(rollout).counts().waiting()).isEqualTo(6);
        for (UUID machine : fleet.all()) {
            assertThat(database.bmdb().history(machine, 100))
                    .as("each that was asked about has that in its history once")
                    .filteredOn(entry -> entry.failedCause().isPresent())
                    .hasSizeLessThanOrEqualTo(1)
                    .allMatch(entry ->
                            entry.failedCause().orElseThrow().equals("gate gate holds it back: not during the day"));
        }
        assertThat(EventFeed.of(database.bmdb()).after(EventFeed.START, 1000))
                .extracting(event -> event.event().kind())
                .contains(EventKind.HELD_BACK)
                .as("no takeover has failed")
                .doesNotContain(EventKind.TAKEOVER_FAILED);

        answer.set(GateAnswer.proceed());
        for (int minute = 0; minute < 15 && !fleet.versions().containsValue("2.0"); minute++) {
            pass(1);
        }
        assertThat(fleet.versions().values()).contains("2.0").contains("own");
        answer.set(GateAnswer.never("it is evidence"));
        for (int minute = 0; minute < 30 && read(rollout).state().isUnderWay(); minute++) {
            pass(1);
        }
        assertThat(read(rollout).state()).isEqualTo(State.COMPLETED);
        assertThat(read(rollout).counts().passed()).isPositive();
        assertThat(read(rollout).counts().failed()).isZero();
        assertThat(fleet.versions().values()).contains("own");
        pass(2);
        assertThat(told.stream().filter("begin"::equals).count())
                .as("each has its end")
                .isEqualTo(told.stream().filter(one -> !one.equals("begin")).count());
        OperatorActions.of(database.bmdb(), ACTOR).restartAgent(fleet.all().get(0), "a test");
        pass(2);
    }

    private Rollout read(Rollout rollout) throws InterruptedException {
        return Operator.of(database.bmdb()).rollout(rollout.id()).orElseThrow();
    }
}
