package dev.shepherd.manager;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.manager.internal.Approvals;
import dev.shepherd.manager.internal.ControlLoop;
import dev.shepherd.manager.internal.GateCalls;
import dev.shepherd.manager.internal.LogContext;
import dev.shepherd.manager.internal.LoopContext;
import dev.shepherd.manager.internal.LoopMonitor;
import dev.shepherd.manager.internal.ProviderCalls;
import dev.shepherd.manager.internal.SessionSource;
import dev.shepherd.manager.internal.WorkLoop;
import dev.shepherd.manager.listing.Updater;
import dev.shepherd.manager.listing.UpdaterSettings;
import dev.shepherd.manager.operator.Intervention;
import dev.shepherd.manager.provisioning.Provisioner;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.MachineRecoverer;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.rollout.Roller;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.manager.takeover.Initializer;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.MachineTakeover;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The loops of one provider and what they share. */
final class Flock {

    private static final Logger log = LoggerFactory.getLogger(Flock.class);

    private final Bmdb bmdb;
    private final ProviderCalls calls;
    private final ProviderType provider;
    private final Settings settings;
    private final List<Bmdb.Subscription> wakeUps = new CopyOnWriteArrayList<>();
    private final Map<LoopKind, Loop> loops = new EnumMap<>(LoopKind.class);
    private final Provisioner provisioner;
    private final Initializer initializer;
    private final MachineRecoverer recoverer;
    private final Updater updater;
    private final Roller roller;
    private final Intervention intervention;

    /** One loop, the session that it works under, and where it notes what it does. */
    private record Loop(ControlLoop control, SessionSource session, LoopMonitor monitor) {}

    /** How the loops work. */
    record Settings(
            MachineTakeover takeover,
            ProvisionerSettings provisioner,
            InitializerSettings initializer,
            RecovererSettings recoverer,
            UpdaterSettings updater,
            Clock clock,
            String runtimeInfo) {}

    Flock(Bmdb bmdb, ProviderCalls calls, GateCalls gates, Settings settings, Executor executor) {
        this.bmdb = bmdb;
        this.settings = settings;
        this.calls = calls;
        this.provider = calls.type();
        Approvals approvals = new Approvals(bmdb, calls, settings.recoverer().policy(), gates);
        Executor carrying =
                task -> executor.execute(LogContext.here(bmdb.tracer().here(task)));
        Map<LoopKind, LoopContext> contexts = new EnumMap<>(LoopKind.class);
        for (LoopKind kind : LoopKind.values()) {
            contexts.put(
                    kind,
                    new LoopContext(
                            bmdb,
                            calls,
                            approvals,
                            new SessionSource(bmdb, kind + "-" + provider, settings.runtimeInfo()),
                            new LoopMonitor(kind.toString(), provider, settings.clock()),
                            carrying,
                            () -> wake(kind),
                            () -> wake(LoopKind.INITIALIZER)));
        }
        Function<LoopKind, LoopContext> of = kind -> Objects.requireNonNull(contexts.get(kind));
        this.provisioner = new Provisioner(of.apply(LoopKind.PROVISIONER), settings.provisioner());
        this.initializer = new Initializer(of.apply(LoopKind.INITIALIZER), settings.initializer(), settings.takeover());
        this.recoverer = new MachineRecoverer(of.apply(LoopKind.RECOVERER), settings.recoverer());
        this.updater = new Updater(of.apply(LoopKind.UPDATER), settings.updater());
        this.roller = new Roller(of.apply(LoopKind.ROLLER), settings.recoverer().policy());
        this.intervention =
                new Intervention(bmdb, calls, approvals, settings.recoverer().policy(), settings.runtimeInfo());
        add(LoopKind.PROVISIONER, of.apply(LoopKind.PROVISIONER), provisioner::run);
        add(LoopKind.INITIALIZER, of.apply(LoopKind.INITIALIZER), initializer::run);
        add(LoopKind.RECOVERER, of.apply(LoopKind.RECOVERER), recoverer::run);
        add(LoopKind.UPDATER, of.apply(LoopKind.UPDATER), updater::run);
        add(LoopKind.ROLLER, of.apply(LoopKind.ROLLER), roller::run);
    }

    private void add(LoopKind kind, LoopContext context, ControlLoop.Step step) {
        ControlLoop control =
                new ControlLoop("shepherd-" + kind + "-" + provider, context.monitor(), bmdb.tracer(), step);
        loops.put(kind, new Loop(control, context.sessions(), context.monitor()));
    }

    /** Loops wake one another, by way of this, since none can know another one before it exists. */
    private void wake(LoopKind kind) {
        Loop loop = loops.get(kind);
        if (loop != null) {
            loop.control().wake();
        }
    }

    ProviderType provider() {
        return provider;
    }

    /** Returns what its loops, as far as they run, need of an executor. */
    ThreadNeeds needs(Set<LoopKind> kinds) {
        int working = 0;
        int machines = 0;
        if (kinds.contains(LoopKind.INITIALIZER)) {
            working++;
            machines += settings.initializer().parallelism();
        }
        if (kinds.contains(LoopKind.RECOVERER)) {
            working++;
            machines += settings.recoverer().parallelism();
        }
        int helpers = kinds.contains(LoopKind.UPDATER) ? updater.helpers() : 0;
        return new ThreadNeeds(kinds.size(), working, machines + helpers);
    }

    ProviderCalls calls() {
        return calls;
    }

    Provisioner provisioner() {
        return provisioner;
    }

    Initializer initializer() {
        return initializer;
    }

    MachineRecoverer recoverer() {
        return recoverer;
    }

    Updater updater() {
        return updater;
    }

    Roller roller() {
        return roller;
    }

    Intervention intervention() {
        return intervention;
    }

    void start(Set<LoopKind> kinds, Executor executor) {
        loops.forEach((kind, loop) -> {
            if (kinds.contains(kind)) {
                loop.control().start(executor);
            }
        });
        if (kinds.contains(LoopKind.INITIALIZER)) {
            // For any process that made the machine due.
            wakeUps.add(bmdb.onDue(WorkProcess.AGENT_START, provider, () -> wake(LoopKind.INITIALIZER)));
        }
    }

    List<LoopMonitor> monitors() {
        return loops.values().stream().map(Loop::monitor).toList();
    }

    List<LoopStatus> status() {
        List<LoopStatus> status = new ArrayList<>();
        loops.values().forEach(loop -> status.add(loop.monitor().status()));
        return status;
    }

    /** Asks all loops to end and interrupts what they do; does not wait. */
    void requestClose() {
        wakeUps.forEach(Bmdb.Subscription::close);
        loops.values().forEach(loop -> loop.control().requestClose());
        initializer.work().requestClose();
        recoverer.work().requestClose();
    }

    /**
     * Ends all loops and their sessions, which releases their work.
     *
     * @param deadline until when to wait for what still runs
     * @return true if it was interrupted meanwhile
     */
    boolean close(long deadline) {
        boolean interrupted = false;
        for (Loop loop : loops.values()) {
            interrupted |= loop.control().awaitEnd(deadline);
        }
        interrupted |= awaitEnd(initializer.work(), "takeovers", deadline);
        interrupted |= awaitEnd(recoverer.work(), "recoveries", deadline);
        loops.values().forEach(loop -> loop.session().close());
        return interrupted;
    }

    private boolean awaitEnd(WorkLoop work, String what, long deadline) {
        boolean interrupted = false;
        while (true) {
            try {
                if (!work.awaitEnd(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())))) {
                    log.error(
                            "Some {} of provider {} still run {} after closing",
                            what,
                            provider,
                            Spans.text(ControlLoop.CLOSING));
                }
                return interrupted;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
    }
}
