package dev.shepherd.bmdb.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class HistoryPruningTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final Duration RETENTION = Duration.ofDays(30);

    private static HistoryPruning pruning() {
        return new HistoryPruning(
                db.bmdb().unwrap(Database.class).transactions(), Optional.of(RETENTION), Duration.ofDays(7));
    }

    /** Writes lines that are so many days old, as many as are given. */
    private static void history(UUID machine, int days, int lines) throws SQLException {
        db.execute(
                "insert into work_history (machine_id, process, event, \"timestamp\", claim_id)"
                        + " select ?, 'UnitTest', 'Finished', now() - ? * interval '1 day', gen_random_uuid()"
                        + " from generate_series(1, ?)",
                machine,
                days,
                lines);
        db.execute(
                "insert into operator_actions (acted_at, acted_by, channel, verb, reason, machine_id)"
                        + " select now() - ? * interval '1 day', 'alice', 'Page', 'Retry', 'because', ?"
                        + " from generate_series(1, ?)",
                days,
                machine,
                lines);
        db.execute(
                "insert into hardware_history (changed_at, kind, change, machine_id)"
                        + " select now() - ? * interval '1 day', 'DISK_GONE', 'a disk', ?"
                        + " from generate_series(1, ?)",
                days,
                machine,
                lines);
    }

    private static long lines() throws SQLException {
        return db.number("select (select count(*) from work_history) + (select count(*) from operator_actions)"
                + " + (select count(*) from hardware_history)");
    }

    @Test
    void whatIsOlderGoesInBatchesAndTheRestStays() throws Exception {
        UUID machine = db.machine();
        int many = 2 * HistoryPruning.BATCH + 7;
        history(machine, 31, many);
        history(machine, 29, 5);

        assertThat(pruning().prune()).isEqualTo(3L * many);

        assertThat(lines()).isEqualTo(15);
        assertThat(pruning().prune()).isZero();
    }

    /** The database's clock was wrong for a while: what follows is still looked at. */
    @Test
    void aLineOfTheFutureDoesNotKeepTheOldOnesBehindIt() throws Exception {
        UUID machine = db.machine();
        history(machine, -400, 1);
        history(machine, 31, HistoryPruning.BATCH + 5);

        pruning().prune();

        assertThat(lines()).isEqualTo(3);
    }

    @Test
    void theLinesOfWorkThatIsUnderWayStay() throws Exception {
        UUID machine = db.machine();
        db.session()
                .claimMachine(WorkProcess.ACCESS, machine, "who asked for it")
                .orElseThrow();
        db.execute("update work_history set \"timestamp\" = now() - interval '40 days'");

        pruning().prune();

        assertThat(db.bmdb().history(machine, 1).get(0).note()).contains("who asked for it");
    }

    @Test
    void theNameOfAForgottenMachineStaysAsLongAsItsHistory() throws Exception {
        UUID machine = db.providedMachine();
        OperatorActions.of(db.bmdb(), Actor.program("alice")).forget(machine, "gone");
        db.execute("update machines_forgotten set forgotten_at = now() - interval '31 days'");
        history(machine, 1, 1);
        pruning().prune();
        assertThat(db.number("select count(*) from machines_forgotten")).isEqualTo(1);

        db.execute("update work_history set \"timestamp\" = now() - interval '31 days'");
        pruning().prune();

        assertThat(db.number("select count(*) from machines_forgotten")).isZero();
    }

    @Test
    void whileOneProcessDeletesNoOtherDoes() throws Exception {
        history(db.machine(), 31, 5);
        Connection another = db.transaction();
        TestDatabase.execute(another, "select pg_advisory_xact_lock(" + HistoryPruning.LOCK + ")");

        assertThat(pruning().prune()).isZero();
        assertThat(lines()).isEqualTo(15);

        another.rollback();
        List<Long> deleted = Race.run(4, i -> pruning().prune());
        assertThat(deleted.stream().mapToLong(Long::longValue).sum()).isEqualTo(15);
    }

    @Test
    void itLocksNothingThatClaimsAndEndsNeed() throws Exception {
        history(db.machine(), 31, 5);
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        // A transaction that deletes it all and does not end, as if it took for ever.
        Connection deleting = db.transaction();
        TestDatabase.execute(deleting, "delete from work_history");
        TestDatabase.execute(deleting, "delete from operator_actions");

        session.claimMachine(WorkProcess.AGENT_START, machine).orElseThrow().finish();
        OperatorActions.of(db.bmdb(), Actor.program("alice")).quarantine(machine, "because");

        assertThat(db.history(machine)).hasSize(2);
        deleting.rollback();
    }

    @Test
    void aProcessWithASessionDoesItIfItIsToldTo() throws Exception {
        UUID machine = db.machine();
        history(machine, 31, 3);
        history(machine, 1, 1);

        db.closeLater(db.open(config -> config.historyRetention(RETENTION)).startSession("test", "host"));

        await().until(() -> lines() == 3);
        assertThat(Operator.of(db.bmdb()).actions(machine, null, 10)).hasSize(1);
    }
}
