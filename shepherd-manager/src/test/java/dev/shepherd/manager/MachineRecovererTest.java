package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.Quarantine;
import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.Statistics;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.manager.VirtualFleet.Effect;
import dev.shepherd.manager.VirtualFleet.Health;
import dev.shepherd.testkit.BmdbExtension;
import dev.shepherd.testkit.FakeProvider.Blocked;
import dev.shepherd.testkit.FakeProvider.Operation;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MachineRecovererTest {

    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final RecoveryPolicy POLICY = RecoveryPolicy.DEFAULT;

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create(config -> config.sessionInterval(Duration.ofSeconds(20)));

    private VirtualFleet fleet;

    private VirtualFleet fleet(int machines, int locations) throws InterruptedException {
        fleet = new VirtualFleet(database, machines, locations);
        return fleet;
    }

    @AfterEach
    void closeManagers() {
        fleet.close();
    }

    @Test
    void aTotalHeartbeatOutageRebootsNothingAndEndsByItself() throws Exception {
        fleet(1000, 4);
        Shepherd manager = fleet.manager(POLICY);
        pass(15);
        fleet.ingestWorks(false);

        boolean seenFrozen = false;
        for (int minute = 0; minute < 60; minute++) {
            pass(1);
            seenFrozen |= isFrozen(manager);
        }

        assertThat(fleet.effects()).isEmpty();
        assertThat(seenFrozen).isTrue();
        assertThat(manager.recoverer(VirtualFleet.TYPE).outlook().freezes())
                .anySatisfy(
                        freeze -> assertThat(freeze.evidence()).contains("1000 of 1000 agents fell silent together"));
        assertThat(loop(manager, LoopKind.RECOVERER).name()).isEqualTo("recoverer");

        fleet.ingestWorks(true);
        pass(20);

        assertThat(isFrozen(manager)).isFalse();
        assertThat(database.bmdb().operator().freezes()).isEmpty();
        assertThat(fleet.effects()).isEmpty();
        UUID hung = fleet.all().get(0);
        fleet.become(Health.HUNG, hung);
        pass(30);
        assertThat(fleet.effects()).extracting(Effect::machine).containsExactly(hung);
    }

    @Test
    void anOutageThatIsNoticedOnlyHoursLaterFreezesAsWell() throws Exception {
        fleet(100, 2);
        fleet.passWithoutManagers(Duration.ofHours(3)); // Every manager was down, and with it the ingest.
        fleet.ingestWorks(false);
        fleet.passWithoutManagers(Duration.ofHours(3));

        Shepherd manager = fleet.manager(POLICY);
        pass(5);

        assertThat(isFrozen(manager)).isTrue();
        assertThat(fleet.effects()).isEmpty();
    }

    @Test
    void machinesThatOnlyWaitForTheirNextHeartbeatAfterAnOutageOfEverythingAreNotRebooted() throws Exception {
        fleet(100, 2);
        Shepherd manager = fleet.manager(POLICY);
        pass(10);
        // The database is away, and with it ingest and recovery. When it is back, most agents beat before the first
        // look.
        database.advance(Duration.ofMinutes(12));
        List<UUID> first = fleet.all().subList(0, 80);
        fleet.heartbeat(first.toArray(UUID[]::new));

        manager.recoverer(VirtualFleet.TYPE).step();
        assertThat(manager.recoverer(VirtualFleet.TYPE).outlook().heldBack())
                .singleElement()
                .asString()
                .contains("20 machine(s)")
                .contains("has just begun to look");
        pass(10);

        assertThat(fleet.effects()).isEmpty();
    }

    @Test
    void anOutageThatFollowsUponTheEndOfAFreezeFreezesAgain() throws Exception {
        fleet(100, 2);
        Shepherd manager = fleet.manager(POLICY);
        pass(10);
        fleet.ingestWorks(false);
        pass(20);
        assertThat(isFrozen(manager)).isTrue();

        fleet.ingestWorks(true);
        pass(1);
        fleet.ingestWorks(false);
        pass(60);

        assertThat(isFrozen(manager)).isTrue();
        assertThat(fleet.effects()).isEmpty();
    }

    @Test
    void agentsThatAreStartedOneAfterTheOtherAndNeverHeardFreezeRecovery() throws Exception {
        fleet(60, 2);
        Shepherd manager = fleet.manager(POLICY);
        fleet.ingestWorks(false);
        List<UUID> all = fleet.all();
        inTransaction(tx -> all.forEach(id -> {
            tx.clearAgentStarted(id);
            tx.clearAgentHeartbeat(id);
        }));
        for (UUID id : all) {
            inTransaction(tx -> tx.putAgentStarted(id, new byte[32]));
            database.advance(MINUTE);
            manager.recoverer(VirtualFleet.TYPE).step();
        }
        pass(60);

        assertThat(isFrozen(manager)).isTrue();
        assertThat(fleet.effects()).isEmpty();
    }

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
    void aRebootIsNotRepeatedBecauseNobodyWasThereToStartTheAgent() throws Exception {
        fleet(20, 1);
        Shepherd manager = fleet.manager(POLICY);
        UUID hung = fleet.all().get(0);
        fleet.become(Health.HUNG, hung);
        var pause =
                database.bmdb().operator().pause(null, null, WorkProcess.AGENT_START, "test", "no initializer", null);
        passUntilEffects(1);

        pass(240);

        assertThat(fleet.effects()).hasSize(1);
        database.bmdb().operator().resume(pause.id());
        pass(20);
        assertThat(fleet.effects()).hasSize(1);
        assertThat(statistics().recovered()).isEqualTo(1);
        assertThat(isFrozen(manager)).isFalse();
    }

    @Test
    void oneOfTwoAgentsThatComesBackEndsTheFreeze() throws Exception {
        fleet(2, 1);
        Shepherd manager = fleet.manager(POLICY);
        pass(10);
        fleet.ingestWorks(false);
        pass(20);
        assertThat(isFrozen(manager)).isTrue();
        UUID dead = fleet.all().get(1);
        fleet.become(Health.HUNG, dead);

        fleet.ingestWorks(true);
        pass(40);

        assertThat(isFrozen(manager)).isFalse();
        assertThat(fleet.effects()).extracting(Effect::machine).containsExactly(dead);
    }

    @Test
    void aPausedMachineInRecoveryTakesNoPlaceFromOthers() throws Exception {
        fleet(5, 1);
        fleet.manager(POLICY);
        UUID dead = fleet.all().get(0);
        UUID hung = fleet.all().get(1);
        fleet.become(Health.DEAD, dead);
        passUntilEffects(1);
        database.bmdb().operator().pause(dead, null, null, "rack team", "new disks", null);
        fleet.become(Health.HUNG, hung);

        pass(40);

        assertThat(fleet.effects()).extracting(Effect::machine).containsExactly(dead, hung);
    }

    @Test
    void anOperatorCanEndAFreezeAndWhatWasSilentThenIsNoEvidenceForAnother() throws Exception {
        fleet(100, 2);
        Shepherd manager = fleet.manager(POLICY);
        pass(1);
        fleet.become(Health.HUNG, fleet.all().subList(0, 60).toArray(UUID[]::new));
        pass(15);
        List<Freeze> freezes = database.bmdb().operator().freezes();
        assertThat(freezes).isNotEmpty();
        assertThat(fleet.effects()).isEmpty();

        for (Freeze freeze : freezes) {
            assertThat(database.bmdb().operator().release(freeze, "night shift"))
                    .isTrue();
        }
        for (int minute = 0; minute < 120; minute++) {
            pass(1);
            assertThat(total(fleet.inRecovery())).isLessThanOrEqualTo(20);
        }

        assertThat(fleet.effects()).hasSize(60);
        assertThat(statistics().recovered()).isEqualTo(60);
    }

    @Test
    void aShareOfALocationThatDiesIsRecoveredOrSetAsideWithinTheCap() throws Exception {
        fleet(1000, 4);
        Shepherd manager = fleet.manager(POLICY);
        pass(2);
        List<UUID> location = fleet.machinesOf("rack-1");
        List<UUID> hung = location.subList(0, 60);
        List<UUID> dead = location.subList(60, 75);
        fleet.become(Health.HUNG, hung.toArray(UUID[]::new));
        fleet.become(Health.DEAD, dead.toArray(UUID[]::new));

        long most = 0;
        int minutes = 0;
        while (statistics().recovered() + statistics().quarantined() < 75 && minutes++ < 12 * 60) {
            pass(1);
            Map<String, Long> now = fleet.inRecovery();
            assertThat(now.keySet()).allMatch("rack-1"::equals);
            most = Math.max(most, total(now));
            assertThat(isFrozen(manager)).isFalse();
        }

        assertThat(most).isEqualTo(POLICY.maxPerLocation());
        assertThat(statistics().quarantined()).isEqualTo(15);
        for (UUID machine : dead) {
            assertThat(database.bmdb().quarantine(machine)).isPresent();
        }
        Map<UUID, Long> reboots =
                fleet.effects().stream().collect(Collectors.groupingBy(Effect::machine, Collectors.counting()));
        assertThat(reboots.keySet()).hasSize(75);
        assertThat(hung).allSatisfy(id -> assertThat(reboots.get(id)).isEqualTo(1));
        assertThat(dead).allSatisfy(id -> assertThat(reboots.get(id)).isEqualTo(3));
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
        Quarantine quarantine = database.bmdb().quarantine(dead).orElseThrow();
        assertThat(quarantine.by()).isEqualTo("recoverer");
        assertThat(quarantine.cause()).contains("3 reboot(s)").contains("its agent cannot be started");
        requireCooldown(fleet.effects());
        int takeovers = database.bmdb().history(dead, 1000).size();
        pass(600);
        assertThat(database.bmdb().history(dead, 1000)).as("it is left alone").hasSize(takeovers);

        fleet.become(Health.HUNG, dead);
        assertThat(database.bmdb().operator().release(dead, "day shift")).isTrue();
        pass(120);
        assertThat(statistics().quarantined()).isZero();
        assertThat(database.bmdb().machine(dead).orElseThrow().agentHeartbeatAt())
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
        assertThat(database.bmdb().recovery(silent)).isEmpty();
        assertThat(database.bmdb().machine(silent).orElseThrow().agentStarted()).isPresent();
    }

    @Test
    void twoRecoverersTogetherKeepToTheCapsAndTheCooldown() throws Exception {
        fleet(400, 4);
        RecoveryPolicy policy =
                RecoveryPolicy.builder().maxPerProvider(12).maxPerLocation(5).build();
        Shepherd one = fleet.manager(policy);
        Shepherd two = fleet.manager(database.openAnother(), policy);
        fleet.passWithoutManagers(MINUTE);
        for (int rack = 0; rack < 4; rack++) {
            fleet.become(
                    Health.DEAD, fleet.machinesOf("rack-" + rack).subList(0, 20).toArray(UUID[]::new));
        }
        fleet.passWithoutManagers(Duration.ofMinutes(12));

        for (int minute = 0; minute < 90; minute++) {
            fleet.passWithoutManagers(MINUTE);
            CompletableFuture<Void> first = background(() -> stepAll(one));
            CompletableFuture<Void> second = background(() -> stepAll(two));
            first.get(60, TimeUnit.SECONDS);
            second.get(60, TimeUnit.SECONDS);
            Map<String, Long> now = fleet.inRecovery();
            assertThat(total(now)).isLessThanOrEqualTo(12);
            assertThat(now.values()).allMatch(count -> count <= 5);
        }

        // Twelve at a time, three reboots each, some 45 minutes for that.
        assertThat(fleet.effects()).hasSizeGreaterThan(36);
        assertThat(statistics().quarantined()).isGreaterThanOrEqualTo(12);
        requireCooldown(fleet.effects());
    }

    @Test
    void anAcceptedRebootIsNoRecovery() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID dead = fleet.all().get(0);
        fleet.become(Health.DEAD, dead);
        passUntilEffects(1);

        RecoveryState state = database.bmdb().recovery(dead).orElseThrow();
        assertThat(state.isOpen()).isTrue();
        assertThat(state.attempts()).isEqualTo(1);
        assertThat(statistics().inRecovery()).isEqualTo(1);
        assertThat(database.bmdb().machine(dead).orElseThrow().backoffs())
                .anyMatch(backoff -> backoff.process().equals(WorkProcess.RECOVERY));

        fleet.become(Health.WELL, dead);
        pass(40);

        assertThat(database.bmdb().recovery(dead).orElseThrow().isOpen()).isFalse();
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
            assertThat(database.bmdb().recovery(flapping).orElseThrow().attempts())
                    .isEqualTo(relapse);
        }
        fleet.become(Health.HUNG, flapping);

        pass(30);

        assertThat(fleet.effects()).hasSize(3);
        assertThat(database.bmdb().quarantine(flapping)).isPresent();
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

    @Test
    void aProviderThatCannotReinstallHasItsMachineSetAside() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY.toBuilder().maxReboots(1).reinstallAllowed(true).build());
        UUID dead = fleet.all().get(0);
        fleet.become(Health.DEAD, dead);

        pass(120);

        assertThat(database.bmdb().quarantine(dead).orElseThrow().cause()).contains("cannot reinstall");
    }

    @Test
    void anInstalledMachineThatStopsHeartbeatingIsLeftAlone() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID installed = fleet.all().get(0);
        inTransaction(tx -> tx.putInstallationReport(
                installed, tx.requestInstallation(installed, new byte[0]), InstallationResult.SUCCESS, new byte[0]));
        fleet.killAgent(installed);

        pass(600);

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
        var work = dying.claimRecovery(VirtualFleet.TYPE, atOnce, 1).work().get(0);
        assertThat(work.<Boolean>update(
                        tx -> tx.beginRecovery(VirtualFleet.TYPE, POLICY, silent, RecoveryAction.REBOOT)))
                .isTrue();
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
        assertThat(database.bmdb().recovery(silent).orElseThrow().attempts()).isEqualTo(1);
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
        assertThat(database.bmdb().quarantine(hung).orElseThrow().cause()).contains("5 failed call(s)");
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
                        new ProviderException(Reason.RATE_LIMITED, "slow down", Duration.ofMillis(1), null));

        passUntilEffects(1);

        assertThat(database.bmdb().recovery(hung).orElseThrow().attempts()).isEqualTo(1);
        assertThat(database.bmdb().recovery(hung).orElseThrow().failedCalls()).isZero();
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
        var byMachine = database.bmdb().operator().pause(hung, null, null, "rack team", "being rewired", null);
        database.bmdb()
                .operator()
                .pause(null, VirtualFleet.TYPE, WorkProcess.RECOVERY, "rack team", "until noon", Duration.ofHours(1));
        fleet.become(Health.HUNG, hung, another);

        pass(59);
        assertThat(fleet.effects()).isEmpty();
        pass(60);
        assertThat(fleet.effects()).extracting(Effect::machine).containsExactly(another);
        database.bmdb().operator().resume(byMachine.id());
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

    private static void requireCooldown(List<Effect> effects) {
        effects.stream()
                .collect(Collectors.groupingBy(Effect::machine))
                .values()
                .forEach(ofOne -> {
                    for (int i = 1; i < ofOne.size(); i++) {
                        assertThat(ofOne.get(i).at().minus(ofOne.get(i - 1).at()))
                                .isGreaterThanOrEqualTo(POLICY.cooldown());
                    }
                });
    }

    private void pass(int minutes) throws InterruptedException {
        for (int minute = 0; minute < minutes; minute++) {
            fleet.pass(MINUTE);
        }
    }

    private void passUntilEffects(int count) throws InterruptedException {
        for (int minute = 0; minute < 600 && fleet.effects().size() < count; minute++) {
            fleet.pass(MINUTE);
        }
        assertThat(fleet.effects()).hasSize(count);
    }

    private static void stepAll(Shepherd manager) throws InterruptedException {
        while (manager.recoverer(VirtualFleet.TYPE).step() > 0) {
            // As the loop does.
        }
        while (manager.initializer(VirtualFleet.TYPE).step() > 0) {
            // As the loop does.
        }
    }

    private Statistics statistics() throws InterruptedException {
        return database.bmdb().statistics();
    }

    private static boolean isFrozen(Shepherd manager) {
        return !manager.status().recovery().get(VirtualFleet.TYPE).freezes().isEmpty();
    }

    private static LoopStatus loop(Shepherd manager, LoopKind kind) {
        return manager.status().loops().stream()
                .filter(loop -> loop.name().equals(kind.toString()))
                .findFirst()
                .orElseThrow();
    }

    private static long total(Map<String, Long> counts) {
        return counts.values().stream().mapToLong(Long::longValue).sum();
    }

    @FunctionalInterface
    private interface Writes {
        void on(BmdbTransaction tx);
    }

    private void inTransaction(Writes writes) throws InterruptedException {
        try (BmdbSession session = database.bmdb().startSession("test", "here")) {
            session.inTransaction(tx -> {
                writes.on(tx);
                return true;
            });
        }
    }

    @FunctionalInterface
    private interface Task {
        void run() throws InterruptedException;
    }

    private static CompletableFuture<Void> background(Task task) {
        return CompletableFuture.runAsync(
                () -> {
                    try {
                        task.run();
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                },
                command -> new Thread(command).start());
    }
}
