package dev.shepherd.manager.takeover;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.Eligibility;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.listing.Listings;
import dev.shepherd.bmdb.rollout.DamagedAgentException;
import dev.shepherd.bmdb.rollout.RolloutTakeovers;
import dev.shepherd.bmdb.rollout.RolloutTakeovers.Assignment;
import dev.shepherd.bmdb.rollout.RolloutTakeovers.Blame;
import dev.shepherd.bmdb.rollout.RolloutTakeovers.Stored;
import dev.shepherd.bmdb.rollout.StoredAgents;
import dev.shepherd.bmdb.takeover.Takeovers;
import dev.shepherd.bmdb.takeover.Takeovers.Failures;
import dev.shepherd.manager.internal.ControlLoop;
import dev.shepherd.manager.internal.LoopContext;
import dev.shepherd.manager.internal.LoopMonitor;
import dev.shepherd.manager.internal.ProviderCalls;
import dev.shepherd.manager.internal.SessionSource;
import dev.shepherd.manager.internal.WorkLoop;
import dev.shepherd.manager.takeover.ssh.SshPublicKey;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes over the machines of one provider that have no agent yet: starts the agent by SSH and records its key. Before
 * that it asks the provider, once for each takeover, where the machine is now and whether it is still ours.
 *
 * <p><strong>Why a crash strands no machine.</strong> AgentStarted is written in the transaction that ends the work. If
 * it cannot be committed, the machine is still without a started agent, and is taken over again: the new agent's key
 * replaces the old one's.
 *
 * <p>Safe for use by several threads; steps run one at a time.
 */
public final class Initializer {

    private static final Logger log = LoggerFactory.getLogger(Initializer.class);

    /** How long a provider that accepts no calls for now is left alone, if it names no time. */
    private static final Duration REST = Duration.ofMinutes(1);

    private static final Duration LOOK_AGAIN = Duration.ofMinutes(1);

    /** How long a machine waits if the provider could not say where it is: shorter than for a bad machine. */
    private static final Backoff ASK_AGAIN = Backoff.builder()
            .initial(Duration.ofMinutes(1))
            .exponent(1.5)
            .maximum(Duration.ofMinutes(15))
            .build();

    private final Bmdb bmdb;
    private final Listings listings;
    private final ProviderCalls provider;
    private final RolloutTurns turns;
    private final SessionSource sessions;
    private final AtomicLong restsUntil = new AtomicLong(System.nanoTime());
    private final InitializerSettings settings;
    private final MachineTakeover takeover;
    private final StoredAgents agents;

    /** When a takeover succeeded last, by the clock of the process; empty if none has. */
    private final AtomicReference<@Nullable Long> succeededAt = new AtomicReference<>();

    private final LoopMonitor monitor;
    private final List<Observer> observers = new CopyOnWriteArrayList<>();
    private final WorkLoop work;
    private final Object stepping = new Object();

    public Initializer(LoopContext context, InitializerSettings settings, MachineTakeover takeover) {
        this.bmdb = context.bmdb();
        this.provider = context.provider();
        this.turns = new RolloutTurns(context);
        this.listings = Listings.of(bmdb, provider.type());
        this.sessions = context.sessions();
        this.settings = settings;
        this.takeover = new TracedTakeover(takeover, bmdb.tracer(), provider.type());
        this.agents = StoredAgents.of(bmdb);
        this.monitor = context.monitor();
        this.work = new WorkLoop(
                "shepherd-initializer-" + provider.type(),
                context,
                new WorkLoop.Pace(settings.parallelism(), settings.pollInterval(), settings.backoff()),
                this::claim,
                () -> bmdb.untilNextDue(WorkProcess.AGENT_START, provider.type()),
                this::takeOver);
    }

    public ControlLoop.Next run() throws InterruptedException {
        ControlLoop.Next next = work.run();
        return isResting()
                ? new ControlLoop.Next(settings.pollInterval(), "the provider, which takes no calls for now")
                : next;
    }

    /**
     * Is told of each takeover that has ended, on the thread that waited for it; must return at once, and throw
     * nothing.
     */
    public interface Observer {

        /** Is told of one that succeeded. */
        void succeeded(TakeoverResult result);

        /** Is told of one that failed. */
        void failed(TakeoverException failure);
    }

    /** Begins to tell of takeovers. */
    public void observe(Observer observer) {
        observers.add(observer);
    }

    /** Ends that. */
    public void forget(Observer observer) {
        observers.remove(observer);
    }

    public WorkLoop work() {
        return work;
    }

    /**
     * Claims up to {@link InitializerSettings#parallelism()} machines, takes them over at the same time, and waits
     * until all are done.
     *
     * @return how many machines were claimed
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost
     * @throws dev.shepherd.bmdb.BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public int step() throws InterruptedException {
        synchronized (stepping) {
            return work.step();
        }
    }

    private List<Work> claim(int limit) throws InterruptedException {
        return isResting()
                ? List.of()
                : sessions.current().claim(WorkProcess.AGENT_START, Eligibility.agentStart(provider.type()), limit);
    }

    private boolean isResting() {
        return restsUntil.get() - System.nanoTime() > 0;
    }

    private void takeOver(Work claimed) throws InterruptedException {
        MachineRecord machine = bmdb.machine(claimed.machineId()).orElseThrow();
        Optional<Whereabouts> found = locate(claimed, machine);
        if (found.isPresent()) {
            takeOver(claimed, machine, found.get());
        }
    }

    /** Where a machine is reached by SSH, and whether the provider has just confirmed that. */
    private record Whereabouts(Optional<InetAddress> address, OptionalInt sshPort, boolean confirmed) {}

    /**
     * Asks the provider where the machine is now. What is recorded may be half an hour old; another machine may have
     * the address by now, and a first contact trusts any host that answers there. Returns nothing if the work has been
     * ended, since the machine must not be contacted.
     */
    private Optional<Whereabouts> locate(Work claimed, MachineRecord machine) throws InterruptedException {
        ProvidedMachine recorded = machine.provided().orElseThrow();
        MachineInfo now;
        try {
            now = provider.getMachine(recorded.providerId());
        } catch (ProviderException e) {
            return notDescribed(claimed, machine, recorded, e);
        }
        boolean moved = !recorded.address().equals(now.address())
                || !recorded.sshPort().equals(now.sshPort())
                || !recorded.status().equals(now.status());
        if (moved) {
            claimed.update(tx -> listings.update(tx, now));
        }
        if (now.status().equals(Optional.of(ProviderStatus.PROVISIONING))) {
            // No takeover is due while this is recorded. The updater sees when it is over.
            giveUp(
                    claimed,
                    machine,
                    "the provider is still installing it",
                    tx -> listings.checkAfter(tx, List.of(machine.machineId()), LOOK_AGAIN));
            return Optional.empty();
        }
        if (now.availability() == Availability.KNOWN_UNUSED) {
            postpone(
                    claimed,
                    machine,
                    settings.backoff(),
                    new Work.Cause("provider_free", "the provider says that it is free, so it is not ours to contact"));
            return Optional.empty();
        }
        if (moved && !recorded.address().equals(now.address())) {
            log.info(
                    "{}: its address is now {}",
                    describe(machine),
                    now.address().map(InetAddress::getHostAddress).orElse("not known"));
        }
        return Optional.of(new Whereabouts(now.address(), now.sshPort(), true));
    }

    /**
     * Falls back on what is recorded only if that is safe: a pinned host key tells another machine from this one before
     * any credential is sent.
     */
    private Optional<Whereabouts> notDescribed(
            Work claimed, MachineRecord machine, ProvidedMachine recorded, ProviderException e)
            throws InterruptedException {
        Work.Cause cause = new Work.Cause(
                ProviderCalls.kind(e),
                "the provider could not say where it is (" + e.reason() + "): " + Escaped.text(e.getMessage()));
        boolean refusesAll = e.scope() == Scope.PROVIDER && e.reason().isWithoutEffect();
        if (refusesAll) {
            Duration asked = e.retryAfter().orElse(REST);
            Duration span = asked.compareTo(ProviderCalls.LONGEST_REST) < 0 ? asked : ProviderCalls.LONGEST_REST;
            restsUntil.set(System.nanoTime() + span.toNanos());
            log.warn(
                    "Provider {}: takes no calls for now; takeovers rest until {}",
                    provider.type(),
                    monitor.timeIn(span));
            giveUp(claimed, machine, cause.text(), tx -> {});
            return Optional.empty();
        }
        switch (e.reason()) {
            case NOT_FOUND ->
                giveUp(
                        claimed,
                        machine,
                        "the provider no longer knows it",
                        tx -> listings.markMissing(tx, machine.machineId()));
            case RATE_LIMITED -> {
                Duration least = settings.backoff().initial();
                Backoff backoff = e.retryAfter()
                        .filter(asked -> asked.compareTo(least) > 0)
                        .map(asked -> Backoff.constant(
                                asked.compareTo(ProviderCalls.LONGEST_REST) < 0 ? asked : ProviderCalls.LONGEST_REST))
                        .orElse(settings.backoff());
                postpone(claimed, machine, backoff, cause);
            }
            case TRANSIENT -> {
                if (machine.sshHostKey().isPresent()) {
                    log.warn(
                            "{}: {}; using the recorded address and its pinned host key",
                            describe(machine),
                            cause.text());
                    return Optional.of(new Whereabouts(recorded.address(), recorded.sshPort(), false));
                }
                postpone(claimed, machine, ASK_AGAIN, cause);
            }
            case UNAUTHENTICATED, CONFLICT, PERMANENT, NO_CAPACITY, NOT_SUPPORTED ->
                postpone(claimed, machine, settings.backoff(), cause);
        }
        return Optional.empty();
    }

    private void giveUp(Work claimed, MachineRecord machine, String cause, BmdbTransaction.Use write)
            throws InterruptedException {
        claimed.giveUp(cause, write);
        monitor.machineFailed(cause);
        log.warn("{}: not taken over: {}", describe(machine), cause);
    }

    private void postpone(Work claimed, MachineRecord machine, Backoff backoff, Work.Cause cause)
            throws InterruptedException {
        AtomicBoolean again = new AtomicBoolean();
        Duration period = claimed.giveUp(
                backoff,
                cause,
                tx -> again.set(Takeovers.failures(tx, machine.machineId())
                        .filter(before -> before.kind().equals(cause.kind()))
                        .isPresent()));
        monitor.machineFailed(cause.text());
        log.warn(
                "{}: not taken over, next try after {}: {}",
                describe(machine),
                monitor.timeIn(period),
                again.get() ? "again " + cause.kind() : cause.text());
    }

    private void takeOver(Work claimed, MachineRecord machine, Whereabouts found) throws InterruptedException {
        if (found.address().isEmpty()) {
            fail(
                    claimed,
                    describe(machine),
                    new Work.Cause("no_address", "the provider gives no address to reach it by SSH"),
                    Reach.UNTRIED,
                    Assignment.NONE,
                    Blame.OTHERS);
            return;
        }
        // The session may have been lost while the database was asked; not every takeover looks.
        if (Thread.interrupted()) {
            throw new InterruptedException("interrupted before taking over machine " + machine.machineId());
        }
        Optional<Assignment> begun = turns.begin(claimed, machine);
        if (begun.isEmpty()) {
            return;
        }
        Assignment assigned = begun.get();
        TakeoverTarget target;
        try {
            if (assigned.executable().isPresent()) {
                Stored stored = assigned.executable().get();
                agents.check(stored.build(), stored.size());
            }
            target = target(machine, found, assigned);
        } catch (DamagedAgentException e) {
            log.error("Provider {}: {}; no machine gets it", provider.type(), Escaped.text(e.getMessage()));
            fail(
                    claimed,
                    describe(machine),
                    new Work.Cause("executable_damaged", Escaped.text(e.getMessage())),
                    Reach.UNTRIED,
                    assigned,
                    Blame.DAMAGED_EXECUTABLE);
            return;
        } catch (IllegalArgumentException e) {
            fail(
                    claimed,
                    describe(machine),
                    new Work.Cause(
                            "host_key_unusable",
                            "the host key that is pinned in the database cannot be used (" + e.getMessage()
                                    + "); reset it once you know which key the machine has"),
                    Reach.UNTRIED,
                    assigned,
                    Blame.OTHERS);
            return;
        }
        try {
            TakeoverResult result = takeover.takeover(target);
            SshPublicKey hostKey = AnswerChecks.hostKey(target, result);
            observers.forEach(observer -> observer.succeeded(result));
            record(claimed, machine, result, hostKey);
        } catch (TakeoverException e) {
            observers.forEach(observer -> observer.failed(e));
            Reach reach = !e.isOutOfReach() ? Reach.REACHED : found.confirmed() ? Reach.UNREACHED : Reach.UNTRIED;
            String kind = e.kind().name().toLowerCase(Locale.ROOT);
            log.debug("{}: {}", describe(machine), Escaped.text(e.getMessage()));
            Work.Cause cause = new Work.Cause(kind, Escaped.text(e.summary()));
            boolean ofMachine = e.kind() != TakeoverException.Kind.EXECUTABLE_UNREADABLE;
            if (assigned.isRollouts() && ofMachine) {
                failRollout(claimed, describe(machine), assigned, cause);
            } else {
                fail(claimed, describe(machine), cause, reach, assigned, Blame.OTHERS);
            }
        }
    }

    /** What a takeover says about whether the machine can be reached at all. */
    private enum Reach {
        REACHED,
        UNREACHED,
        /** There was no address, or it may not be the machine's any more. */
        UNTRIED
    }

    private TakeoverTarget target(MachineRecord machine, Whereabouts found, Assignment assigned) {
        ProvidedMachine provided = machine.provided().orElseThrow();
        TakeoverTarget.Builder target = TakeoverTarget.builder(
                        machine.machineId(), found.address().orElseThrow())
                .port(found.sshPort().orElse(settings.sshPort()))
                .name(provided.providerId().value());
        machine.sshHostKey().ifPresent(target::pinnedHostKey);
        assigned.executable().ifPresent(stored -> target.executable(new StoredExecutable(agents, stored)));
        return target.build();
    }

    private void record(Work claimed, MachineRecord machine, TakeoverResult result, SshPublicKey hostKey)
            throws InterruptedException {
        UUID machineId = claimed.machineId();
        claimed.finish(tx -> {
            if (result.build().isPresent()) {
                tx.putAgentStarted(machineId, result.agentKey(), result.build().get());
            } else {
                tx.putAgentStarted(machineId, result.agentKey());
            }
            RolloutTakeovers.started(tx, machineId, provider.type(), result.build());
            // Earlier heartbeats came from another agent; this one has yet to be heard.
            tx.clearAgentHeartbeat(machineId);
            Takeovers.reached(tx, machineId);
            if (machine.sshHostKey().isEmpty()) {
                tx.putSshHostKey(machineId, hostKey.text());
            }
        });
        succeededAt.set(System.nanoTime());
        monitor.machineSucceeded();
        log.info(
                "{}: agent started in {} ms{}{}",
                describe(machine),
                result.elapsed().toMillis(),
                result.build().map(build -> ", from executable " + build).orElse(""),
                machine.sshHostKey().isEmpty() ? ", pinned its host key " + hostKey.fingerprint() : "");
        if (!result.warnings().isEmpty()) {
            log.warn("{}: the agent warns: {}", describe(machine), AnswerChecks.warnings(result));
        }
    }

    /**
     * Ends a takeover that a rollout wanted. The agent before goes on, so the machine is not backed off, nor does this say
     * whether it can be reached.
     */
    private void failRollout(Work claimed, String machine, Assignment assigned, Work.Cause cause)
            throws InterruptedException {
        claimed.fail(
                cause.text(),
                tx -> RolloutTakeovers.failed(
                        tx, claimed.machineId(), provider.type(), assigned, cause.text(), Blame.MACHINE));
        monitor.machineFailed(cause.text());
        log.warn("{}: its takeover for a rollout failed: {}", machine, cause.text());
    }

    private void fail(Work claimed, String machine, Work.Cause cause, Reach reach, Assignment assigned, Blame blame)
            throws InterruptedException {
        UUID machineId = claimed.machineId();
        AtomicBoolean quarantined = new AtomicBoolean();
        AtomicReference<@Nullable Failures> before = new AtomicReference<>();
        Duration period = claimed.fail(settings.backoff(), cause, tx -> {
            RolloutTakeovers.failed(tx, machineId, provider.type(), assigned, cause.text(), blame);
            switch (reach) {
                case UNREACHED -> Takeovers.unreached(tx, machineId);
                case REACHED -> Takeovers.reached(tx, machineId);
                case UNTRIED -> {}
            }
            before.set(Takeovers.failures(tx, machineId).orElse(null));
            int failures = inARow(before.get());
            quarantined.set(reach == Reach.REACHED && failures >= settings.maxFailures() && succeedsElsewhere());
            if (quarantined.get()) {
                tx.quarantine(
                        machineId,
                        "initializer",
                        String.format(
                                Locale.ROOT, "%d takeovers in a row failed; the last one: %s", failures, cause.text()));
            }
        });
        monitor.machineFailed(cause.text());
        if (quarantined.get()) {
            log.error("{}: quarantined, since its takeovers keep failing; the last one: {}", machine, cause.text());
        } else {
            tell(machine, cause, before.get(), period);
        }
    }

    private static int inARow(@Nullable Failures before) {
        return before == null ? 1 : before.inARow() + 1;
    }

    /** Says the cause in full once, not each time: a machine may be unreachable for days. */
    private void tell(String machine, Work.Cause cause, @Nullable Failures before, Duration period) {
        if (before != null && before.inARow() > 0 && before.kind().equals(cause.kind())) {
            log.warn(
                    "{}: takeover failed {} times in a row, again {}; next try after {}",
                    machine,
                    inARow(before),
                    cause.kind(),
                    monitor.timeIn(period));
        } else {
            log.warn("{}: takeover failed, next try after {}: {}", machine, monitor.timeIn(period), cause.text());
        }
    }

    /** Whether the fault is likely the machine's: others were taken over within the longest backoff. */
    private boolean succeedsElsewhere() {
        Long last = succeededAt.get();
        return last != null
                && System.nanoTime() - last < settings.backoff().maximum().toNanos();
    }

    private String describe(MachineRecord machine) {
        return provider.describe(
                machine.machineId(), machine.provided().orElseThrow().providerId());
    }
}
