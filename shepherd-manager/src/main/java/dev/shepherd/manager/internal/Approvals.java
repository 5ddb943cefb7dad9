package dev.shepherd.manager.internal;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.disruption.DisruptionState;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.labels.LabelLimit;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.recovery.Disruptions;
import dev.shepherd.bmdb.recovery.Disruptions.NoRoom;
import dev.shepherd.bmdb.recovery.Disruptions.Standing;
import dev.shepherd.manager.disruption.Disruption;
import dev.shepherd.manager.disruption.DisruptionGate;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.disruption.GateAnswer;
import dev.shepherd.manager.internal.GateCalls.Unanswered;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks the gates before one of a provider's machines goes down, and has work moved away from it. What they say is in the database:
 * any process goes on from there. Safe for use by several threads.
 */
public final class Approvals {

    private static final Logger log = LoggerFactory.getLogger(Approvals.class);

    /** A gate that names a later moment is asked again after this nevertheless: what it goes by may have changed. */
    private static final Duration LONGEST_HOLD = Duration.ofHours(1);

    /** How often what is over is looked for. */
    private static final Duration SETTLING = Duration.ofSeconds(5);

    private final Bmdb bmdb;
    private final ProviderCalls provider;
    private final Disruptions disruptions;
    private final GateCalls gates;
    private final DisruptionSettings settings;
    private final AtomicLong settleAt = new AtomicLong(System.nanoTime());

    public Approvals(Bmdb bmdb, ProviderCalls provider, RecoveryPolicy policy, GateCalls gates) {
        this.bmdb = bmdb;
        this.provider = provider;
        this.disruptions = Disruptions.of(bmdb, provider.type(), policy);
        this.gates = gates;
        this.settings = gates.settings();
    }

    /** Tells whether there is any gate or hook. Without one, nothing is asked, and nothing is written. */
    public boolean areNeeded() {
        return !settings.gates().isEmpty() || !settings.drainHooks().isEmpty();
    }

    /** What is to be approved. */
    public record Wish(ProviderID providerId, DisruptionKind kind, String reason, Optional<Actor> wantedBy) {}

    /**
     * What came of it.
     *
     * @param approval whom it was given to, as the last check wants it; empty if none is needed, or none was given
     * @param obstacle what keeps it from being done, in words; empty if it may be done
     * @param isForGood whether a gate refused
     * @param drainedBy when work has been moved away at the latest, if that is what it waits for
     * @param write records it, in the transaction that ends the work or before; returns whether it is not what was said before
     */
    public record Outcome(
            Optional<UUID> approval,
            Optional<String> obstacle,
            boolean isForGood,
            Optional<Instant> drainedBy,
            BmdbTransaction.Body<Boolean> write) {

        private static Outcome goOn(Optional<UUID> approval) {
            return new Outcome(approval, Optional.empty(), false, Optional.empty(), tx -> false);
        }

        /** Tells whether it may be done. */
        public boolean mayGoOn() {
            return obstacle.isEmpty();
        }
    }

    /** Asks all gates, and begins to move work away. Nothing else holds the machine's work up meanwhile. */
    public Outcome ask(Work work, Wish wish) throws InterruptedException {
        if (!areNeeded()) {
            return Outcome.goOn(Optional.empty());
        }
        return new Question(work, wish).ask();
    }

    /**
     * The same, but waits until work has been moved away.
     *
     * @throws InterruptedException if the thread is interrupted
     */
    public Outcome askAndWait(Work work, Wish wish) throws InterruptedException {
        Outcome outcome = ask(work, wish);
        while (outcome.drainedBy().isPresent()) {
            work.update(outcome.write());
            Thread.sleep(Math.min(settings.drainPoll().toMillis(), 1000));
            outcome = ask(work, wish);
        }
        return outcome;
    }

    /** One question about one machine. */
    private final class Question {
        private final Work work;
        private final UUID machineId;
        private final Wish wish;
        private final Standing standing;
        private final Disruption disruption;

        Question(Work work, Wish wish) throws InterruptedException {
            this.work = work;
            this.machineId = work.machineId();
            this.wish = wish;
            this.standing = work.update(tx -> disruptions.standing(tx, machineId));
            this.disruption = new Disruption(
                    standing.id(),
                    wish.kind(),
                    machineId,
                    provider.type(),
                    wish.providerId(),
                    standing.labels(),
                    Escaped.text(wish.reason()),
                    wish.wantedBy(),
                    standing.now());
        }

        Outcome ask() throws InterruptedException {
            Optional<MachineDisruption> ended = standing.disruption().filter(Disruptions::isEndOwed);
            if (ended.isPresent()) {
                // This is another disruption: hooks must not take the end of the former for its end.
                if (!tellOfEnd(ended.get())) {
                    // Under the id that the hook knows.
                    return held(
                            ended.get().id(),
                            "drain",
                            GateAnswer.notNow("a drain hook has yet to hear how the last one ended"));
                }
                work.write(tx -> disruptions.toldOfEnd(tx, ended.get()));
            }
            Optional<Instant> drainedBy = standing.disruption()
                    .filter(before -> before.state() == DisruptionState.DRAINING)
                    .flatMap(MachineDisruption::deadline);
            if (drainedBy.filter(standing.now()::isBefore).isPresent() && !gates.areDrained(disruption)) {
                Instant again = standing.now().plus(settings.drainPoll());
                return draining(drainedBy.get(), tx -> {
                    disruptions.drainOn(tx, machineId, again);
                    return false;
                });
            }
            Map<LabelLimit, String> limits = new LinkedHashMap<>();
            for (DisruptionGate gate : settings.gates()) {
                GateAnswer answer = gates.ask(gate, disruption);
                if (answer.verdict() != GateAnswer.Verdict.PROCEED) {
                    return held(GateCalls.nameOf(gate), answer);
                }
                answer.limits().forEach(limit -> limits.putIfAbsent(limit, GateCalls.nameOf(gate)));
            }
            boolean drains = !isDrained() && !settings.drainHooks().isEmpty();
            Optional<NoRoom> full = work.update(tx -> disruptions.approve(
                    tx,
                    work,
                    standing.id(),
                    wish.kind(),
                    List.copyOf(limits.keySet()),
                    drains,
                    settings.approvalGoodFor()));
            if (full.isPresent()) {
                String gate = limits.getOrDefault(full.get().limit(), "");
                // Another machine may give its place back at any moment.
                Instant soon = standing.now().plus(settings.askAgainAfter());
                return held(gate, GateAnswer.notNow(soon, full.get().why()));
            }
            return drains ? drain() : Outcome.goOn(Optional.of(work.claimId()));
        }

        /** Work was moved away before, and has not been told to come back: after a first reboot that did not help, too. */
        private boolean isDrained() {
            return standing.disruption()
                    .filter(before -> before.drained()
                            && (before.state() == DisruptionState.DRAINING
                                    || before.state() == DisruptionState.UNDER_WAY))
                    .isPresent();
        }

        /** The approval is written, and takes its place, before any work is moved. */
        private Outcome drain() throws InterruptedException {
            Duration span;
            try {
                span = gates.beginDrain(disruption);
            } catch (Unanswered e) {
                return held("drain", GateAnswer.notNow("work cannot be moved away: " + e.getMessage()));
            }
            if (span.isZero() || span.isNegative()) {
                return Outcome.goOn(Optional.of(work.claimId()));
            }
            Instant deadline = standing.now().plus(span);
            Instant again = standing.now().plus(settings.drainPoll());
            return draining(
                    deadline, tx -> disruptions.drain(tx, work, deadline, again.isBefore(deadline) ? again : deadline));
        }

        private Outcome draining(Instant deadline, BmdbTransaction.Body<Boolean> write) {
            return new Outcome(
                    Optional.empty(),
                    Optional.of("work is moved away from it until " + deadline),
                    false,
                    Optional.of(deadline),
                    write);
        }

        private Outcome held(String gate, GateAnswer answer) {
            return held(standing.id(), gate, answer);
        }

        private Outcome held(UUID id, String gate, GateAnswer answer) {
            boolean isForGood = answer.verdict() == GateAnswer.Verdict.NEVER;
            String why = answer.why().isBlank() ? "it gives no reason" : answer.why();
            Optional<Instant> until = isForGood ? Optional.empty() : Optional.of(askAgainAt(answer));
            return new Outcome(
                    Optional.empty(),
                    Optional.of("gate %s %s: %s"
                            .formatted(Escaped.text(gate), isForGood ? "refuses" : "holds it back", Escaped.text(why))),
                    isForGood,
                    Optional.empty(),
                    tx -> disruptions.holdBack(
                            tx, standing, machineId, id, wish.kind(), gate, Escaped.text(why), until));
        }

        private Instant askAgainAt(GateAnswer answer) {
            Instant usual = standing.now().plus(pause());
            Instant latest = standing.now().plus(LONGEST_HOLD);
            Instant asked = answer.until().filter(standing.now()::isBefore).orElse(usual);
            return asked.isBefore(latest) ? asked : latest;
        }

        /** The longer a machine is held back, the longer it is until the gates are asked again: as long as it was, at most. */
        private Duration pause() {
            Duration shortest = settings.askAgainAfter();
            Duration longest = shortest.multipliedBy(DisruptionSettings.LONGEST_PAUSE);
            Duration held = standing.disruption()
                    .filter(before -> before.kind() == wish.kind() && before.state() == DisruptionState.HELD_BACK)
                    .map(before -> Duration.between(before.since(), standing.now()))
                    .orElse(Duration.ZERO);
            return held.compareTo(shortest) < 0 ? shortest : held.compareTo(longest) > 0 ? longest : held;
        }
    }

    /** Does {@link #settle}, unless that was just done. */
    public void settleNowAndThen(SessionSource sessions) throws InterruptedException {
        long due = settleAt.get();
        long now = System.nanoTime();
        if (now - due >= 0 && settleAt.compareAndSet(due, now + SETTLING.toNanos())) {
            settle(sessions);
        }
    }

    /** Ends what is over: what was held back or approved and is no longer due, and what was done. Tells drain hooks. */
    public void settle(SessionSource sessions) throws InterruptedException {
        gates.flushLog();
        for (MachineDisruption over : disruptions.over()) {
            if (over.drained() && !Disruptions.isEndOwed(over)) {
                disruptions.oweEnd(sessions.current(), over);
            } else if (!over.drained() || tellOfEnd(over)) {
                disruptions.end(sessions.current(), over);
            }
        }
    }

    private boolean tellOfEnd(MachineDisruption over) throws InterruptedException {
        Optional<MachineRecord> machine = bmdb.machine(over.machineId());
        Optional<ProvidedMachine> provided = machine.flatMap(MachineRecord::provided);
        if (provided.isEmpty()) {
            return true;
        }
        Map<String, String> labels = new LinkedHashMap<>();
        machine.get().labels().forEach((key, label) -> labels.put(key, label.value()));
        Disruption ended = new Disruption(
                over.id(),
                over.kind(),
                over.machineId(),
                provider.type(),
                provided.get().providerId(),
                labels,
                over.why(),
                Optional.empty(),
                over.since());
        if (over.done()) {
            return gates.endDrain(ended, Optional.empty());
        }
        String why = over.whyItWaits().orElse("it is no longer due");
        log.info("{}: no longer drained: {}", provider.describe(over.machineId(), ended.providerId()), why);
        return gates.endDrain(ended, Optional.of(why));
    }
}
