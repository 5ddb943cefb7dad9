package dev.shepherd.bmdb.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.Pause;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.postgresql.ds.PGSimpleDataSource;

class DueNotificationsTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final WorkProcess OWN = new WorkProcess("UnitTest1");
    private static final Duration QUIET = Duration.ofMillis(300);

    @Test
    void whoWaitsIsWokenByWhatBecomesDueAndByNothingElse() throws Exception {
        Bmdb bmdb = db.open();
        AtomicInteger woken = new AtomicInteger();
        AtomicInteger others = new AtomicInteger();
        try (Bmdb.Subscription mine =
                        bmdb.onDue(WorkProcess.AGENT_START, TestDatabase.PROVIDER, woken::incrementAndGet);
                Bmdb.Subscription own = bmdb.onDue(OWN, null, others::incrementAndGet)) {
            await().until(() -> woken.get() == 1 && others.get() == 1); // For what was said before it listened.

            UUID machine = db.providedMachine();
            await().until(() -> woken.get() == 2);
            db.execute("insert into machine_agent_started values (?, now(), '')", machine);
            db.execute("insert into work_schedule values (?, 'UnitTest1', now())", machine);
            await().until(() -> others.get() == 2);
            assertThat(woken).hasValue(2);

            db.execute("delete from machine_agent_started where machine_id = ?", machine);
            await().until(() -> woken.get() == 3);
        }
        db.providedMachine();
        await().during(QUIET).until(() -> woken.get() == 3);
    }

    @Test
    void theEndOfAPauseOfManyMachinesWakesAllItHeldBack() throws Exception {
        Bmdb bmdb = db.open();
        AtomicInteger woken = new AtomicInteger();
        bmdb.onDue(WorkProcess.AGENT_START, TestDatabase.PROVIDER, woken::incrementAndGet);
        await().until(() -> woken.get() == 1);
        Pause pause = OperatorActions.of(bmdb, Actor.program("x")).pause(null, TestDatabase.PROVIDER, null, "y", null);
        OperatorActions.of(bmdb, Actor.program("test")).resume(pause.id(), "it is over");
        await().until(() -> woken.get() == 2);
    }

    @Test
    void aConnectionThatBreaksIsMadeAnewAndEverybodyIsWoken() throws Exception {
        Bmdb bmdb = db.open();
        AtomicInteger woken = new AtomicInteger();
        bmdb.onDue(WorkProcess.AGENT_START, TestDatabase.PROVIDER, woken::incrementAndGet);
        await().until(() -> woken.get() == 1);
        db.execute("select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen shepherd_due'");
        await().until(() -> woken.get() == 2);
        db.providedMachine();
        await().until(() -> woken.get() == 3);
    }

    @Test
    void itWorksOnADataSourceOfAnEmbedder() throws Exception {
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setUrl(db.url());
        AtomicInteger woken = new AtomicInteger();
        try (Bmdb bmdb = Bmdb.open(source)) {
            bmdb.onDue(WorkProcess.AGENT_START, TestDatabase.PROVIDER, woken::incrementAndGet);
            await().until(() -> woken.get() == 1);
            db.providedMachine();
            await().until(() -> woken.get() == 2);
        }
        assertThat(TestDatabase.threads()).noneMatch(name -> name.contains("wake-ups"));
    }

    @Test
    void aDataSourceThatThrowsSomethingOfItsOwnIsAskedAgain() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        PGSimpleDataSource source = new PGSimpleDataSource() {
            @Override
            public Connection getConnection() throws SQLException {
                boolean wakeUps = Thread.currentThread().getName().contains("wake-ups");
                if (wakeUps && asked.incrementAndGet() == 1) {
                    throw new IllegalStateException("no route to the database");
                }
                return super.getConnection();
            }
        };
        source.setUrl(db.url());
        AtomicInteger woken = new AtomicInteger();
        try (Bmdb bmdb = Bmdb.open(source)) {
            bmdb.onDue(WorkProcess.AGENT_START, TestDatabase.PROVIDER, woken::incrementAndGet);
            await().until(() -> woken.get() == 1);
        }
        assertThat(asked).hasValue(2);
    }

    /** With pauses that double from one second on, it would be asked four times. */
    @Test
    void aDatabaseThatIsAwayIsLookedForWithoutGrowingPauses() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        PGSimpleDataSource source = new PGSimpleDataSource() {
            @Override
            public Connection getConnection() throws SQLException {
                boolean wakeUps = Thread.currentThread().getName().contains("wake-ups");
                if (wakeUps && asked.incrementAndGet() <= 10) {
                    throw new SQLException("no route to the database", "08001");
                }
                return super.getConnection();
            }
        };
        source.setUrl(db.url());
        AtomicInteger woken = new AtomicInteger();
        try (Bmdb bmdb = Bmdb.open(source)) {
            bmdb.onDue(WorkProcess.AGENT_START, TestDatabase.PROVIDER, woken::incrementAndGet);
            await().until(() -> woken.get() == 1);
        }
        assertThat(asked).hasValue(11);
    }

    @Test
    void nothingIsConnectedForIt() throws Exception {
        Bmdb bmdb = db.open(config -> config.wakeUps(false));
        AtomicInteger woken = new AtomicInteger();
        bmdb.onDue(WorkProcess.AGENT_START, TestDatabase.PROVIDER, woken::incrementAndGet);
        db.providedMachine();
        await().during(QUIET).until(() -> woken.get() == 0);
        assertThat(TestDatabase.threads()).noneMatch(name -> name.contains("wake-ups"));
    }
}
