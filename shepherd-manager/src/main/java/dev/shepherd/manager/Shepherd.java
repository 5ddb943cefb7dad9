package dev.shepherd.manager;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.OperatorText;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryOutlook;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.internal.ControlLoop;
import dev.shepherd.manager.internal.GateCalls;
import dev.shepherd.manager.internal.ProviderCalls;
import dev.shepherd.manager.internal.SessionSource;
import dev.shepherd.manager.listing.Updater;
import dev.shepherd.manager.listing.UpdaterSettings;
import dev.shepherd.manager.operator.Intervention.Wish;
import dev.shepherd.manager.operator.InterventionException;
import dev.shepherd.manager.provisioning.Discrepancy;
import dev.shepherd.manager.provisioning.Provisioner;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.provisioning.ProvisioningOutlook;
import dev.shepherd.manager.recovery.MachineRecoverer;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.rollout.Roller;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.manager.takeover.Initializer;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.manager.takeover.TakeoverResult;
import dev.shepherd.manager.takeover.TakeoverTarget;
import java.time.Clock;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs a fleet: for each provider a loop that brings its machines into the database, one that takes them over, one that
 * recovers them, and one that keeps up with what the provider says about them.
 *
 * <pre>{@code
 * try (Shepherd shepherd = Shepherd.builder().bmdb(bmdb).provider(provider).takeover(takeover).build()) {
 *     shepherd.start();
 *     …
 * }
 * }</pre>
 *
 * <p>Several processes on several hosts may run one at once on the same database and providers. No thread exists before
 * {@link #start()} and none is left after {@link #close()}, which releases all work. The caller closes what it was given:
 * database, providers, takeover and executor. Safe for use by several threads.
 */
public final class Shepherd implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(Shepherd.class);

    private enum State {
        NEW,
        STARTED,
        CLOSED
    }

    private final Bmdb bmdb;
    private final Map<ProviderType, Flock> flocks = new LinkedHashMap<>();
    private final Set<LoopKind> loops;
    private final LazyExecutor executor;
    private final GateCalls gates;
    private final Object lock = new Object();
    private State state = State.NEW;

    private Shepherd(Builder builder, Bmdb bmdb, MachineTakeover takeover) {
        this.bmdb = bmdb;
        this.executor = new LazyExecutor(builder.executor);
        this.loops = EnumSet.copyOf(builder.loops);
        this.gates = new GateCalls(builder.disruptions, bmdb.tracer());
        Flock.Settings all = new Flock.Settings(
                takeover,
                builder.provisioner,
                builder.initializer,
                builder.recoverer,
                builder.updater,
                builder.clock,
                builder.runtimeInfo);
        for (Added added : builder.providers) {
            Flock flock = new Flock(
                    bmdb,
                    new ProviderCalls(added.provider(), bmdb.tracer()),
                    gates,
                    added.settings().over(all),
                    executor);
            if (flocks.put(flock.provider(), flock) != null) {
                throw new ConfigurationException(
                        "provider",
                        "two providers have the type " + flock.provider() + ": each instance needs its own type");
            }
        }
    }

    /** A provider, and what holds for it alone. */
    private record Added(Provider provider, ProviderSettings settings) {}

    private static TakeoverResult noTakeover(TakeoverTarget target) {
        throw new IllegalStateException("there is no way to start agents here");
    }

    /** Starts with the default settings. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Starts the loops. With an {@linkplain Builder#executor executor} of the embedder's own it first measures how much
     * that runs at once, which takes 2 s where it is too little.
     *
     * @throws ConfigurationException if the executor runs less at once than the loops and one machine for each of those
     *     that work on machines: some would never get a thread. Nothing was started, and it can be tried again. If
     *     there is room for that but not for all machines in progress, it is a warning in the log
     * @throws IllegalStateException if it has been started or closed before
     * @throws java.util.concurrent.RejectedExecutionException if the executor refuses a loop all the same; this
     *     shepherd is closed then
     */
    public void start() {
        synchronized (lock) {
            if (state != State.NEW) {
                throw new IllegalStateException("this shepherd has been "
                        + (state == State.STARTED ? "started" : "closed") + " already; build another one");
            }
            if (executor.given != null) {
                needs().requireOf(executor.given);
            }
            state = State.STARTED;
        }
        try {
            flocks.values().forEach(flock -> flock.start(loops, executor));
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
        log.info("Running the machines of provider(s) {} with the loops {}", flocks.keySet(), loops);
    }

    private ThreadNeeds needs() {
        return flocks.values().stream()
                .map(flock -> flock.needs(loops))
                .reduce(ThreadNeeds::and)
                .orElseThrow();
    }

    /** Tells what every loop is doing. Does not block. */
    public ShepherdStatus status() {
        List<LoopStatus> loopStatus = new ArrayList<>();
        Map<ProviderType, RecoveryOutlook> recovery = new LinkedHashMap<>();
        Map<ProviderType, ProvisioningOutlook> provisioning = new LinkedHashMap<>();
        Map<ProviderType, List<Discrepancy>> discrepancies = new LinkedHashMap<>();
        Map<ProviderType, Long> discrepancyCounts = new LinkedHashMap<>();
        for (Flock flock : flocks.values()) {
            loopStatus.addAll(flock.status());
            recovery.put(flock.provider(), flock.recoverer().outlook());
            provisioning.put(flock.provider(), flock.provisioner().outlook());
            if (!flock.provisioner().discrepancies().isEmpty()) {
                discrepancies.put(flock.provider(), flock.provisioner().discrepancies());
                discrepancyCounts.put(flock.provider(), flock.provisioner().discrepancyCount());
            }
        }
        return new ShepherdStatus(loopStatus, discrepancies, discrepancyCounts, provisioning, recovery);
    }

    Set<LoopKind> loops() {
        return loops;
    }

    GateCalls gates() {
        return gates;
    }

    List<Flock> flocks() {
        return List.copyOf(flocks.values());
    }

    /**
     * Explains what each process would do with a machine now: whether it would claim it, the rule or limit that
     * decides, what would change that, and when it is looked at next.
     *
     * @return empty if there is no such machine
     */
    public Optional<Explanation> explain(UUID machineId) throws InterruptedException {
        Optional<MachineRecord> machine = bmdb.machine(machineId);
        RecoveryPolicy policy = machine.flatMap(MachineRecord::provided)
                .map(provided -> flocks.get(provided.provider()))
                .map(flock -> flock.recoverer().policy())
                .orElse(RecoveryPolicy.DEFAULT);
        return Operator.of(bmdb).explain(machineId, policy);
    }

    /**
     * Reboots a machine because an operator wants it, whether or not its agent is silent, and has its agent started
     * again. Works before {@link #start()} as well.
     *
     * <p>The machine is held under {@link dev.shepherd.bmdb.WorkProcess#ACCESS} meanwhile, and the provider is called
     * within its limit of concurrent calls. Who asked for it and why is recorded with the attempt, before the provider
     * is called, and {@link Operator#actions} reads it; the history of the machine says how it went.
     *
     * <p>A pause, a freeze, the limits of recovery and {@linkplain DisruptionSettings gates} stop it, unless it is forced; neither cooldown nor quarantine
     * does. Afterwards the machine is in recovery like any other that was rebooted: it takes a place within the limits,
     * even if it was forced, its cooldown runs, and the reboot counts as one of {@link RecoveryPolicy#maxReboots()},
     * until its agent is heard. One in quarantine takes no place, stays there, and is not taken over until it is
     * released. Nor does one with a fulfilled installation, which it keeps; it is not taken over, and its agent stays
     * known.
     *
     * @param actor who asks for it, and through what
     * @param reason why: one line of 1 to 1,000 characters, not blank, without control characters
     * @param force whether to act though a pause, a freeze, a limit or a gate is in the way
     * @return what the loops make of the machine now
     * @throws InterventionException if it is refused, or the machine cannot be held; nothing was done
     * @throws dev.shepherd.api.ProviderException if the provider fails. Only with {@link
     *     dev.shepherd.api.ProviderException.Reason#TRANSIENT} may it have been rebooted, and is treated as if it had;
     *     with any other reason all is as before
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost; the machine may have been rebooted
     * @throws dev.shepherd.bmdb.BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted; the machine may have been rebooted
     * @throws IllegalStateException if this is closed
     */
    public Explanation reboot(UUID machineId, Actor actor, String reason, boolean force) throws InterruptedException {
        return intervene(machineId, RecoveryAction.REBOOT, actor, reason, force);
    }

    /**
     * Reinstalls a machine because an operator wants it. <strong>What is on its disks may be lost.</strong> Like {@link
     * #reboot}, and whether or not the policy lets the recoverer reinstall machines.
     *
     * <p>From before the provider is called, reports of the machine's agent are refused. After the call, what was known
     * of the disks is gone: the agent, when it was heard, the SSH host key and the report of an installation. A request
     * for an installation stays, and is pending again: the agent that is started next gets it. To have the machine back
     * without it, take the request back first, by {@link
     * dev.shepherd.bmdb.operator.OperatorActions#takeBackInstallation}.
     *
     * @param actor who asks for it, and through what
     * @param reason why: one line of 1 to 1,000 characters, not blank, without control characters
     * @param force as for {@link #reboot}
     * @return what the loops make of the machine now
     * @throws InterventionException as for {@link #reboot}
     * @throws dev.shepherd.api.ProviderException as for {@link #reboot}
     * @throws InterruptedException if the thread is interrupted; the machine may have been reinstalled
     * @throws IllegalStateException if this is closed
     */
    public Explanation reinstall(UUID machineId, Actor actor, String reason, boolean force)
            throws InterruptedException {
        return intervene(machineId, RecoveryAction.REINSTALL, actor, reason, force);
    }

    private Explanation intervene(UUID machineId, RecoveryAction action, Actor actor, String reason, boolean force)
            throws InterruptedException {
        Objects.requireNonNull(actor, "actor");
        OperatorText.checkReason("reason", reason);
        synchronized (lock) {
            if (state == State.CLOSED) {
                throw new IllegalStateException("this shepherd is closed");
            }
        }
        MachineRecord machine = bmdb.machine(machineId)
                .orElseThrow(() -> new InterventionException(
                        InterventionException.Reason.UNKNOWN_MACHINE, machineId, "there is no such machine"));
        ProvidedMachine provided = machine.provided()
                .orElseThrow(() -> new InterventionException(
                        InterventionException.Reason.OTHER_PROVIDER, machineId, "it has no provider"));
        Flock flock = Optional.ofNullable(flocks.get(provided.provider()))
                .orElseThrow(() -> new InterventionException(
                        InterventionException.Reason.OTHER_PROVIDER,
                        machineId,
                        "it belongs to provider " + provided.provider() + ", but this shepherd runs only "
                                + flocks.keySet()));
        flock.intervention().run(new Wish(machineId, provided.providerId(), action, actor, reason, force));
        return Operator.of(bmdb).explain(machineId, flock.recoverer().policy()).orElseThrow();
    }

    /**
     * Returns what provisioner and recoverer of a provider would do now, and does nothing. Lists the provider.
     *
     * @throws IllegalArgumentException if there is no such provider here
     * @throws dev.shepherd.api.ProviderException if the provider cannot be listed
     */
    public Plan plan(ProviderType provider) throws InterruptedException {
        Flock flock = find(provider);
        return new Plan(flock.provisioner().plan(), flock.recoverer().plan());
    }

    /**
     * Returns the provisioner of a provider, for running its steps by hand instead of starting the loops.
     *
     * @throws IllegalArgumentException if there is no such provider here
     */
    public Provisioner provisioner(ProviderType provider) {
        return find(provider).provisioner();
    }

    /** Returns the initializer of a provider, like {@link #provisioner}. */
    public Initializer initializer(ProviderType provider) {
        return find(provider).initializer();
    }

    /** Returns the roller of a provider, like {@link #provisioner}. */
    public Roller roller(ProviderType provider) {
        return find(provider).roller();
    }

    /** Returns the recoverer of a provider, like {@link #provisioner}. */
    public MachineRecoverer recoverer(ProviderType provider) {
        return find(provider).recoverer();
    }

    /** Returns the updater of a provider, like {@link #provisioner}. */
    public Updater updater(ProviderType provider) {
        return find(provider).updater();
    }

    private Flock find(ProviderType provider) {
        return Optional.ofNullable(flocks.get(provider))
                .orElseThrow(() -> new IllegalArgumentException(
                        "there is no provider " + provider + " here, only " + flocks.keySet()));
    }

    /**
     * Stops the loops, interrupts what they do, releases their work and ends their sessions. Closing twice is
     * allowed. Takes less than a second, unless a provider or the database keeps a call for longer; what ignores its
     * interruption is waited for for 30 s in all.
     */
    @Override
    public void close() {
        synchronized (lock) {
            if (state == State.CLOSED) {
                return;
            }
            state = State.CLOSED;
        }
        flocks.values().forEach(Flock::requestClose);
        long deadline = System.nanoTime() + ControlLoop.CLOSING.toNanos();
        boolean interrupted = false;
        for (Flock flock : flocks.values()) {
            interrupted |= flock.close(deadline);
        }
        executor.close();
        gates.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        log.info("Stopped");
    }

    /** Collects the parts and settings of a {@link Shepherd}. Not safe for several threads. */
    public static final class Builder {
        private @Nullable Bmdb bmdb;
        private final List<Added> providers = new ArrayList<>();
        private @Nullable MachineTakeover takeover;
        private ProvisionerSettings provisioner = ProvisionerSettings.DEFAULT;
        private InitializerSettings initializer = InitializerSettings.DEFAULT;
        private RecovererSettings recoverer = RecovererSettings.DEFAULT;
        private UpdaterSettings updater = UpdaterSettings.DEFAULT;
        private DisruptionSettings disruptions = DisruptionSettings.DEFAULT;
        private Set<LoopKind> loops = EnumSet.allOf(LoopKind.class);
        private @Nullable ExecutorService executor;
        private Clock clock = Clock.systemUTC();
        private String runtimeInfo = SessionSource.thisProcess();

        private Builder() {}

        /** Essential: sets the database. */
        public Builder bmdb(Bmdb bmdb) {
            this.bmdb = Objects.requireNonNull(bmdb, "bmdb");
            return this;
        }

        /** Essential: adds a provider; at least one, each with its own type. */
        public Builder provider(Provider provider) {
            return provider(provider, ProviderSettings.NONE);
        }

        /** Essential: adds a provider for which some settings are others than for the rest. */
        public Builder provider(Provider provider, ProviderSettings settings) {
            providers.add(new Added(
                    Objects.requireNonNull(provider, "provider"), Objects.requireNonNull(settings, "settings")));
            return this;
        }

        /** Essential: sets how agents are started. Not needed where each provider has a way of its own. */
        public Builder takeover(MachineTakeover takeover) {
            this.takeover = Objects.requireNonNull(takeover, "takeover");
            return this;
        }

        /** Common: sets how machines are provisioned; {@link ProvisionerSettings#DEFAULT} by default. */
        public Builder provisioner(ProvisionerSettings settings) {
            this.provisioner = Objects.requireNonNull(settings, "settings");
            return this;
        }

        /** Common: sets how machines are taken over; {@link InitializerSettings#DEFAULT} by default. */
        public Builder initializer(InitializerSettings settings) {
            this.initializer = Objects.requireNonNull(settings, "settings");
            return this;
        }

        /** Common: sets how machines are brought back; {@link RecovererSettings#DEFAULT} by default. */
        public Builder recoverer(RecovererSettings settings) {
            this.recoverer = Objects.requireNonNull(settings, "settings");
            return this;
        }

        /** Rare: sets how machines are kept up to date; {@link UpdaterSettings#DEFAULT} by default. */
        public Builder updater(UpdaterSettings settings) {
            this.updater = Objects.requireNonNull(settings, "settings");
            return this;
        }

        /** Common: sets who has a say before machines go down; by default none but the rules of recovery. */
        public Builder disruptions(DisruptionSettings settings) {
            this.disruptions = Objects.requireNonNull(settings, "settings");
            return this;
        }

        /** Rare: sets which loops {@link Shepherd#start()} starts, at least one; all by default. Others can run elsewhere. */
        public Builder loops(Set<LoopKind> loops) {
            this.loops = Set.copyOf(loops);
            return this;
        }

        /**
         * Rare: sets the executor for the loops and their work. It must be able to run four tasks for each provider
         * and one more for each machine in progress, all at once: {@link Shepherd#start()} looks. By default threads
         * are made as they are needed.
         */
        public Builder executor(ExecutorService executor) {
            this.executor = Objects.requireNonNull(executor, "executor");
            return this;
        }

        /** Rare: sets the clock of the times in {@link #status()}; the system's by default. */
        public Builder clock(Clock clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /** Rare: sets what operators read about where this runs; the host's name and the process id by default. */
        public Builder runtimeInfo(String runtimeInfo) {
            this.runtimeInfo = Objects.requireNonNull(runtimeInfo, "runtimeInfo");
            return this;
        }

        /**
         * Makes the shepherd; starts nothing.
         *
         * @throws ConfigurationException if database, provider or takeover is missing, there is no loop to run, two
         *     providers have the same type, or recovery's spans do not go together
         */
        public Shepherd build() {
            Bmdb database = Checks.present("bmdb", bmdb, "a shepherd needs a database");
            Checks.present(
                    "provider", providers.isEmpty() ? null : providers, "a shepherd needs at least one provider");
            boolean needed = !providers.stream().allMatch(added -> added.settings.hasTakeover());
            MachineTakeover agents = needed
                    ? Checks.present("takeover", takeover, "a shepherd needs a way to start agents")
                    : Shepherd::noTakeover;
            Checks.that("loops", !loops.isEmpty(), "at least one of the loops", "none");
            recoverer.paced(); // Checks all spans against each other.
            providers.forEach(added -> added.settings.requirePaced());
            return new Shepherd(this, database, agents);
        }
    }
}
