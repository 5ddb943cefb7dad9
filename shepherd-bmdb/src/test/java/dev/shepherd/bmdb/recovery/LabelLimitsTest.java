package dev.shepherd.bmdb.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Explanation.OfProcess;
import dev.shepherd.bmdb.Explanation.Rule;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.labels.LabelLimit;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.LabelActions;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.recovery.Recoveries.Begun;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** At most so many machines with the same value of a label are in recovery at once, however many recoverers there are. */
class LabelLimitsTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final ProviderType OTHER = new ProviderType("other");

    private static final Actor ACTOR = Actor.program("rack team");

    private static RecoveryPolicy policy(String... limits) {
        return RecoveryPolicy.builder()
                .maxShare(1)
                .freezeShare(1)
                .labelLimits(List.of(limits).stream().map(LabelLimit::parse).toList())
                .build();
    }

    private static final RecoveryPolicy POLICY = policy("1 of raft-group");

    /** Machines whose agents have been silent for an hour, beside as many that are heard. */
    private static List<UUID> silent(int count, String provider) throws SQLException {
        List<UUID> machines = new ArrayList<>();
        for (int i = 0; i < 2 * count; i++) {
            UUID machine = db.providedMachine();
            db.execute("update machine_provided set provider = ? where machine_id = ?", provider, machine);
            db.execute(
                    "insert into machine_agent_started values (?, now() - interval '2 hours', sha256(?::bytea))",
                    machine,
                    machine.toString());
            db.execute(
                    "insert into machine_agent_heartbeat values (?, now() - ? * interval '1 hour')",
                    machine,
                    i < count ? 1 : 0);
            if (i < count) {
                machines.add(machine);
            }
        }
        db.execute(
                "insert into providers (provider, recovery_looked_at, recovery_looking_since)"
                        + " values (?, now(), now() - interval '2 hours') on conflict do nothing",
                provider);
        return machines;
    }

    private static void label(UUID machine, String label) throws InterruptedException {
        int sign = label.indexOf('=');
        LabelActions.of(db.bmdb(), ACTOR)
                .change(machine, Map.of(label.substring(0, sign), label.substring(sign + 1)), Set.of(), "of a test");
    }

    private static void inGroups(List<UUID> machines, int size) throws InterruptedException {
        for (int i = 0; i < machines.size(); i++) {
            label(machines.get(i), "raft-group=" + i / size);
        }
    }

    private static long inOneGroup() throws SQLException {
        return db.number("select coalesce(max(n), 0) from (select count(*) n from machine_labels l"
                + " where l.label_key = 'raft-group' and (exists (select 1 from work w where w.machine_id = l.machine_id)"
                + " or exists (select 1 from machine_recovery r where r.machine_id = l.machine_id"
                + " and r.recovery_proved_at is null)) group by l.label_value) g");
    }

    private static Recoveries recoveries(RecoveryPolicy policy) {
        return Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, policy);
    }

    private static void putInRecovery(UUID machine) throws SQLException {
        db.execute(
                "insert into machine_recovery (machine_id, recovery_action, recovery_attempted_at, recovery_under_way,"
                        + " recovery_attempts, recovery_reinstalls, recovery_failed_calls)"
                        + " values (?, 'Reboot', now(), false, 1, 0, 0)",
                machine);
    }

    private static OfProcess explained(UUID machine, RecoveryPolicy policy) throws InterruptedException {
        return Operator.of(db.bmdb()).explain(machine, policy).orElseThrow().processes().stream()
                .filter(process -> process.process().equals(WorkProcess.RECOVERY))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void oneOfEachGroupIsClaimedAndTheOthersWait() throws Exception {
        List<UUID> machines = silent(7, "test");
        inGroups(machines.subList(0, 6), 3);
        BmdbSession session = db.session();

        List<Work> first = recoveries(POLICY).claim(session, 10).work();

        assertThat(first)
                .extracting(Work::machineId)
                .containsExactlyInAnyOrder(machines.get(0), machines.get(3), machines.get(6));
        RecoveryClaims second = recoveries(POLICY).claim(session, 10);
        assertThat(second.work()).isEmpty();
        assertThat(second.outlook().heldBack())
                .containsExactlyInAnyOrder(
                        "2 machine(s): 1 of at most 1 with raft-group=0 are in recovery",
                        "2 machine(s): 1 of at most 1 with raft-group=1 are in recovery");
        assertThat(Operator.of(db.bmdb())
                        .planRecovery(TestDatabase.PROVIDER, POLICY, true)
                        .steps())
                .isEmpty();
        OfProcess held = explained(machines.get(1), POLICY);
        assertThat(held.rule()).isEqualTo(Rule.LIMIT);
        assertThat(held.because()).contains("1 of at most 1 with raft-group=0 are in recovery");

        first.forEach(Work::close);
        assertThat(explained(machines.get(0), POLICY).rule()).isEqualTo(Rule.ELIGIBLE);
        assertThat(recoveries(POLICY).claim(session, 10).work()).hasSize(3);
    }

    @Test
    void aLimitOfASelectorIsOfAllThatItSelects() throws Exception {
        List<UUID> machines = silent(6, "test");
        for (int i = 0; i < 6; i++) {
            label(machines.get(i), "tier=" + (i < 4 ? "db" : "web"));
        }
        label(machines.get(0), "raft-group=1");
        label(machines.get(1), "raft-group=1");

        List<Work> work = recoveries(policy("2 of tier=db", "1 of raft-group"))
                .claim(db.session(), 10)
                .work();

        assertThat(work)
                .extracting(Work::machineId)
                .containsExactlyInAnyOrder(machines.get(0), machines.get(2), machines.get(4), machines.get(5));
    }

    @Test
    void whatIsPlannedIsWhatIsClaimed() throws Exception {
        inGroups(silent(12, "test"), 4);
        List<UUID> planned = Operator.of(db.bmdb()).planRecovery(TestDatabase.PROVIDER, POLICY, true).steps().stream()
                .map(step -> step.machineId())
                .toList();

        assertThat(planned).hasSize(3);
        assertThat(recoveries(POLICY).claim(db.session(), 10).work())
                .extracting(Work::machineId)
                .containsExactlyInAnyOrderElementsOf(planned);
    }

    @Test
    void aMachineOfTheGroupAtAnotherProviderCountsAndAPausedOneDoesNot() throws Exception {
        UUID here = silent(1, "test").get(0);
        UUID there = silent(1, "other").get(0);
        label(here, "raft-group=17");
        label(there, "raft-group=17");
        putInRecovery(there);
        BmdbSession session = db.session();

        assertThat(recoveries(POLICY).claim(session, 10).work()).isEmpty();
        db.execute("insert into pauses (pause_id, paused_by, pause_reason, paused_at, pause_selector)"
                + " values (gen_random_uuid(), 'x', 'x', now(), 'maintenance')");
        assertThat(recoveries(POLICY).claim(session, 10).work()).isEmpty();
        label(there, "maintenance=yes");
        assertThat(recoveries(POLICY).claim(session, 10).work()).hasSize(1);
    }

    @Test
    void aPersonIsToldWhoTakesTheGroupsPlace() throws Exception {
        List<UUID> machines = silent(2, "test");
        inGroups(machines, 2);
        putInRecovery(machines.get(0));

        Refusal refusal = recoveries(POLICY)
                .refusal(machines.get(1), RecoveryAction.REBOOT)
                .orElseThrow();

        assertThat(refusal.kind()).isEqualTo(Refusal.Kind.AT_LIMIT);
        assertThat(refusal.why()).isEqualTo("1 of at most 1 with raft-group=0 are in recovery: id-" + machines.get(0));
        assertThat(recoveries(POLICY).refusal(machines.get(0), RecoveryAction.REBOOT))
                .as("it has its place already")
                .isEmpty();
        assertThat(recoveries(policy("2 of raft-group")).refusal(machines.get(1), RecoveryAction.REBOOT))
                .isEmpty();
    }

    /** Recoverers of two providers and a person, each in a database connection of its own, go for the same few groups. */
    @Test
    void theLimitOfAGroupIsNeverBrokenByAnyNumberOfSessions() throws Exception {
        List<UUID> here = silent(12, "test");
        List<UUID> there = silent(12, "other");
        UUID byHand = db.providedMachine();
        for (int i = 0; i < 12; i++) {
            label(here.get(i), "raft-group=" + i % 3);
            label(there.get(i), "raft-group=" + i % 3);
        }
        label(byHand, "raft-group=0");
        for (int round = 0; round < 40; round++) {
            BmdbSession session = db.session();
            Work held = session.claimMachine(WorkProcess.ACCESS, byHand).orElseThrow();
            db.execute("update work_due set due_at = '-infinity' where process = 'ShepherdRecovery'");

            List<Integer> taken = Race.run(5, runner -> {
                if (runner == 4) {
                    Begun begun = held.update(tx -> recoveries(POLICY)
                            .beginIntervention(tx, byHand, RecoveryAction.REBOOT, false, Optional.empty()));
                    return begun.attempt().isPresent() ? 1 : 0;
                }
                return Recoveries.of(db.bmdb(), runner % 2 == 0 ? TestDatabase.PROVIDER : OTHER, POLICY)
                        .claim(session, 10)
                        .work()
                        .size();
            });

            db.execute("delete from work where process = 'ShepherdAccess'");
            assertThat(inOneGroup()).as("round %d: %s", round, taken).isOne();
            assertThat(taken.stream().mapToInt(Integer::intValue).sum())
                    .as("round %d: %s", round, taken)
                    .isEqualTo(3);
            db.execute("delete from work");
            db.execute("delete from machine_recovery");
            db.execute("delete from work_backoff");
        }
    }

    /** A machine is moved into a group whose place is taken, while it is being claimed. */
    @Test
    void aLabelThatChangesMeanwhileBreaksNoLimit() throws Exception {
        List<UUID> machines = silent(6, "test");
        for (int round = 0; round < 40; round++) {
            for (int i = 0; i < 6; i++) {
                label(machines.get(i), "raft-group=own-" + i);
            }
            BmdbSession session = db.session();
            AtomicBoolean claimed = new AtomicBoolean();
            db.execute("update work_due set due_at = '-infinity' where process = 'ShepherdRecovery'");

            Race.run(2, runner -> {
                if (runner == 0) {
                    recoveries(POLICY).claim(session, 10);
                    claimed.set(true);
                } else {
                    for (int i = 0; i < 6 && !claimed.get(); i++) {
                        UUID machine = machines.get(i);
                        // As a program does that asks first.
                        session.useTransaction(tx -> {
                            tx.changeLabels(machine, Map.of(), Set.of());
                            if (tx.machine(machine).orElseThrow().work().isEmpty()) {
                                tx.dsl()
                                        .execute(
                                                "update machine_labels set label_value = 'shared' where machine_id = {0}",
                                                org.jooq.impl.DSL.val(machine));
                            }
                        });
                    }
                }
                return null;
            });

            assertThat(inOneGroup()).as("round %d", round).isLessThanOrEqualTo(1);
            db.execute("delete from work");
            db.execute("delete from work_backoff");
        }
    }
}
