package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentCallException;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.Quarantine;
import dev.shepherd.bmdb.recovery.Recoveries;
import dev.shepherd.bmdb.recovery.RecoveryAttempt;
import dev.shepherd.manager.VirtualFleet.Effect;
import dev.shepherd.manager.VirtualFleet.Health;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MachineRecovererTest extends RecoveryScenario {

    @Test
    void aRebootIsNotRepeatedBecauseNobodyWasThereToStartTheAgent() throws Exception {
        fleet(20, 1);
        Shepherd manager = fleet.manager(POLICY);
        UUID hung = fleet.all().get(0);
        fleet.become(Health.HUNG, hung);
        var pause = OperatorActions.of(database.bmdb(), Actor.program("test"))
                .pause(null, null, WorkProcess.AGENT_START, "no initializer", null);
        passUntilEffects(1);

        pass(240);

        assertThat(fleet.effects()).hasSize(1);
        OperatorActions.of(database.bmdb(), Actor.program("test")).resume(pause.id(), "it is over");
        pass(20);
        assertThat(fleet.effects()).hasSize(1);
        assertThat(statistics().recovered()).isEqualTo(1);
        assertThat(isFrozen(manager)).isFalse();
    }

    @Test
    void aMachineThatNeverComesBackIsRebootedSoManyTimesAndThenSetAside() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        pass(2);
        UUID dead = fleet.all().get(7);
        fleet.become(Health.DEAD, dead);

        pass(180);

        assertThat(fleet.effects())
                .hasSize(POLICY.maxReboots())
                .extracting(Effect::machine)
                .containsOnly(dead);
        Quarantine quarantine = Operator.of(database.bmdb()).quarantine(dead).orElseThrow();
        assertThat(quarantine.by()).isEqualTo("recoverer");
        assertThat(quarantine.cause()).contains("3 reboot(s)").contains("its agent cannot be started");
        requireCooldown(fleet.effects());
        int takeovers = database.bmdb().history(dead, 1000).size();
        passUneventfully(Duration.ofHours(10));
        assertThat(database.bmdb().history(dead, 1000)).as("it is left alone").hasSize(takeovers);

        fleet.become(Health.HUNG, dead);
        assertThat(OperatorActions.of(database.bmdb(), Actor.program("day shift"))
                        .release(dead, "a test"))
                .isTrue();
        pass(120);
        assertThat(statistics().quarantined()).isZero();
        assertThat(database.bmdb().machine(dead).orElseThrow().agentHeartbeatAt())
                .isPresent();
    }

    @Test
    void anAcceptedRebootIsNoRecovery() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID dead = fleet.all().get(0);
        fleet.become(Health.DEAD, dead);
        passUntilEffects(1);

        RecoveryState state = Operator.of(database.bmdb()).recovery(dead).orElseThrow();
        assertThat(state.isOpen()).isTrue();
        assertThat(state.attempts()).isEqualTo(1);
        assertThat(statistics().inRecovery()).isEqualTo(1);
        assertThat(database.bmdb().machine(dead).orElseThrow().backoffs())
                .anyMatch(backoff -> backoff.process().equals(WorkProcess.RECOVERY));

        fleet.become(Health.WELL, dead);
        pass(40);

        assertThat(Operator.of(database.bmdb()).recovery(dead).orElseThrow().isOpen())
                .isFalse();
        assertThat(database.bmdb().machine(dead).orElseThrow().backoffs()).isEmpty();
        assertThat(fleet.effects()).hasSize(1);
    }

    @Test
    void aRelapseContinuesTheCountOfAttempts() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID flapping = fleet.all().get(0);
        for (int relapse = 1; relapse <= 3; relapse++) {
            fleet.become(Health.HUNG, flapping);
            passUntilEffects(relapse);
            pass(20);
            assertThat(Operator.of(database.bmdb())
                            .recovery(flapping)
                            .orElseThrow()
                            .attempts())
                    .isEqualTo(relapse);
        }
        fleet.become(Health.HUNG, flapping);

        pass(30);

        assertThat(fleet.effects()).hasSize(3);
        assertThat(Operator.of(database.bmdb()).quarantine(flapping)).isPresent();
    }

    /** Three reboots of last month are no reason to reinstall a machine, or to set it aside. */
    @Test
    void aRefusedCallDoesNotBringBackAttemptsThatNoLongerCount() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID machine = fleet.all().get(0);
        for (int relapse = 1; relapse <= 3; relapse++) {
            fleet.become(Health.HUNG, machine);
            passUntilEffects(relapse);
            pass(20);
        }
        passUneventfully(POLICY.relapseAfter().plus(MINUTE.multipliedBy(10)));
        fleet.provider().failNext(Operation.REBOOT, new ProviderException(Reason.CONFLICT, "it is being moved"));
        fleet.become(Health.HUNG, machine);

        passUntilEffects(4);

        assertThat(fleet.effects().get(3).what())
                .isEqualTo(fleet.effects().get(0).what());
        assertThat(Operator.of(database.bmdb()).quarantine(machine)).isEmpty();
        assertThat(Operator.of(database.bmdb()).recovery(machine).orElseThrow().attempts())
                .isEqualTo(1);
    }

    @Test
    void aMachineThatIsReinstalledWhereThatIsAllowedForgetsItsHostKey() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY.toBuilder().maxReboots(1).reinstallAllowed(true).build());
        UUID dead = fleet.all().get(0);
        List<String> reinstalled = new CopyOnWriteArrayList<>();
        fleet.provider().onReinstall(id -> {
            reinstalled.add(id.value());
            fleet.become(Health.WELL, dead);
        });
        inTransaction(tx -> tx.putSshHostKey(dead, "ssh-ed25519 OLD"));
        fleet.become(Health.DEAD, dead);

        pass(120);

        assertThat(fleet.effects()).hasSize(1);
        assertThat(reinstalled).hasSize(1);
        assertThat(database.bmdb().machine(dead).orElseThrow().sshHostKey()).contains(VirtualFleet.HOST_KEY);
        assertThat(statistics().recovered()).isEqualTo(1);
    }

    /** Its agent is only hung: it reports just when the provider wipes what it reports of. */
    @Test
    void aReportOfTheAgentThatIsBeingWipedDoesNotMakeItsMachineAnInstalledOne() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY.toBuilder().maxReboots(1).reinstallAllowed(true).build());
        UUID dead = fleet.all().get(0);
        AtomicReference<AgentCallException.Reason> refusal = new AtomicReference<>();
        inTransaction(tx -> tx.requestInstallation(dead, new byte[] {1}));
        try (AgentCallback callback = AgentCallback.of(database.bmdb())) {
            callback.start();
            fleet.provider().onReinstall(id -> {
                // The first attempt was a reboot, after which an agent was started again.
                refusal.set(catchThrowableOfType(
                                AgentCallException.class,
                                () -> callback.call(AgentCall.of(dead, VirtualFleet.AGENT_KEY)
                                        .withInstallationReport(1, InstallationResult.SUCCESS, new byte[0])))
                        .reason());
                fleet.become(Health.WELL, dead);
            });
            fleet.become(Health.HUNG, dead);
            passUntilEffects(1);
            pass(10);
            fleet.become(Health.DEAD, dead);

            pass(60);
        }

        assertThat(refusal).hasValue(AgentCallException.Reason.AGENT_NOT_STARTED);
        MachineRecord machine = database.bmdb().machine(dead).orElseThrow();
        assertThat(machine.isInstallationFulfilled()).isFalse();
        assertThat(machine.agentHeartbeatAt()).isPresent();
        assertThat(statistics().recovered()).isEqualTo(1);
    }

    @Test
    void aProviderThatCannotReinstallHasItsMachineSetAside() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY.toBuilder().maxReboots(1).reinstallAllowed(true).build());
        UUID dead = fleet.all().get(0);
        fleet.become(Health.DEAD, dead);

        pass(120);

        assertThat(Operator.of(database.bmdb()).quarantine(dead).orElseThrow().cause())
                .contains("cannot reinstall");
    }

    @Test
    void aProcessThatDiesAfterTheCallDoesNotLeadToASecondReboot() throws Exception {
        fleet(20, 1);
        Bmdb other = database.openAnother();
        UUID silent = fleet.all().get(0);
        fleet.killAgent(silent);
        fleet.passWithoutManagers(Duration.ofMinutes(12));
        // As a recoverer does up to its call, and then no more.
        BmdbSession dying = other.startSession("recoverer", "doomed");
        RecoveryPolicy atOnce =
                POLICY.toBuilder().freezeReleaseAfter(Duration.ZERO).build();
        var work = Recoveries.of(database.bmdb(), VirtualFleet.TYPE, atOnce)
                .claim(dying, 1)
                .work()
                .get(0);
        Optional<RecoveryAttempt> begun = work.update(tx -> Recoveries.of(database.bmdb(), VirtualFleet.TYPE, POLICY)
                .begin(tx, silent, RecoveryAction.REBOOT, Optional.empty()));
        assertThat(begun).isPresent();
        fleet.provider()
                .rebootMachine(database.bmdb()
                        .machine(silent)
                        .orElseThrow()
                        .provided()
                        .orElseThrow()
                        .providerId());
        dying.close();
        fleet.manager(POLICY);

        pass(14);
        assertThat(statistics().inRecovery()).as("it counts").isEqualTo(1);
        pass(60);

        assertThat(fleet.effects()).hasSize(1);
        assertThat(statistics().recovered()).isEqualTo(1);
        assertThat(Operator.of(database.bmdb()).recovery(silent).orElseThrow().attempts())
                .isEqualTo(1);
    }

    @Test
    void aRebootOfUnknownOutcomeIsLookedAtBySshRatherThanRepeated() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID hung = fleet.all().get(0);
        fleet.become(Health.HUNG, hung);
        fleet.provider()
                .failNextAfterEffect(Operation.REBOOT, new ProviderException(Reason.TRANSIENT, "lost the answer"));

        pass(90);

        assertThat(fleet.effects()).hasSize(1);
        assertThat(statistics().recovered()).isEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"CONFLICT", "PERMANENT"})
    void aMachineThatTheProviderWillNotRebootIsSetAsideInTheEnd(Reason reason) throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID hung = fleet.all().get(0);
        fleet.become(Health.HUNG, hung);
        for (int i = 0; i < 20; i++) {
            fleet.provider().failNext(Operation.REBOOT, new ProviderException(reason, "not that one"));
        }

        pass(180);

        assertThat(fleet.effects()).isEmpty();
        assertThat(fleet.provider().calls(Operation.REBOOT)).isEqualTo(POLICY.maxFailedCalls());
        assertThat(Operator.of(database.bmdb()).quarantine(hung).orElseThrow().cause())
                .contains("5 failed call(s)", "the last: reboot failed (" + reason + "): not that one;");
    }

    @Test
    void aMachineWhoseOwnControllerRefusesThePasswordIsSetAsideAndTheOthersAreRebooted() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID hung = fleet.all().get(0);
        fleet.become(Health.HUNG, hung);
        for (int i = 0; i < POLICY.maxFailedCalls(); i++) {
            fleet.provider()
                    .failNext(
                            Operation.REBOOT,
                            ProviderException.builder(Reason.UNAUTHENTICATED, "its controller refuses the password")
                                    .scope(Scope.MACHINE)
                                    .build());
        }

        pass(180);

        assertThat(Operator.of(database.bmdb()).quarantine(hung).orElseThrow().cause())
                .contains("5 failed call(s)")
                .contains("the last: reboot failed (UNAUTHENTICATED): its controller refuses the password;");
        fleet.become(Health.HUNG, fleet.all().get(1));
        passUntilEffects(1);
    }

    @Test
    void aMachineThatIsAskedTooOftenWaitsAndDoesNotHoldUpTheOthers() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID one = fleet.all().get(0);
        UUID other = fleet.all().get(1);
        fleet.become(Health.HUNG, one, other);
        fleet.provider()
                .failNext(
                        Operation.REBOOT,
                        ProviderException.builder(Reason.RATE_LIMITED, "its controller is busy")
                                .scope(Scope.MACHINE)
                                .retryAfter(Duration.ofMinutes(20))
                                .build());

        passUntilEffects(1);
        Duration first = fleet.elapsed();
        passUntilEffects(2);

        assertThat(fleet.effects().get(0).machine())
                .isNotEqualTo(fleet.effects().get(1).machine());
        assertThat(fleet.elapsed().minus(first)).isGreaterThan(Duration.ofMinutes(15));
        UUID refused = fleet.effects().get(1).machine();
        assertThat(Operator.of(database.bmdb()).recovery(refused).orElseThrow().attempts())
                .isEqualTo(1);
        assertThat(Operator.of(database.bmdb()).recovery(refused).orElseThrow().failedCalls())
                .isZero();
    }

    @Test
    void whatIsNotTheMachinesFaultIsNotCountedAgainstIt() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID hung = fleet.all().get(0);
        fleet.become(Health.HUNG, hung);
        fleet.provider()
                .failNext(
                        Operation.REBOOT,
                        ProviderException.builder(Reason.RATE_LIMITED, "slow down")
                                .retryAfter(Duration.ofMillis(1))
                                .build());

        passUntilEffects(1);

        assertThat(Operator.of(database.bmdb()).recovery(hung).orElseThrow().attempts())
                .isEqualTo(1);
        assertThat(Operator.of(database.bmdb()).recovery(hung).orElseThrow().failedCalls())
                .isZero();
    }
}
