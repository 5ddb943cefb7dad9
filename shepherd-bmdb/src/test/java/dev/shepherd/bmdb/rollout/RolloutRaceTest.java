package dev.shepherd.bmdb.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Rollout;
import dev.shepherd.bmdb.operator.RolloutActions;
import dev.shepherd.bmdb.operator.RolloutException;
import dev.shepherd.bmdb.operator.RolloutPlan;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Rollouts that several processes look at, start and end at the same moment. */
class RolloutRaceTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final RecoveryPolicy POLICY =
            RecoveryPolicy.builder().maxPerProvider(4).build();
    private static final int RUNNERS = 6;
    private static final AgentBuild OWN = new AgentBuild("0".repeat(64), java.util.Optional.empty());

    @TempDir
    Path folder;

    private Path agent;
    private RolloutActions actions;

    @BeforeEach
    void fortyMachinesThatAreHeard() throws Exception {
        agent = Files.writeString(folder.resolve("agent"), "a".repeat(3000));
        actions = RolloutActions.of(db.bmdb(), Actor.program("oncall"));
        List<UUID> machines = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            machines.add(db.providedMachine());
        }
        db.session()
                .useTransaction(tx -> machines.forEach(machine -> {
                    tx.putAgentStarted(machine, new byte[32], OWN);
                    tx.putAgentHeartbeat(machine);
                }));
    }

    private Rollout start() throws Exception {
        return actions.start(
                TestDatabase.PROVIDER,
                agent,
                RolloutPlan.builder().batch(100).canary(100).build(),
                "a test");
    }

    private long active() throws Exception {
        return db.number("select count(*) from machine_rollout where rollout_until is not null");
    }

    @Test
    void manyLooksAtOnceBeginOneWave() throws Exception {
        BmdbSession session = db.session();
        Rollouts rollouts = Rollouts.of(db.bmdb(), TestDatabase.PROVIDER, POLICY);
        for (int round = 0; round < 15; round++) {
            Rollout rollout = start();

            Race.run(RUNNERS, number -> rollouts.look(session));

            assertThat(active()).isEqualTo(4);
            assertThat(db.number("select rollout_wave from rollouts where rollout_id = ?", rollout.id()))
                    .isEqualTo(1);
            actions.abort(rollout.id(), "the next round");
            rollouts.look(session);
            assertThat(active()).isZero();
        }
    }

    @Test
    void manyWhoStartAtOnceStartOne() throws Exception {
        List<Boolean> started = Race.run(RUNNERS, number -> {
            try {
                start();
                return true;
            } catch (RolloutException e) {
                return false;
            }
        });

        assertThat(started).containsOnlyOnce(true);
        assertThat(db.number("select count(*) from rollouts")).isEqualTo(1);
        assertThat(db.number("select count(*) from agent_executables")).isEqualTo(1);
    }

    @Test
    void aTakeoverThatBeginsAfterTheEndOfItsRolloutLeavesTheRunningAgentAlone() throws Exception {
        BmdbSession session = db.session();
        Rollouts rollouts = Rollouts.of(db.bmdb(), TestDatabase.PROVIDER, POLICY);
        Rollout rollout = start();
        rollouts.look(session);
        UUID machine = UUID.fromString(db.rows("select machine_id from machine_rollout"
                        + " where rollout_step = 'Chosen' order by machine_id limit 1")
                .get(0));
        actions.abort(rollout.id(), "a test");
        session.useTransaction(
                tx -> assertThat(RolloutTakeovers.begin(tx, machine, TestDatabase.PROVIDER, Optional.empty()))
                        .isEmpty());
        assertThat(db.rows("select rollout_step from machine_rollout where machine_id = ?", machine))
                .containsExactly("Passed");
        assertThat(db.rows("select process from work_due where machine_id = ?", machine))
                .doesNotContain("ShepherdAgentStart");
    }

    /** Whoever comes first: a machine of an ended rollout is left with neither agent half-way. */
    @Test
    void anEndOfTheRolloutThatMeetsTheEndOfATakeoverPutsTheFormerAgentBack() throws Exception {
        BmdbSession session = db.session();
        Rollouts rollouts = Rollouts.of(db.bmdb(), TestDatabase.PROVIDER, POLICY);
        for (int round = 0; round < 10; round++) {
            Rollout rollout = start();
            rollouts.look(session);
            UUID machine = UUID.fromString(db.rows("select machine_id from machine_rollout"
                            + " where rollout_step = 'Chosen' order by machine_id limit 1")
                    .get(0));
            session.useTransaction(tx -> RolloutTakeovers.begin(tx, machine, TestDatabase.PROVIDER, Optional.empty())
                    .orElseThrow());

            Race.run(2, number -> {
                if (number == 0) {
                    return actions.abort(rollout.id(), "a test");
                }
                session.useTransaction(tx -> {
                    tx.putAgentStarted(machine, new byte[32], rollout.build());
                    RolloutTakeovers.started(tx, machine, TestDatabase.PROVIDER, Optional.of(rollout.build()));
                });
                return true;
            });
            rollouts.look(session);

            assertThat(db.rows("select rollout_step from machine_rollout where machine_id = ?", machine))
                    .containsExactly("Returning");
            assertThat(db.rows("select process from work_due where machine_id = ? and due_at <= now()", machine))
                    .contains("ShepherdAgentStart");
            session.useTransaction(tx -> {
                tx.putAgentStarted(machine, new byte[32], OWN);
                RolloutTakeovers.started(tx, machine, TestDatabase.PROVIDER, Optional.of(OWN));
            });
            assertThat(active()).isZero();
        }
    }

    @Test
    void anExecutableComesOutOfTheDatabaseAsItWentIn() throws Exception {
        byte[] content = new byte[(2 << 20) + 17];
        new Random(3).nextBytes(content);
        Files.write(agent, content);
        Rollout rollout = start();

        try (var in = StoredAgents.of(db.bmdb()).open(rollout.build(), content.length)) {
            assertThat(in.readAllBytes()).isEqualTo(content);
        }
        assertThat(db.rows("select octet_length(content) from agent_executable_parts order by part"))
                .containsExactly("1048576", "1048576", "17");

        actions.abort(rollout.id(), "another one");
        Files.write(agent, new byte[] {1});
        Rollout next = start();
        assertThat(db.rows("select octet_length(content) from agent_executable_parts"))
                .as("what nobody needs any more is gone")
                .containsExactly("1");

        actions.abort(next.id(), "the first one again");
        Files.write(agent, content);
        start();
        assertThat(db.number("select sum(octet_length(content)) from agent_executable_parts"))
                .isEqualTo(content.length);
    }

    @Test
    void aLookWithoutARolloutWritesNothing() throws Exception {
        BmdbSession session = db.session();
        Rollouts rollouts = Rollouts.of(db.bmdb(), TestDatabase.PROVIDER, POLICY);

        assertThat(rollouts.look(session).waitingFor()).isEmpty();
        assertThat(db.number("select count(*) from providers where provider = ?", TestDatabase.PROVIDER.name()))
                .as("nothing is written")
                .isZero();
    }
}
