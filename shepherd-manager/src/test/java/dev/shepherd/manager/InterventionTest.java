package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.WorkEvent;
import dev.shepherd.bmdb.WorkHistoryEntry;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentCallException;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorAction;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.Pause;
import dev.shepherd.bmdb.operator.Verb;
import dev.shepherd.manager.VirtualFleet.Effect;
import dev.shepherd.manager.VirtualFleet.Health;
import dev.shepherd.manager.operator.InterventionException;
import dev.shepherd.testkit.provider.FakeProvider.Blocked;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Reboots and reinstallations on a person's word. */
class InterventionTest extends RecoveryScenario {

    private static final byte[] KEY = VirtualFleet.AGENT_KEY;
    private static final Actor ALICE = Actor.program("alice");

    private AgentCallback callback;
    private Shepherd shepherd;
    private UUID machine;

    @BeforeEach
    void aFleetThatIsWell() throws Exception {
        fleet(20, 1);
        shepherd = fleet.manager(POLICY);
        machine = fleet.all().get(3);
        callback = AgentCallback.of(database.bmdb());
        callback.start();
        inTransaction(tx -> tx.putSshHostKey(machine, VirtualFleet.HOST_KEY));
    }

    @AfterEach
    void closeTheCallback() {
        callback.close();
    }

    private MachineRecord read() throws InterruptedException {
        return database.bmdb().machine(machine).orElseThrow();
    }

    private void install() throws InterruptedException {
        inTransaction(tx -> tx.requestInstallation(machine, new byte[] {1}));
        report();
        assertThat(read().isInstallationFulfilled()).isTrue();
    }

    private void report() throws InterruptedException {
        callback.call(AgentCall.of(machine, KEY).withInstallationReport(1, InstallationResult.SUCCESS, new byte[0]));
    }

    private AgentCallException.Reason refusal() {
        return catchThrowableOfType(AgentCallException.class, this::report).reason();
    }

    @Test
    void aMachineThatIsInstalledIsReinstalledAndComesBackToTheLoops() throws Exception {
        install();
        AtomicReference<AgentCallException.Reason> refused = new AtomicReference<>();
        AtomicReference<MachineRecord> during = new AtomicReference<>();
        fleet.provider().onReinstall(id -> {
            refused.set(refusal());
            fleet.killAgent(machine);
            try {
                during.set(read());
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });

        Explanation explanation = shepherd.reinstall(machine, ALICE, "the customer left", false);

        assertThat(refused).hasValue(AgentCallException.Reason.AGENT_NOT_STARTED);
        assertThat(during.get().work()).extracting(work -> work.process()).containsExactly(WorkProcess.ACCESS);
        MachineRecord after = read();
        assertThat(after.isInstallationFulfilled()).isFalse();
        assertThat(after.installationRequest()).isPresent();
        assertThat(after.installationReport()).isEmpty();
        assertThat(after.agentStarted()).isEmpty();
        assertThat(after.agentHeartbeatAt()).isEmpty();
        assertThat(after.sshHostKey()).isEmpty();
        assertThat(explanation.processes())
                .filteredOn(process -> process.process().equals(WorkProcess.AGENT_START))
                .extracting(Explanation.OfProcess::rule)
                .containsExactly(Explanation.Rule.BACKED_OFF);
        assertThat(statistics().inRecovery()).isEqualTo(1);
        assertThat(Operator.of(database.bmdb()).verifyQueue(POLICY).isRight()).isTrue();
        pass(10);
        assertThat(read().agentHeartbeatAt()).isPresent();
        assertThat(read().sshHostKey()).contains(VirtualFleet.HOST_KEY);
        assertThat(statistics().inRecovery()).isZero();
        assertThat(fleet.provider().calls(Operation.REINSTALL)).isEqualTo(1);
        assertThat(fleet.effects()).isEmpty();
    }

    @Test
    void theHistoryTellsWhoAskedForItAndWhy() throws Exception {
        shepherd.reboot(machine, ALICE, "hangs at the login", false);

        List<WorkHistoryEntry> history = database.bmdb().history(machine, 10);
        assertThat(history).extracting(WorkHistoryEntry::event).containsExactly(WorkEvent.FINISHED, WorkEvent.STARTED);
        assertThat(history.get(1).note()).contains("reboot on behalf of alice: hangs at the login");
        assertThat(fleet.effects()).extracting(Effect::machine).containsExactly(machine);
    }

    @Test
    void aRebootedMachineIsInRecoveryUntilItIsHeard() throws Exception {
        shepherd.reboot(machine, ALICE, "hangs", false);

        assertThat(read().agentStarted()).isEmpty();
        RecoveryState state = Operator.of(database.bmdb()).recovery(machine).orElseThrow();
        assertThat(state.isOpen()).isTrue();
        assertThat(state.underWay()).isFalse();
        assertThat(state.attempts()).isEqualTo(1);
        pass(10);
        assertThat(Operator.of(database.bmdb()).recovery(machine).orElseThrow().isOpen())
                .isFalse();
        assertThat(fleet.effects()).hasSize(1);
    }

    @ParameterizedTest
    @EnumSource(value = Reason.class, names = "TRANSIENT", mode = EnumSource.Mode.EXCLUDE)
    void aReinstallationThatTheProviderRefusesLeavesAllAsItWas(Reason reason) throws Exception {
        install();
        fleet.provider().onReinstall(id -> {});
        fleet.provider().failNext(Operation.REINSTALL, new ProviderException(reason, "no"));
        MachineRecord before = read();

        assertThatThrownBy(() -> shepherd.reinstall(machine, ALICE, "try", false))
                .isInstanceOfSatisfying(
                        ProviderException.class, e -> assertThat(e.reason()).isEqualTo(reason));

        assertThat(read().isInstallationFulfilled()).isTrue();
        assertThat(read().agentStarted().orElseThrow().startedAt())
                .isEqualTo(before.agentStarted().orElseThrow().startedAt());
        assertThat(read().agentHeartbeatAt()).isEqualTo(before.agentHeartbeatAt());
        assertThat(read().sshHostKey()).isEqualTo(before.sshHostKey());
        assertThat(Operator.of(database.bmdb()).recovery(machine)).isEmpty();
        report();
        assertThat(database.bmdb().history(machine, 1).get(0).failedCause()).contains("no");
    }

    @Test
    void aReinstallationOfUnknownOutcomeCountsAsOne() throws Exception {
        install();
        fleet.provider().onReinstall(id -> {});
        fleet.provider()
                .failNextAfterEffect(Operation.REINSTALL, new ProviderException(Reason.TRANSIENT, "lost the answer"));

        assertThatThrownBy(() -> shepherd.reinstall(machine, ALICE, "try", false))
                .isInstanceOf(ProviderException.class);

        assertThat(read().isInstallationFulfilled()).isFalse();
        assertThat(refusal()).isEqualTo(AgentCallException.Reason.AGENT_NOT_STARTED);
        assertThat(Operator.of(database.bmdb()).recovery(machine).orElseThrow().isOpen())
                .isTrue();
    }

    /** The thread is interrupted during the call: as far as anybody can tell, the machine was rebooted. */
    @Test
    void aRebootThatWasCutShortIsNotRepeatedByTheRecoverer() throws Exception {
        Thread[] caller = new Thread[1];
        fleet.provider().onReboot(id -> {
            fleet.become(Health.DEAD, machine);
            caller[0].interrupt();
        });
        CompletableFuture<Void> rebooting = background(() -> {
            caller[0] = Thread.currentThread();
            shepherd.reboot(machine, ALICE, "hangs", false);
        });
        assertThatThrownBy(rebooting::join).hasRootCauseInstanceOf(InterruptedException.class);
        assertThat(Operator.of(database.bmdb()).recovery(machine).orElseThrow().underWay())
                .isTrue();

        pass(25);

        assertThat(fleet.provider().calls(Operation.REBOOT)).isEqualTo(1);
        assertThat(read().agentStarted()).isEmpty();
    }

    @Test
    void aMachineInQuarantineIsRebootedAndStaysThere() throws Exception {
        OperatorActions.of(database.bmdb(), Actor.program("bob")).quarantine(machine, "flaps");

        Explanation explanation = shepherd.reboot(machine, ALICE, "see whether it boots", false);

        assertThat(fleet.effects()).hasSize(1);
        assertThat(explanation.processes())
                .filteredOn(process -> process.process().equals(WorkProcess.AGENT_START))
                .extracting(Explanation.OfProcess::rule)
                .containsExactly(Explanation.Rule.QUARANTINED);
        pass(10);
        assertThat(read().agentStarted()).isEmpty();
        OperatorActions.of(database.bmdb(), Actor.program("bob")).release(machine, "a test");
        pass(2);
        assertThat(read().agentStarted()).isPresent();
    }

    @Test
    void aPauseOfTheMachineStopsAPersonUnlessItIsForced() throws Exception {
        OperatorActions.of(database.bmdb(), ALICE).pause(machine, null, null, "looks at it", null);
        assertThat(refused(machine)).isEqualTo(InterventionException.Reason.PAUSED);
        assertThat(fleet.effects()).isEmpty();

        shepherd.reboot(machine, ALICE, "part of looking at it", true);

        assertThat(fleet.effects()).hasSize(1);
        OperatorAction action = reboots().get(0);
        assertThat(action.by()).isEqualTo("alice");
        assertThat(action.reason()).isEqualTo("part of looking at it");
        assertThat(action.details()).contains("forced");
    }

    private List<OperatorAction> reboots() throws InterruptedException {
        return Operator.of(database.bmdb()).actions(machine, null, 10).stream()
                .filter(action -> action.verb().equals(Verb.REBOOT.databaseName()))
                .toList();
    }

    @Test
    void theRecordOfARebootIsThereBeforeTheProviderIsCalledAndStaysIfThatFails() throws Exception {
        AtomicReference<List<OperatorAction>> during = new AtomicReference<>();
        fleet.provider().onReboot(id -> {
            try {
                during.set(reboots());
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            throw new ProviderException(Reason.TRANSIENT, "no answer");
        });

        assertThatThrownBy(() -> shepherd.reboot(machine, ALICE, "hangs", false))
                .isInstanceOf(ProviderException.class);

        assertThat(during.get()).hasSize(1);
        assertThat(reboots()).isEqualTo(during.get());
        assertThat(database.bmdb().history(machine, 1).get(0).failedCause().orElseThrow())
                .contains("no answer");
    }

    @Test
    void aLimitStopsAPersonAndLeaveNoTrace() throws Exception {
        List<UUID> others =
                fleet.all().stream().filter(id -> !id.equals(machine)).toList();
        Shepherd strict = fleet.manager(
                database.openAnother(),
                RecoveryPolicy.builder().maxPerProvider(1).build());
        strict.reboot(others.get(0), ALICE, "first", false);

        InterventionException atLimit =
                catchThrowableOfType(InterventionException.class, () -> strict.reboot(machine, ALICE, "second", false));

        assertThat(atLimit.reason()).isEqualTo(InterventionException.Reason.AT_LIMIT);
        assertThat(atLimit).hasMessageContaining("1 of at most 1 of the 20 machines");
        assertThat(reboots()).isEmpty();
        assertThat(database.bmdb().history(machine, 10)).isEmpty();
        assertThat(read().agentStarted()).isPresent();
    }

    @Test
    void nothingIsDoneWhereItMustNotBe() throws Exception {
        assertThat(refused(UUID.randomUUID())).isEqualTo(InterventionException.Reason.UNKNOWN_MACHINE);
        UUID bare = UUID.randomUUID();
        inTransaction(tx -> tx.createMachine(bare));
        assertThat(refused(bare)).isEqualTo(InterventionException.Reason.OTHER_PROVIDER);
        try (BmdbSession session = database.bmdb().startSession("test", "here")) {
            session.claimMachine(WorkProcess.AGENT_START, machine).orElseThrow();
            assertThat(refused(machine)).isEqualTo(InterventionException.Reason.WORKED_ON);
        }
        Pause pause = OperatorActions.of(database.bmdb(), Actor.program("bob"))
                .pause(null, VirtualFleet.TYPE, null, "maintenance", null);
        assertThat(refused(machine)).isEqualTo(InterventionException.Reason.PAUSED);
        OperatorActions.of(database.bmdb(), Actor.program("test")).resume(pause.id(), "it is over");
        try (Shepherd without = Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(new CannotReboot())
                .takeover(target -> {
                    throw new AssertionError();
                })
                .build()) {
            assertThat(catchThrowableOfType(
                                    InterventionException.class, () -> without.reboot(machine, ALICE, "try", false))
                            .reason())
                    .isEqualTo(InterventionException.Reason.NOT_SUPPORTED);
        }
        assertThatThrownBy(() -> shepherd.reboot(machine, ALICE, " ", false))
                .isInstanceOf(IllegalArgumentException.class);
        shepherd.close();
        assertThatThrownBy(() -> shepherd.reboot(machine, ALICE, "try", false))
                .isInstanceOf(IllegalStateException.class);
        assertThat(fleet.provider().calls(Operation.REBOOT)).isZero();
    }

    private InterventionException.Reason refused(UUID machineId) {
        return catchThrowableOfType(InterventionException.class, () -> shepherd.reboot(machineId, ALICE, "try", false))
                .reason();
    }

    /** The attempt is begun when the provider takes the call, not while others are served. */
    @Test
    void thePersonsCallWaitsForItsTurnAtTheProvider() throws Exception {
        try (Blocked listing = fleet.provider().blockNext(Operation.LIST)) {
            CompletableFuture<Void> planning = background(() -> shepherd.plan(VirtualFleet.TYPE));
            listing.awaitReached();
            CompletableFuture<Void> rebooting = background(() -> shepherd.reboot(machine, ALICE, "hangs", false));
            await().atMost(Duration.ofSeconds(30)).until(() -> !read().work().isEmpty());
            assertThat(Operator.of(database.bmdb()).recovery(machine)).isEmpty();
            listing.release();
            planning.join();
            rebooting.join();
        }
        assertThat(fleet.provider().mostConcurrentCalls()).isEqualTo(1);
        assertThat(fleet.effects()).hasSize(1);
    }

    private static final class CannotReboot implements Provider {
        @Override
        public ProviderType type() {
            return VirtualFleet.TYPE;
        }

        @Override
        public List<? extends Machine> listMachines() {
            return List.of();
        }

        @Override
        public Machine getMachine(ProviderID id) {
            throw new MachineNotFoundException("none");
        }

        @Override
        public Machine createMachine(Session session, CreateMachineRequest request) {
            throw new ProviderException(Reason.NO_CAPACITY, "none");
        }
    }
}
