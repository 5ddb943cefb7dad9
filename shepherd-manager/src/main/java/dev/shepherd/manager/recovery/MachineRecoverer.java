package dev.shepherd.manager.recovery;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.PlannedRecovery;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryOutlook;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.listing.Listings;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.recovery.Recoveries;
import dev.shepherd.bmdb.recovery.RecoveryAttempt;
import dev.shepherd.bmdb.recovery.RecoveryClaims;
import dev.shepherd.manager.internal.Approvals;
import dev.shepherd.manager.internal.Approvals.Outcome;
import dev.shepherd.manager.internal.Approvals.Wish;
import dev.shepherd.manager.internal.ControlLoop;
import dev.shepherd.manager.internal.LoopContext;
import dev.shepherd.manager.internal.LoopMonitor;
import dev.shepherd.manager.internal.ProviderCalls;
import dev.shepherd.manager.internal.SessionSource;
import dev.shepherd.manager.internal.WorkLoop;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Recovers the machines of one provider whose agent fell silent, or that SSH never reached: reboots them, reinstalls
 * them if that is allowed, and quarantines those that do not come back. If the provider is not a {@link
 * dev.shepherd.api.Recoverer}, it only has the agent started again.
 *
 * <p>This loop could take a whole fleet down. Limits over all processes, freezes, a wait after each gap, and a last
 * check in the transaction immediately before the provider's call prevent that: {@code docs/recovery.md} has the rules.
 * The attempt is recorded in that transaction. If a process dies before the work ends, the attempt stays under way: the
 * process that claims the machine after the cooldown does not call the provider, but has the agent started again. A
 * call that the provider accepted proves nothing: attempts add up until the agent is heard.
 *
 * <p>Safe for use by several threads; steps run one at a time.
 */
public final class MachineRecoverer {

    private static final Logger log = LoggerFactory.getLogger(MachineRecoverer.class);

    private static final String NAME = "recoverer";

    /** How long a provider that accepts no calls for now is left alone, if it names no time. */
    private static final Duration REST = Duration.ofMinutes(1);

    private static final Duration LEAST_WAIT = Duration.ofSeconds(5);

    private final Bmdb bmdb;
    private final Listings listings;
    private final Recoveries recoveries;
    private final ProviderCalls provider;
    private final Approvals approvals;
    private final ProviderType type;
    private final RecoveryPolicy policy;
    private final SessionSource sessions;
    private final LoopMonitor monitor;
    private final WorkLoop work;
    private final Object stepping = new Object();
    private final AtomicLong restsUntil = new AtomicLong(System.nanoTime());
    private final FreezeNews freezes = new FreezeNews();

    private volatile RecoveryOutlook outlook = RecoveryOutlook.QUIET;

    public MachineRecoverer(LoopContext context, RecovererSettings settings) {
        this.bmdb = context.bmdb();
        this.provider = context.provider();
        this.approvals = context.approvals();
        this.type = provider.type();
        this.policy = settings.paced();
        this.listings = Listings.of(bmdb, type);
        this.recoveries = Recoveries.of(bmdb, type, policy);
        if (policy.freezeReleaseAfter().compareTo(policy.heartbeatInterval()) < 0) {
            log.warn(
                    "Provider {}: freezeReleaseAfter is {} and agents send a heartbeat every {}, so after an outage"
                            + " recovery resumes before all of them can be heard",
                    type,
                    Spans.text(policy.freezeReleaseAfter()),
                    Spans.text(policy.heartbeatInterval()));
        }
        this.sessions = context.sessions();
        this.monitor = context.monitor();
        this.work = new WorkLoop(
                "shepherd-recoverer-" + type,
                context,
                new WorkLoop.Pace(settings.parallelism(), settings.pollInterval(), policy.backoff()),
                this::claim,
                // In a large fleet there is always one to look at next, most often to see that it was heard meanwhile.
                () -> bmdb.untilNextDue(WorkProcess.RECOVERY, type)
                        .map(span -> span.compareTo(LEAST_WAIT) < 0 ? LEAST_WAIT : span),
                this::recover);
    }

    public ControlLoop.Next run() throws InterruptedException {
        approvals.settleNowAndThen(sessions);
        ControlLoop.Next next = work.run();
        if (isResting()) {
            return new ControlLoop.Next(next.delay(), "the provider, which takes no calls for now");
        }
        RecoveryOutlook seen = outlook;
        if (!seen.freezes().isEmpty()) {
            return new ControlLoop.Next(
                    next.delay(), "heartbeats to resume, or an operator: " + FreezeNews.describe(seen));
        }
        if (!seen.heldBack().isEmpty()) {
            return new ControlLoop.Next(next.delay(), "what holds machines back to end: " + FreezeNews.describe(seen));
        }
        return next;
    }

    public WorkLoop work() {
        return work;
    }

    /**
     * Claims up to {@link RecovererSettings#parallelism()} machines, recovers them at the same time, and waits until
     * all are done.
     *
     * @return how many machines were claimed
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost
     * @throws dev.shepherd.bmdb.BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public int step() throws InterruptedException {
        synchronized (stepping) {
            approvals.settle(sessions);
            return work.step();
        }
    }

    /**
     * Returns what {@link #step()} would do without a limit on parallelism, and does nothing.
     *
     * @throws dev.shepherd.bmdb.BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public PlannedRecovery plan() throws InterruptedException {
        return Operator.of(bmdb).planRecovery(type, policy, provider.canReboot());
    }

    /** Returns the policy that it keeps to. */
    public RecoveryPolicy policy() {
        return policy;
    }

    /** Returns what its last look found: what is due, what has to wait, and what is frozen. */
    public RecoveryOutlook outlook() {
        return outlook;
    }

    private List<Work> claim(int limit) throws InterruptedException {
        if (isResting()) {
            return List.of();
        }
        RecoveryClaims claims = recoveries.claim(sessions.current(), limit);
        outlook = claims.outlook();
        freezes.tellOf(claims.outlook().freezes());
        return claims.work();
    }

    private boolean isResting() {
        return restsUntil.get() - System.nanoTime() > 0;
    }

    private static Duration shorter(Duration a, Duration b) {
        return a.compareTo(b) <= 0 ? a : b;
    }

    private void recover(Work claimed) throws InterruptedException {
        new Attempt(load(claimed)).run();
    }

    /**
     * What is known about a claimed machine.
     *
     * @param before what was tried before
     * @param counted how much of that counts against the machine
     * @param lastOutcome what came of the last attempt
     */
    private record Candidate(
            Work claimed,
            MachineRecord machine,
            Optional<RecoveryState> before,
            RecoveryState counted,
            Optional<String> lastOutcome) {}

    private Candidate load(Work claimed) throws InterruptedException {
        UUID machineId = claimed.machineId();
        MachineRecord machine = bmdb.machine(machineId).orElseThrow();
        return claimed.update(tx -> new Candidate(
                claimed,
                machine,
                recoveries.state(tx, machineId),
                recoveries.counted(tx, machineId),
                recoveries.lastOutcome(tx, machineId)));
    }

    /** What is done to one machine. */
    private final class Attempt {
        private final Work claimed;
        private final UUID machineId;
        private final MachineRecord machine;
        private final ProviderID providerId;
        private final Optional<RecoveryState> before;
        private final RecoveryState counted;
        private final Optional<String> lastOutcome;
        private Optional<RecoveryAttempt> begun = Optional.empty();

        Attempt(Candidate candidate) {
            this.claimed = candidate.claimed();
            this.machineId = claimed.machineId();
            this.machine = candidate.machine();
            this.providerId =
                    machine.provided().map(ProvidedMachine::providerId).orElseThrow();
            this.before = candidate.before();
            this.counted = candidate.counted();
            this.lastOutcome = candidate.lastOutcome();
        }

        void run() throws InterruptedException {
            if (before.filter(state -> state.isOpen() && state.underWay()).isPresent()) {
                takeUp(before.get().action());
                return;
            }
            RecoveryAction action = counted.next(policy, provider.canReboot());
            switch (action) {
                case AGENT_RESTART -> restartAgent();
                case REBOOT, REINSTALL -> act(action);
                case QUARANTINE -> giveUp();
            }
        }

        private boolean isStillDue() throws InterruptedException {
            return claimed.update(tx -> recoveries.isDue(tx, machineId));
        }

        private void giveUp() throws InterruptedException {
            if (isStillDue()) {
                quarantine("it does not come back", tx -> {});
            } else {
                leaveAlone();
            }
        }

        /** An attempt was cut short, and it is unknown whether the provider was called. It is not called again. */
        private void takeUp(RecoveryAction action) throws InterruptedException {
            if (!isStillDue()) {
                leaveAlone();
                return;
            }
            Work.Cause cause = new Work.Cause(
                    Recoveries.RECOVERING,
                    "an earlier attempt (%s) was cut short; SSH will show whether it worked".formatted(name(action)));
            Duration period = claimed.finish(policy.backoff(), cause, tx -> {
                recoveries.restartTakeover(tx, machineId, action, false);
            });
            monitor.machineSucceeded();
            log.warn("{}: {}; recovery leaves it alone until {}", this, cause.text(), monitor.timeIn(period));
        }

        private void restartAgent() throws InterruptedException {
            if (!begin(RecoveryAction.AGENT_RESTART, Optional.empty())) {
                leaveAlone();
                return;
            }
            accepted(RecoveryAction.AGENT_RESTART);
        }

        private void act(RecoveryAction action) throws InterruptedException {
            DisruptionKind kind = action == RecoveryAction.REBOOT ? DisruptionKind.REBOOT : DisruptionKind.REINSTALL;
            Outcome outcome = approvals.ask(claimed, new Wish(providerId, kind, whyDue(), Optional.empty()));
            if (!outcome.mayGoOn()) {
                heldBack(action, outcome);
                return;
            }
            boolean called;
            try {
                called = action == RecoveryAction.REBOOT
                        ? provider.rebootMachine(providerId, () -> begin(action, outcome.approval()))
                        : provider.reinstallMachine(providerId, () -> begin(action, outcome.approval()));
            } catch (ProviderException e) {
                failed(action, e);
                return;
            }
            if (called) {
                accepted(action);
            } else {
                leaveAlone();
            }
        }

        private boolean begin(RecoveryAction action, Optional<UUID> approval) throws InterruptedException {
            begun = claimed.update(tx -> recoveries.begin(tx, machineId, action, approval));
            return begun.isPresent();
        }

        private void heldBack(RecoveryAction action, Outcome outcome) throws InterruptedException {
            String obstacle = outcome.obstacle().orElseThrow();
            boolean isNews = claimed.giveUpQuietly(name(action) + ": " + obstacle, outcome.write());
            monitor.machineGivenUp();
            if (isNews) {
                log.warn("{}: {}; no {} for now: {}", this, whyDue(), name(action), obstacle);
            }
        }

        private void leaveAlone() {
            claimed.close();
            monitor.machineGivenUp();
            log.info(
                    "{}: left alone, since it was heard, paused or frozen after it had been claimed, or its approval was"
                            + " withdrawn or has lapsed",
                    this);
        }

        private void accepted(RecoveryAction action) throws InterruptedException {
            Work.Cause cause = new Work.Cause(
                    Recoveries.RECOVERING,
                    String.format(
                            Locale.ROOT,
                            "%s %d of %d; its agent has yet to be heard",
                            name(action),
                            number(action) + 1,
                            most(action)));
            Duration period = claimed.finish(policy.backoff(), cause, tx -> {
                recoveries.restartTakeover(tx, machineId, action, false);
            });
            monitor.machineSucceeded();
            log.warn(
                    "{}: {}; {}; recovery leaves it alone until {}",
                    this,
                    whyDue(),
                    cause.text(),
                    monitor.timeIn(period));
        }

        private void failed(RecoveryAction action, ProviderException e) throws InterruptedException {
            Work.Cause cause = new Work.Cause(
                    ProviderCalls.kind(e),
                    name(action) + " failed (" + e.reason() + "): " + Escaped.text(e.getMessage()));
            if (begun.isEmpty()) {
                fail(cause, tx -> {});
                return;
            }
            RecoveryAttempt attempt = begun.get();
            if (e.scope() == Scope.PROVIDER && e.reason() != Reason.NOT_SUPPORTED) {
                rest(e.retryAfter().orElse(REST));
                if (e.reason().isWithoutEffect()) {
                    takeBack(attempt, cause.text());
                    return;
                }
            }
            switch (e.reason()) {
                case NOT_SUPPORTED -> quarantine(Escaped.text(e.getMessage()), tx -> recoveries.refused(tx, attempt));
                case RATE_LIMITED -> retryLater(attempt, cause, e.retryAfter());
                case NOT_FOUND ->
                    fail(cause, tx -> {
                        recoveries.refused(tx, attempt);
                        listings.markMissing(tx, machineId);
                    });
                case UNAUTHENTICATED, CONFLICT, PERMANENT, NO_CAPACITY ->
                    fail(cause, tx -> recoveries.refused(tx, attempt));
                // It may have had its effect: SSH shows whether it had, so it is not repeated.
                case TRANSIENT -> fail(cause, tx -> recoveries.restartTakeover(tx, machineId, action, true));
            }
        }

        /**
         * The provider did not even look at the machine, which is as it was: the loop rests instead of backing the
         * machine off.
         */
        private void takeBack(RecoveryAttempt attempt, String cause) throws InterruptedException {
            claimed.write(tx -> {
                recoveries.notTried(tx, attempt);
            });
            claimed.close();
            monitor.machineFailed(cause);
            log.warn("{}: {}; {}", this, whyDue(), cause);
        }

        /** Nothing was done to it, and nothing counts against it, but it has to wait. Others need not. */
        private void retryLater(RecoveryAttempt attempt, Work.Cause cause, Optional<Duration> retryAfter)
                throws InterruptedException {
            Duration least = policy.backoff().initial();
            Backoff backoff = retryAfter
                    .filter(asked -> asked.compareTo(least) > 0)
                    .map(asked -> Backoff.constant(shorter(asked, ProviderCalls.LONGEST_REST)))
                    .orElse(policy.backoff());
            fail(backoff, cause, tx -> recoveries.notTried(tx, attempt));
        }

        private void rest(Duration asked) {
            Duration span = shorter(asked, ProviderCalls.LONGEST_REST);
            restsUntil.set(System.nanoTime() + span.toNanos());
            log.warn("Provider {}: takes no calls for now; recovery rests until {}", type, monitor.timeIn(span));
        }

        private void fail(Work.Cause cause, BmdbTransaction.Use write) throws InterruptedException {
            fail(policy.backoff(), cause, write);
        }

        private void fail(Backoff backoff, Work.Cause cause, BmdbTransaction.Use write) throws InterruptedException {
            Duration period = claimed.fail(backoff, cause, write);
            monitor.machineFailed(cause.text());
            log.warn(
                    "{}: {}; {}; recovery leaves it alone until {}",
                    this,
                    whyDue(),
                    cause.text(),
                    monitor.timeIn(period));
        }

        private void quarantine(String why, BmdbTransaction.Use write) throws InterruptedException {
            // Without it, what the provider said would have to be looked for in the history.
            String last = lastOutcome
                    .filter(outcome -> counted.failedCalls() > 0)
                    .map(outcome -> ", the last: " + outcome)
                    .orElse("");
            String cause = String.format(
                    Locale.ROOT,
                    "%s: %d reboot(s), %d reinstallation(s), %d failed call(s) in a row%s; %s",
                    why,
                    counted.attempts(),
                    counted.reinstalls(),
                    counted.failedCalls(),
                    last,
                    whyDue());
            claimed.finish(tx -> {
                write.run(tx);
                tx.quarantine(machineId, NAME, cause);
            });
            monitor.machineFailed(this + " was quarantined: " + cause);
            log.error("{}: quarantined, no loop touches it until it is released: {}", this, cause);
        }

        private String whyDue() {
            if (machine.agentStarted().isEmpty()) {
                return "its agent cannot be started";
            }
            return machine.agentHeartbeatAt()
                    .map(heard -> "its agent was last heard at " + heard)
                    .orElseGet(() -> "its agent was started at "
                            + machine.agentStarted().get().startedAt() + " and never heard");
        }

        private int number(RecoveryAction action) {
            return action == RecoveryAction.REINSTALL ? counted.reinstalls() : counted.attempts();
        }

        private int most(RecoveryAction action) {
            return action == RecoveryAction.REINSTALL ? policy.maxReinstalls() : policy.maxReboots();
        }

        private static String name(RecoveryAction action) {
            return switch (action) {
                case AGENT_RESTART -> "restart of the agent";
                case REBOOT -> "reboot";
                case REINSTALL -> "reinstallation";
                case QUARANTINE -> "quarantine";
            };
        }

        @Override
        public String toString() {
            return provider.describe(machineId, providerId);
        }
    }
}
