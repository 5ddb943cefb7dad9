package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.labels.LabelLimit;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.LabelActions;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.Rollout;
import dev.shepherd.bmdb.operator.Rollout.State;
import dev.shepherd.bmdb.operator.RolloutActions;
import dev.shepherd.bmdb.operator.RolloutException;
import dev.shepherd.bmdb.operator.RolloutPlan;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rollouts that go by labels, over a fleet in virtual time. */
class SelectedRolloutTest extends RecoveryScenario {

    private static final Actor ACTOR = Actor.program("oncall");

    @TempDir
    Path folder;

    private static RolloutPlan plan(String selector) {
        return RolloutPlan.builder()
                .canary(2)
                .bake(Duration.ofMinutes(2))
                .selector(selector == null ? null : Selector.parse(selector))
                .build();
    }

    private Rollout start(String version, String selector) throws Exception {
        Path file = Files.writeString(
                folder.resolve("agent-" + version), "#!/bin/sh\n# Shepherd-Agent-Version: " + version + "\n");
        return RolloutActions.of(database.bmdb(), ACTOR).start(VirtualFleet.TYPE, file, plan(selector), "a test");
    }

    private void complete(Rollout rollout) throws Exception {
        for (int minute = 0; minute < 60 && read(rollout).state().isUnderWay(); minute++) {
            pass(1);
        }
        assertThat(read(rollout).state()).isEqualTo(State.COMPLETED);
    }

    private Rollout read(Rollout rollout) throws InterruptedException {
        return Operator.of(database.bmdb()).rollout(rollout.id()).orElseThrow();
    }

    private void label(UUID machine, String key, String value) throws InterruptedException {
        LabelActions.of(database.bmdb(), ACTOR).change(machine, Map.of(key, value), Set.of(), "a test");
    }

    private void startAgain(UUID machine) throws Exception {
        OperatorActions.of(database.bmdb(), ACTOR).restartAgent(machine, "a test");
        pass(2);
    }

    @Test
    void itIsForTheMachinesThatItSelectsAndNoOthers() throws Exception {
        String own = VirtualFleet.OWN.version().orElseThrow();
        fleet(12, 2);
        fleet.manager(POLICY);
        pass(2);
        List<UUID> databases = fleet.all().subList(0, 4);
        for (UUID machine : databases) {
            label(machine, "tier", "db");
        }
        UUID other = fleet.all().get(10);
        assertThatThrownBy(() -> start("2.0", "tier=web"))
                .isInstanceOf(RolloutException.class)
                .hasMessageContaining("no machines with labels tier=web");

        Rollout rollout = start("2.0", "tier=db");
        assertThat(rollout.counts().waiting()).isEqualTo(4);
        assertThat(rollout.plan().selector()).contains(Selector.parse("tier=db"));
        startAgain(other);
        complete(rollout);

        assertThat(read(rollout).counts().done()).isEqualTo(4);
        for (UUID machine : fleet.all()) {
            assertThat(fleet.versions().get(machine)).isEqualTo(databases.contains(machine) ? "2.0" : own);
        }

        // Those that are taken over later go by what they are then.
        startAgain(other);
        assertThat(fleet.versions().get(other)).isEqualTo(own);
        label(other, "tier", "db");
        startAgain(other);
        assertThat(fleet.versions().get(other)).isEqualTo("2.0");

        // One of all machines is for these, too, and its agent replaces the other.
        complete(start("3.0", null));
        assertThat(fleet.versions().values()).containsOnly("3.0");
        startAgain(other);
        assertThat(fleet.versions().get(other)).isEqualTo("3.0");
        Integer kept = database.bmdb()
                .query(dsl -> dsl.fetchSingle("select count(distinct agent_sha256)::int from agent_executable_parts")
                        .get(0, Integer.class));
        assertThat(kept).isLessThanOrEqualTo(2);
    }

    @Test
    void aWaveTakesOneMachineOfEachGroupAtMost() throws Exception {
        fleet(8, 1);
        RecoveryPolicy policy = RecoveryPolicy.builder()
                .maxShare(1)
                .labelLimits(List.of(LabelLimit.parse("1 of raft-group")))
                .build();
        fleet.manager(policy);
        pass(2);
        for (int i = 0; i < 8; i++) {
            label(fleet.all().get(i), "raft-group", String.valueOf(i % 2));
        }

        Rollout rollout = start("2.0", null);
        int waves = 0;
        for (int minute = 0; minute < 90 && read(rollout).state().isUnderWay(); minute++) {
            pass(1);
            Integer most = database.bmdb()
                    .query(dsl -> dsl.fetchSingle("select coalesce(max(n), 0)::int from (select count(*) n"
                                    + " from machine_rollout join machine_labels using (machine_id)"
                                    + " where rollout_until is not null group by label_value) g")
                            .get(0, Integer.class));
            assertThat(most).isLessThanOrEqualTo(1);
            waves = read(rollout).wave();
        }

        assertThat(read(rollout).state()).isEqualTo(State.COMPLETED);
        assertThat(waves).isEqualTo(4);
    }
}
