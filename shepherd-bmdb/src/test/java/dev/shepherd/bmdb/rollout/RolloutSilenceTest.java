package dev.shepherd.bmdb.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Rollout;
import dev.shepherd.bmdb.operator.Rollout.State;
import dev.shepherd.bmdb.operator.RolloutActions;
import dev.shepherd.bmdb.operator.RolloutPlan;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Agents that are not heard, and what a rollout makes of it: theirs is the fault only if a process was there to hear them. */
class RolloutSilenceTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final RecoveryPolicy POLICY =
            RecoveryPolicy.builder().maxPerProvider(4).build();
    private static final AgentBuild OWN = new AgentBuild("0".repeat(64), Optional.empty());
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final Duration OUTAGE = Duration.ofMinutes(65);

    @TempDir
    Path folder;

    private final List<UUID> machines = new ArrayList<>();
    private BmdbSession session;
    private Rollouts rollouts;
    private Rollout rollout;

    @BeforeEach
    void aRolloutThatHasChosenFourOfFortyMachines() throws Exception {
        Path agent = Files.writeString(folder.resolve("agent"), "a".repeat(3000));
        for (int i = 0; i < 40; i++) {
            machines.add(db.providedMachine());
        }
        session = db.session();
        rollouts = Rollouts.of(db.bmdb(), TestDatabase.PROVIDER, POLICY);
        session.useTransaction(tx -> machines.forEach(machine -> {
            tx.putAgentStarted(machine, new byte[32], OWN);
            tx.putAgentHeartbeat(machine);
        }));
        rollout = RolloutActions.of(db.bmdb(), Actor.program("oncall"))
                .start(
                        TestDatabase.PROVIDER,
                        agent,
                        RolloutPlan.builder().batch(100).canary(100).build(),
                        "a test");
        rollouts.look(session);
        assertThat(ids("Chosen")).hasSize(4);
    }

    private List<UUID> ids(String step) throws Exception {
        return db
                .rows("select machine_id from machine_rollout where rollout_step = ? order by machine_id", step)
                .stream()
                .map(UUID::fromString)
                .toList();
    }

    private void heard(List<UUID> heard) throws Exception {
        session.useTransaction(tx -> heard.forEach(tx::putAgentHeartbeat));
    }

    private void begin(UUID machine) throws Exception {
        session.useTransaction(tx -> RolloutTakeovers.begin(tx, machine, TestDatabase.PROVIDER, Optional.empty())
                .orElseThrow());
    }

    private void start(UUID machine) throws Exception {
        session.useTransaction(tx -> {
            RolloutTakeovers.begin(tx, machine, TestDatabase.PROVIDER, Optional.empty())
                    .orElseThrow();
            tx.putAgentStarted(machine, new byte[32], rollout.build());
            RolloutTakeovers.started(tx, machine, TestDatabase.PROVIDER, Optional.of(rollout.build()));
            tx.putAgentHeartbeat(machine);
        });
    }

    /** Lets minutes pass in which managers look, and no agent is heard but these. */
    private void pass(int minutes, List<UUID> heard) throws Exception {
        for (int minute = 0; minute < minutes; minute++) {
            db.advance(MINUTE);
            heard(heard);
            rollouts.look(session);
        }
    }

    private Rollout read() throws Exception {
        return Operator.of(db.bmdb()).rollout(rollout.id()).orElseThrow();
    }

    private long freezes() throws Exception {
        return db.number("select count(*) from recovery_freeze where released_at is null");
    }

    @Test
    void afterATimeWithoutManagersNoMachineIsGivenUpForWhatNobodyDid() throws Exception {
        List<UUID> wave = ids("Chosen");
        UUID baking = wave.get(0);
        UUID starting = wave.get(1);
        UUID returning = wave.get(2);
        UUID chosen = wave.get(3);
        start(baking);
        begin(starting);
        start(returning);
        db.execute(
                "update machine_rollout set rollout_step = 'Returning', rollout_cause = 'a test' where machine_id = ?",
                returning);

        db.advance(OUTAGE);
        rollouts.look(session);

        assertThat(ids("Baking")).containsExactly(baking);
        assertThat(ids("Starting")).containsExactly(starting);
        assertThat(ids("Returning")).containsExactly(returning);
        assertThat(ids("Chosen")).containsExactly(chosen);
        assertThat(db.rows(
                        "select count(*), min(rollout_until) > now() + ? * interval '1 minute'"
                                + " from machine_rollout where rollout_until is not null",
                        OUTAGE.toMinutes() + 59))
                .as("they have their hour again, and recovery leaves them alone for as long")
                .containsExactly("4|t");

        // One comes back, and one was bad all the time.
        List<UUID> others = new ArrayList<>(machines);
        others.removeAll(List.of(baking));
        pass(9, others);
        assertThat(ids("Baking")).containsExactly(baking);
        pass(2, others);
        assertThat(ids("Returning")).contains(baking);
        assertThat(freezes()).isZero();
    }

    @Test
    void anAgentThatIsHeardAgainAfterATimeWithoutManagersIsDone() throws Exception {
        UUID baking = ids("Chosen").get(0);
        start(baking);
        db.advance(OUTAGE);
        rollouts.look(session);
        assertThat(ids("Baking")).containsExactly(baking);

        pass(1, machines);

        assertThat(ids("Done")).containsExactly(baking);
        assertThat(read().troubles()).isEmpty();
    }

    @Test
    void machinesThatWaitAreNotLeftAloneForWhatNobodyHeard() throws Exception {
        for (UUID machine : ids("Chosen")) {
            start(machine);
        }
        pass(16, machines);
        assertThat(ids("Done")).hasSize(4);
        for (UUID machine : ids("Chosen")) {
            start(machine);
        }
        pass(14, machines);
        assertThat(ids("Done")).hasSize(4);

        // All of the wave is done in the moment that the managers end.
        db.execute(
                "update machine_rollout set rollout_step = 'Done', rollout_until = null where rollout_step = 'Baking'");
        db.advance(OUTAGE);
        rollouts.look(session);
        pass(9, List.of());

        assertThat(ids("Passed")).isEmpty();
        assertThat(ids("Waiting")).hasSize(32);
        assertThat(read().state()).isEqualTo(State.RUNNING);
        pass(1, machines);
        assertThat(ids("Chosen")).hasSize(4);
    }

    @Test
    void whereAllAgentsFallSilentTogetherTheRolloutBlamesNoneAndFreezesRecovery() throws Exception {
        List<UUID> wave = ids("Chosen");
        for (UUID machine : wave) {
            start(machine);
        }
        pass(5, machines);

        // Nothing that agents report arrives any more. No recoverer looks here: the rollout has to notice by itself.
        pass(30, List.of());

        assertThat(ids("Baking")).containsExactlyElementsOf(wave);
        assertThat(read().troubles()).isEmpty();
        assertThat(read().state()).isEqualTo(State.RUNNING);
        assertThat(freezes()).isPositive();
        pass(1, machines);
        assertThat(ids("Done")).containsExactlyElementsOf(wave);
    }

    @Test
    void whereAllWaitingAgentsFallSilentTogetherNoneIsLeftAlone() throws Exception {
        for (UUID machine : ids("Chosen")) {
            start(machine);
        }
        pass(14, machines);
        db.execute(
                "update machine_rollout set rollout_step = 'Done', rollout_until = null where rollout_step = 'Baking'");
        db.execute(
                "update machine_agent_heartbeat set agent_heartbeat_at = agent_heartbeat_at - interval '11 minutes'");

        rollouts.look(session);

        assertThat(ids("Waiting")).hasSize(36);
        assertThat(db.number("select rollout_pass from rollouts"))
                .as("the first pass goes on")
                .isEqualTo(1);
        assertThat(freezes()).isPositive();
    }

    @Test
    void aBadVersionIsNoReasonToFreezeRecovery() throws Exception {
        for (UUID machine : ids("Chosen")) {
            start(machine);
        }
        List<UUID> few = ids("Waiting").subList(0, 3);
        rollouts = Rollouts.of(
                db.bmdb(),
                TestDatabase.PROVIDER,
                POLICY.toBuilder().freezeMinimum(2).build());
        db.execute(
                "delete from machine_agent_started where machine_id not in (select machine_id from machine_rollout where"
                        + " rollout_step = 'Baking') and machine_id not in (?, ?, ?)",
                few.get(0),
                few.get(1),
                few.get(2));

        pass(12, few);

        // Of the agents that are left, more than freezeShare are silent, and all of these are of the wave.
        assertThat(freezes()).isZero();
        assertThat(ids("Returning")).hasSize(4);
    }

    @Test
    void aMachineThatIsSilentOnItsOwnIsLeftAlone() throws Exception {
        for (UUID machine : ids("Chosen")) {
            start(machine);
        }
        UUID silent = ids("Waiting").get(0);
        List<UUID> others = new ArrayList<>(machines);
        others.remove(silent);

        pass(17, others);

        assertThat(ids("Passed")).containsExactly(silent);
        assertThat(db.rows("select rollout_cause from machine_rollout where machine_id = ?", silent))
                .containsExactly("its agent is not heard");
    }
}
