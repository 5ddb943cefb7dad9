package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.Rollout;
import dev.shepherd.bmdb.operator.Rollout.State;
import dev.shepherd.bmdb.operator.RolloutActions;
import dev.shepherd.bmdb.operator.RolloutPlan;
import dev.shepherd.manager.VirtualFleet.Health;
import dev.shepherd.manager.disruption.DisruptionBudget;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.disruption.GateAnswer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** At most so many machines of a group are down at once, whatever takes them down and however many managers there are. */
class DisruptionBudgetTest extends RecoveryScenario {

    private static final RecoveryPolicy WIDE = RecoveryPolicy.builder()
            .maxShare(1)
            .freezeShare(1)
            .maxPerProvider(300)
            .maxPerLocation(300)
            .build();

    private static final Actor ACTOR = Actor.program("raft team");

    @TempDir
    Path folder;

    private final Map<UUID, Integer> groups = new ConcurrentHashMap<>();
    private final List<String> violations = new CopyOnWriteArrayList<>();
    private final Map<UUID, AtomicInteger> approvals = new ConcurrentHashMap<>();

    /** A budget, and a gate behind it that takes note of what it lets pass. */
    private DisruptionSettings budget() {
        return DisruptionSettings.builder()
                .gate(DisruptionBudget.parse("1 of raft-group"))
                .gate(disruption -> {
                    approvals
                            .computeIfAbsent(disruption.machineId(), any -> new AtomicInteger())
                            .incrementAndGet();
                    return GateAnswer.proceed();
                })
                .build();
    }

    /** Puts machines that follow each other into one group, and watches that no two of one are down together. */
    private void inGroupsOf(int size) throws InterruptedException {
        List<UUID> all = inOrder();
        for (int i = 0; i < all.size(); i++) {
            groups.put(all.get(i), i / size);
        }
        inTransaction(tx -> groups.forEach((machine, group) -> tx.dsl()
                .execute(
                        "insert into machine_labels values (?, 'raft-group', ?, 'Operator')",
                        machine,
                        String.valueOf(group))));
        fleet.beforeEffect(this::check);
    }

    /** As the database orders them, which is the order in which a rollout comes to them. */
    private List<UUID> inOrder() {
        return fleet.all().stream().sorted(Comparator.comparing(UUID::toString)).toList();
    }

    private void check(UUID machine) {
        AtomicInteger approved = approvals.getOrDefault(machine, new AtomicInteger());
        if (approved.getAndSet(0) == 0) {
            violations.add(machine + " goes down without having been asked for");
        }
        for (Map.Entry<UUID, Integer> other : groups.entrySet()) {
            if (!other.getKey().equals(machine)
                    && other.getValue().equals(groups.get(machine))
                    && fleet.isDown(other.getKey())) {
                violations.add(machine + " goes down while " + other.getKey() + " of its group is down");
            }
        }
    }

    @Test
    void severalManagersNeverTakeTwoOfAGroupDown() throws Exception {
        groupsThatHang(120, 3, 60, 40);
    }

    @Test
    @Tag("slow")
    void severalManagersNeverTakeTwoOfAGroupOfAThousandMachinesDown() throws Exception {
        groupsThatHang(1000, 3, 300, 60);
    }

    private void groupsThatHang(int machines, int managers, int hung, int minutes) throws Exception {
        fleet(machines, 10);
        inGroupsOf(5);
        List<Shepherd> all = new ArrayList<>();
        for (int i = 0; i < managers; i++) {
            all.add(fleet.manager(i == 0 ? database.bmdb() : database.openAnother(), WIDE, budget()));
        }
        fleet.passWithoutManagers(MINUTE);
        fleet.become(Health.HUNG, inOrder().subList(0, hung).toArray(UUID[]::new));

        for (int minute = 0; minute < 12 + minutes && statistics().recovered() < hung; minute++) {
            fleet.passWithoutManagers(MINUTE);
            List<CompletableFuture<Void>> steps = all.stream()
                    .map(manager -> background(() -> stepAll(manager)))
                    .toList();
            for (CompletableFuture<Void> step : steps) {
                step.get(120, TimeUnit.SECONDS);
            }
        }

        assertThat(violations).isEmpty();
        assertThat(statistics().recovered()).isEqualTo(hung);
        assertThat(fleet.effects()).hasSize(hung);
    }

    private static void stepAll(Shepherd manager) throws InterruptedException {
        for (int step = 0; step < 100 && manager.recoverer(VirtualFleet.TYPE).step() > 0; step++) {
            // What is held back comes up again a minute later.
        }
        for (int step = 0; step < 100 && manager.initializer(VirtualFleet.TYPE).step() > 0; step++) {
            // The same.
        }
    }

    @Test
    void aRolloutWaitsForTheGroupAndRecoveryForTheRollout() throws Exception {
        fleet(6, 1);
        inGroupsOf(3);
        fleet.manager(WIDE, budget());
        pass(2);
        UUID dead = inOrder().get(2);
        OperatorActions.of(database.bmdb(), ACTOR).quarantine(dead, "its disks are gone");

        Rollout rollout = start(5);
        passWhileUnderWay(rollout, 30);

        assertThat(read(rollout).state()).isEqualTo(State.RUNNING);
        assertThat(read(rollout).counts().done())
                .as("of the other group, one by one")
                .isEqualTo(3);
        assertThat(fleet.versions().get(inOrder().get(0))).isEqualTo("own");

        OperatorActions.of(database.bmdb(), ACTOR).release(dead, "it has new ones");
        passWhileUnderWay(rollout, 90);
        assertThat(read(rollout).state()).isEqualTo(State.COMPLETED);
        assertThat(fleet.versions().values()).containsOnly("2.0");
        assertThat(mostAtOnce).isLessThanOrEqualTo(1);
    }

    private int mostAtOnce;

    private Rollout start(int batch) throws Exception {
        Path file = Files.writeString(folder.resolve("agent"), "#!/bin/sh\n# Shepherd-Agent-Version: 2.0\n");
        RolloutPlan plan = RolloutPlan.builder()
                .canary(1)
                .batch(batch)
                .bake(Duration.ofMinutes(2))
                .build();
        return RolloutActions.of(database.bmdb(), ACTOR).start(VirtualFleet.TYPE, file, plan, "a test");
    }

    private Rollout read(Rollout rollout) throws InterruptedException {
        return Operator.of(database.bmdb()).rollout(rollout.id()).orElseThrow();
    }

    /** Also looks how many machines of one group are at work in it. */
    private void passWhileUnderWay(Rollout rollout, int minutes) throws InterruptedException {
        for (int minute = 0; minute < minutes && read(rollout).state().isUnderWay(); minute++) {
            pass(1);
            Integer most = database.bmdb()
                    .query(dsl -> dsl.fetchSingle("select coalesce(max(n), 0)::int from (select count(*) n"
                                    + " from machine_rollout join machine_labels using (machine_id)"
                                    + " where rollout_step in ('Starting', 'Baking') group by label_value) g")
                            .get(0, Integer.class));
            mostAtOnce = Math.max(mostAtOnce, most);
        }
    }
}
