package dev.shepherd.benchmarks.torture;

import dev.shepherd.benchmarks.torture.Effect.Kind;
import dev.shepherd.benchmarks.torture.Evidence.HistoryLine;
import dev.shepherd.benchmarks.torture.Evidence.MachineRow;
import dev.shepherd.benchmarks.torture.Evidence.StepLine;
import dev.shepherd.benchmarks.torture.ManagerProcess.Frozen;
import dev.shepherd.benchmarks.torture.Torture.Drains;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Finds what must not have happened. All times are those of one clock, the host's.
 *
 * <p>A holder learns that its session is lost a tenth of an interval after its deadline, at the latest, and only while it
 * runs. So an effect may come later than the end of its claim by that and by the time that its process was frozen, or
 * the host as a whole stood still; how late the latest was is told.
 */
final class Checker {

    /** What a rule is called, in the order in which they are checked. */
    enum Rule {
        /** Two claims of one machine at once, or a claim that ended twice. */
        TWO_HOLDERS,
        /** An effect on a machine that its manager had not claimed. */
        NO_CLAIM,
        /** An effect after the manager itself had ended the claim. */
        AFTER_END,
        /** An effect long after the session had expired. */
        AFTER_LOSS,
        /** A reboot that no gate of its manager approved, or that used an approval for the second time. */
        NOT_APPROVED,
        /** A reboot of a machine while another one of its group was down. */
        TWO_OF_A_GROUP,
        /** A reboot of a machine before work was moved away from it, or when it may be back. */
        NOT_DRAINED,
        /** Work that was moved away, and no word, or two different ones, that it may come back. */
        DRAIN_WITHOUT_END,
        /** Two reboots of one machine within its cooldown. */
        REBOOTED_TWICE,
        /** A machine that was taken into use under two intents, or recorded under another one. */
        CREATED_TWICE,
        /** More machines than there may be. */
        TOO_MANY,
        /** What the database had answered to be committed is not there. */
        LOST_COMMIT,
        /** A machine without an agent in the end, or with another one than is recorded. */
        NO_AGENT,
        /** A machine that runs another build of the agent than is recorded. */
        OTHER_BUILD,
        /** More machines at work in a rollout than may be disturbed. */
        TOO_MANY_AT_ONCE,
        /** A reboot by a recoverer of a machine that a rollout looked after. */
        REBOOTED_IN_ROLLOUT,
        /** An event that is not told, is told of nothing, or comes at the wrong place. */
        EVENT_MISSED,
        /** What should be gone in the end. */
        LEFT_OVER
    }

    /** A rule that was broken, and how. */
    record Violation(Rule rule, String what) {
        @Override
        public String toString() {
            return rule + ": " + what;
        }
    }

    /**
     * What was found.
     *
     * @param violations what must not have happened
     * @param latestEffectMillis how long after the end of its claim the latest effect came, without the time for which
     *     its manager was frozen
     * @param drains how much work was moved away, and by whom
     */
    record Verdict(List<Violation> violations, long latestEffectMillis, Drains drains) {}

    /** How late a loss is noticed: by design a tenth of the interval; the rest is for threads that wait for a processor. */
    static final Duration NOTICE = Plan.SESSION_INTERVAL.dividedBy(10).plusMillis(700);

    private static final Set<String> EXCLUSIVE = Set.of("ShepherdAccess", "ShepherdAgentStart", "ShepherdRecovery");
    private static final String STARTED = "Started";
    private static final String FINISHED = "Finished";
    private static final String AGENT_START = "ShepherdAgentStart";
    private static final String CANCELED = "Canceled";
    private static final String EXPIRED = "the session expired";

    private final Evidence evidence;
    private final List<Violation> violations = new ArrayList<>();
    private final Map<UUID, Claim> claims = new HashMap<>();
    private final Map<UUID, List<Claim>> claimsByMachine = new HashMap<>();
    private long latestEffect;

    /** A claim as the history has it. */
    private static final class Claim {
        private final HistoryLine start;
        private final @Nullable Integer manager;
        private @Nullable HistoryLine end;

        Claim(HistoryLine start, @Nullable Integer manager) {
            this.start = start;
            this.manager = manager;
        }

        boolean endedAs(String event) {
            return end != null && end.event().equals(event);
        }

        @Override
        public String toString() {
            return "claim " + start.claim() + " of manager " + manager + " for " + start.process() + " on machine "
                    + start.machine();
        }
    }

    private Checker(Evidence evidence) {
        this.evidence = evidence;
    }

    static Verdict check(Evidence evidence) {
        Checker checker = new Checker(evidence);
        checker.checkHistory();
        checker.checkEffects();
        checker.checkReboots();
        new DisruptionChecker(checker::frozen, checker::found).check(evidence.effects());
        Drains drains = new DrainChecker(checker::frozen, evidence.killed(), checker::found).check(evidence.effects());
        checker.checkCreations();
        checker.checkInspections();
        checker.checkAgents();
        checker.checkBuilds();
        checker.checkRollouts();
        new EventChecker(evidence, checker::found).check();
        evidence.leftovers().forEach(left -> checker.found(Rule.LEFT_OVER, left));
        return new Verdict(
                List.copyOf(checker.violations), TimeUnit.MICROSECONDS.toMillis(checker.latestEffect), drains);
    }

    private void found(Rule rule, String what) {
        violations.add(new Violation(rule, what));
    }

    /** What holds a machine: the processes that exclude one another together, any other by itself. */
    private record Place(UUID machine, String process) {}

    private void checkHistory() {
        Map<Place, Claim> open = new HashMap<>();
        for (HistoryLine line : evidence.history()) {
            String process = EXCLUSIVE.contains(line.process()) ? "" : line.process();
            Place place = new Place(line.machine(), process);
            Claim holder = open.get(place);
            if (line.event().equals(STARTED)) {
                Claim claim = new Claim(line, evidence.sessions().get(line.session()));
                if (holder != null) {
                    found(Rule.TWO_HOLDERS, claim + " began while " + holder + " was held");
                }
                open.put(place, claim);
                claims.put(line.claim(), claim);
                claimsByMachine
                        .computeIfAbsent(line.machine(), machine -> new ArrayList<>())
                        .add(claim);
            } else {
                Claim ended = claims.get(line.claim());
                if (ended == null || ended.end != null) {
                    found(
                            Rule.TWO_HOLDERS,
                            "the claim " + line.claim() + " on machine " + line.machine() + " "
                                    + (ended == null ? "ended without a beginning" : "ended twice"));
                    continue;
                }
                ended.end = line;
                if (ended == holder) {
                    open.remove(place);
                }
            }
        }
    }

    private void checkEffects() {
        Map<String, UUID> ids = new HashMap<>();
        evidence.machines().forEach(machine -> ids.put(machine.providerId(), machine.id()));
        for (Effect effect : evidence.effects()) {
            switch (effect.kind()) {
                case CONNECT, UPLOAD, RUN -> checkEffect(effect, UUID.fromString(effect.first()), "ShepherdAgentStart");
                case INSPECT -> checkEffect(effect, UUID.fromString(effect.first()), Plan.INSPECTION);
                case REBOOT -> {
                    UUID id = ids.get(effect.machine());
                    if (id == null) {
                        found(Rule.NO_CLAIM, effect + ": the machine is not recorded");
                    } else {
                        checkEffect(effect, id, "ShepherdRecovery");
                    }
                }
                case CREATE, RECORDED, INSPECTED, BUILD, APPROVE, DRAIN, DRAINED, DRAIN_DONE, DRAIN_CANCELLED -> {
                    // Not done to a machine under a claim.
                }
            }
        }
    }

    private void checkEffect(Effect effect, UUID machine, String process) {
        Claim claim = latest(effect, machine, process);
        if (claim == null) {
            found(Rule.NO_CLAIM, effect + ": its manager had no claim");
            return;
        }
        HistoryLine end = claim.end;
        if (end == null || end.micros() >= effect.micros()) {
            return;
        }
        long late = effect.micros() - end.micros() - frozen(effect.manager(), end.micros(), effect.micros());
        if (!claim.endedAs(CANCELED) || !end.cause().orElse("").startsWith(EXPIRED)) {
            found(Rule.AFTER_END, effect + ": " + late + " µs after the " + end.event() + " of " + claim);
            return;
        }
        latestEffect = Math.max(latestEffect, late);
        if (late > TimeUnit.MILLISECONDS.toMicros(NOTICE.toMillis())) {
            found(Rule.AFTER_LOSS, effect + ": " + late + " µs after the session of " + claim + " had expired");
        }
    }

    /** Returns the last claim that the manager had before an effect. */
    private @Nullable Claim latest(Effect effect, UUID machine, String process) {
        Claim latest = null;
        for (Claim claim : claimsByMachine.getOrDefault(machine, List.of())) {
            if (claim.manager != null
                    && claim.manager == effect.manager()
                    && claim.start.process().equals(process)
                    && claim.start.micros() <= effect.micros()) {
                latest = claim;
            }
        }
        return latest;
    }

    /** Returns for how many microseconds of a span a manager, or every process of the host, was frozen. */
    private long frozen(int manager, long from, long to) {
        List<Frozen> spans = evidence.frozen().stream()
                .filter(span -> span.manager() == manager || span.manager() == Frozen.EVERY)
                .sorted(Comparator.comparingLong(Frozen::from))
                .toList();
        long sum = 0;
        long counted = from;
        for (Frozen span : spans) {
            long begin = Math.max(counted, span.from());
            long end = Math.min(to, span.to());
            if (end > begin) {
                sum += end - begin;
                counted = end;
            }
        }
        return sum;
    }

    /**
     * Looks at the time between reboots. The cooldown begins in the transaction before the call; a process that was
     * frozen in between calls later than it thinks.
     */
    private void checkReboots() {
        Map<String, Effect> last = new HashMap<>();
        long cooldown = TimeUnit.MILLISECONDS.toMicros(Plan.COOLDOWN.toMillis());
        long notice = TimeUnit.MILLISECONDS.toMicros(NOTICE.toMillis());
        for (Effect reboot : inOrder(Kind.REBOOT)) {
            Effect before = last.put(reboot.machine(), reboot);
            if (before != null) {
                long frozen = frozen(before.manager(), before.micros() - 10 * cooldown, before.micros());
                long between = reboot.micros() - before.micros();
                if (between < cooldown - notice - frozen) {
                    found(Rule.REBOOTED_TWICE, before + " and, " + between + " µs later, " + reboot);
                }
            }
        }
    }

    private List<Effect> inOrder(Kind kind) {
        return evidence.effects().stream()
                .filter(effect -> effect.kind() == kind)
                .sorted((one, other) -> Long.compare(one.micros(), other.micros()))
                .toList();
    }

    private void checkCreations() {
        Map<String, String> intents = new HashMap<>();
        for (Effect creation : inOrder(Kind.CREATE)) {
            String before = intents.put(creation.machine(), creation.first());
            if (before != null && !before.equals(creation.first())) {
                found(Rule.CREATED_TWICE, creation + ", after it had been created under the intent " + before);
            }
        }
        Map<String, UUID> recorded = new HashMap<>();
        for (MachineRow machine : evidence.machines()) {
            recorded.put(machine.providerId(), machine.id());
            if (!machine.id().toString().equals(intents.get(machine.providerId()))) {
                found(
                        Rule.CREATED_TWICE,
                        machine + " is recorded, but was created under the intent "
                                + intents.get(machine.providerId()));
            }
        }
        for (Effect answered : inOrder(Kind.RECORDED)) {
            UUID id = recorded.get(answered.machine());
            if (id == null || !id.toString().equals(answered.first())) {
                found(Rule.LOST_COMMIT, answered + ", but the database has " + id);
            }
        }
        intents.keySet().removeAll(recorded.keySet());
        intents.forEach((machine, intent) -> found(
                Rule.LOST_COMMIT, "machine " + machine + " was created under the intent " + intent + " and is lost"));
        if (evidence.machines().size() > evidence.maxMachines()) {
            found(Rule.TOO_MANY, evidence.machines().size() + " machines, where " + evidence.maxMachines() + " may be");
        }
    }

    private void checkInspections() {
        Map<UUID, Long> finished = new HashMap<>();
        for (Claim claim : claims.values()) {
            if (claim.start.process().equals(Plan.INSPECTION) && claim.endedAs(FINISHED)) {
                finished.merge(claim.start.machine(), 1L, Long::sum);
            }
        }
        for (MachineRow machine : evidence.machines()) {
            long times = finished.getOrDefault(machine.id(), 0L);
            if (times != machine.inspections()) {
                found(
                        Rule.LOST_COMMIT,
                        machine + " counts " + machine.inspections() + " inspections, its history " + times);
            }
        }
        Set<String> counts = new HashSet<>();
        for (Effect answered : inOrder(Kind.INSPECTED)) {
            Claim claim = claims.get(UUID.fromString(answered.first()));
            if (claim == null || !claim.endedAs(FINISHED)) {
                found(Rule.LOST_COMMIT, answered + ", but the history has no such end");
            } else if (!counts.add(claim.start.machine() + " " + answered.second())) {
                found(Rule.LOST_COMMIT, answered + ", as an inspection before it had been answered");
            }
        }
    }

    private void checkAgents() {
        Map<String, Effect> runs = new HashMap<>();
        inOrder(Kind.RUN).forEach(run -> runs.put(run.second(), run));
        for (MachineRow machine : evidence.machines()) {
            String key = machine.agentKey().orElse(null);
            if (key == null) {
                found(Rule.NO_AGENT, machine + " has no agent in the end");
                continue;
            }
            if (!key.equals(evidence.agents().get(machine.id()))) {
                found(
                        Rule.NO_AGENT,
                        machine + " runs another agent than is recorded: "
                                + evidence.agents().get(machine.id()));
            }
            Claim last = null;
            for (Claim claim : claimsByMachine.getOrDefault(machine.id(), List.of())) {
                if (claim.start.process().equals("ShepherdAgentStart") && claim.endedAs(FINISHED)) {
                    last = claim;
                }
            }
            Effect run = runs.get(key);
            if (last == null
                    || last.end == null
                    || run == null
                    || last.manager == null
                    || last.manager != run.manager()
                    || run.micros() < last.start.micros()
                    || run.micros() > last.end.micros()) {
                found(Rule.LOST_COMMIT, machine + ": its agent is of " + run + ", but the last finished is " + last);
            }
        }
    }

    private void checkBuilds() {
        Map<String, String> builds = new HashMap<>();
        inOrder(Kind.BUILD)
                .forEach(build -> builds.put(build.first(), build.second().split(" ")[0]));
        for (MachineRow machine : evidence.machines()) {
            String runs = machine.agentKey().map(builds::get).orElse(null);
            if (runs != null && !runs.equals(machine.build())) {
                found(Rule.OTHER_BUILD, machine + " runs the build " + runs);
            }
        }
    }

    /** Goes through the steps of rollouts and the reboots in the order in which they happened. */
    private void checkRollouts() {
        int most = Math.max(1, evidence.maxMachines() / 5);
        Map<UUID, StepLine> active = new HashMap<>();
        Map<String, UUID> ids = new HashMap<>();
        evidence.machines().forEach(machine -> ids.put(machine.providerId(), machine.id()));
        Iterator<Effect> reboots = inOrder(Kind.REBOOT).iterator();
        Effect reboot = reboots.hasNext() ? reboots.next() : null;
        for (StepLine line : evidence.steps()) {
            while (reboot != null && reboot.micros() < line.micros()) {
                checkReboot(reboot, active.get(ids.get(reboot.machine())));
                reboot = reboots.hasNext() ? reboots.next() : null;
            }
            if (!line.isActive()) {
                active.remove(line.machine());
            } else if (!active.containsKey(line.machine())) {
                active.put(line.machine(), line);
                if (active.size() > most) {
                    found(
                            Rule.TOO_MANY_AT_ONCE,
                            active.size() + " machines are at work in a rollout, where " + most + " may be");
                }
            }
        }
    }

    private void checkReboot(Effect reboot, @Nullable StepLine since) {
        if (since == null) {
            return;
        }
        long late = reboot.micros() - since.micros() - frozen(reboot.manager(), since.micros(), reboot.micros());
        if (late > TimeUnit.MILLISECONDS.toMicros(NOTICE.toMillis())) {
            found(Rule.REBOOTED_IN_ROLLOUT, reboot + ": " + late + " µs after " + since);
        }
    }
}
