package dev.shepherd.bmdb.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.TcpProxy;
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

    /** A pool logs a warning, with a stack trace, of a connection that was cut off. This one is handed back as it came. */
    @Test
    void theConnectionOfAnEmbeddersPoolIsHandedBackUnharmed() throws Exception {
        try (HikariDataSource pool = new HikariDataSource()) {
            pool.setJdbcUrl(db.url());
            pool.setMaximumPoolSize(4);
            pool.setMinimumIdle(4);
            long listener;
            long startedAt;
            try (Bmdb bmdb = Bmdb.open(pool)) {
                AtomicInteger woken = new AtomicInteger();
                bmdb.onDue(WorkProcess.AGENT_START, TestDatabase.PROVIDER, woken::incrementAndGet);
                await().until(() -> woken.get() == 1);
                listener = db.number("select max(pid) from pg_stat_activity where query = 'listen shepherd_due'");
                startedAt = System.nanoTime();
            }
            assertThat(Duration.ofNanos(System.nanoTime() - startedAt)).isLessThan(Duration.ofSeconds(5));
            assertThat(TestDatabase.threads()).noneMatch(name -> name.contains("wake-ups"));
            assertThat(pool.getHikariPoolMXBean().getActiveConnections()).isZero();
            assertThat(db.number("select count(*) from pg_stat_activity where pid = ?", listener))
                    .as("it was not cut off")
                    .isEqualTo(1);
            assertThat(db.rows("select query from pg_stat_activity where pid = ?", listener))
                    .as("what it was used for last")
                    .containsExactly("unlisten shepherd_due");
        }
    }

    /** The database no longer answers: closing does not wait for it. */
    @Test
    void aConnectionThatHangsIsCutOff() throws Exception {
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setUrl(proxy.url(db.url()));
        try (Bmdb bmdb = Bmdb.open(source)) {
            AtomicInteger woken = new AtomicInteger();
            bmdb.onDue(WorkProcess.AGENT_START, TestDatabase.PROVIDER, woken::incrementAndGet);
            await().until(() -> woken.get() == 1);
            proxy.freeze();
            long startedAt = System.nanoTime();
            bmdb.close();
            assertThat(Duration.ofNanos(System.nanoTime() - startedAt)).isLessThan(Duration.ofSeconds(15));
            assertThat(TestDatabase.threads()).noneMatch(name -> name.contains("wake-ups"));
        }
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
