package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.WorkEvent;
import dev.shepherd.bmdb.WorkHistoryEntry;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.manager.takeover.TakeoverResult;
import dev.shepherd.manager.takeover.TakeoverTarget;
import dev.shepherd.testkit.BmdbExtension;
import dev.shepherd.testkit.Mood;
import dev.shepherd.testkit.SshHost;
import dev.shepherd.testkit.TestAgent;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.jooq.impl.DSL;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class InitializerTest {

    private static final ProviderType TYPE = new ProviderType("lab");
    private static final Duration LIMIT = Duration.ofSeconds(30);

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create(config -> config.sessionInterval(Duration.ofSeconds(10)));

    @TempDir
    Path folder;

    private final AtomicInteger machines = new AtomicInteger();

    @Test
    void aMachineIsTakenOverAndItsAgentAndHostKeyRecorded() throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(60)))) {
            UUID machine = record(host.address(), host.port());

            assertThat(shepherd.initializer(TYPE).step()).isEqualTo(1);

            MachineRecord taken = read(machine);
            assertThat(taken.agentStarted().orElseThrow().publicKey()).hasSize(32);
            assertThat(taken.sshHostKey()).contains(host.hostKey());
            assertThat(taken.work()).isEmpty();
            assertThat(events(machine)).containsExactly(WorkEvent.STARTED, WorkEvent.FINISHED);
            assertThat(shepherd.initializer(TYPE).step())
                    .as("nothing is left to do")
                    .isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Mood.class,
            names = {"NORMAL"},
            mode = EnumSource.Mode.EXCLUDE)
    void aMachineInABadMoodIsBackedOffWithTheReasonAndLeavesNothingBehind(Mood mood) throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(5)))) {
            host.setMood(mood);
            UUID machine = record(host.address(), host.port());

            assertThat(shepherd.initializer(TYPE).step()).isEqualTo(1);

            MachineRecord failed = read(machine);
            assertThat(failed.agentStarted()).isEmpty();
            assertThat(failed.sshHostKey()).isEmpty();
            assertThat(failed.work()).isEmpty();
            assertThat(failed.backoffs()).hasSize(1);
            MachineRecord.ActiveBackoff backoff = failed.backoffs().get(0);
            assertThat(backoff.process()).isEqualTo(WorkProcess.AGENT_START);
            assertThat(backoff.lastIntervalSeconds()).isEqualTo(300);
            assertThat(backoff.cause())
                    .contains(machine.toString())
                    .contains("127.0.0.1:" + host.port())
                    .contains("failed at ");
            assertThat(events(machine)).containsExactly(WorkEvent.STARTED, WorkEvent.FAILED);
            assertThat(shepherd.initializer(TYPE).step())
                    .as("it is left alone for now")
                    .isZero();
            await().atMost(LIMIT).until(() -> host.openConnections() == 0);

            host.setMood(Mood.NORMAL);
            database.advance(Duration.ofMinutes(6));
            shepherd(ssh(Duration.ofSeconds(60))).initializer(TYPE).step();
            assertThat(read(machine).agentStarted())
                    .as("taken over once it is well")
                    .isPresent();
            assertThat(read(machine).backoffs()).isEmpty();
        }
    }

    @Test
    void aSecondFailureIsBackedOffForLonger() throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(5)))) {
            host.setMood(Mood.REFUSE);
            UUID machine = record(host.address(), host.port());

            shepherd.initializer(TYPE).step();
            database.advance(Duration.ofMinutes(6));
            shepherd.initializer(TYPE).step();

            assertThat(read(machine).backoffs().get(0).lastIntervalSeconds()).isEqualTo(360);
        }
    }

    @Test
    void aMachineThatShowsAnotherHostKeyIsNotTakenOver() throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(60)))) {
            UUID machine = record(host.address(), host.port());
            shepherd.initializer(TYPE).step();
            String pinned = host.hostKey();
            int executions = host.executions().size();
            host.changeHostKey();
            forgetAgent(machine);

            shepherd.initializer(TYPE).step();

            MachineRecord refused = read(machine);
            assertThat(refused.agentStarted()).isEmpty();
            assertThat(refused.sshHostKey()).contains(pinned);
            assertThat(refused.backoffs().get(0).cause()).contains("host key", "SHA256:");
            assertThat(host.executions()).hasSize(executions);
        }
    }

    @Test
    void aMachineThatIsTakenOverAgainGetsTheNewKeyAndHasYetToBeHeard() throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(60)))) {
            UUID machine = record(host.address(), host.port());
            shepherd.initializer(TYPE).step();
            byte[] firstKey = read(machine).agentStarted().orElseThrow().publicKey();
            inSession(tx -> tx.putAgentHeartbeat(machine));
            forgetAgent(machine);

            shepherd.initializer(TYPE).step();

            assertThat(read(machine).agentStarted().orElseThrow().publicKey()).isNotEqualTo(firstKey);
            assertThat(read(machine).agentHeartbeatAt()).isEmpty();
        }
    }

    @Test
    void aMachineWithoutAnAddressIsBackedOffWithThatReason() throws Exception {
        try (Shepherd shepherd = shepherd(target -> {
            throw new AssertionError("there is nothing to connect to");
        })) {
            UUID machine = UUID.randomUUID();
            inSession(tx -> tx.recordMachine(
                    TYPE,
                    CreateMachineRequest.any(machine),
                    MachineInfo.builder(new ProviderID("nowhere"), Availability.KNOWN_UNUSED)
                            .build()));

            shepherd.initializer(TYPE).step();

            assertThat(read(machine).backoffs().get(0).cause()).contains("no address");
        }
    }

    @Test
    void aTakeoverThatFailsInAWayNobodyForesawIsBackedOffAsWell() throws Exception {
        AtomicInteger tries = new AtomicInteger();
        try (Shepherd shepherd = shepherd(target -> {
            tries.incrementAndGet();
            throw new IllegalStateException("a defect");
        })) {
            UUID machine = record(InetAddress.getLoopbackAddress(), 22);

            shepherd.initializer(TYPE).step();
            shepherd.initializer(TYPE).step();

            assertThat(tries).hasValue(1);
            assertThat(read(machine).backoffs().get(0).cause()).contains("a defect");
            assertThat(events(machine)).containsExactly(WorkEvent.STARTED, WorkEvent.FAILED);
        }
    }

    @Test
    void noMoreMachinesAreTakenOverAtOnceThanTheSettingsAllow() throws Exception {
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CountDownLatch full = new CountDownLatch(4);
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(new EmptyProvider(TYPE))
                .loops(Set.of(LoopKind.INITIALIZER)) // The others would miss the machines at the provider.
                .initializer(InitializerSettings.DEFAULT.withParallelism(4).withPollInterval(Duration.ofMillis(50)))
                .takeover(target -> {
                    most.accumulateAndGet(running.incrementAndGet(), Math::max);
                    full.countDown();
                    full.await();
                    running.decrementAndGet();
                    return result(target);
                })
                .build()) {
            for (int i = 0; i < 20; i++) {
                record(InetAddress.getLoopbackAddress(), 22);
            }
            shepherd.start();

            await().atMost(LIMIT).until(() -> database.bmdb().statistics().agentStarted() == 20);
            assertThat(most).hasValue(4);
            LoopStatus status = shepherd.status().loops().get(1);
            assertThat(status.name()).isEqualTo("initializer");
            await().atMost(LIMIT).until(() -> shepherd.status().loops().get(1).succeeded() == 20);
        }
    }

    @Test
    void aCommitThatFailsAfterASuccessfulTakeoverDoesNotStrandTheMachine() throws Exception {
        AtomicInteger takeovers = new AtomicInteger();
        MachineTakeover thenCutOff = target -> {
            if (takeovers.incrementAndGet() == 1) {
                // The agent runs, and what records it is no longer allowed to commit.
                inSession(tx -> tx.dsl()
                        .execute("update sessions set session_deadline = now() - interval '1 minute'"
                                + " where session_component_name like 'initializer%'"));
            }
            byte[] key = new byte[32];
            key[0] = takeovers.byteValue();
            return new TakeoverResult(target.machineId(), key, VirtualFleet.HOST_KEY, List.of(), Map.of());
        };
        try (Shepherd shepherd = shepherd(thenCutOff)) {
            UUID machine = record(InetAddress.getLoopbackAddress(), 22);

            shepherd.initializer(TYPE).step();

            assertThat(takeovers).hasValue(1);
            assertThat(read(machine).agentStarted()).isEmpty();
            await().atMost(LIMIT).until(() -> shepherd.initializer(TYPE).step() == 1);
            assertThat(takeovers).hasValue(2);
            assertThat(read(machine).agentStarted().orElseThrow().publicKey()[0])
                    .as("the key of the agent that was started last")
                    .isEqualTo((byte) 2);
            assertThat(read(machine).work()).isEmpty();
        }
    }

    @Test
    void aTakeoverWhoseSessionIsLostIsInterruptedAndRecordsNothing() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        AtomicBoolean interrupted = new AtomicBoolean();
        AtomicReference<UUID> holder = new AtomicReference<>();
        MachineTakeover stuck = target -> {
            begun.countDown();
            try {
                Thread.sleep(LIMIT.toMillis());
            } catch (InterruptedException e) {
                interrupted.set(true);
                throw e;
            }
            return result(target);
        };
        try (Shepherd shepherd = shepherd(stuck)) {
            UUID machine = record(InetAddress.getLoopbackAddress(), 22);
            Thread step = new Thread(() -> {
                try {
                    shepherd.initializer(TYPE).step();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            step.start();
            begun.await();
            holder.set(read(machine).work().get(0).sessionId());

            expire(holder.get());
            step.join(LIMIT.toMillis());

            assertThat(interrupted).isTrue();
            await().atMost(LIMIT).untilAsserted(() -> {
                database.openAnother().reapExpiredSessions();
                assertThat(read(machine).work()).isEmpty();
            });
            assertThat(read(machine).agentStarted()).isEmpty();
            assertThat(events(machine)).containsExactly(WorkEvent.STARTED, WorkEvent.CANCELED);
            try (Shepherd other = shepherd(InitializerTest::result)) {
                assertThat(other.initializer(TYPE).step())
                        .as("claimed by another")
                        .isEqualTo(1);
            }
        }
    }

    @Test
    void closingInterruptsTheTakeoversAndReleasesTheirWork() throws Exception {
        CountDownLatch begun = new CountDownLatch(3);
        Set<String> threadsBefore = threads();
        for (int i = 0; i < 3; i++) {
            record(InetAddress.getLoopbackAddress(), 22);
        }
        Shepherd shepherd = shepherd(target -> {
            begun.countDown();
            Thread.sleep(LIMIT.toMillis());
            return result(target);
        });
        shepherd.start();
        begun.await();

        shepherd.close();

        assertThat(database.bmdb().statistics().activeWork()).isEmpty();
        Integer sessions = database.bmdb().query(dsl -> dsl.fetchCount(DSL.table("sessions")));
        assertThat(sessions).isZero();
        await().atMost(LIMIT).untilAsserted(() -> {
            Set<String> left = threads();
            left.removeAll(threadsBefore);
            assertThat(left)
                    .noneMatch(name -> name.startsWith("shepherd-initializer")
                            || name.startsWith("shepherd-provisioner")
                            || name.startsWith("shepherd-worker"));
        });
        assertThat(shepherd.status().loops())
                .allMatch(loop -> loop.state() == LoopStatus.State.CLOSED && loop.inProgress() == 0);
        shepherd.close();
    }

    @Test
    void twoInitializersTakeEachMachineOverOnce() throws Exception {
        Map<UUID, Integer> takeovers = new ConcurrentHashMap<>();
        MachineTakeover counting = target -> {
            takeovers.merge(target.machineId(), 1, Integer::sum);
            return result(target);
        };
        for (int i = 0; i < 50; i++) {
            record(InetAddress.getLoopbackAddress(), 22);
        }
        try (Shepherd one = shepherd(counting);
                Shepherd two = shepherd(counting)) {
            one.start();
            two.start();
            await().atMost(LIMIT).until(() -> database.bmdb().statistics().agentStarted() == 50);
        }
        assertThat(takeovers)
                .hasSize(50)
                .allSatisfy((machine, count) -> assertThat(count).isEqualTo(1));
    }

    private Shepherd shepherd(MachineTakeover takeover) {
        return Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(new EmptyProvider(TYPE))
                .loops(Set.of(LoopKind.INITIALIZER)) // The others would miss the machines at the provider.
                .takeover(takeover)
                .initializer(InitializerSettings.DEFAULT.withPollInterval(Duration.ofMillis(50)))
                .build();
    }

    private SshHost host() {
        return SshHost.builder()
                .authorizedKey(credentials().publicKey().orElseThrow())
                .start();
    }

    private SshCredentials credentials() {
        return SshCredentials.generateIfAbsent(folder.resolve("id_ed25519"));
    }

    private AgentTakeover ssh(Duration limit) {
        return AgentTakeover.builder()
                .executable(TestAgent.write(folder.resolve("agent")))
                .credentials(credentials())
                .endpoint("fleet.example:7834")
                .totalTimeout(limit)
                .build();
    }

    private static TakeoverResult result(TakeoverTarget target) {
        byte[] key = new byte[32];
        key[0] = 7;
        return new TakeoverResult(target.machineId(), key, "ssh-ed25519 AAAA", List.of(), Map.of());
    }

    private UUID record(InetAddress address, int port) throws InterruptedException {
        UUID machine = UUID.randomUUID();
        MachineInfo info = MachineInfo.builder(
                        new ProviderID("machine-" + machines.incrementAndGet()), Availability.KNOWN_USED)
                .address(address)
                .sshPort(port)
                .build();
        inSession(tx -> tx.recordMachine(TYPE, CreateMachineRequest.any(machine), info));
        return machine;
    }

    private void forgetAgent(UUID machine) throws InterruptedException {
        inSession(tx -> tx.clearAgentStarted(machine));
    }

    @FunctionalInterface
    private interface Writes {
        void on(dev.shepherd.bmdb.BmdbTransaction tx);
    }

    private void inSession(Writes writes) throws InterruptedException {
        try (BmdbSession session = database.bmdb().startSession("test", "here")) {
            session.inTransaction(tx -> {
                writes.on(tx);
                return true;
            });
        }
    }

    /** Lets a session's deadline pass behind its back, as if no heartbeat had arrived. */
    private void expire(UUID session) throws InterruptedException {
        try (BmdbSession other = database.bmdb().startSession("test", "here")) {
            other.inTransaction(tx -> tx.dsl()
                    .execute(
                            "update sessions set session_deadline = now() - interval '1 minute' where session_id = ?",
                            session));
        }
    }

    private MachineRecord read(UUID machine) throws InterruptedException {
        return database.bmdb().machine(machine).orElseThrow();
    }

    /** The events of a machine's history, oldest first. */
    private List<WorkEvent> events(UUID machine) throws InterruptedException {
        List<WorkEvent> events = database.bmdb().history(machine, 100).stream()
                .map(WorkHistoryEntry::event)
                .collect(Collectors.toList());
        java.util.Collections.reverse(events);
        return events;
    }

    private static Set<String> threads() {
        return Thread.getAllStackTraces().keySet().stream().map(Thread::getName).collect(Collectors.toSet());
    }
}
