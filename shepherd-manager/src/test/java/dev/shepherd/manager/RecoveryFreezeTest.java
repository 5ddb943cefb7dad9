package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.manager.VirtualFleet.Effect;
import dev.shepherd.manager.VirtualFleet.Health;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.testkit.LogCapture;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class RecoveryFreezeTest extends RecoveryScenario {

    @Test
    void aTotalHeartbeatOutageRebootsNothingAndEndsByItself() throws Exception {
        aTotalHeartbeatOutageRebootsNothing(200);
    }

    @Test
    @Tag("slow")
    void aTotalHeartbeatOutageOfAThousandMachinesRebootsNothingAndEndsByItself() throws Exception {
        aTotalHeartbeatOutageRebootsNothing(1000);
    }

    private void aTotalHeartbeatOutageRebootsNothing(int machines) throws Exception {
        fleet(machines, 4);
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
                .anySatisfy(freeze -> assertThat(freeze.evidence())
                        .contains("%1$d of %1$d agents fell silent together".formatted(machines)));
        assertThat(loop(manager, LoopKind.RECOVERER).name()).isEqualTo("recoverer");

        fleet.ingestWorks(true);
        pass(20);

        assertThat(isFrozen(manager)).isFalse();
        assertThat(Operator.of(database.bmdb()).freezes()).isEmpty();
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
    void aFreezeIsToldOnceForEachOfItsScopes() throws Exception {
        fleet(100, 2);
        fleet.passWithoutManagers(Duration.ofHours(3));
        fleet.ingestWorks(false);
        fleet.passWithoutManagers(Duration.ofHours(3));
        Shepherd manager = fleet.manager(POLICY);
        LogCapture log = LogCapture.of("dev.shepherd.manager");

        log.start();
        try {
            pass(5);
        } finally {
            log.stop();
        }

        assertThat(isFrozen(manager)).isTrue();
        assertThat(log.at("ERROR").stream().filter(line -> line.contains(" is frozen since ")))
                .extracting(line -> line.replaceFirst(" is frozen since .*", ""))
                .isNotEmpty()
                .doesNotHaveDuplicates();
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
                .contains("has just begun to watch");
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
    void anOperatorCanEndAFreezeAndWhatWasSilentThenIsNoEvidenceForAnother() throws Exception {
        fleet(100, 2);
        Shepherd manager = fleet.manager(POLICY);
        pass(1);
        fleet.become(Health.HUNG, fleet.all().subList(0, 60).toArray(UUID[]::new));
        pass(15);
        List<Freeze> freezes = Operator.of(database.bmdb()).freezes();
        assertThat(freezes).isNotEmpty();
        assertThat(fleet.effects()).isEmpty();

        for (Freeze freeze : freezes) {
            assertThat(OperatorActions.of(database.bmdb(), Actor.program("night shift"))
                            .release(freeze, "a test"))
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
    void aShortSilenceDoesNotTakeTheTimeBetweenTwoLooksForAGap() throws Exception {
        fleet(20, 1);
        fleet.manager(RecoveryPolicy.builder()
                .silentAfterHeartbeat(Duration.ofSeconds(150))
                .build());
        for (int look = 0; look < 24; look++) {
            fleet.pass(Duration.ofSeconds(30));
        }
        UUID hung = fleet.all().get(0);
        fleet.become(Health.HUNG, hung);
        Duration died = fleet.elapsed();

        for (int look = 0; look < 6; look++) {
            fleet.pass(Duration.ofSeconds(30));
        }

        assertThat(fleet.effects()).extracting(Effect::machine).containsExactly(hung);
        assertThat(fleet.effects().get(0).at().minus(died)).isLessThanOrEqualTo(Duration.ofSeconds(180));
    }

    @Test
    void agentsThatWaitForTheirNextHeartbeatAreNoEvidence() throws Exception {
        fleet(3, 1);
        Shepherd manager = fleet.manager(RecoveryPolicy.builder()
                .silentAfterHeartbeat(Duration.ofSeconds(150))
                .build());
        pass(10);
        UUID hung = fleet.all().get(0);
        fleet.become(Health.HUNG, hung);
        pass(2);

        // Those that are well beat once a minute, and are looked at just before the third heartbeat.
        fleet.ingestWorks(false);
        fleet.pass(Duration.ofSeconds(59));
        fleet.ingestWorks(true);

        assertThat(isFrozen(manager)).isFalse();
        assertThat(fleet.effects()).extracting(Effect::machine).containsExactly(hung);
    }

    @Test
    void aClockThatStoodADayAheadLeavesNothingBlockedAndRebootsNothing() throws Exception {
        fleet(20, 1);
        Shepherd manager = fleet.manager(POLICY);
        pass(10);
        database.advance(Duration.ofDays(1));
        pass(3);
        UUID hung = fleet.all().get(0);
        fleet.become(Health.HUNG, hung);
        database.advance(Duration.ofDays(-1));

        pass(5);
        assertThat(fleet.effects()).isEmpty();
        pass(25);

        assertThat(isFrozen(manager)).isFalse();
        assertThat(fleet.effects()).extracting(Effect::machine).containsExactly(hung);
    }

    @Test
    void aSilenceThatIsTooShortForTheHeartbeatsOrTheLooksIsRefused() throws Exception {
        fleet(1, 1);
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> RecoveryPolicy.builder()
                        .silentAfterHeartbeat(Duration.ofSeconds(90))
                        .build())
                .withMessageContaining("silentAfterHeartbeat must be at least 2 min 30 s, not 90 s");
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> RecoveryPolicy.builder()
                        .silentAfterStart(Duration.ofSeconds(80))
                        .build())
                .withMessageContaining("silentAfterStart must be at least 90 s, not 80 s");
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> RecoveryPolicy.builder()
                        .freezeSpan(Duration.ofSeconds(59))
                        .build())
                .withMessageContaining("freezeSpan must be at least 1 min, not 59 s");
        RecovererSettings slow =
                RecovererSettings.builder().pollInterval(Duration.ofMinutes(5)).build();
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(slow::paced)
                .withMessageContaining("recovery looks every 5 min");
    }

    private static LoopStatus loop(Shepherd manager, LoopKind kind) {
        return manager.status().loops().stream()
                .filter(loop -> loop.name().equals(kind.toString()))
                .findFirst()
                .orElseThrow();
    }
}
