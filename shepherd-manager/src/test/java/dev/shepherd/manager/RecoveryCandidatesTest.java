package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderStatus;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.manager.VirtualFleet.Effect;
import dev.shepherd.manager.VirtualFleet.Health;
import dev.shepherd.testkit.provider.FakeProvider.Blocked;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class RecoveryCandidatesTest extends RecoveryScenario {

    @Test
    void aMachineThatIsBeingInstalledByItsProviderIsLeftAlone() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID machine = fleet.all().get(0);
        fleet.become(Health.DEAD, machine);
        provided(machine, "Provisioning");

        pass(120);
        assertThat(fleet.effects()).isEmpty();

        provided(machine, "Running");
        pass(30);
        assertThat(fleet.effects()).isNotEmpty();
    }

    private void provided(UUID machine, String status) throws InterruptedException {
        inTransaction(tx -> tx.dsl()
                .execute("update machine_provided set provider_status = ? where machine_id = ?", status, machine));
    }

    @Test
    void anInstalledMachineThatStopsHeartbeatingIsLeftAlone() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID installed = fleet.all().get(0);
        inTransaction(tx -> tx.putInstallationReport(
                installed, tx.requestInstallation(installed, new byte[0]), InstallationResult.SUCCESS, new byte[0]));
        fleet.killAgent(installed);

        passUneventfully(Duration.ofHours(10));

        assertThat(fleet.effects()).isEmpty();
        assertThat(database.bmdb().history(installed, 10)).isEmpty();
    }

    @Test
    void aFailedInstallationFollowedByAnotherRequestLeadsToAgentStartAgain() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID machine = fleet.all().get(0);
        inTransaction(tx -> {
            long generation = tx.requestInstallation(machine, new byte[0]);
            tx.putInstallationReport(machine, generation, InstallationResult.ERROR, new byte[0]);
            tx.requestInstallation(machine, new byte[0]);
        });
        fleet.become(Health.HUNG, machine);

        pass(60);

        assertThat(fleet.effects()).extracting(Effect::machine).containsExactly(machine);
        assertThat(database.bmdb().machine(machine).orElseThrow().agentHeartbeatAt())
                .isPresent();
    }

    @Test
    void aMachineThatSshNeverReachedIsRecoveredToo() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID hung = fleet.all().get(3);
        fleet.become(Health.HUNG, hung);
        inTransaction(tx -> {
            tx.clearAgentStarted(hung);
            tx.clearAgentHeartbeat(hung);
        });

        pass(90);

        assertThat(fleet.effects()).extracting(Effect::machine).containsExactly(hung);
        assertThat(statistics().recovered()).isEqualTo(1);
        assertThat(database.bmdb().machine(hung).orElseThrow().agentStarted()).isPresent();
    }

    @Test
    void aMachineThatHeartbeatsWhileItsRebootIsBeingClaimedIsNotRebooted() throws Exception {
        fleet(20, 1);
        Shepherd manager = fleet.manager(POLICY);
        UUID silent = fleet.all().get(3);
        fleet.killAgent(silent);
        pass(9);
        fleet.passWithoutManagers(Duration.ofMinutes(3));
        // The provider takes one call at a time and is busy: the machine is claimed, and its reboot waits.
        Blocked busy = fleet.provider().blockNext(Operation.LIST);
        CompletableFuture<Void> listing =
                background(() -> manager.provisioner(VirtualFleet.TYPE).step());
        busy.awaitReached();
        CompletableFuture<Void> step =
                background(() -> manager.recoverer(VirtualFleet.TYPE).step());
        await().until(() -> statistics().activeWork().containsKey(WorkProcess.RECOVERY));

        fleet.heartbeat(silent);
        busy.release();
        listing.get(20, TimeUnit.SECONDS);
        step.get(20, TimeUnit.SECONDS);

        assertThat(fleet.effects()).isEmpty();
        assertThat(Operator.of(database.bmdb()).recovery(silent)).isEmpty();
        assertThat(database.bmdb().machine(silent).orElseThrow().agentStarted()).isPresent();
    }

    @Test
    void aMachineThatTheProviderNoLongerKnowsIsMissingAndLeftAlone() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID gone = fleet.all().get(0);
        fleet.become(Health.DEAD, gone);
        fleet.provider()
                .removeMachine(database.bmdb()
                        .machine(gone)
                        .orElseThrow()
                        .provided()
                        .orElseThrow()
                        .providerId());

        pass(180);

        assertThat(fleet.effects()).isEmpty();
        assertThat(fleet.provider().calls(Operation.REBOOT)).isEqualTo(1);
        assertThat(database.bmdb()
                        .machine(gone)
                        .orElseThrow()
                        .provided()
                        .orElseThrow()
                        .status())
                .isEqualTo(Optional.of(ProviderStatus.MISSING));
    }

    @Test
    void pausesKeepRecoveryOff() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID hung = fleet.all().get(0);
        UUID another = fleet.all().get(1);
        var byMachine = OperatorActions.of(database.bmdb(), Actor.program("rack team"))
                .pause(hung, null, null, "being rewired", null);
        OperatorActions.of(database.bmdb(), Actor.program("rack team"))
                .pause(null, VirtualFleet.TYPE, WorkProcess.RECOVERY, "until noon", Duration.ofHours(1));
        fleet.become(Health.HUNG, hung, another);

        pass(59);
        assertThat(fleet.effects()).isEmpty();
        pass(60);
        assertThat(fleet.effects()).extracting(Effect::machine).containsExactly(another);
        OperatorActions.of(database.bmdb(), Actor.program("test")).resume(byMachine.id(), "it is over");
        pass(60);
        assertThat(fleet.effects()).extracting(Effect::machine).containsExactly(another, hung);
    }

    @Test
    void whoeverTakesAccessKeepsTheLoopsOff() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID hung = fleet.all().get(0);
        fleet.become(Health.HUNG, hung);
        try (BmdbSession session = database.bmdb().startSession("somebody", "here");
                var access = session.claimMachine(WorkProcess.ACCESS, hung).orElseThrow()) {
            pass(60);
            assertThat(fleet.effects()).isEmpty();
        }
        pass(60);
        assertThat(fleet.effects()).hasSize(1);
    }
}
