package dev.shepherd.bmdb.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Eligibility;
import dev.shepherd.bmdb.Explanation.OfProcess;
import dev.shepherd.bmdb.Explanation.Rule;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.jooq.impl.DSL;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Pauses of all machines that a selector selects, now and later. */
class SelectedPauseTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final Actor ACTOR = Actor.program("rack team");

    private static Pause pause(String selector, WorkProcess process, Duration span) throws InterruptedException {
        return OperatorActions.of(db.bmdb(), ACTOR)
                .pauseSelected(Selector.parse(selector), null, process, "rewiring", span);
    }

    private static void label(UUID machine, String key, String value) throws InterruptedException {
        LabelActions.of(db.bmdb(), ACTOR).change(machine, Map.of(key, value), Set.of(), "of a test");
    }

    private static void unlabel(UUID machine, String key) throws InterruptedException {
        LabelActions.of(db.bmdb(), ACTOR).change(machine, Map.of(), Set.of(key), "of a test");
    }

    private static List<UUID> startable() throws InterruptedException {
        List<UUID> claimed = new ArrayList<>();
        db.session()
                .claim(WorkProcess.AGENT_START, Eligibility.agentStart(TestDatabase.PROVIDER), 100)
                .forEach(work -> {
                    claimed.add(work.machineId());
                    work.close();
                });
        return claimed;
    }

    private static OfProcess agentStart(UUID machine) throws InterruptedException {
        return Operator.of(db.bmdb()).explain(machine, RecoveryPolicy.DEFAULT).orElseThrow().processes().stream()
                .filter(process -> process.process().equals(WorkProcess.AGENT_START))
                .findFirst()
                .orElseThrow();
    }

    private static void requireRightQueue() throws InterruptedException {
        assertThat(Operator.of(db.bmdb()).verifyQueue(RecoveryPolicy.DEFAULT).examples())
                .isEmpty();
    }

    @Test
    void machinesThatAreSelectedAreLeftAloneAlsoLaterAndComeBackWithTheirLabels() throws Exception {
        UUID inRack = db.providedMachine();
        UUID elsewhere = db.providedMachine();
        label(inRack, "rack", "7");
        label(elsewhere, "rack", "8");
        Pause pause = pause("rack=7", null, null);

        assertThat(pause.scope()).isEqualTo("everything on machines with rack=7");
        assertThat(Operator.of(db.bmdb()).pauses()).containsExactly(pause);
        assertThat(startable()).containsExactly(elsewhere);
        OfProcess explained = agentStart(inRack);
        assertThat(explained.rule()).isEqualTo(Rule.PAUSED);
        assertThat(explained.because()).contains("rack team").contains("rewiring");
        requireRightQueue();

        label(elsewhere, "rack", "7");
        label(inRack, "rack", "6");
        assertThat(startable()).containsExactly(inRack);
        UUID later = db.providedMachine();
        assertThat(startable()).contains(later);
        label(later, "rack", "7");
        assertThat(startable()).containsExactly(inRack);
        unlabel(later, "rack");
        assertThat(startable()).containsExactlyInAnyOrder(inRack, later);

        OperatorActions.of(db.bmdb(), ACTOR).resume(pause.id(), "done");
        assertThat(startable()).containsExactlyInAnyOrder(inRack, elsewhere, later);
        requireRightQueue();
        assertThat(Operator.of(db.bmdb()).actions(null, null, 1))
                .singleElement()
                .satisfies(action -> assertThat(action.subject().orElseThrow())
                        .isEqualTo("pause " + pause.id() + " of everything on machines with rack=7"));
    }

    @Test
    void theProviderIsStillCalledAndAnotherProcessGoesOn() throws Exception {
        UUID machine = db.providedMachine();
        label(machine, "rack", "7");
        pause("rack=7", WorkProcess.RECOVERY, null);
        pause("rack", null, Duration.ofHours(1));

        assertThat(Operator.of(db.bmdb()).pauses(TestDatabase.PROVIDER)).isEmpty();
        assertThat(agentStart(machine).rule()).isEqualTo(Rule.PAUSED);
        assertThat(agentStart(machine).nextLookAt()).isPresent();
        db.advance(Duration.ofMinutes(61));
        assertThat(agentStart(machine).rule()).isEqualTo(Rule.ELIGIBLE);
        assertThat(startable()).containsExactly(machine);
        assertThatThrownBy(() -> db.execute(
                        "insert into pauses (pause_id, machine_id, paused_by, pause_reason, paused_at, pause_selector)"
                                + " values (gen_random_uuid(), ?, 'x', 'x', now(), 'rack')",
                        machine))
                .isInstanceOf(SQLException.class);
    }

    @Test
    void anEmbeddersOwnProcessIsKeptOffToo() throws Exception {
        WorkProcess own = new WorkProcess("Own");
        UUID paused = db.machine();
        UUID other = db.machine();
        label(paused, "rack", "7");
        BmdbSession session = db.session();
        session.useTransaction(tx -> {
            tx.schedule(own, paused, Instant.EPOCH);
            tx.schedule(own, other, Instant.EPOCH);
        });
        pause("rack=7", own, null);

        assertThat(session.claim(own, Eligibility.scheduled(own), 10))
                .extracting(Work::machineId)
                .containsExactly(other);
        unlabel(paused, "rack");
        assertThat(session.claim(own, Eligibility.scheduled(own), 10))
                .extracting(Work::machineId)
                .containsExactly(paused);
    }

    @Test
    void loopsThatWaitAreWokenWhenALabelChangesWhileThereIsSuchAPause() throws Exception {
        UUID machine = db.providedMachine();
        label(machine, "rack", "7");
        pause("rack=7", null, null);
        AtomicInteger woken = new AtomicInteger();
        Bmdb bmdb = db.open();
        try (Bmdb.Subscription subscription =
                bmdb.onDue(WorkProcess.AGENT_START, TestDatabase.PROVIDER, woken::incrementAndGet)) {
            await().until(() -> woken.get() > 0);
            int before = woken.get();
            unlabel(machine, "rack");
            await().until(() -> woken.get() > before);
        }
    }

    /**
     * A label that is set under the lock of a machine that no session works on keeps off every claim that comes after. The claims pass
     * over many machines first, so that theirs is the older look.
     */
    @Test
    void aMachineThatIsLabelledWhileNobodyWorksOnItIsNotClaimedAfterwards() throws Exception {
        db.providedMachines(3000);
        db.execute("insert into machine_labels select machine_id, 'maintenance', '', 'Operator' from machines");
        List<UUID> machines = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            machines.add(db.providedMachine());
        }
        pause("maintenance", null, null);
        for (int round = 0; round < 20; round++) {
            BmdbSession session = db.session();
            int pause = 5 * round;

            Race.run(2, runner -> {
                if (runner == 0) {
                    session.claim(WorkProcess.AGENT_START, Eligibility.agentStart(TestDatabase.PROVIDER), 10);
                    return null;
                }
                db.rows("select pg_sleep(?)", pause / 1000.0);
                for (UUID machine : machines) {
                    session.useTransaction(tx -> {
                        tx.changeLabels(machine, Map.of(), Set.of());
                        if (tx.machine(machine).orElseThrow().work().isEmpty()) {
                            tx.dsl()
                                    .execute(
                                            "insert into machine_labels values ({0}, 'maintenance', '', 'Program')",
                                            DSL.val(machine));
                        }
                    });
                }
                return null;
            });

            assertThat(db.number("select count(*) from work join machine_labels using (machine_id)"))
                    .as("round %d", round)
                    .isZero();
            db.execute("delete from work");
            db.execute("delete from machine_labels where label_source = 'Program'");
        }
        assertThat(startable()).as("without a label").containsExactlyInAnyOrderElementsOf(machines);
        requireRightQueue();
    }
}
