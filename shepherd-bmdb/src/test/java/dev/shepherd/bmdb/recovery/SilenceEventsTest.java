package dev.shepherd.bmdb.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.event.StoredEvent;
import dev.shepherd.bmdb.feed.EventFeed;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A machine that falls silent is told of when a recoverer first sees it, whether or not it may be recovered. */
class SilenceEventsTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final RecoveryPolicy POLICY =
            RecoveryPolicy.builder().maxPerProvider(1).freezeMinimum(20).build();

    private final List<UUID> machines = new ArrayList<>();
    private Recoveries recoveries;

    @BeforeEach
    void aFleetThatRecoveryWatches() throws Exception {
        for (int i = 0; i < 30; i++) {
            machines.add(db.providedMachine());
        }
        db.execute("insert into machine_agent_started select machine_id, now() - interval '9 hours',"
                + " sha256(machine_id::text::bytea) from machines");
        db.execute("insert into machine_agent_heartbeat select machine_id, now() from machines");
        db.execute("insert into providers (provider, recovery_looked_at, recovery_looking_since)"
                + " values ('test', now(), now() - interval '2 hours')");
        recoveries = Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, POLICY);
    }

    private void heard(String when, List<UUID> which) throws SQLException {
        for (UUID machine : which) {
            db.execute(
                    "update machine_agent_heartbeat set agent_heartbeat_at = now() + ?::interval where machine_id = ?",
                    when,
                    machine);
        }
    }

    private List<UUID> silent(int count) throws SQLException {
        List<UUID> silent = machines.subList(0, count);
        heard("-1 hour", silent);
        return silent;
    }

    private static List<UUID> told(EventKind kind) throws InterruptedException {
        return EventFeed.of(db.bmdb()).after(EventFeed.START, EventFeed.MOST).stream()
                .map(StoredEvent::event)
                .filter(event -> event.kind() == kind)
                .map(event -> event.machineId().orElse(new UUID(0, 0)))
                .toList();
    }

    @Test
    void thoseThatLimitsHoldBackAreToldOfAtOnceAndOnce() throws Exception {
        List<UUID> silent = silent(5);
        BmdbSession session = db.session();

        List<Work> claimed = recoveries.claim(session, 10).work();
        assertThat(claimed).hasSize(1);
        assertThat(told(EventKind.SILENT)).containsExactlyInAnyOrderElementsOf(silent);

        claimed.get(0).close();
        for (int i = 0; i < 3; i++) {
            recoveries.claim(session, 10).work().forEach(Work::close);
        }
        assertThat(told(EventKind.SILENT)).as("once").hasSize(5);
    }

    @Test
    void aMachineThatWasHeardAgainFallsSilentAnotherTime() throws Exception {
        UUID machine = silent(1).get(0);
        BmdbSession session = db.session();
        recoveries.claim(session, 10).work().forEach(Work::close);
        heard("-40 minutes", List.of(machine));

        recoveries.claim(session, 10).work().forEach(Work::close);

        assertThat(told(EventKind.SILENT)).containsExactly(machine, machine);
    }

    @Test
    void aFreezeHoldsNothingBackOfThis() throws Exception {
        List<UUID> silent = silent(25);
        BmdbSession session = db.session();

        assertThat(recoveries.claim(session, 10).work()).isEmpty();
        recoveries.claim(session, 10);

        assertThat(told(EventKind.FREEZE_BEGAN)).isNotEmpty();
        assertThat(told(EventKind.SILENT)).containsExactlyInAnyOrderElementsOf(silent);
    }

    @Test
    void norDoesAPauseOfAllRecovery() throws Exception {
        List<UUID> silent = silent(2);
        OperatorActions.of(db.bmdb(), Actor.program("oncall"))
                .pause(null, TestDatabase.PROVIDER, WorkProcess.RECOVERY, "work on the network", null);

        assertThat(recoveries.claim(db.session(), 10).work()).isEmpty();

        assertThat(told(EventKind.SILENT)).containsExactlyInAnyOrderElementsOf(silent);
    }

    @Test
    void whileRecoveryHasJustBegunToWatchNothingIsTold() throws Exception {
        List<UUID> silent = silent(2);
        db.execute("update providers set recovery_looking_since = now()");
        BmdbSession session = db.session();
        recoveries.claim(session, 10);
        assertThat(told(EventKind.SILENT)).isEmpty();

        db.execute("update providers set recovery_looking_since = now() - interval '2 hours'");
        recoveries.claim(session, 10);
        assertThat(told(EventKind.SILENT)).containsExactlyInAnyOrderElementsOf(silent);
    }

    @Test
    void aMachineThatNeverHadAnAgentIsToldOfWhenItIsOutOfReach() throws Exception {
        UUID machine = machines.get(0);
        db.execute("delete from machine_agent_heartbeat where machine_id = ?", machine);
        db.execute("delete from machine_agent_started where machine_id = ?", machine);
        db.execute("insert into machine_unreachable values (?, now() - interval '1 hour', 3)", machine);
        BmdbSession session = db.session();

        recoveries.claim(session, 10).work().forEach(Work::close);
        recoveries.claim(session, 10).work().forEach(Work::close);

        assertThat(told(EventKind.SILENT)).containsExactly(machine);
    }

    /** Its lock may be held by a transaction that waits for the provider's row: waiting for it would be a deadlock. */
    @Test
    void aMachineThatIsLockedIsToldOfAtTheNextLook() throws Exception {
        BmdbSession session = db.session();
        assertThat(recoveries.claim(session, 10).work()).isEmpty();
        List<UUID> silent = silent(3);
        try (Connection lock = db.lock(List.of(silent.get(2)))) {
            recoveries.claim(session, 10);
            assertThat(told(EventKind.SILENT)).containsExactlyInAnyOrder(silent.get(0), silent.get(1));
            lock.rollback();
        }
        recoveries.claim(session, 10);
        assertThat(told(EventKind.SILENT)).containsExactlyInAnyOrderElementsOf(silent);
    }

    @Test
    void ofRecoverersThatRaceOneTells() throws Exception {
        for (int round = 0; round < 10; round++) {
            heard("-" + (300 - round) + " minutes", machines.subList(0, 8));
            Race.run(3, i -> {
                recoveries.claim(db.session(), 2).work().forEach(Work::close);
                return true;
            });
            List<UUID> told = told(EventKind.SILENT);
            assertThat(told).hasSize(8 * (round + 1));
            assertThat(new HashSet<>(told.subList(8 * round, told.size()))).hasSize(8);
        }
    }
}
