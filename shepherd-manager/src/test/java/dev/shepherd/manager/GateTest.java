package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.Explanation.OfProcess;
import dev.shepherd.bmdb.Explanation.Rule;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.disruption.DisruptionState;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.feed.EventFeed;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.DisruptionActions;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.manager.VirtualFleet.Health;
import dev.shepherd.manager.disruption.Disruption;
import dev.shepherd.manager.disruption.DisruptionGate;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.disruption.GateAnswer;
import dev.shepherd.manager.operator.InterventionException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** What a gate says before a machine is rebooted, and what becomes of the machine. */
class GateTest extends RecoveryScenario {

    private static final Actor ACTOR = Actor.program("raft team");

    private final List<Disruption> asked = new CopyOnWriteArrayList<>();
    private final AtomicReference<GateAnswer> answer = new AtomicReference<>(GateAnswer.proceed());

    private DisruptionGate gate() {
        return named("customer", disruption -> {
            asked.add(disruption);
            return answer.get();
        });
    }

    private static DisruptionGate named(String name, DisruptionGate gate) {
        return gate.named(name);
    }

    private static DisruptionSettings with(DisruptionGate... gates) {
        DisruptionSettings.Builder settings = DisruptionSettings.builder().answerWithin(Duration.ofMillis(300));
        List.of(gates).forEach(settings::gate);
        return settings.build();
    }

    private UUID hungMachine() throws InterruptedException {
        fleet.passWithoutManagers(MINUTE);
        UUID machine = fleet.all().get(0);
        fleet.become(Health.HUNG, machine);
        return machine;
    }

    private OfProcess recovery(Shepherd manager, UUID machine) throws InterruptedException {
        return manager.explain(machine).orElseThrow().processes().stream()
                .filter(process -> process.process().equals(WorkProcess.RECOVERY))
                .findFirst()
                .orElseThrow();
    }

    private Optional<MachineDisruption> said(UUID machine) throws InterruptedException {
        return Operator.of(database.bmdb()).disruption(machine);
    }

    @Test
    void itIsAskedBeforeEachRebootAndKnowsWhatItIsAbout() throws Exception {
        fleet(20, 2);
        fleet.manager(POLICY, with(gate()));
        UUID machine = hungMachine();

        passUntilEffects(1);

        assertThat(asked).singleElement().satisfies(disruption -> {
            assertThat(disruption.machineId()).isEqualTo(machine);
            assertThat(disruption.kind()).isEqualTo(DisruptionKind.REBOOT);
            assertThat(disruption.provider()).isEqualTo(VirtualFleet.TYPE);
            assertThat(disruption.providerId().value()).isEqualTo("machine-0");
            assertThat(disruption.reason()).startsWith("its agent was last heard at");
            assertThat(disruption.wantedBy()).isEmpty();
        });
        assertThat(said(machine).orElseThrow().state()).isEqualTo(DisruptionState.UNDER_WAY);
        pass(15);
        assertThat(statistics().recovered()).isEqualTo(1);
        assertThat(said(machine)).as("it is well, and it is over").isEmpty();
    }

    @Test
    void whatItHoldsBackIsShownAndDoneOnceItAgrees() throws Exception {
        fleet(20, 2);
        Shepherd manager = fleet.manager(POLICY, with(gate()));
        UUID machine = hungMachine();
        Instant evening = database.bmdb().now().plus(Duration.ofMinutes(40));
        answer.set(GateAnswer.notNow(evening, "not during the day"));

        pass(20);

        assertThat(fleet.effects()).isEmpty();
        assertThat(asked).as("it is asked again when it said").hasSize(1);
        OfProcess explained = recovery(manager, machine);
        assertThat(explained.rule()).isEqualTo(Rule.HELD_BACK);
        assertThat(explained.because())
                .startsWith("gate customer holds its reboot back: not during the day; since ")
                .contains(", last asked at ");
        assertThat(Duration.between(evening, explained.nextLookAt().orElseThrow())
                        .abs())
                .isLessThan(Duration.ofSeconds(1));
        String held = "1 machine(s): gate customer holds them back, and is asked again from ";
        assertThat(manager.plan(VirtualFleet.TYPE).recovery().outlook().heldBack())
                .singleElement()
                .asString()
                .startsWith(held);
        assertThat(manager.status().recovery().get(VirtualFleet.TYPE).heldBack())
                .singleElement()
                .asString()
                .startsWith(held)
                .endsWith(": not during the day");
        assertThat(EventFeed.of(database.bmdb()).after(EventFeed.START, 1000))
                .filteredOn(event -> event.event().kind() == EventKind.HELD_BACK
                        || event.event().kind() == EventKind.SILENT)
                .hasSize(2);

        answer.set(GateAnswer.proceed());
        passUntilEffects(1);
        assertThat(asked).hasSize(2);
        assertThat(asked.get(1).id())
                .as("of the same disruption")
                .isEqualTo(asked.get(0).id());
        assertThat(asked.get(1).at()).isAfterOrEqualTo(evening);
    }

    @Test
    void itIsAskedAgainAfterAMinuteIfItNamesNoTimeAndAfterAnHourIfItNamesALateOne() throws Exception {
        fleet(20, 2);
        fleet.manager(POLICY, with(gate()));
        UUID machine = hungMachine();
        answer.set(GateAnswer.notNow("busy"));
        pass(60);
        List<Duration> pauses = new ArrayList<>();
        for (int i = 1; i < asked.size(); i++) {
            pauses.add(Duration.between(asked.get(i - 1).at(), asked.get(i).at()));
        }
        assertThat(pauses.subList(0, 2)).allMatch(pause -> pause.compareTo(Duration.ofMinutes(3)) < 0);
        assertThat(pauses)
                .last()
                .satisfies(pause -> assertThat(pause).isBetween(Duration.ofMinutes(10), Duration.ofMinutes(12)));
        assertThat(pauses.get(pauses.size() - 2)).isBetween(Duration.ofMinutes(10), Duration.ofMinutes(12));
        assertThat(Duration.between(
                        said(machine).orElseThrow().since(),
                        said(machine).orElseThrow().askedAt()))
                .as("since when is another moment than when it was last asked")
                .isGreaterThan(Duration.ofMinutes(25));
        assertThat(said(machine).orElseThrow().askedAt())
                .isBetween(
                        asked.get(asked.size() - 1).at(),
                        asked.get(asked.size() - 1).at().plusSeconds(30));
        assertThat(EventFeed.of(database.bmdb()).after(EventFeed.START, 1000))
                .filteredOn(event -> event.event().kind() == EventKind.HELD_BACK)
                .as("it said the same each time")
                .hasSize(1);

        answer.set(GateAnswer.notNow(database.bmdb().now().plus(Duration.ofDays(30)), "on holiday"));
        pass(12);
        int before = asked.size();
        pass(70);
        assertThat(asked.size() - before).isEqualTo(1);
        assertThat(fleet.effects()).isEmpty();
    }

    /** What the loops did to a machine for recovery, the oldest first. */
    private List<String> lines(UUID machine) throws InterruptedException {
        List<String> lines = new ArrayList<>(database.bmdb().history(machine, 100).stream()
                .filter(entry -> entry.process().equals(WorkProcess.RECOVERY))
                .map(entry -> entry.event()
                        + entry.failedCause().map(cause -> ": " + cause).orElse(""))
                .toList());
        Collections.reverse(lines);
        return lines;
    }

    @Test
    void theHistoryHasEachAnswerOnceHoweverOftenItIsRepeated() throws Exception {
        fleet(20, 2);
        fleet.manager(POLICY, with(gate()));
        UUID machine = hungMachine();
        List<String> lines = new ArrayList<>(List.of("STARTED", "CANCELED: reboot: gate customer holds it back: busy"));
        answer.set(GateAnswer.notNow("busy"));
        pass(40);
        assertThat(asked).hasSizeGreaterThan(4);
        assertThat(lines(machine)).isEqualTo(lines);

        answer.set(GateAnswer.notNow("busier"));
        pass(30);
        lines.addAll(List.of("STARTED", "CANCELED: reboot: gate customer holds it back: busier"));
        assertThat(lines(machine)).as("another reason").isEqualTo(lines);

        answer.set(GateAnswer.never("busier"));
        pass(12);
        lines.addAll(List.of("STARTED", "CANCELED: reboot: gate customer refuses: busier"));
        assertThat(lines(machine)).as("another answer for the same reason").isEqualTo(lines);

        DisruptionActions.of(database.bmdb(), ACTOR).askAgain(machine, "a person wants to know");
        pass(2);
        lines.addAll(List.of("STARTED", "CANCELED: reboot: gate customer refuses: busier"));
        assertThat(lines(machine)).as("a person asked").isEqualTo(lines);

        DisruptionActions.of(database.bmdb(), ACTOR).askAgain(machine, "once more");
        answer.set(GateAnswer.proceed());
        passUntilEffects(1);
        lines.addAll(List.of("STARTED", "FINISHED"));
        assertThat(lines(machine)).isEqualTo(lines);
        assertThat(database.bmdb().machine(machine).orElseThrow().work()).isEmpty();
    }

    @Test
    void whatIsTakenBackWhileAGateThinksIsAskedAgainWhateverItSays() throws Exception {
        fleet(20, 2);
        CountDownLatch thinks = new CountDownLatch(1);
        CountDownLatch answers = new CountDownLatch(1);
        Shepherd manager = fleet.manager(
                POLICY,
                DisruptionSettings.builder()
                        .gate(named("slow", disruption -> {
                            asked.add(disruption);
                            if (asked.size() == 2) {
                                thinks.countDown();
                                answers.await();
                            }
                            return asked.size() <= 2 ? GateAnswer.notNow("busy") : answer.get();
                        }))
                        .answerWithin(MINUTE)
                        .build());
        UUID machine = hungMachine();
        while (asked.isEmpty()) {
            pass(1);
        }
        answer.set(GateAnswer.proceed());
        var step = background(() -> {
            while (thinks.getCount() > 0) {
                manager.recoverer(VirtualFleet.TYPE).step();
            }
        });
        fleet.passWithoutManagers(Duration.ofMinutes(2));
        assertThat(thinks.await(30, TimeUnit.SECONDS)).isTrue();
        assertThat(DisruptionActions.of(database.bmdb(), ACTOR).askAgain(machine, "the customer agreed"))
                .isTrue();
        answers.countDown();
        step.get(30, TimeUnit.SECONDS);

        assertThat(said(machine).orElseThrow().why()).isEqualTo("the gates are asked again");
        assertThat(fleet.effects()).isEmpty();
        manager.recoverer(VirtualFleet.TYPE).step();
        assertThat(asked).hasSize(3);
        assertThat(fleet.effects()).hasSize(1);
    }

    @Test
    void whatItRefusesStaysAsItIsUntilAPersonHasItAskedAgain() throws Exception {
        fleet(20, 2);
        Shepherd manager = fleet.manager(POLICY, with(gate()));
        UUID machine = hungMachine();
        answer.set(GateAnswer.never("it is evidence"));

        pass(20);
        passUneventfully(Duration.ofHours(10));

        assertThat(asked).hasSize(1);
        assertThat(fleet.effects()).isEmpty();
        assertThat(recovery(manager, machine).because())
                .startsWith("gate customer refuses its reboot: it is evidence; since ");
        assertThat(recovery(manager, machine).nextLookAt()).isEmpty();
        assertThat(manager.status().recovery().get(VirtualFleet.TYPE).heldBack())
                .containsExactly("1 machine(s): gate customer refuses for good: it is evidence");

        answer.set(GateAnswer.proceed());
        assertThat(DisruptionActions.of(database.bmdb(), ACTOR).askAgain(machine, "the case is closed"))
                .isTrue();
        passUntilEffects(1);
        assertThat(asked).hasSize(2);
    }

    @Test
    void aMachineThatIsHeardAgainIsNoLongerHeldBack() throws Exception {
        fleet(20, 2);
        fleet.manager(POLICY, with(gate()));
        UUID machine = hungMachine();
        answer.set(GateAnswer.never("it is evidence"));
        pass(20);
        assertThat(said(machine).orElseThrow().state()).isEqualTo(DisruptionState.REFUSED);

        fleet.revive(machine);
        pass(3);

        assertThat(said(machine)).isEmpty();
        assertThat(asked).hasSize(1);
    }

    @Test
    void gatesThatDoNotAnswerOrFailHoldBackAndCostNoOneElseAnything() throws Exception {
        fleet(20, 2);
        CountDownLatch never = new CountDownLatch(1);
        Shepherd manager = fleet.manager(
                POLICY,
                with(
                        named("sleeper", disruption -> {
                                    never.await();
                                    return GateAnswer.proceed();
                                })
                                .onlyFor(DisruptionKind.REBOOT),
                        gate()));
        UUID machine = hungMachine();

        pass(20);

        assertThat(fleet.effects()).isEmpty();
        assertThat(asked).as("the first that does not agree decides").isEmpty();
        assertThat(recovery(manager, machine).because())
                .startsWith("gate sleeper holds its reboot back: it did not answer within 300 ms; since ");
        never.countDown();
        passUntilEffects(1);
    }

    @Test
    void whateverAGateThrowsIsNotNow() throws Exception {
        fleet(20, 2);
        AtomicReference<DisruptionGate> behaviour = new AtomicReference<>();
        Shepherd manager =
                fleet.manager(POLICY, with(named("odd", any -> behaviour.get().ask(any))));
        UUID machine = hungMachine();
        for (DisruptionGate odd : List.<DisruptionGate>of(
                any -> {
                    throw new IllegalStateException("it is broken\nbadly");
                },
                any -> {
                    throw new StackOverflowError("deep");
                },
                any -> null,
                any -> {
                    Thread.currentThread().interrupt();
                    throw new InterruptedException("interrupted");
                })) {
            behaviour.set(odd);
            pass(20);
            assertThat(recovery(manager, machine).rule()).isEqualTo(Rule.HELD_BACK);
            assertThat(said(machine).orElseThrow().why()).isNotBlank().doesNotContain("\n");
        }
        assertThat(fleet.effects()).isEmpty();
        behaviour.set(any -> GateAnswer.proceed());
        passUntilEffects(1);
    }

    @Test
    void anApprovalThatIsWithdrawnBeforeTheEffectIsNone() throws Exception {
        fleet(20, 2);
        CountDownLatch withdrawn = new CountDownLatch(1);
        Shepherd manager = fleet.manager(
                POLICY,
                DisruptionSettings.builder()
                        .gate(gate())
                        .answerWithin(MINUTE)
                        // It runs when the approval is written, and before the last check.
                        .drainHook(disruption -> {
                            withdrawn.await();
                            return Duration.ZERO;
                        })
                        .build());
        UUID machine = hungMachine();
        for (int minute = 0; minute < 20 && asked.isEmpty(); minute++) {
            fleet.passWithoutManagers(MINUTE);
            var step = background(() -> manager.recoverer(VirtualFleet.TYPE).step());
            await(() -> step.isDone() || isApproved(machine));
            if (step.isDone()) {
                continue;
            }
            answer.set(GateAnswer.never("a customer called"));
            assertThat(DisruptionActions.of(database.bmdb(), ACTOR).askAgain(machine, "a customer called"))
                    .isTrue();
            withdrawn.countDown();
            step.get(60, TimeUnit.SECONDS);
        }

        assertThat(asked).isNotEmpty();
        pass(10);
        assertThat(fleet.effects()).isEmpty();
        assertThat(said(machine).orElseThrow().state()).isEqualTo(DisruptionState.REFUSED);
    }

    private boolean isApproved(UUID machine) throws InterruptedException {
        return said(machine)
                .filter(one -> one.state() == DisruptionState.APPROVED)
                .isPresent();
    }

    @Test
    void aPersonIsHeldBackTooUnlessItIsForced() throws Exception {
        fleet(20, 2);
        Shepherd manager = fleet.manager(POLICY, with(gate().onlyFor(Selector.parse("!spare"))));
        pass(1);
        UUID machine = fleet.all().get(0);
        answer.set(GateAnswer.notNow("not during the day"));

        assertThatThrownBy(() -> manager.reboot(machine, ACTOR, "it is slow", false))
                .isInstanceOfSatisfying(
                        InterventionException.class,
                        refused -> assertThat(refused.reason()).isEqualTo(InterventionException.Reason.HELD_BACK))
                .hasMessageContaining("gate customer holds it back: not during the day");
        assertThat(asked.get(0).wantedBy()).contains(ACTOR);
        assertThat(asked.get(0).reason()).isEqualTo("it is slow");
        assertThat(fleet.effects()).isEmpty();

        manager.reboot(machine, ACTOR, "it burns", true);
        assertThat(fleet.effects()).hasSize(1);
        assertThat(asked).as("it is not asked where a person forces it").hasSize(1);

        UUID other = fleet.all().get(1);
        answer.set(GateAnswer.proceed());
        manager.reboot(other, ACTOR, "it is slow", false);
        assertThat(fleet.effects()).hasSize(2);
        assertThat(asked).hasSize(2);
    }

    @Test
    void anApprovalIsNoReasonToRebootWhatIsPausedMeanwhile() throws Exception {
        fleet(20, 2);
        AtomicReference<UUID> toPause = new AtomicReference<>();
        fleet.manager(POLICY, with(named("slow", disruption -> {
            OperatorActions.of(database.bmdb(), ACTOR)
                    .pause(toPause.get(), null, WorkProcess.RECOVERY, "a visit", Duration.ofHours(1));
            return GateAnswer.proceed();
        })));
        UUID machine = hungMachine();
        toPause.set(machine);

        pass(20);

        assertThat(fleet.effects()).isEmpty();
        assertThat(said(machine)).as("the approval is gone").isEmpty();
    }

    @Test
    void withoutGatesNothingIsWritten() throws Exception {
        fleet(20, 2);
        fleet.manager(RecoveryPolicy.DEFAULT);
        UUID machine = hungMachine();
        passUntilEffects(1);
        assertThat(said(machine)).isEmpty();
    }

    @FunctionalInterface
    private interface Check {
        boolean holds() throws InterruptedException;
    }

    private static void await(Check check) throws InterruptedException {
        for (int i = 0; i < 300 && !check.holds(); i++) {
            Thread.sleep(100);
        }
        assertThat(check.holds()).isTrue();
    }
}
