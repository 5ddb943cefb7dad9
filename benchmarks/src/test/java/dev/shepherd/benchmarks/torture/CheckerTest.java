package dev.shepherd.benchmarks.torture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.benchmarks.torture.Checker.Rule;
import dev.shepherd.benchmarks.torture.Checker.Verdict;
import dev.shepherd.benchmarks.torture.Effect.Kind;
import dev.shepherd.benchmarks.torture.Evidence.HistoryLine;
import dev.shepherd.benchmarks.torture.Evidence.MachineRow;
import dev.shepherd.benchmarks.torture.Evidence.StepLine;
import dev.shepherd.benchmarks.torture.ManagerProcess.Frozen;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.event.StoredEvent;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Logs made by hand, with one thing wrong in each. Two managers, 1 and 2; times in seconds. */
class CheckerTest {

    private static final String MACHINE = "t-00001";
    private static final UUID ID = UUID.randomUUID();
    private static final String KEY = "aa".repeat(32);
    private static final String OTHER_KEY = "bb".repeat(32);
    private static final String BUILD = "cc".repeat(32);
    private static final String START = "ShepherdAgentStart";
    private static final String RECOVERY = "ShepherdRecovery";

    private final List<Effect> effects = new ArrayList<>();
    private final List<Frozen> frozen = new ArrayList<>();
    private final Map<Integer, Long> killed = new HashMap<>();
    private final Map<UUID, Integer> sessions = new HashMap<>();
    private final List<HistoryLine> history = new ArrayList<>();
    private final List<MachineRow> machines = new ArrayList<>();
    private final List<StepLine> steps = new ArrayList<>();
    private final Map<UUID, String> agents = new HashMap<>();
    private final List<StoredEvent> told = new ArrayList<>();
    private final List<StoredEvent> followed = new ArrayList<>();
    private final List<String> leftovers = new ArrayList<>();
    private final UUID sessionOfOne = UUID.randomUUID();
    private final UUID sessionOfTwo = UUID.randomUUID();
    private int maxMachines = 1;

    CheckerTest() {
        sessions.put(sessionOfOne, 1);
        sessions.put(sessionOfTwo, 2);
    }

    private static long micros(double seconds) {
        return 1_000_000_000L + Math.round(seconds * 1_000_000);
    }

    private void effect(double at, int manager, Kind kind, Object first, String second) {
        if (kind == Kind.REBOOT) {
            tells(EventKind.SILENT, Map.of());
            tells(EventKind.ATTEMPT_DECIDED, Map.of("action", "Reboot"), at - 0.01);
        }
        effects.add(new Effect(micros(at), manager, kind, MACHINE, first.toString(), second));
    }

    private UUID begins(double at, int manager, String process) {
        UUID claim = UUID.randomUUID();
        line(at, manager, process, "Started", null, claim);
        return claim;
    }

    private void ends(double at, int manager, String process, UUID claim, String event) {
        line(at, manager, process, event, null, claim);
    }

    private void expires(double at, int manager, String process, UUID claim) {
        line(at, manager, process, "Canceled", "the session expired", claim);
    }

    private void line(double at, int manager, String process, String event, String cause, UUID claim) {
        history.add(new HistoryLine(
                history.size(),
                ID,
                process,
                event,
                micros(at),
                Optional.ofNullable(cause),
                claim,
                manager == 1 ? sessionOfOne : sessionOfTwo));
        if (process.equals(START) && event.equals("Finished")) {
            tells(EventKind.TAKEN_OVER, Map.of());
        } else if (process.equals(START) && event.equals("Failed")) {
            tells(EventKind.TAKEOVER_FAILED, Map.of("ended", event));
        }
    }

    private void tells(EventKind kind, Map<String, String> details) {
        tells(kind, details, 0);
    }

    private void tells(EventKind kind, Map<String, String> details, double at) {
        Instant instant = Instant.EPOCH.plus(micros(at), ChronoUnit.MICROS);
        StoredEvent stored = new StoredEvent(
                told.size() + 1,
                new ShepherdEvent(kind, instant, Optional.of(ID), Optional.empty(), Optional.empty(), details));
        told.add(stored);
        followed.add(stored);
    }

    /** Manager 1 creates a machine and starts its agent, from second 0 to 5. */
    private void soundBeginning() {
        effect(0, 1, Kind.CREATE, ID, "");
        effect(1, 1, Kind.RECORDED, ID, "");
        tells(EventKind.MACHINE_RECORDED, Map.of());
        UUID claim = begins(2, 1, START);
        effect(3, 1, Kind.CONNECT, ID, "");
        effect(4, 1, Kind.RUN, ID, KEY);
        ends(5, 1, START, claim, "Finished");
        machines.add(new MachineRow(ID, MACHINE, Optional.of(KEY), BUILD, 0));
        agents.put(ID, KEY);
    }

    /** A later takeover by manager 2. */
    private void soundTakeover(double from) {
        UUID claim = begins(from, 2, START);
        effect(from + 1, 2, Kind.RUN, ID, OTHER_KEY);
        ends(from + 2, 2, START, claim, "Finished");
        machines.set(0, new MachineRow(ID, MACHINE, Optional.of(OTHER_KEY), BUILD, 0));
        agents.put(ID, OTHER_KEY);
    }

    private void reboot(double at, int manager) {
        UUID claim = begins(at - 0.1, manager, RECOVERY);
        approve(at - 0.05, manager);
        effect(at, manager, Kind.REBOOT, "", "");
        ends(at + 0.1, manager, RECOVERY, claim, "Finished");
        tells(EventKind.ATTEMPT_SENT, Map.of());
    }

    /** Takes an event out of the feed, or puts another in its place. */
    private void retell(EventKind kind, ShepherdEvent... others) {
        for (List<StoredEvent> feed : List.of(told, followed)) {
            int place = IntStream.range(0, feed.size())
                    .filter(i -> feed.get(i).event().kind() == kind)
                    .findFirst()
                    .orElseThrow();
            long position = feed.remove(place).position();
            Stream.of(others).forEach(other -> feed.add(place, new StoredEvent(position, other)));
        }
    }

    /** With a drain that takes no time, and ends well a second later. */
    private void approve(double at, int manager) {
        String id = UUID.randomUUID().toString();
        effect(at - 0.03, manager, Kind.DRAIN, id, String.valueOf(micros(at - 0.03)));
        effect(at, manager, Kind.APPROVE, id, "");
        effect(at + 1, manager, Kind.DRAIN_DONE, id, "");
    }

    /** A sound fleet whose machine is rebooted at second 20 by manager 1, with approval, and what hooks have said before. */
    private void rebootAfter(String id) {
        soundBeginning();
        UUID claim = begins(19, 1, RECOVERY);
        effect(19.9, 1, Kind.APPROVE, id, "");
        effect(20, 1, Kind.REBOOT, "", "");
        ends(21, 1, RECOVERY, claim, "Finished");
        soundTakeover(22);
    }

    private void inspected(int manager, double at, UUID claim, String event, long number) {
        history.removeIf(line -> line.claim().equals(claim));
        line(at, manager, Plan.INSPECTION, "Started", null, claim);
        effect(at + 0.1, manager, Kind.INSPECT, ID, claim.toString());
        line(at + 0.2, manager, Plan.INSPECTION, event, null, claim);
        effect(at + 0.3, manager, Kind.INSPECTED, claim, Long.toString(number));
    }

    private Verdict verdict() {
        return Checker.check(new Evidence(
                maxMachines,
                effects,
                frozen,
                killed,
                sessions,
                history,
                machines,
                steps,
                agents,
                told,
                followed,
                leftovers));
    }

    private List<Rule> broken() {
        return verdict().violations().stream().map(Checker.Violation::rule).toList();
    }

    @Test
    void nothingIsFoundWhereNothingIsWrong() {
        soundBeginning();
        reboot(20, 2);
        soundTakeover(21);
        inspected(1, 30, UUID.randomUUID(), "Finished", 1);
        machines.set(0, new MachineRow(ID, MACHINE, Optional.of(OTHER_KEY), BUILD, 1));

        assertThat(verdict().violations()).isEmpty();
        assertThat(verdict().latestEffectMillis()).isZero();
    }

    @Test
    void anEventThatIsMissingOrTooMuchOrAtTheWrongPlaceIsFound() {
        soundBeginning();
        StoredEvent last = told.remove(told.size() - 1);
        followed.remove(last);
        assertThat(broken()).containsExactly(Rule.EVENT_MISSED);

        told.add(last);
        assertThat(broken()).as("only one of two readers saw it").containsExactly(Rule.EVENT_MISSED);

        followed.add(last);
        assertThat(broken()).isEmpty();
        tells(EventKind.TAKEOVER_FAILED, Map.of("ended", "Failed"));
        assertThat(broken()).as("nothing of the kind happened").containsExactly(Rule.EVENT_MISSED);

        UUID claim = begins(10, 2, START);
        ends(11, 2, START, claim, "Failed");
        told.remove(told.size() - 1);
        assertThat(broken()).as("a reader saw it twice").containsExactly(Rule.EVENT_MISSED);
        followed.remove(followed.size() - 1);
        assertThat(broken()).isEmpty();
        Collections.swap(told, 1, 2);
        Collections.swap(followed, 1, 2);
        assertThat(broken()).as("in the wrong order").containsExactly(Rule.EVENT_MISSED);
    }

    private void rebootedAndTakenOver() {
        soundBeginning();
        reboot(20, 2);
        soundTakeover(21);
    }

    @Test
    void aRebootThatWasNotToldOfAsDecidedIsFound() {
        rebootedAndTakenOver();
        retell(EventKind.ATTEMPT_SENT);
        assertThat(broken()).as("its manager may have died").isEmpty();

        retell(EventKind.ATTEMPT_DECIDED);
        assertThat(broken()).containsExactly(Rule.EVENT_MISSED);
    }

    @Test
    void aRebootThatWasDecidedOnAfterItHappenedIsFound() {
        rebootedAndTakenOver();
        ShepherdEvent decided = told.stream()
                .map(StoredEvent::event)
                .filter(event -> event.kind() == EventKind.ATTEMPT_DECIDED)
                .findFirst()
                .orElseThrow();
        retell(
                EventKind.ATTEMPT_DECIDED,
                new ShepherdEvent(
                        decided.kind(),
                        decided.at().plusSeconds(1),
                        decided.machineId(),
                        Optional.empty(),
                        Optional.empty(),
                        decided.details()));

        assertThat(broken()).containsExactly(Rule.EVENT_MISSED);
    }

    @Test
    void anAttemptAtAMachineThatWasNotToldOfAsSilentIsFound() {
        rebootedAndTakenOver();
        retell(EventKind.SILENT);

        assertThat(broken()).containsExactly(Rule.EVENT_MISSED);
    }

    @Test
    void anAnswerToNoAttemptIsFound() {
        rebootedAndTakenOver();
        tells(EventKind.ATTEMPT_SENT, Map.of());

        assertThat(broken()).containsExactly(Rule.EVENT_MISSED);
    }

    @Test
    void aClaimThatBeginsWhileAnotherIsHeldIsFound() {
        soundBeginning();
        UUID held = begins(10, 1, START);
        UUID second = begins(11, 2, START);
        ends(12, 1, START, held, "Canceled");
        ends(13, 2, START, second, "Canceled");

        assertThat(broken()).containsExactly(Rule.TWO_HOLDERS);
    }

    @Test
    void theProcessesThatExcludeOneAnotherMayNotHoldAMachineTogether() {
        soundBeginning();
        UUID held = begins(10, 1, START);
        UUID second = begins(11, 2, RECOVERY);
        ends(12, 1, START, held, "Canceled");
        ends(13, 2, RECOVERY, second, "Canceled");

        assertThat(broken()).containsExactly(Rule.TWO_HOLDERS);
    }

    @Test
    void aProcessOfItsOwnMayHoldAMachineBesideThem() {
        soundBeginning();
        UUID held = begins(10, 1, START);
        UUID second = begins(11, 2, Plan.INSPECTION);
        ends(12, 1, START, held, "Canceled");
        ends(13, 2, Plan.INSPECTION, second, "Canceled");

        assertThat(broken()).isEmpty();
    }

    @Test
    void aClaimThatEndsTwiceIsFound() {
        soundBeginning();
        UUID claim = begins(10, 1, START);
        ends(11, 1, START, claim, "Canceled");
        ends(12, 1, START, claim, "Failed");

        assertThat(broken()).containsExactly(Rule.TWO_HOLDERS);
    }

    @Test
    void anEffectWithoutAClaimIsFound() {
        soundBeginning();
        effect(10, 2, Kind.CONNECT, ID, "");
        approve(11, 1);
        effect(11, 1, Kind.REBOOT, "", "");

        assertThat(broken()).containsExactly(Rule.NO_CLAIM, Rule.NO_CLAIM);
    }

    @Test
    void anEffectUnderAClaimOfAnotherManagerIsFound() {
        soundBeginning();
        UUID claim = begins(10, 1, RECOVERY);
        approve(11, 2);
        effect(11, 2, Kind.REBOOT, "", "");
        ends(12, 1, RECOVERY, claim, "Finished");

        assertThat(broken()).containsExactly(Rule.NO_CLAIM);
    }

    @Test
    void anEffectAfterTheManagerEndedTheClaimIsFound() {
        soundBeginning();
        effect(5.1, 1, Kind.CONNECT, ID, "");

        assertThat(broken()).containsExactly(Rule.AFTER_END);
    }

    @Test
    void anEffectLongAfterTheSessionExpiredIsFound() {
        soundBeginning();
        UUID claim = begins(10, 1, START);
        expires(14, 1, START, claim);
        effect(14.5, 1, Kind.CONNECT, ID, "");
        assertThat(broken()).isEmpty();
        assertThat(verdict().latestEffectMillis()).isEqualTo(500);

        effect(14.1 + Checker.NOTICE.toMillis() / 1000.0, 1, Kind.UPLOAD, ID, "");
        assertThat(broken()).containsExactly(Rule.AFTER_LOSS);
    }

    @Test
    void aFrozenManagerMayActWhenItWakesButNotGoOn() {
        soundBeginning();
        UUID claim = begins(10, 1, START);
        expires(14, 1, START, claim);
        soundTakeover(15);
        frozen.add(new Frozen(1, micros(11), micros(30)));
        effect(30.01, 1, Kind.CONNECT, ID, "");
        assertThat(broken()).isEmpty();

        effect(31.1 + Checker.NOTICE.toMillis() / 1000.0, 1, Kind.UPLOAD, ID, "");
        assertThat(broken()).containsExactly(Rule.AFTER_LOSS);
    }

    @Test
    void whatTheHostStoodStillForIsCountedOnce() {
        soundBeginning();
        UUID claim = begins(10, 1, START);
        expires(14, 1, START, claim);
        frozen.add(new Frozen(1, micros(14), micros(16)));
        frozen.add(new Frozen(Frozen.EVERY, micros(15), micros(16.5)));
        effect(16.6, 1, Kind.CONNECT, ID, "");
        assertThat(broken()).isEmpty();
        assertThat(verdict().latestEffectMillis()).isEqualTo(100);

        effect(16.6 + Checker.NOTICE.toMillis() / 1000.0, 1, Kind.UPLOAD, ID, "");
        assertThat(broken()).containsExactly(Rule.AFTER_LOSS);
    }

    @Test
    void thatAnotherManagerWasFrozenIsNoExcuse() {
        soundBeginning();
        UUID claim = begins(10, 1, START);
        expires(14, 1, START, claim);
        frozen.add(new Frozen(2, micros(11), micros(30)));
        effect(30, 1, Kind.CONNECT, ID, "");

        assertThat(broken()).containsExactly(Rule.AFTER_LOSS);
    }

    @Test
    void aRebootThatNoGateOfItsManagerApprovedIsFound() {
        soundBeginning();
        UUID claim = begins(19, 1, RECOVERY);
        approve(19.5, 2);
        effect(20, 1, Kind.REBOOT, "", "");
        ends(21, 1, RECOVERY, claim, "Finished");
        soundTakeover(22);
        UUID second = begins(39, 1, RECOVERY);
        effect(40, 1, Kind.REBOOT, "", "");
        ends(41, 1, RECOVERY, second, "Finished");
        soundTakeover(42);

        assertThat(broken()).containsExactly(Rule.NOT_APPROVED, Rule.NOT_APPROVED);
    }

    @Test
    void anApprovalThatIsUsedTwiceIsFound() {
        soundBeginning();
        reboot(20, 1);
        soundTakeover(22);
        UUID claim = begins(39, 1, RECOVERY);
        effect(40, 1, Kind.REBOOT, "", "");
        ends(41, 1, RECOVERY, claim, "Finished");
        soundTakeover(42);

        assertThat(broken()).containsExactly(Rule.NOT_APPROVED);
    }

    @Test
    void twoMachinesOfOneGroupThatAreDownTogetherAreFound() {
        List<Effect> told = new ArrayList<>();
        List<String> found = new ArrayList<>();
        for (String machine : List.of("t-00003", "t-00004", "t-00006")) {
            told.add(new Effect(micros(told.size()), 1, Kind.APPROVE, machine, "", ""));
            told.add(new Effect(micros(told.size()), 1, Kind.REBOOT, machine, "", ""));
        }
        new DisruptionChecker((manager, from, to) -> 0, (rule, what) -> found.add(rule.name())).check(told);
        assertThat(found).containsExactly("TWO_OF_A_GROUP");

        found.clear();
        told.add(2, new Effect(micros(1.5), 2, Kind.RUN, "t-00003", "", ""));
        new DisruptionChecker((manager, from, to) -> 0, (rule, what) -> found.add(rule.name())).check(told);
        assertThat(found).isEmpty();
    }

    @Test
    void aRebootBeforeItsDrainIsOverIsFound() {
        rebootAfter("x");
        effect(15, 2, Kind.DRAIN, "x", String.valueOf(micros(20.1)));
        effect(23, 2, Kind.DRAIN_DONE, "x", "");
        assertThat(broken()).containsExactly(Rule.NOT_DRAINED);

        effect(18, 2, Kind.DRAINED, "y", "");
        assertThat(broken()).as("another drain is over").containsExactly(Rule.NOT_DRAINED);
        effect(18, 2, Kind.DRAINED, "x", "");
        assertThat(broken()).as("it is over early").isEmpty();
        effect(18.5, 1, Kind.DRAIN, "x", String.valueOf(micros(20.1)));
        assertThat(broken()).as("it has begun once more").containsExactly(Rule.NOT_DRAINED);
    }

    @Test
    void aRebootWhenTheTimeOfItsDrainIsOverIsSound() {
        rebootAfter("x");
        effect(15, 2, Kind.DRAIN, "x", String.valueOf(micros(19.8)));
        effect(23, 2, Kind.DRAIN_DONE, "x", "");
        assertThat(broken()).isEmpty();
    }

    @Test
    void aRebootWithoutADrainOrWithOneThatNeverSaidHowLongItTakesIsFound() {
        rebootAfter("x");
        assertThat(broken()).containsExactly(Rule.NOT_DRAINED);
        effect(15, 2, Kind.DRAIN, "x", "");
        effect(23, 2, Kind.DRAIN_DONE, "x", "");
        assertThat(broken()).containsExactly(Rule.NOT_DRAINED);
    }

    @Test
    void aRebootWhoseDrainHasEndedIsFoundUnlessItsManagerWasFrozen() {
        rebootAfter("x");
        effect(15, 2, Kind.DRAIN, "x", String.valueOf(micros(15)));
        effect(19.95, 2, Kind.DRAIN_CANCELLED, "x", "");
        assertThat(broken()).containsExactly(Rule.NOT_DRAINED);
        frozen.add(new Frozen(1, micros(19.91), micros(19.99)));
        assertThat(broken()).isEmpty();
    }

    @Test
    void aDrainHasOneEndThatMayBeToldTwice() {
        soundBeginning();
        effect(15, 2, Kind.DRAIN, "x", String.valueOf(micros(16)));
        assertThat(broken()).as("no end").containsExactly(Rule.DRAIN_WITHOUT_END);
        effect(17, 1, Kind.DRAIN_CANCELLED, "x", "");
        effect(18, 2, Kind.DRAIN_CANCELLED, "x", "");
        assertThat(broken()).isEmpty();
        effect(19, 2, Kind.DRAIN_DONE, "x", "");
        assertThat(broken()).as("two ends").containsExactly(Rule.DRAIN_WITHOUT_END);
    }

    @Test
    void drainsThatWentOnElsewhereAfterAKillAreCounted() {
        rebootAfter("x");
        effect(15, 2, Kind.DRAIN, "x", String.valueOf(micros(19)));
        effect(23, 1, Kind.DRAIN_DONE, "x", "");
        assertThat(verdict().drains()).as("no one was killed").isEqualTo(new Torture.Drains(1, 0, 0));
        killed.put(2, micros(14));
        assertThat(verdict().drains()).as("before it began").isEqualTo(new Torture.Drains(1, 0, 0));
        killed.put(2, micros(18));
        assertThat(verdict().drains()).isEqualTo(new Torture.Drains(1, 1, 1));
        killed.put(2, micros(22));
        assertThat(verdict().drains()).as("before its end").isEqualTo(new Torture.Drains(1, 0, 1));
        killed.put(2, micros(24));
        assertThat(verdict().drains()).as("after its end").isEqualTo(new Torture.Drains(1, 0, 0));
        assertThat(broken()).isEmpty();
    }

    @Test
    void aSecondRebootWithinTheCooldownIsFound() {
        soundBeginning();
        reboot(20, 1);
        reboot(24, 2);
        soundTakeover(26);

        assertThat(broken()).containsExactly(Rule.REBOOTED_TWICE);
    }

    @Test
    void aRebootThatWasHeldUpByAFreezeCountsFromBeforeIt() {
        soundBeginning();
        reboot(20, 1);
        frozen.add(new Frozen(1, micros(12), micros(19.9)));
        reboot(24, 2);
        soundTakeover(26);

        assertThat(broken()).isEmpty();
    }

    @Test
    void aMachineThatIsCreatedUnderTwoIntentsIsFound() {
        soundBeginning();
        effect(10, 2, Kind.CREATE, UUID.randomUUID(), "");

        // It is also recorded under another intent than the last.
        assertThat(broken()).contains(Rule.CREATED_TWICE);
    }

    @Test
    void aMachineThatWasCreatedAndIsNotRecordedIsFound() {
        soundBeginning();
        effects.add(new Effect(
                micros(10), 2, Kind.CREATE, "t-00002", UUID.randomUUID().toString(), ""));

        assertThat(broken()).containsExactly(Rule.LOST_COMMIT);
    }

    @Test
    void aRecordingThatWasAnsweredAndIsGoneIsFound() {
        soundBeginning();
        effects.add(new Effect(
                micros(10), 2, Kind.RECORDED, "t-00002", UUID.randomUUID().toString(), ""));

        assertThat(broken()).containsExactly(Rule.LOST_COMMIT);
    }

    @Test
    void moreMachinesThanThereMayBeAreFound() {
        soundBeginning();
        maxMachines = 0;

        assertThat(broken()).containsExactly(Rule.TOO_MANY);
    }

    @Test
    void aFinishThatWasAnsweredAndIsGoneIsFound() {
        soundBeginning();
        effect(10, 1, Kind.INSPECTED, UUID.randomUUID(), "1");

        assertThat(broken()).containsExactly(Rule.LOST_COMMIT);
    }

    @Test
    void aFinishThatWasAnsweredButDidNotHappenIsFound() {
        soundBeginning();
        inspected(1, 10, UUID.randomUUID(), "Canceled", 1);

        assertThat(broken()).containsExactly(Rule.LOST_COMMIT);
    }

    @Test
    void whatAFinishWroteAndIsGoneIsFound() {
        soundBeginning();
        inspected(1, 10, UUID.randomUUID(), "Finished", 1);
        // The machine's own count is still 0.

        assertThat(broken()).containsExactly(Rule.LOST_COMMIT);
    }

    @Test
    void aFinishThatWroteTheSameAsAnotherIsFound() {
        soundBeginning();
        inspected(1, 10, UUID.randomUUID(), "Finished", 1);
        inspected(2, 20, UUID.randomUUID(), "Finished", 1);
        machines.set(0, new MachineRow(ID, MACHINE, Optional.of(KEY), BUILD, 2));

        assertThat(broken()).containsExactly(Rule.LOST_COMMIT);
    }

    @Test
    void aMachineThatRunsAnotherBuildThanIsRecordedIsFound() {
        soundBeginning();
        effect(2, 1, Kind.BUILD, KEY, BUILD + " good-1");
        assertThat(broken()).isEmpty();

        effect(3, 1, Kind.BUILD, KEY, "dd".repeat(32) + " good-2");
        assertThat(broken()).containsExactly(Rule.OTHER_BUILD);
    }

    private void step(UUID machine, double at, String step, boolean isActive) {
        steps.add(new StepLine(machine, step, isActive, micros(at)));
    }

    @Test
    void moreMachinesInARolloutThanMayBeDisturbedAreFound() {
        soundBeginning();
        maxMachines = 10;
        step(new UUID(0, 1), 10, "Chosen", true);
        step(new UUID(0, 2), 10, "Chosen", true);
        step(new UUID(0, 1), 11, "Starting", true);
        step(new UUID(0, 1), 12, "Failed", false);
        step(new UUID(0, 3), 13, "Chosen", true);
        assertThat(broken()).isEmpty();

        step(new UUID(0, 4), 14, "Chosen", true);
        assertThat(broken()).containsExactly(Rule.TOO_MANY_AT_ONCE);
    }

    @Test
    void aRebootOfAMachineThatARolloutLooksAfterIsFound() {
        soundBeginning();
        step(ID, 10, "Chosen", true);
        step(ID, 20, "Done", false);
        step(new UUID(0, 9), 100, "Chosen", true);
        reboot(30, 1);
        assertThat(broken()).isEmpty();

        reboot(15, 1);
        assertThat(broken()).contains(Rule.REBOOTED_IN_ROLLOUT);
    }

    @Test
    void aMachineWithoutAnAgentIsFound() {
        soundBeginning();
        machines.set(0, new MachineRow(ID, MACHINE, Optional.empty(), BUILD, 0));

        assertThat(broken()).containsExactly(Rule.NO_AGENT);
    }

    @Test
    void aMachineThatRunsAnotherAgentThanIsRecordedIsFound() {
        soundBeginning();
        agents.put(ID, OTHER_KEY);

        assertThat(broken()).containsExactly(Rule.NO_AGENT);
    }

    @Test
    void anAgentThatIsNotOfTheLastFinishedTakeoverIsFound() {
        soundBeginning();
        soundTakeover(10);
        machines.set(0, new MachineRow(ID, MACHINE, Optional.of(KEY), BUILD, 0));
        agents.put(ID, KEY);

        assertThat(broken()).containsExactly(Rule.LOST_COMMIT);
    }

    @Test
    void whatIsLeftIsFound() {
        soundBeginning();
        leftovers.add("1 row(s) are left in work");

        assertThat(broken()).containsExactly(Rule.LEFT_OVER);
    }
}
