package dev.shepherd.testkit.fleet;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.testkit.provider.FakeProvider.Call;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Predicate;

/**
 * One machine of a {@link TestFleet}: an SSH server in this process, on which real agents run as child processes.
 *
 * <p>A reboot by the provider ends its processes and brings it out of a hang, unless it is {@linkplain #die() dead}. Each
 * wait here ends within the {@linkplain TestFleet.Builder#limit limit} of the fleet, or with an {@link AssertionError} that
 * says what the loops make of the machine. Safe for use by several threads.
 */
public final class TestMachine {

    private final TestFleet fleet;
    private final ProviderID id;
    private final SshHost host;
    private volatile boolean dead;
    private volatile boolean mayBeRebooted;
    private int rebootsWaitedFor;

    TestMachine(TestFleet fleet, ProviderID id, SshHost host) {
        this.fleet = fleet;
        this.id = id;
        this.host = host;
    }

    MachineInfo info() {
        return MachineInfo.builder(id, Availability.POSSIBLY_USED)
                .address(host.address())
                .sshPort(host.port())
                .build();
    }

    /** Returns the provider's id of it: {@code machine-1} and so on. */
    public ProviderID id() {
        return id;
    }

    /** Returns its SSH server, to change its {@link Mood}, or to see what was uploaded and run. */
    public SshHost host() {
        return host;
    }

    /** Waits until the machine is recorded, and returns its id in the database. */
    public UUID machineId() throws InterruptedException {
        fleet.await(id + " is recorded", this, () -> recordedId().isPresent());
        return recordedId().orElseThrow();
    }

    Optional<UUID> recordedId() throws InterruptedException {
        return fleet.bmdb().findMachine(TestFleet.PROVIDER, id);
    }

    /** Waits until the machine is recorded, and returns what the database knows of it then. */
    public MachineRecord record() throws InterruptedException {
        return fleet.bmdb().machine(machineId()).orElseThrow();
    }

    /** Kills its agent and every other process on it, and lets it be rebooted for that. It answers SSH as before. */
    public void killAgent() {
        mayBeRebooted = true;
        host.killProcesses();
    }

    /** Has it stop answering until it is rebooted: its processes are killed, and SSH refused. */
    public void hang() {
        host.setMood(Mood.REFUSE);
        killAgent();
    }

    /** Has it stop answering from now on, however often it is rebooted. */
    public void die() {
        dead = true;
        hang();
    }

    /**
     * Lets the machine be rebooted and reinstalled without a failure of the test. {@link #killAgent()}, {@link #hang()},
     * {@link #die()}, {@link #awaitRebooted()} and {@link #awaitQuarantined()} do so as well.
     */
    public void allowReboots() {
        mayBeRebooted = true;
    }

    /** Tells whether reboots are no surprise. */
    boolean mayBeRebooted() {
        return mayBeRebooted;
    }

    /** Does what the provider's reboot does. */
    void rebooted() {
        if (!dead) {
            host.reboot();
            host.setMood(Mood.NORMAL);
        }
    }

    /** Returns how many times the provider was asked to reboot it so far, with success or without. */
    public int reboots() {
        return calls(Operation.REBOOT);
    }

    /** Returns how many times the provider was asked to reinstall it so far, with success or without. */
    public int reinstalls() {
        return calls(Operation.REINSTALL);
    }

    private int calls(Operation operation) {
        return Math.toIntExact(fleet.provider().calls().stream()
                .filter(call -> isOf(call, operation))
                .count());
    }

    private boolean isOf(Call call, Operation operation) {
        return call.operation() == operation && call.id().equals(Optional.of(id));
    }

    /** Waits until its agent is started: the first takeover has ended well. */
    public void awaitTakenOver() throws InterruptedException {
        fleet.await(
                id + " is taken over",
                this,
                () -> isRecordedAs(record -> record.agentStarted().isPresent()));
    }

    /** Waits until its agent, started and not given up, sends a heartbeat that the database takes after this call. */
    public void awaitHeard() throws InterruptedException {
        awaitHeardAfter(fleet.bmdb().now());
    }

    void awaitHeardAfter(Instant then) throws InterruptedException {
        fleet.await(
                id + " is heard",
                this,
                () -> isRecordedAs(record -> record.agentStarted().isPresent()
                        && record.agentHeartbeatAt().filter(then::isBefore).isPresent()));
    }

    /** Waits until the provider is asked to reboot it, once for each time that this was called. */
    public void awaitRebooted() throws InterruptedException {
        mayBeRebooted = true;
        int wanted;
        synchronized (this) {
            wanted = ++rebootsWaitedFor;
        }
        fleet.await(
                id + " is rebooted" + (wanted == 1 ? "" : " " + wanted + " times"), this, () -> reboots() >= wanted);
    }

    /** Waits until it is quarantined. */
    public void awaitQuarantined() throws InterruptedException {
        mayBeRebooted = true;
        UUID machine = machineId();
        Operator operator = Operator.of(fleet.bmdb());
        fleet.await(
                id + " is quarantined", this, () -> operator.quarantine(machine).isPresent());
    }

    private boolean isRecordedAs(Predicate<MachineRecord> wanted) throws InterruptedException {
        Optional<UUID> recorded = recordedId();
        return recorded.isPresent()
                && fleet.bmdb().machine(recorded.get()).filter(wanted).isPresent();
    }

    /** Shows the id and the SSH server. */
    @Override
    public String toString() {
        return "TestMachine[" + id + ", " + host + "]";
    }
}
