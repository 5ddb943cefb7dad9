package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.Rollout;
import dev.shepherd.bmdb.operator.Rollout.State;
import dev.shepherd.bmdb.operator.RolloutActions;
import dev.shepherd.bmdb.operator.RolloutException;
import dev.shepherd.bmdb.operator.RolloutPlan;
import dev.shepherd.bmdb.operator.Verb;
import dev.shepherd.manager.VirtualFleet.Health;
import dev.shepherd.manager.takeover.TakeoverException;
import dev.shepherd.manager.takeover.TakeoverStep;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rollouts over a fleet in virtual time. */
class RolloutTest extends RecoveryScenario {

    private static final RolloutPlan PLAN = RolloutPlan.builder()
            .canary(3)
            .batch(100)
            .bake(Duration.ofMinutes(15))
            .maxFailures(2)
            .build();

    @TempDir
    Path folder;

    private RolloutActions actions() {
        return RolloutActions.of(database.bmdb(), Actor.program("oncall"));
    }

    /** An executable that is larger than what the database takes at a time. */
    private Path executable(String version) throws Exception {
        byte[] rest = new byte[2_500_000];
        new Random(7).nextBytes(rest);
        Path file = folder.resolve("agent-" + version);
        Files.writeString(file, "#!/bin/sh\n# Shepherd-Agent-Version: " + version + "\n");
        Files.write(file, rest, java.nio.file.StandardOpenOption.APPEND);
        return file;
    }

    private Rollout start(String version, RolloutPlan plan) throws Exception {
        return actions().start(VirtualFleet.TYPE, executable(version), plan, "a test");
    }

    private Rollout read(Rollout rollout) throws InterruptedException {
        return Operator.of(database.bmdb()).rollout(rollout.id()).orElseThrow();
    }

    /** Returns how many machines are at work, by location. */
    private Map<String, Long> disturbed() throws InterruptedException {
        Set<UUID> ids = database.bmdb()
                .query(dsl -> dsl.fetch("select machine_id from machine_rollout where rollout_until is not null")
                        .intoSet(0, UUID.class));
        Map<String, Long> all = new HashMap<>(fleet.inRecovery());
        ids.stream()
                .collect(Collectors.groupingBy(id -> fleet.location(id), Collectors.counting()))
                .forEach((location, count) -> all.merge(location, count, Long::sum));
        return all;
    }

    private void requireLimits(RecoveryPolicy policy) throws InterruptedException {
        Map<String, Long> now = disturbed();
        assertThat(total(now)).isLessThanOrEqualTo(policy.maxPerProvider());
        assertThat(now.values()).allMatch(count -> count <= policy.maxPerLocation());
    }

    private long running(String version) {
        return Collections.frequency(fleet.versions().values(), version);
    }

    @Test
    void aGoodVersionReachesAllMachinesWaveByWave() throws Exception {
        aGoodVersionReachesAll(120);
    }

    @Test
    @Tag("slow")
    void aGoodVersionReachesAThousandMachinesWaveByWave() throws Exception {
        aGoodVersionReachesAll(1000);
    }

    private void aGoodVersionReachesAll(int machines) throws Exception {
        fleet(machines, 4);
        fleet.manager(POLICY);
        pass(2);
        Rollout rollout = start("2.0", PLAN);
        assertThat(rollout.counts().waiting()).isEqualTo(machines);

        List<Long> waves = new ArrayList<>();
        long most = 0;
        int minutes = 0;
        while (read(rollout).state().isUnderWay() && minutes++ < machines * 2) {
            pass(1);
            requireLimits(POLICY);
            most = Math.max(most, total(disturbed()));
            if (waves.size() < read(rollout).wave()) {
                waves.add(total(disturbed()));
            }
        }

        Rollout after = read(rollout);
        assertThat(after.state()).isEqualTo(State.COMPLETED);
        assertThat(after.counts().done()).isEqualTo(machines);
        assertThat(after.troubles()).isEmpty();
        assertThat(running("2.0")).isEqualTo(machines);
        assertThat(waves.get(0)).isEqualTo(3);
        assertThat(waves.get(1)).isEqualTo(POLICY.maxPerProvider());
        assertThat(most).isEqualTo(POLICY.maxPerProvider());
        assertThat(minutes).isGreaterThan(15 * (waves.size() - 1));
        assertThat(fleet.effects()).isEmpty();
        for (UUID machine : fleet.all().subList(0, 3)) {
            AgentBuild build = database.bmdb()
                    .machine(machine)
                    .orElseThrow()
                    .agentStarted()
                    .orElseThrow()
                    .build()
                    .orElseThrow();
            assertThat(build).isEqualTo(rollout.build());
        }
        assertThat(Operator.of(database.bmdb()).verifyQueue(POLICY).isRight()).isTrue();
        System.out.printf("a rollout to %d machines: %d waves, %d virtual minutes%n", machines, waves.size(), minutes);

        // What is taken over later gets the fleet's agent, not the manager's own.
        UUID restarted = fleet.all().get(9);
        OperatorActions.of(database.bmdb(), Actor.program("oncall")).restartAgent(restarted, "a test");
        pass(2);
        assertThat(fleet.versions().get(restarted)).isEqualTo("2.0");
    }

    @Test
    void aVersionThatFallsSilentAfterAMinuteStopsAtTheCanariesAndTheyAreBackOnTheOldOne() throws Exception {
        fleet(1000, 4);
        fleet.manager(POLICY);
        fleet.lifetime("bad", Duration.ofMinutes(1));
        pass(2);
        Rollout rollout = start("bad", PLAN);

        long most = 0;
        for (int minute = 0; minute < 60; minute++) {
            pass(1);
            requireLimits(POLICY);
            most = Math.max(most, running("bad"));
        }

        Rollout after = read(rollout);
        assertThat(after.state()).isEqualTo(State.STOPPED);
        assertThat(after.cause())
                .hasValueSatisfying(
                        cause -> assertThat(cause).isEqualTo("3 machine(s) failed or fell silent, and at most 2 may"));
        assertThat(most).isEqualTo(3);
        assertThat(running(VirtualFleet.OWN.version().orElseThrow())).isEqualTo(1000);
        assertThat(after.counts()).isEqualTo(new Rollout.Counts(997, 0, 0, 0, 0, 3, 0, 0));
        assertThat(after.troubles())
                .hasSize(3)
                .allSatisfy(trouble -> assertThat(trouble.because()).startsWith("the new agent is silent for 10"));
        assertThat(fleet.effects()).as("reboots").isEmpty();
        assertThat(statistics().agentStarted()).isEqualTo(1000);
        pass(30);
        assertThat(fleet.effects()).as("reboots").isEmpty();
    }

    @Test
    void aTakeoverThatFailsLeavesTheFormerAgentAsItIs() throws Exception {
        fleet(40, 2);
        fleet.manager(POLICY);
        pass(2);
        fleet.beforeTakeover(target -> {
            throw new TakeoverException(
                    TakeoverException.Kind.AGENT_FAILED,
                    TakeoverStep.EXECUTE,
                    target,
                    Duration.ZERO,
                    "it exits with 1");
        });
        Rollout rollout = start("2.0", PLAN);

        pass(40);

        Rollout after = read(rollout);
        assertThat(after.state()).isEqualTo(State.STOPPED);
        assertThat(after.counts().failed()).isEqualTo(3);
        assertThat(after.troubles().get(0).because()).contains("it exits with 1");
        assertThat(running("2.0")).isZero();
        assertThat(statistics().agentStarted()).isEqualTo(40);
        assertThat(fleet.effects()).isEmpty();
        assertThat(Operator.of(database.bmdb()).backoffs(dev.shepherd.bmdb.operator.BackoffFilter.ALL, null, 10))
                .isEmpty();
    }

    @Test
    void pausedQuarantinedInstalledAndInstallingMachinesAreLeftAlone() throws Exception {
        fleet(10, 1);
        fleet.manager(POLICY);
        pass(2);
        UUID paused = fleet.all().get(0);
        UUID quarantined = fleet.all().get(1);
        UUID installed = fleet.all().get(2);
        UUID installing = fleet.all().get(3);
        OperatorActions actions = OperatorActions.of(database.bmdb(), Actor.program("oncall"));
        actions.pause(paused, null, null, "new disks", null);
        actions.quarantine(quarantined, "a test");
        inTransaction(tx -> {
            long generation = tx.requestInstallation(installed, new byte[] {1});
            tx.putInstallationReport(installed, generation, InstallationResult.SUCCESS, new byte[0]);
            tx.requestInstallation(installing, new byte[] {1});
        });
        Rollout rollout = start("2.0", PLAN);

        pass(400);

        Rollout after = read(rollout);
        assertThat(after.state()).isEqualTo(State.COMPLETED);
        assertThat(after.counts()).isEqualTo(new Rollout.Counts(0, 0, 0, 6, 0, 0, 0, 4));
        assertThat(fleet.versions())
                .containsEntry(paused, "own")
                .containsEntry(quarantined, "own")
                .containsEntry(installed, "own")
                .containsEntry(installing, "own");
        assertThat(running("2.0")).isEqualTo(6);
    }

    @Test
    void aPausedRolloutChoosesNobodyAndWatchesThoseItHasBegunWith() throws Exception {
        fleet(40, 2);
        fleet.manager(POLICY);
        pass(2);
        Rollout rollout = start("2.0", PLAN);
        pass(2);
        assertThat(running("2.0")).isEqualTo(3);

        assertThat(actions().pause(rollout.id(), "a look at the canaries")).isTrue();
        assertThat(actions().pause(rollout.id(), "again")).isFalse();
        pass(60);
        assertThat(running("2.0")).isEqualTo(3);
        assertThat(read(rollout).counts().done()).isEqualTo(3);
        assertThat(read(rollout).cause()).contains("oncall: a look at the canaries");

        assertThat(actions().resume(rollout.id(), "they are well")).isTrue();
        pass(2);
        assertThat(running("2.0")).isGreaterThan(3);
        assertThat(Operator.of(database.bmdb()).actions(null, null, 10))
                .extracting(action -> action.verb())
                .startsWith(Verb.RESUME_ROLLOUT.databaseName(), Verb.PAUSE_ROLLOUT.databaseName());
    }

    @Test
    void anAbortedRolloutPutsBackWhatIsUnprovedAndKeepsTheRest() throws Exception {
        fleet(60, 2);
        fleet.manager(POLICY);
        pass(2);
        Rollout rollout = start("2.0", PLAN);
        pass(20);
        long proved = read(rollout).counts().done();
        assertThat(proved).isEqualTo(3);
        assertThat(running("2.0")).isGreaterThan(proved);

        assertThat(actions().abort(rollout.id(), "a test")).isTrue();
        assertThatThrownBy(() -> start("3.0", PLAN))
                .isInstanceOf(RolloutException.class)
                .hasMessageContaining("still has machines to put back");
        pass(3);

        assertThat(running("2.0")).isEqualTo(proved);
        assertThat(read(rollout).state()).isEqualTo(State.ABORTED);
        assertThat(actions().resume(rollout.id(), "too late")).isFalse();
        assertThat(start("3.0", PLAN).counts().waiting()).isEqualTo(60);
        assertThatThrownBy(() -> start("3.0", PLAN))
                .isInstanceOf(RolloutException.class)
                .hasMessageContaining("is under way");
    }

    @Test
    void aMachineThatDiesWhileItWaitsIsRecoveredAsEver() throws Exception {
        fleet(30, 1);
        fleet.manager(POLICY);
        pass(2);
        Rollout rollout = start("2.0", RolloutPlan.builder().canary(1).batch(1).build());
        pass(1);
        UUID waiting = fleet.versions().entrySet().stream()
                .filter(entry -> entry.getValue().equals("own"))
                .map(Map.Entry::getKey)
                .max(java.util.Comparator.naturalOrder())
                .orElseThrow();
        fleet.become(Health.HUNG, waiting);

        passUntilEffects(1);
        pass(10);

        assertThat(fleet.effects().get(0).machine()).isEqualTo(waiting);
        assertThat(fleet.versions()).containsEntry(waiting, "own");
        assertThat(read(rollout).state()).isEqualTo(State.RUNNING);
    }

    @Test
    void whileARolloutWatchesAMachineRecoverySaysSoAndLeavesItAlone() throws Exception {
        fleet(30, 1);
        fleet.manager(POLICY);
        pass(2);
        fleet.lifetime("bad", Duration.ofMinutes(1));
        start("bad", PLAN);
        pass(8);
        UUID canary = fleet.versions().entrySet().stream()
                .filter(entry -> entry.getValue().equals("bad"))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElseThrow();
        fleet.passWithoutManagers(Duration.ofMinutes(5));

        Explanation explanation =
                Operator.of(database.bmdb()).explain(canary, POLICY).orElseThrow();

        assertThat(explanation.processes())
                .filteredOn(process -> process.process().equals(WorkProcess.RECOVERY))
                .singleElement()
                .satisfies(process -> {
                    assertThat(process.eligible()).isFalse();
                    assertThat(process.rule()).isEqualTo(Explanation.Rule.ROLLOUT);
                    assertThat(process.nextLookAt()).isPresent();
                });
    }

    @Test
    void aManagerThatDiesAfterTheEffectOfItsTakeoverLosesNoMachine() throws Exception {
        fleet(30, 1);
        Shepherd dying = fleet.manager(POLICY);
        Shepherd other = fleet.manager(database.openAnother(), POLICY);
        fleet.passWithoutManagers(MINUTE);
        Rollout rollout = start("2.0", PLAN);
        other.roller(VirtualFleet.TYPE).step();
        CountDownLatch effects = new CountDownLatch(3);
        CountDownLatch dead = new CountDownLatch(1);
        fleet.afterTakeover(target -> {
            effects.countDown();
            try {
                assertThat(dead.await(60, TimeUnit.SECONDS)).isTrue();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        CompletableFuture<Void> step = background(() -> {
            dying.initializer(VirtualFleet.TYPE).step();
        });
        assertThat(effects.await(60, TimeUnit.SECONDS)).isTrue();

        // Its session is given up by a person, as that of a process that will not come back.
        OperatorActions operator = OperatorActions.of(database.bmdb(), Actor.program("oncall"));
        for (UUID session : database.bmdb()
                .query(dsl -> dsl.fetch("select session_id from work").intoSet(0, UUID.class))) {
            operator.endSession(session, "the process is dead");
        }
        assertThat(database.bmdb().reapExpiredSessions()).isPositive();
        fleet.afterTakeover(target -> {});
        dead.countDown();
        await().atMost(60, TimeUnit.SECONDS).until(step::isDone);
        fleet.passWithoutManagers(MINUTE);
        for (int minute = 0; minute < 20; minute++) {
            fleet.passWithoutManagers(MINUTE);
            other.roller(VirtualFleet.TYPE).step();
            while (other.initializer(VirtualFleet.TYPE).step() > 0) {
                // As the loop does.
            }
        }

        assertThat(read(rollout).counts().done()).as(read(rollout).toString()).isEqualTo(3);
        assertThat(read(rollout).troubles()).isEmpty();
        assertThat(fleet.effects()).isEmpty();
    }

    @Test
    void twoManagersTogetherKeepToTheLimits() throws Exception {
        fleet(200, 4);
        RecoveryPolicy policy =
                RecoveryPolicy.builder().maxPerProvider(12).maxPerLocation(4).build();
        Shepherd one = fleet.manager(policy);
        Shepherd two = fleet.manager(database.openAnother(), policy);
        fleet.passWithoutManagers(MINUTE);
        Rollout rollout = start("2.0", PLAN);

        for (int minute = 0; minute < 100; minute++) {
            fleet.passWithoutManagers(MINUTE);
            CompletableFuture<Void> first = background(() -> stepAll(one));
            CompletableFuture<Void> second = background(() -> stepAll(two));
            first.get(60, TimeUnit.SECONDS);
            second.get(60, TimeUnit.SECONDS);
            requireLimits(policy);
        }

        assertThat(read(rollout).counts().done()).isGreaterThan(40);
        assertThat(read(rollout).wave()).isBetween(4, 7);
        assertThat(read(rollout).troubles()).isEmpty();
    }

    @Test
    void allManagersDownForAnHourInTheMiddleOfARolloutMakeNobodySilent() throws Exception {
        fleet(60, 2);
        fleet.manager(POLICY);
        pass(2);
        Rollout rollout = start("2.0", PLAN);
        pass(25);
        assertThat(read(rollout).counts().done()).isEqualTo(3);
        assertThat(read(rollout).counts().baking()).isPositive();
        int baking = read(rollout).counts().baking();

        // No manager runs, and with them the endpoint is away, so nothing is heard either.
        fleet.ingestWorks(false);
        fleet.passWithoutManagers(Duration.ofHours(1));
        pass(8);
        assertThat(read(rollout).counts().baking()).isEqualTo(baking);
        assertThat(read(rollout).troubles()).isEmpty();
        assertThat(fleet.effects()).isEmpty();
        fleet.ingestWorks(true);

        for (int minute = 0; minute < 400 && read(rollout).state().isUnderWay(); minute++) {
            pass(1);
        }
        assertThat(read(rollout).state()).isEqualTo(State.COMPLETED);
        assertThat(read(rollout).counts().done()).isEqualTo(60);
        assertThat(read(rollout).troubles()).isEmpty();
        assertThat(fleet.effects()).as("reboots").isEmpty();
    }

    @Test
    void anHourInWhichNoHeartbeatArrivesStopsNoRollout() throws Exception {
        fleet(60, 2);
        fleet.manager(POLICY);
        pass(2);
        Rollout rollout = start("2.0", PLAN);
        pass(25);
        int baking = read(rollout).counts().baking();
        assertThat(baking).isPositive();

        fleet.ingestWorks(false);
        pass(60);
        assertThat(read(rollout).counts().baking()).isEqualTo(baking);
        assertThat(read(rollout).counts().passed()).isZero();
        assertThat(read(rollout).troubles()).isEmpty();
        fleet.ingestWorks(true);

        for (int minute = 0; minute < 400 && read(rollout).state().isUnderWay(); minute++) {
            pass(1);
        }
        assertThat(read(rollout).counts()).isEqualTo(new Rollout.Counts(0, 0, 0, 60, 0, 0, 0, 0));
        assertThat(fleet.effects()).as("reboots").isEmpty();
    }

    @Test
    void anExecutableThatIsDamagedInTheDatabaseReachesNoMachine() throws Exception {
        fleet(40, 2);
        fleet.manager(POLICY);
        pass(2);
        List<String> damages = List.of(
                "delete from agent_executable_parts where part = 1",
                "delete from agent_executable_parts where part = 2",
                "update agent_executable_parts set content = set_byte(content, 7, 255 - get_byte(content, 7)) where part = 1",
                "update agent_executable_parts set content = content || 'x' where part = 2");
        AtomicInteger uploads = new AtomicInteger();
        fleet.beforeTakeover(target -> uploads.incrementAndGet());
        for (String damage : damages) {
            Rollout rollout = start("2.0", PLAN);
            inTransaction(tx -> tx.dsl().execute(damage));

            pass(20);

            Rollout after = read(rollout);
            assertThat(after.state()).as(damage).isEqualTo(State.STOPPED);
            assertThat(after.cause())
                    .hasValueSatisfying(cause -> assertThat(cause)
                            .startsWith("the executable of agent 2.0 ")
                            .contains("is damaged in the database: "));
            assertThat(after.counts().waiting()).isEqualTo(37);
            assertThat(after.counts().passed()).as("nothing was done to them").isEqualTo(3);
            assertThat(uploads).as(damage).hasValue(0);
            assertThat(running("2.0")).isZero();
        }

        // The same file, stored once more, mends it.
        Rollout rollout = start("2.0", PLAN);
        pass(60);
        assertThat(read(rollout).counts().done()).isGreaterThan(3);
        assertThat(read(rollout).troubles()).isEmpty();
        assertThat(fleet.effects()).isEmpty();
    }

    @Test
    void anExecutableThatIsDamagedAfterTheCanariesStopsTheRolloutThere() throws Exception {
        fleet(40, 2);
        fleet.manager(POLICY);
        pass(2);
        Rollout rollout = start("2.0", PLAN);
        pass(3);
        assertThat(running("2.0")).isEqualTo(3);
        inTransaction(tx -> tx.dsl()
                .execute("update agent_executable_parts set content = set_byte(content, 7, 255 - get_byte(content, 7))"
                        + " where part = 1"));

        pass(40);

        Rollout after = read(rollout);
        assertThat(after.state()).isEqualTo(State.STOPPED);
        assertThat(after.cause()).hasValueSatisfying(cause -> assertThat(cause).endsWith("part 1 was altered"));
        assertThat(running("2.0")).as("the canaries keep it").isEqualTo(3);
        assertThat(after.counts().done()).isEqualTo(3);
        assertThat(Operator.of(database.bmdb()).quarantined()).isEmpty();

        // A canary that has to be taken over again gets no damaged one either, and keeps waiting.
        UUID canary = fleet.versions().entrySet().stream()
                .filter(entry -> entry.getValue().equals("2.0"))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElseThrow();
        OperatorActions.of(database.bmdb(), Actor.program("oncall")).restartAgent(canary, "a test");
        pass(3);
        assertThat(Operator.of(database.bmdb()).backoffs(dev.shepherd.bmdb.operator.BackoffFilter.ALL, null, 10))
                .singleElement()
                .satisfies(backoff -> assertThat(backoff.kind()).isEqualTo("executable_damaged"));
    }

    private static void stepAll(Shepherd manager) throws InterruptedException {
        while (manager.recoverer(VirtualFleet.TYPE).step() > 0) {
            // As the loop does.
        }
        manager.roller(VirtualFleet.TYPE).step();
        while (manager.initializer(VirtualFleet.TYPE).step() > 0) {
            // As the loop does.
        }
    }
}
