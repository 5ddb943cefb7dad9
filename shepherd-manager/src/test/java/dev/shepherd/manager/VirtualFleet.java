package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Ed25519Point;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.rollout.BuildStream;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.takeover.AgentExecutable;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.TakeoverException;
import dev.shepherd.manager.takeover.TakeoverResult;
import dev.shepherd.manager.takeover.TakeoverStep;
import dev.shepherd.manager.takeover.TakeoverTarget;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.security.GeneralSecurityException;
import java.sql.Timestamp;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A fleet whose machines live in the virtual time of a {@link BmdbExtension}: they hang, die, boot and heartbeat. */
final class VirtualFleet implements AutoCloseable {

    static final ProviderType TYPE = new ProviderType("lab");

    /** What every machine shows. */
    static final String HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINBlBmySR7y4k4+w3yxIFPvGKTpOIBAU9c45AhDePg+w";

    /** What every agent has. */
    static final byte[] AGENT_KEY = agentKey(7);

    enum Health {
        WELL,
        /** Answers nobody until it is rebooted. */
        HUNG,
        /** Answers nobody, whatever is done. */
        DEAD
    }

    /** What managers are set up with. */
    static final AgentBuild OWN = new AgentBuild("0".repeat(64), Optional.of("own"));

    /** How long agents of a version are heard that are not heard for ever. */
    private final Map<String, Duration> lifetimes = new ConcurrentHashMap<>();

    /** What is told of each takeover before it has its effect; it may block, or fail it. */
    private volatile Consumer<TakeoverTarget> beforeTakeover = target -> {};

    private volatile Consumer<UUID> beforeEffect = machine -> {};

    /** What is told of each takeover after its effect. */
    private volatile Consumer<TakeoverTarget> afterTakeover = target -> {};

    /** A reboot or reinstallation, and when. */
    record Effect(UUID machine, Duration at, String what) {}

    private static final class Machine {
        private final UUID id;
        private final String location;
        private volatile Health health = Health.WELL;
        private volatile boolean agentRuns;
        private volatile boolean isDown;
        private volatile AgentBuild build = OWN;
        /** Until when its agent is heard; null for ever. */
        private volatile @Nullable Duration heardUntil;

        Machine(UUID id, String location) {
            this.id = id;
            this.location = location;
        }
    }

    private final BmdbExtension database;
    private final FakeProvider provider = FakeProvider.create(TYPE);
    private final Map<UUID, Machine> machines = new LinkedHashMap<>();
    private final Map<ProviderID, Machine> byProviderId = new ConcurrentHashMap<>();
    private final List<Effect> effects = new CopyOnWriteArrayList<>();
    private final List<Shepherd> managers = new ArrayList<>();
    private volatile Duration elapsed = Duration.ZERO;
    private final BmdbSession ingest;
    private boolean ingestWorks = true;

    VirtualFleet(BmdbExtension database, int count, int locations) throws InterruptedException {
        this.database = database;
        ingest = database.bmdb().startSession("heartbeats", "here");
        provider.onReboot(id -> acted(id, "reboot"));
        try (BmdbSession session = database.bmdb().startSession("test", "here")) {
            session.useTransaction(tx -> {
                for (int i = 0; i < count; i++) {
                    add(tx, i, "rack-" + (i % locations));
                }
            });
        }
    }

    private void add(BmdbTransaction tx, int number, String location) {
        Machine machine = new Machine(UUID.randomUUID(), location);
        ProviderID id = new ProviderID("machine-" + number);
        MachineInfo info = MachineInfo.builder(id, Availability.KNOWN_USED)
                .address(address())
                .location(location)
                .build();
        provider.addMachine(info);
        tx.recordMachine(TYPE, CreateMachineRequest.any(machine.id), info);
        tx.putAgentStarted(machine.id, AGENT_KEY, OWN);
        tx.putAgentHeartbeat(machine.id);
        machine.agentRuns = true;
        machines.put(machine.id, machine);
        byProviderId.put(id, machine);
    }

    /** Returns a key that an agent may have, and that begins with this byte. */
    static byte[] agentKey(int first) {
        byte[] key = new byte[Ed25519Point.LENGTH];
        key[0] = (byte) first;
        while (true) {
            try {
                Ed25519Point.check(key);
                return key;
            } catch (GeneralSecurityException e) {
                // Half of all numbers are no points of the curve.
                key[1]++;
            }
        }
    }

    private static InetAddress address() {
        try {
            return InetAddress.getByAddress(new byte[] {10, 0, 0, 1});
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Starts another process that runs the fleet, on a database of its own where one is given. */
    Shepherd manager(RecoveryPolicy policy) {
        return manager(database.bmdb(), policy);
    }

    Shepherd manager(RecoveryPolicy policy, DisruptionSettings disruptions) {
        return manager(database.bmdb(), policy, disruptions);
    }

    Shepherd manager(Bmdb bmdb, RecoveryPolicy policy) {
        return manager(bmdb, policy, DisruptionSettings.DEFAULT);
    }

    Shepherd manager(Bmdb bmdb, RecoveryPolicy policy, DisruptionSettings disruptions) {
        Shepherd manager = Shepherd.builder()
                .bmdb(bmdb)
                .provider(provider)
                .takeover(this::takeOver)
                .initializer(InitializerSettings.builder().parallelism(50).build())
                .recoverer(RecovererSettings.builder().policy(policy).build())
                .disruptions(disruptions)
                .build();
        managers.add(manager);
        return manager;
    }

    /** Lets a manager do nothing any more. */
    void forget(Shepherd manager) {
        managers.remove(manager);
    }

    private TakeoverResult takeOver(TakeoverTarget target) {
        Machine machine = machine(target.machineId());
        if (machine.health != Health.WELL) {
            throw new TakeoverException(
                    TakeoverException.Kind.UNREACHABLE, TakeoverStep.CONNECT, target, Duration.ZERO, "it is off");
        }
        beforeTakeover.accept(target);
        AgentBuild build = target.executable().map(VirtualFleet::read).orElse(OWN);
        @Nullable Duration lifetime = lifetimes.get(build.version().orElseThrow());
        machine.heardUntil = lifetime == null ? null : elapsed.plus(lifetime);
        machine.build = build;
        machine.isDown = false;
        machine.agentRuns = true;
        afterTakeover.accept(target);
        return new TakeoverResult(target.machineId(), AGENT_KEY, HOST_KEY, List.of(), Map.of()).withBuild(build);
    }

    /** Reads what would be uploaded. */
    private static AgentBuild read(AgentExecutable executable) {
        try (BuildStream in = new BuildStream(executable.open())) {
            long size = in.transferTo(OutputStream.nullOutputStream());
            assertThat(size).isEqualTo(executable.length());
            return in.build();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Lets agents of a version be heard for so long only. */
    void lifetime(String version, Duration lifetime) {
        lifetimes.put(version, lifetime);
    }

    void beforeTakeover(Consumer<TakeoverTarget> what) {
        beforeTakeover = what;
    }

    void afterTakeover(Consumer<TakeoverTarget> what) {
        afterTakeover = what;
    }

    /** Returns the version that runs on each machine. */
    Map<UUID, String> versions() {
        return machines.values().stream()
                .collect(Collectors.toMap(
                        machine -> machine.id,
                        machine -> machine.build.version().orElseThrow()));
    }

    String location(UUID id) {
        return machine(id).location;
    }

    /** Tells something of each reboot and reinstallation, before it has its effect. */
    void beforeEffect(Consumer<UUID> what) {
        beforeEffect = what;
    }

    /** Tells whether a machine was rebooted or reinstalled, and no agent was started on it since. */
    boolean isDown(UUID id) {
        return machine(id).isDown;
    }

    private void acted(ProviderID id, String what) {
        Machine machine = byProviderId.get(id);
        beforeEffect.accept(machine.id);
        machine.isDown = true;
        machine.agentRuns = false;
        if (machine.health == Health.HUNG) {
            machine.health = Health.WELL;
        }
        effects.add(new Effect(machine.id, elapsed, what));
    }

    FakeProvider provider() {
        return provider;
    }

    List<Effect> effects() {
        return effects;
    }

    List<UUID> machinesOf(String location) {
        return machines.values().stream()
                .filter(machine -> machine.location.equals(location))
                .map(machine -> machine.id)
                .toList();
    }

    List<UUID> all() {
        return List.copyOf(machines.keySet());
    }

    private Machine machine(UUID id) {
        @Nullable Machine machine = machines.get(id);
        if (machine == null) {
            throw new IllegalArgumentException("there is no machine " + id);
        }
        return machine;
    }

    void become(Health health, UUID... ids) {
        for (UUID id : ids) {
            machine(id).health = health;
            if (health != Health.WELL) {
                machine(id).agentRuns = false;
            }
        }
    }

    /** Lets an agent die on a machine that is well. */
    void killAgent(UUID id) {
        machine(id).agentRuns = false;
    }

    /** Lets an agent run again that was only out of reach. */
    void revive(UUID id) {
        machine(id).health = Health.WELL;
        machine(id).agentRuns = true;
    }

    /** Whether heartbeats reach the database. */
    void ingestWorks(boolean works) {
        ingestWorks = works;
    }

    Duration elapsed() {
        return elapsed;
    }

    /** Lets time pass: agents heartbeat, and every manager does a step of its recoverer and its initializer. */
    void pass(Duration span) throws InterruptedException {
        passWithoutManagers(span);
        for (Shepherd manager : managers) {
            step(manager);
        }
    }

    void passWithoutManagers(Duration span) throws InterruptedException {
        database.advance(span);
        elapsed = elapsed.plus(span);
        heartbeat();
    }

    private static void step(Shepherd manager) throws InterruptedException {
        while (manager.recoverer(TYPE).step() > 0) {
            // As the loop does when it is woken by the end of its work.
        }
        manager.roller(TYPE).step();
        while (manager.initializer(TYPE).step() > 0) {
            // The same.
        }
    }

    void heartbeat() throws InterruptedException {
        if (!ingestWorks) {
            return;
        }
        UUID[] alive = machines.values().stream()
                .filter(machine -> machine.agentRuns && isWithin(machine.heardUntil))
                .map(machine -> machine.id)
                .toArray(UUID[]::new);
        heartbeat(alive);
    }

    private boolean isWithin(@Nullable Duration until) {
        return until == null || elapsed.compareTo(until) <= 0;
    }

    /** Records the heartbeats of started agents, all in one statement. */
    void heartbeat(UUID... ids) throws InterruptedException {
        Timestamp now = Timestamp.from(database.bmdb().now());
        ingest.inTransaction(tx -> tx.dsl()
                .execute(
                        "insert into machine_agent_heartbeat select machine_id, ?::timestamptz"
                                + " from machine_agent_started join unnest(?::uuid[]) as heard (machine_id)"
                                + " using (machine_id)"
                                + " on conflict (machine_id) do update"
                                + " set agent_heartbeat_at = excluded.agent_heartbeat_at",
                        now,
                        ids));
    }

    /** Returns how many machines of each location were acted on and not heard since. */
    Map<String, Long> inRecovery() throws InterruptedException {
        Set<UUID> open = database.bmdb()
                .query(dsl -> dsl.fetch("select machine_id from machine_recovery where recovery_proved_at is null"
                                + " and machine_id not in (select machine_id from machine_quarantine)")
                        .intoSet(0, UUID.class));
        return open.stream().collect(Collectors.groupingBy(id -> machine(id).location, Collectors.counting()));
    }

    @Override
    public void close() {
        managers.forEach(Shepherd::close);
        ingest.close();
    }
}
