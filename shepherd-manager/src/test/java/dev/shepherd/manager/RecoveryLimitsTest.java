package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.labels.LabelLimit;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.LabelActions;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.manager.VirtualFleet.Effect;
import dev.shepherd.manager.VirtualFleet.Health;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class RecoveryLimitsTest extends RecoveryScenario {

    @Test
    void aShareOfALocationThatDiesIsRecoveredOrSetAsideWithinTheCap() throws Exception {
        aShareOfALocationDies(240, 14, 4);
    }

    @Test
    @Tag("slow")
    void aShareOfALocationOfAThousandMachinesThatDiesIsRecoveredOrSetAsideWithinTheCap() throws Exception {
        aShareOfALocationDies(1000, 60, 15);
    }

    /** Nearly a third of one location dies: too few for a freeze, and more than may be in recovery at once. */
    private void aShareOfALocationDies(int machines, int hanging, int dying) throws Exception {
        fleet(machines, 4);
        Shepherd manager = fleet.manager(POLICY);
        pass(2);
        List<UUID> location = fleet.machinesOf("rack-1");
        List<UUID> hung = location.subList(0, hanging);
        List<UUID> dead = location.subList(hanging, hanging + dying);
        fleet.become(Health.HUNG, hung.toArray(UUID[]::new));
        fleet.become(Health.DEAD, dead.toArray(UUID[]::new));

        long most = 0;
        int minutes = 0;
        while (statistics().recovered() + statistics().quarantined() < hanging + dying && minutes++ < 12 * 60) {
            pass(1);
            Map<String, Long> now = fleet.inRecovery();
            assertThat(now.keySet()).allMatch("rack-1"::equals);
            most = Math.max(most, total(now));
            assertThat(isFrozen(manager)).isFalse();
        }

        assertThat(most).isEqualTo(POLICY.maxPerLocation());
        assertThat(statistics().quarantined()).isEqualTo(dying);
        for (UUID machine : dead) {
            assertThat(Operator.of(database.bmdb()).quarantine(machine)).isPresent();
        }
        Map<UUID, Long> reboots =
                fleet.effects().stream().collect(Collectors.groupingBy(Effect::machine, Collectors.counting()));
        assertThat(reboots.keySet()).hasSize(hanging + dying);
        assertThat(hung).allSatisfy(id -> assertThat(reboots.get(id)).isEqualTo(1));
        assertThat(dead).allSatisfy(id -> assertThat(reboots.get(id)).isEqualTo(3));
    }

    @Test
    void twoRecoverersTogetherKeepToTheCapsAndTheCooldown() throws Exception {
        fleet(200, 4);
        RecoveryPolicy policy =
                RecoveryPolicy.builder().maxPerProvider(12).maxPerLocation(5).build();
        Shepherd one = fleet.manager(policy);
        Shepherd two = fleet.manager(database.openAnother(), policy);
        fleet.passWithoutManagers(MINUTE);
        for (int rack = 0; rack < 4; rack++) {
            fleet.become(
                    Health.DEAD, fleet.machinesOf("rack-" + rack).subList(0, 12).toArray(UUID[]::new));
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
    void twoManagersTogetherKeepToALimitByLabel() throws Exception {
        fleet(60, 2);
        RecoveryPolicy policy = RecoveryPolicy.builder()
                .maxShare(1)
                .labelLimits(List.of(LabelLimit.parse("1 of raft-group")))
                .build();
        Shepherd one = fleet.manager(policy);
        Shepherd two = fleet.manager(database.openAnother(), policy);
        fleet.passWithoutManagers(MINUTE);
        LabelActions actions = LabelActions.of(database.bmdb(), Actor.program("raft team"));
        for (int i = 0; i < 60; i++) {
            actions.change(fleet.all().get(i), Map.of("raft-group", String.valueOf(i % 6)), Set.of(), "a test");
        }
        fleet.become(Health.DEAD, fleet.all().subList(0, 18).toArray(UUID[]::new));
        fleet.passWithoutManagers(Duration.ofMinutes(12));

        int most = 0;
        for (int minute = 0; minute < 60; minute++) {
            fleet.passWithoutManagers(MINUTE);
            CompletableFuture<Void> first = background(() -> stepAll(one));
            CompletableFuture<Void> second = background(() -> stepAll(two));
            first.get(60, TimeUnit.SECONDS);
            second.get(60, TimeUnit.SECONDS);
            most = Math.max(most, mostOfAGroup());
        }

        assertThat(most).isOne();
        assertThat(fleet.effects().stream().map(Effect::machine).distinct()).hasSizeGreaterThanOrEqualTo(6);
        requireCooldown(fleet.effects());
    }

    private int mostOfAGroup() throws InterruptedException {
        Integer most = database.bmdb()
                .query(dsl -> dsl.fetchSingle(
                                "select coalesce(max(n), 0)::int from (select count(*) n from machine_labels"
                                        + " join machine_recovery using (machine_id) left join machine_quarantine q using (machine_id)"
                                        + " where recovery_proved_at is null and q.machine_id is null group by label_value) g")
                        .get(0, Integer.class));
        return most;
    }

    @Test
    void aPausedMachineInRecoveryTakesNoPlaceFromOthers() throws Exception {
        fleet(5, 1);
        fleet.manager(POLICY);
        UUID dead = fleet.all().get(0);
        UUID hung = fleet.all().get(1);
        fleet.become(Health.DEAD, dead);
        passUntilEffects(1);
        OperatorActions.of(database.bmdb(), Actor.program("rack team")).pause(dead, null, null, "new disks", null);
        fleet.become(Health.HUNG, hung);

        pass(40);

        assertThat(fleet.effects()).extracting(Effect::machine).containsExactly(dead, hung);
    }

    private static void stepAll(Shepherd manager) throws InterruptedException {
        while (manager.recoverer(VirtualFleet.TYPE).step() > 0) {
            // As the loop does.
        }
        while (manager.initializer(VirtualFleet.TYPE).step() > 0) {
            // As the loop does.
        }
    }
}
