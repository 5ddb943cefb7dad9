package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkEvent;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.manager.takeover.Initializer;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.manager.takeover.TakeoverException;
import dev.shepherd.manager.takeover.TakeoverException.Kind;
import dev.shepherd.manager.takeover.TakeoverResult;
import dev.shepherd.manager.takeover.TakeoverStep;
import dev.shepherd.manager.takeover.TakeoverTarget;
import dev.shepherd.testkit.LogCapture;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InitializerTest extends InitializerScenario {

    @Test
    void aMachineWithoutAnAddressIsBackedOffWithThatReason() throws Exception {
        try (Shepherd shepherd = shepherd(target -> {
            throw new AssertionError("there is nothing to connect to");
        })) {
            UUID machine = UUID.randomUUID();
            record(
                    machine,
                    MachineInfo.builder(new ProviderID("nowhere"), Availability.KNOWN_USED)
                            .status(ProviderStatus.STOPPED)
                            .build());

            shepherd.initializer(TYPE).step();

            assertThat(read(machine).backoffs().get(0).cause()).contains("no address");
        }
    }

    @Test
    void aPinnedHostKeyThatIsNoneCostsThatMachineOnlyAndIsNamed() throws Exception {
        try (Shepherd shepherd = shepherd(InitializerTest::result)) {
            UUID bad = record(InetAddress.getLoopbackAddress(), 22);
            UUID good = record(InetAddress.getLoopbackAddress(), 22);
            inSession(tx -> tx.putSshHostKey(bad, "ssh-ed25519 rubbish"));

            shepherd.initializer(TYPE).step();
            shepherd.initializer(TYPE).step();

            assertThat(read(bad).backoffs().get(0).cause())
                    .startsWith("the host key that is pinned in the database cannot be used")
                    .doesNotContain("Exception");
            assertThat(read(good).agentStarted()).isPresent();
        }
    }

    @Test
    void whichBuildWasStartedIsRecordedAndForgottenWithTheNextTakeoverThatDoesNotSay() throws Exception {
        AgentBuild build = new AgentBuild("ab".repeat(32), Optional.of("1.4"));
        AtomicBoolean says = new AtomicBoolean(true);
        try (Shepherd shepherd = shepherd(target -> {
            TakeoverResult result = new TakeoverResult(
                    target.machineId(), VirtualFleet.AGENT_KEY, VirtualFleet.HOST_KEY, List.of(), Map.of());
            return says.get() ? result.withBuild(build) : result;
        })) {
            UUID machine = record(InetAddress.getLoopbackAddress(), 22);

            shepherd.initializer(TYPE).step();

            assertThat(read(machine).agentStarted().orElseThrow().build()).contains(build);
            assertThat(Operator.of(database.bmdb())
                            .explain(machine, RecoveryPolicy.DEFAULT)
                            .orElseThrow()
                            .toString())
                    .contains("from executable 1.4 (abababababab)");

            says.set(false);
            OperatorActions.of(database.bmdb(), Actor.program("nightshift")).restartAgent(machine, "another one");
            shepherd.initializer(TYPE).step();

            assertThat(read(machine).agentStarted().orElseThrow().build()).isEmpty();
        }
    }

    @Test
    void howeverManyWarningsATakeoverReturnsOneLineIsLogged() throws Exception {
        List<String> warnings = Collections.nCopies(500_000, "");
        LogCapture log = LogCapture.of(Initializer.class.getName());
        try (Shepherd shepherd = shepherd(target -> new TakeoverResult(
                target.machineId(), VirtualFleet.AGENT_KEY, VirtualFleet.HOST_KEY, warnings, Map.of()))) {
            UUID machine = record(InetAddress.getLoopbackAddress(), 22);
            log.start();

            shepherd.initializer(TYPE).step();

            assertThat(read(machine).agentStarted()).isPresent();
        } finally {
            log.stop();
        }
        assertThat(log.at("WARN"))
                .hasSize(1)
                .first()
                .asString()
                .contains("the agent warns")
                .endsWith("and 499989 more");
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            '', it has 0 bytes instead of 32
            d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751, it has 31 bytes instead of 32
            d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a00, it has 33 bytes instead of 32
            0000000000000000000000000000000000000000000000000000000000000000, it is a point of small order
            0100000000000000000000000000000000000000000000000000000000000080, it is a point of small order
            ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff, it is not in canonical form
            eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f, it is not in canonical form
            0200000000000000000000000000000000000000000000000000000000000000, it is not a point on the curve
            """)
    void aKeyThatProvesNothingIsAFailureOfItsMachineWhateverTakeoverReturnsIt(String key, String why) throws Exception {
        byte[] bytes = HexFormat.of().parseHex(key);
        try (Shepherd shepherd = shepherd(
                target -> new TakeoverResult(target.machineId(), bytes, VirtualFleet.HOST_KEY, List.of(), Map.of()))) {
            UUID machine = record(InetAddress.getLoopbackAddress(), 22);

            shepherd.initializer(TYPE).step();

            assertThat(read(machine).agentStarted()).isEmpty();
            assertThat(read(machine).sshHostKey()).isEmpty();
            assertThat(events(machine)).containsExactly(WorkEvent.STARTED, WorkEvent.FAILED);
            assertThat(read(machine).backoffs().get(0).cause())
                    .contains("failed at ANSWER after")
                    .endsWith("the agent's key is no ed25519 key: " + why);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            ''                       | not a host key (type, base64): ""
            ssh-ed25519              | not a host key (type, base64): "ssh-ed25519"
            ssh-ed25519 rubbish!     | not base64 in the host key: "rubbish!"
            ssh-ed25519 AAAA         | the host key is cut short
            ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA | it is a point of small order
            ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAINBlBmySR7y4k4+w3yxIFPvGKTpOIBAU9c45AhDePg+w | the host key says "ssh-rsa" and is "ssh-ed25519"
            ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAACQD//////////w== | RSA of 64 bits, under 2048
            """)
    void aHostKeyThatProvesNothingIsAFailureOfItsMachineWhateverTakeoverReturnsIt(String key, String why)
            throws Exception {
        try (Shepherd shepherd = shepherd(
                target -> new TakeoverResult(target.machineId(), VirtualFleet.AGENT_KEY, key, List.of(), Map.of()))) {
            UUID machine = record(InetAddress.getLoopbackAddress(), 22);

            shepherd.initializer(TYPE).step();

            assertThat(read(machine).agentStarted()).isEmpty();
            assertThat(read(machine).sshHostKey()).isEmpty();
            assertThat(events(machine)).containsExactly(WorkEvent.STARTED, WorkEvent.FAILED);
            assertThat(read(machine).backoffs().get(0).cause())
                    .contains("failed at ANSWER after")
                    .endsWith("the host key to pin cannot be used: " + why);
        }
    }

    @Test
    void aHostKeyIsRecordedWithoutItsComment() throws Exception {
        try (Shepherd shepherd = shepherd(target -> new TakeoverResult(
                target.machineId(),
                VirtualFleet.AGENT_KEY,
                "  " + VirtualFleet.HOST_KEY + " root@machine\u001b[2J\nanother line",
                List.of(),
                Map.of()))) {
            UUID machine = record(InetAddress.getLoopbackAddress(), 22);

            shepherd.initializer(TYPE).step();

            assertThat(read(machine).sshHostKey()).contains(VirtualFleet.HOST_KEY);
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
    void aMachineWhoseTakeoversFailInARowIsQuarantinedWhileOthersAreTakenOver() throws Exception {
        AtomicReference<@Nullable UUID> bad = new AtomicReference<>();
        AtomicReference<Kind> kind = new AtomicReference<>(Kind.PROTOCOL);
        try (Shepherd shepherd = shepherd(
                target -> {
                    if (target.machineId().equals(bad.get())) {
                        throw new TakeoverException(
                                kind.get(), TakeoverStep.CONNECT, target, Duration.ZERO, "it sends without end");
                    }
                    return result(target);
                },
                3)) {
            bad.set(record(InetAddress.getLoopbackAddress(), 22));
            fail(shepherd, 4);
            assertThat(Operator.of(database.bmdb()).quarantine(bad.get()))
                    .as("no machine is taken over: it may not be this one's fault")
                    .isEmpty();
            record(InetAddress.getLoopbackAddress(), 22);
            shepherd.initializer(TYPE).step();
            kind.set(Kind.UNREACHABLE);
            fail(shepherd, 1);
            assertThat(Operator.of(database.bmdb()).quarantine(bad.get()))
                    .as("what is not reached is recovery's")
                    .isEmpty();
            kind.set(Kind.PROTOCOL);

            fail(shepherd, 1);

            assertThat(Operator.of(database.bmdb())
                            .quarantine(bad.get())
                            .orElseThrow()
                            .cause())
                    .contains("6 takeovers in a row failed", "it sends without end");
            OperatorActions.of(database.bmdb(), Actor.program("alice")).release(bad.get(), "a test");
            fail(shepherd, 2);
            assertThat(Operator.of(database.bmdb()).quarantine(bad.get()))
                    .as("the count has begun again")
                    .isEmpty();
            fail(shepherd, 1);
            assertThat(Operator.of(database.bmdb()).quarantine(bad.get())).isPresent();
        }
    }

    private void fail(Shepherd shepherd, int times) throws Exception {
        for (int i = 0; i < times; i++) {
            database.advance(Duration.ofHours(5));
            assertThat(shepherd.initializer(TYPE).step()).isEqualTo(1);
        }
    }

    @Test
    void anOutageOfTheDatabaseIsNotHeldAgainstAMachine() throws Exception {
        AtomicInteger tries = new AtomicInteger();
        try (Shepherd shepherd = shepherd(target -> {
            if (tries.incrementAndGet() == 1) {
                loseConnections();
            }
            throw new IllegalStateException("a defect");
        })) {
            UUID machine = record(InetAddress.getLoopbackAddress(), 22);

            shepherd.initializer(TYPE).step();

            assertThat(events(machine)).containsExactly(WorkEvent.STARTED, WorkEvent.CANCELED);
            assertThat(read(machine).backoffs().get(0).cause()).contains("the database could not be reached");
            database.advance(Duration.ofSeconds(10)); // Far less than the backoff of a takeover that failed.
            shepherd.initializer(TYPE).step();
            assertThat(tries).hasValue(2);
        }
    }

    /** Asks until it has been tried often enough, each time in vain. */
    private void loseConnections() {
        try {
            database.bmdb().query(dsl -> dsl.fetch("select pg_terminate_backend(pg_backend_pid())"));
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** As when the system has no room for another thread. */
    @Test
    void aTaskThatCannotBeStartedKeepsNoPlace() throws Exception {
        AtomicBoolean full = new AtomicBoolean(true);
        ThreadPoolExecutor executor = new ThreadPoolExecutor(0, 10, 1, TimeUnit.SECONDS, new SynchronousQueue<>()) {
            @Override
            public void execute(Runnable task) {
                if (full.getAndSet(false)) {
                    throw new OutOfMemoryError("unable to create native thread");
                }
                super.execute(task);
            }
        };
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(provider)
                .loops(Set.of(LoopKind.INITIALIZER))
                .executor(executor)
                .initializer(InitializerSettings.builder().parallelism(1).build())
                .takeover(InitializerTest::result)
                .build()) {
            UUID machine = record(InetAddress.getLoopbackAddress(), 22);

            assertThatThrownBy(() -> shepherd.initializer(TYPE).step()).isInstanceOf(OutOfMemoryError.class);
            assertThat(read(machine).work()).isEmpty();
            assertThat(shepherd.initializer(TYPE).step()).isEqualTo(1);
            assertThat(read(machine).agentStarted()).isPresent();
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    void noMoreMachinesAreTakenOverAtOnceThanTheSettingsAllow() throws Exception {
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CountDownLatch full = new CountDownLatch(4);
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(provider)
                .loops(Set.of(LoopKind.INITIALIZER)) // The others would miss the machines at the provider.
                .initializer(InitializerSettings.builder()
                        .parallelism(4)
                        .pollInterval(Duration.ofMillis(50))
                        .build())
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

            await().atMost(LIMIT)
                    .until(() -> Operator.of(database.bmdb()).statistics().agentStarted() == 20);
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
            byte[] key = VirtualFleet.agentKey(takeovers.get());
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
            database.advance(Duration.ofSeconds(2)); // What was lost is left alone for a moment.
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

        assertThat(Operator.of(database.bmdb()).statistics().activeWork()).isEmpty();
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
            await().atMost(LIMIT)
                    .until(() -> Operator.of(database.bmdb()).statistics().agentStarted() == 50);
        }
        assertThat(takeovers)
                .hasSize(50)
                .allSatisfy((machine, count) -> assertThat(count).isEqualTo(1));
    }

    static TakeoverResult result(TakeoverTarget target) {
        return new TakeoverResult(
                target.machineId(), VirtualFleet.AGENT_KEY, VirtualFleet.HOST_KEY, List.of(), Map.of());
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

    private static Set<String> threads() {
        return Thread.getAllStackTraces().keySet().stream().map(Thread::getName).collect(Collectors.toSet());
    }
}
