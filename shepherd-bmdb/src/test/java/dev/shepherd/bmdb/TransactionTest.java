package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.bmdb.HookedDataSource.Hook;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.Pause;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jooq.exception.DataAccessException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.ds.PGSimpleDataSource;

class TransactionTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private final AtomicInteger runs = new AtomicInteger();

    @AfterEach
    void removeTheTrigger() throws SQLException {
        db.execute("drop function if exists fail() cascade");
        db.execute("drop sequence if exists failures");
    }

    /** Lets the first heartbeats tags that are written fail, either at once or when they are committed. */
    private static void failFirst(int times, String sqlState, boolean atCommit) throws SQLException {
        db.execute("create sequence failures");
        db.execute("create function fail() returns trigger language plpgsql as $$ begin"
                + " if nextval('failures') <= " + times + " then"
                + " raise exception 'injected' using errcode = '" + sqlState + "'; end if; return new; end $$");
        db.execute(
                atCommit
                        ? "create constraint trigger fail after insert on machine_agent_heartbeat"
                                + " initially deferred for each row execute function fail()"
                        : "create trigger fail before insert on machine_agent_heartbeat"
                                + " for each row execute function fail()");
    }

    @ParameterizedTest
    @ValueSource(strings = {"40001", "40P01"})
    void aTransactionThatTheDatabaseAsksToRepeatIsRepeated(String sqlState) throws Exception {
        UUID machine = db.machine();
        failFirst(3, sqlState, false);

        int result = db.session().inTransaction(tx -> {
            int run = runs.incrementAndGet();
            tx.putAgentHeartbeat(machine);
            return run;
        });

        assertThat(runs).hasValue(4);
        assertThat(result).isEqualTo(4);
        assertThat(db.number("select count(*) from machine_agent_heartbeat")).isEqualTo(1);
    }

    @Test
    void aSerializationFailureOfTheCommitIsRepeatedToo() throws Exception {
        UUID machine = db.machine();
        failFirst(2, "40001", true);

        db.session().useTransaction(tx -> {
            runs.incrementAndGet();
            tx.putAgentHeartbeat(machine);
        });

        assertThat(runs).hasValue(3);
        assertThat(db.number("select count(*) from machine_agent_heartbeat")).isEqualTo(1);
    }

    @Test
    void aTransactionIsGivenUpAfterSoManyAttempts() throws Exception {
        UUID machine = db.machine();
        failFirst(100, "40001", false);
        BmdbSession session = db.open(config -> config.maxAttempts(3)).startSession("test", "host");

        assertThatThrownBy(() -> session.inTransaction(tx -> {
                    runs.incrementAndGet();
                    tx.putAgentHeartbeat(machine);
                    return true;
                }))
                .isInstanceOfSatisfying(
                        BmdbException.class, e -> assertThat(e.sqlState()).isEqualTo(Optional.of("40001")))
                .hasMessageContaining("after 3 attempts")
                .hasMessageContaining("injected")
                .hasMessageContaining(session.toString())
                .hasCauseInstanceOf(DataAccessException.class);

        assertThat(runs).hasValue(3);
    }

    @Test
    void whatTheDatabaseRefusesIsNotRepeated() throws Exception {
        UUID unknown = UUID.randomUUID();
        BmdbSession session = db.session();

        assertThatThrownBy(() -> session.inTransaction(tx -> {
                    runs.incrementAndGet();
                    tx.putAgentHeartbeat(unknown);
                    return true;
                }))
                .isInstanceOfSatisfying(
                        BmdbException.class, e -> assertThat(e.sqlState()).isEqualTo(Optional.of("23503")));

        assertThat(runs).hasValue(1);
        assertThat(session.isAlive()).isTrue();
    }

    @Test
    void deadlocksAreRepeatedUntilBothGetThrough() throws Exception {
        UUID one = db.machine();
        UUID two = db.machine();
        BmdbSession session = db.session();
        CyclicBarrier bothHoldOne = new CyclicBarrier(2);

        Race.run(2, i -> {
            AtomicInteger attempt = new AtomicInteger();
            return session.inTransaction(tx -> {
                boolean first = attempt.getAndIncrement() == 0;
                runs.incrementAndGet();
                tx.putSshHostKey(i == 0 ? one : two, "key of " + i);
                if (first) {
                    meet(bothHoldOne);
                }
                tx.putSshHostKey(i == 0 ? two : one, "key of " + i);
                return true;
            });
        });

        assertThat(runs).hasValueGreaterThan(2);
        assertThat(db.rows("select distinct ssh_host_key from machine_ssh_host_key"))
                .hasSize(1);
        assertThat(db.number("select count(*) from machine_ssh_host_key")).isEqualTo(2);
    }

    @Test
    void aFailureOfTheBodyRollsBackAndIsPassedOn() throws Exception {
        UUID machine = db.machine();
        IllegalArgumentException failure = new IllegalArgumentException("of the body");

        assertThatThrownBy(() -> db.session().inTransaction(tx -> {
                    tx.putAgentHeartbeat(machine);
                    throw failure;
                }))
                .isSameAs(failure);

        assertThat(db.rows("select * from machine_agent_heartbeat")).isEmpty();
    }

    @Test
    void aFailedStatementThatTheBodyIgnoresFailsTheTransaction() throws Exception {
        UUID machine = db.machine();

        assertThatThrownBy(() -> ignoreAFailure(db.session(), machine))
                .isInstanceOfSatisfying(
                        BmdbException.class, e -> assertThat(e.sqlState()).isEqualTo(Optional.of("25P02")));

        assertThat(db.rows("select * from machine_agent_heartbeat")).isEmpty();
    }

    @Test
    void thatIsNoticedAlsoWhereTheDriversConnectionIsHidden() throws Exception {
        UUID machine = db.machine();
        HookedDataSource source = new HookedDataSource(db.url());
        BmdbSession session = db.closeLater(Bmdb.open(
                        BmdbConfig.builder().dataSource(source.dataSource()).build()))
                .startSession("test", "host");
        source.onNext("isWrapperFor", (connection, original) -> false);

        assertThatThrownBy(() -> ignoreAFailure(session, machine))
                .isInstanceOfSatisfying(
                        BmdbException.class, e -> assertThat(e.sqlState()).isEqualTo(Optional.of("25P02")));
    }

    private static void ignoreAFailure(BmdbSession session, UUID machine) throws InterruptedException {
        session.useTransaction(tx -> {
            tx.putAgentHeartbeat(machine);
            assertThatThrownBy(() -> tx.putAgentHeartbeat(UUID.randomUUID())).isInstanceOf(DataAccessException.class);
        });
    }

    @Test
    void anInterruptedThreadBeginsNoTransaction() throws Exception {
        BmdbSession session = db.session();

        Thread.currentThread().interrupt();

        assertThatThrownBy(() -> session.inTransaction(tx -> runs.incrementAndGet()))
                .isInstanceOf(InterruptedException.class);
        assertThat(Thread.interrupted()).isFalse();
        assertThat(runs).hasValue(0);
    }

    @Test
    void anInterruptionInTheBodyRollsBack() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();

        assertThatThrownBy(() -> session.inTransaction(tx -> {
                    tx.putAgentHeartbeat(machine);
                    Thread.currentThread().interrupt();
                    new CountDownLatch(1).await();
                    return true;
                }))
                .isInstanceOf(InterruptedException.class);

        assertThat(db.rows("select * from machine_agent_heartbeat")).isEmpty();
        assertThat(session.<Boolean>inTransaction(tx -> true)).isTrue();
    }

    @Test
    void anInterruptionEndsTheWaitForAConnection() throws Exception {
        Bmdb bmdb = db.open(config -> config.poolSize(1));
        BmdbSession session = bmdb.startSession("test", "host");
        AtomicReference<Throwable> outcome = new AtomicReference<>();
        Thread waiting = new Thread(
                () -> outcome.set(catchThrowable(() -> session.inTransaction(tx -> runs.incrementAndGet()))));

        session.useTransaction(tx -> {
            waiting.start();
            await().until(() -> waiting.getState() == Thread.State.TIMED_WAITING);
            waiting.interrupt();
            waiting.join();
        });

        assertThat(outcome.get()).isInstanceOf(InterruptedException.class);
        assertThat(runs).hasValue(0);
    }

    @Test
    void aTransactionInsideOfAnotherIsAClearError() throws Exception {
        db.providedMachine();
        BmdbSession session = db.session();
        BmdbSession other = db.session();
        Work work = session.claim(WorkProcess.AGENT_START, Eligibility.agentStart(TestDatabase.PROVIDER), 1)
                .get(0);

        assertThatThrownBy(() -> session.inTransaction(tx -> other.inTransaction(inner -> true)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("inside of a transaction of " + session);
        assertThatThrownBy(() -> session.inTransaction(tx -> db.bmdb().now()))
                .isInstanceOf(IllegalStateException.class);
        // This one would wait for its own lock.
        assertThatThrownBy(() -> work.update(tx -> {
                    work.finish();
                    return true;
                }))
                .isInstanceOf(IllegalStateException.class);

        work.finish();
        assertThat(session.<Boolean>inTransaction(tx -> true)).isTrue();
    }

    @Test
    void aTransactionOfJooqsIsASavepointOfOurs() throws Exception {
        UUID kept = db.machine();
        UUID dropped = db.machine();
        BmdbSession session = db.session();

        session.useTransaction(tx -> {
            tx.dsl().transaction(inner -> {
                tx.putAgentHeartbeat(kept);
                inner.dsl().transaction(innermost -> innermost.dsl().execute("select 1"));
            });
            assertThatThrownBy(() -> tx.dsl().transaction(inner -> {
                        tx.putAgentHeartbeat(dropped);
                        inner.dsl().execute("nonsense");
                    }))
                    .isInstanceOf(DataAccessException.class);
            assertThat(heartbeats()).as("committed before the end").isZero();
        });

        assertThat(db.rows("select machine_id from machine_agent_heartbeat")).containsExactly(kept.toString());
        assertThatThrownBy(() -> session.inTransaction(tx -> {
                    tx.dsl().transaction(inner -> tx.putAgentHeartbeat(dropped));
                    throw new IllegalArgumentException("of the body");
                }))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(heartbeats()).isEqualTo(1);
    }

    @Test
    void aTransactionIsOfNoUseAfterItsEnd() throws Exception {
        BmdbSession session = db.session();
        List<BmdbTransaction> leaked = new ArrayList<>();

        session.inTransaction(tx -> leaked.add(tx));
        assertThatThrownBy(() -> session.inTransaction(tx -> {
                    leaked.add(tx);
                    throw new IllegalArgumentException("of the body");
                }))
                .isInstanceOf(IllegalArgumentException.class);

        assertThat(leaked).hasSize(2).allSatisfy(tx -> {
            assertThatThrownBy(() -> tx.clearAgentStarted(UUID.randomUUID()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("has ended");
            assertThatThrownBy(tx::dsl).isInstanceOf(IllegalStateException.class);
        });
    }

    @Test
    void aTransactionBelongsToItsThread() throws Exception {
        BmdbSession session = db.session();

        session.useTransaction(tx -> {
            AtomicReference<Throwable> outcome = new AtomicReference<>();
            Thread other = new Thread(() -> outcome.set(catchThrowable(tx::dsl)), "other");
            other.start();
            other.join();
            assertThat(outcome.get())
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("cannot be used by other");
        });
    }

    @Test
    void aConnectionThatBreaksBeforeTheCommitIsReplaced() throws Exception {
        UUID machine = db.machine();

        db.session().useTransaction(tx -> {
            tx.putAgentHeartbeat(machine);
            if (runs.incrementAndGet() < 3) {
                tx.dsl().execute("select pg_terminate_backend(pg_backend_pid())");
            }
        });

        assertThat(runs).hasValue(3);
        assertThat(db.number("select count(*) from machine_agent_heartbeat")).isEqualTo(1);
    }

    @Test
    void anotherDefaultIsolationLevelOfAConnectionMakesNoDifference() throws Exception {
        HookedDataSource source =
                new HookedDataSource(db.url() + "&options=-c%20default_transaction_isolation=serializable");
        Bmdb bmdb = db.closeLater(
                Bmdb.open(BmdbConfig.builder().dataSource(source.dataSource()).build()));
        BmdbSession session = bmdb.startSession("test", "host");

        for (int i = 0; i < 2; i++) {
            assertThat(session.<String>inTransaction(tx ->
                            tx.dsl().fetchSingle("show transaction_isolation").get(0, String.class)))
                    .isEqualTo("read committed");
        }
        db.expire(session);
        assertThat(bmdb.reapExpiredSessions()).isEqualTo(1);
    }

    @Test
    void thatIsFoundOutByManyAtOnceToo() throws Exception {
        for (int round = 0; round < 5; round++) {
            HookedDataSource source =
                    new HookedDataSource(db.url() + "&options=-c%20default_transaction_isolation=repeatable%5C%20read");
            Bmdb bmdb = db.closeLater(Bmdb.open(
                    BmdbConfig.builder().dataSource(source.dataSource()).build()));
            List<BmdbSession> sessions = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                sessions.add(bmdb.startSession("test", "host"));
            }
            CyclicBarrier together = new CyclicBarrier(6);

            List<String> levels = Race.run(6, i -> {
                meet(together);
                return sessions.get(i)
                        .<String>inTransaction(tx -> tx.dsl()
                                .fetchSingle("show transaction_isolation")
                                .get(0, String.class));
            });

            assertThat(levels).containsOnly("read committed");
            for (BmdbSession session : sessions) {
                session.close();
            }
        }
    }

    /** Who resumes and releases on the command line has no session, whose proof would tell the level. */
    @Test
    void anOperatorsActionMissesNothingThatEndsMeanwhileWhateverTheDefaultIsolationLevel() throws Exception {
        UUID machine = db.providedMachine();
        Bmdb operator = db.closeLater(Bmdb.open(db.config()
                .jdbcUrl(db.url() + "&options=-c%20default_transaction_isolation=repeatable%5C%20read")
                .build()));
        BmdbSession session = db.session();
        Work work = session.claim(WorkProcess.AGENT_START, Eligibility.agentStart(TestDatabase.PROVIDER), 1)
                .get(0);
        Pause pause = OperatorActions.of(operator, Actor.program("me")).pause(machine, null, null, "a look", null);
        AtomicReference<Thread> resuming = new AtomicReference<>();
        work.finish(tx -> {
            Thread thread = new Thread(() -> resume(operator, pause));
            resuming.set(thread);
            thread.start();
            await().until(() -> db.number("select count(*) from pg_stat_activity where datname = current_database()"
                            + " and wait_event_type = 'Lock'")
                    == 1);
        });
        resuming.get().join(30_000);

        assertThat(db.rows("select process from work_due where machine_id = ? and due_at <= now()", machine))
                .containsExactly(WorkProcess.AGENT_START.name());
    }

    private static void resume(Bmdb bmdb, Pause pause) {
        try {
            OperatorActions.of(bmdb, Actor.program("test")).resume(pause.id(), "it is over");
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void aConnectionThatComesInTheMiddleOfATransactionIsUsedAllTheSame() throws Exception {
        UUID machine = db.machine();
        PGSimpleDataSource source = new PGSimpleDataSource() {
            @Override
            public Connection getConnection() throws SQLException {
                Connection connection = super.getConnection();
                connection.setAutoCommit(false);
                TestDatabase.execute(connection, "select 1"); // As a pool does that checks its connections.
                return connection;
            }
        };
        source.setUrl(db.url());
        Bmdb bmdb = db.closeLater(Bmdb.open(source));

        assertThat(bmdb.machine(machine)).isPresent();
        assertThat(bmdb.now()).isNotNull();
        assertThat(bmdb.startSession("test", "host").<Boolean>inTransaction(tx -> true))
                .isTrue();
    }

    @Test
    void aReadThatIsCompleteDoesNotFailForTheEndOfItsTransaction() throws Exception {
        UUID machine = db.machine();
        HookedDataSource source = new HookedDataSource(db.url());
        Bmdb bmdb = db.closeLater(
                Bmdb.open(BmdbConfig.builder().dataSource(source.dataSource()).build()));
        for (String end : List.of("commit", "rollback")) {
            source.onNext(end, (connection, original) -> {
                throw HookedDataSource.broken();
            });
            assertThat(bmdb.machine(machine)).as("a broken %s", end).isPresent();
        }
    }

    @Test
    void anEmbeddersConnectionComesBackAsItWas() throws Exception {
        HookedDataSource source = new HookedDataSource(db.url());
        BmdbSession session = db.closeLater(Bmdb.open(
                        BmdbConfig.builder().dataSource(source.dataSource()).build()))
                .startSession("test", "host");
        AtomicReference<Object> autoCommit = new AtomicReference<>();
        Hook look = (connection, original) -> {
            autoCommit.set(connection.getAutoCommit());
            return original.call();
        };

        source.onNext("close", look);
        session.inTransaction(tx -> true);
        assertThat(autoCommit.getAndSet(null)).isEqualTo(true);

        source.onNext("close", look);
        assertThatThrownBy(() -> session.inTransaction(tx -> tx.dsl().execute("nonsense")))
                .isInstanceOf(BmdbException.class);
        assertThat(autoCommit.get()).isEqualTo(true);
    }

    @Test
    void aConnectionThatFailsToCloseAfterTheCommitDoesNotRepeatTheTransaction() throws Exception {
        UUID machine = db.machine();
        HookedDataSource source = new HookedDataSource(db.url());
        BmdbSession session = db.closeLater(Bmdb.open(
                        BmdbConfig.builder().dataSource(source.dataSource()).build()))
                .startSession("test", "host");
        source.onNext("close", (connection, original) -> {
            original.call();
            throw HookedDataSource.broken();
        });

        assertThatCode(() -> session.inTransaction(tx -> {
                    tx.putAgentHeartbeat(machine);
                    return runs.incrementAndGet();
                }))
                .doesNotThrowAnyException();

        assertThat(runs).hasValue(1);
    }

    @Test
    void aDatabaseThatStaysAwayIsGivenUpInTime() throws Exception {
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        Bmdb bmdb = db.open(config -> config.jdbcUrl(proxy.url(db.url())).connectTimeout(Duration.ofMillis(500)));
        proxy.cut();

        long before = System.nanoTime();
        assertThatThrownBy(() -> bmdb.startSession("test", "host"))
                .isInstanceOfSatisfying(
                        BmdbException.class,
                        e -> assertThat(e.sqlState())
                                .hasValueSatisfying(state -> assertThat(state).startsWith("08")));

        assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(4));
        proxy.heal();
        assertThat(bmdb.startSession("test", "host").isAlive()).isTrue();
    }

    @Test
    void aSessionThatIsLostMeanwhileEndsTheRepeating() throws Exception {
        UUID machine = db.machine();
        failFirst(100, "40001", false);
        BmdbSession session = db.session();

        assertThatThrownBy(() -> session.inTransaction(tx -> {
                    if (runs.incrementAndGet() == 2) {
                        session.lose("of a test");
                    }
                    tx.putAgentHeartbeat(machine);
                    return true;
                }))
                .isInstanceOf(SessionExpiredException.class)
                .hasMessageContaining("of a test");

        assertThat(runs).hasValue(2);
    }

    @Test
    void aQuerySeesTheDatabaseAtOneMomentAndCannotWrite() throws Exception {
        Bmdb bmdb = db.bmdb();
        db.machine();

        List<Integer> counts = bmdb.query(dsl -> {
            int before = dsl.fetchCount(dsl.select().from("machines"));
            addAMachine();
            return List.of(before, dsl.fetchCount(dsl.select().from("machines")));
        });

        assertThat(counts).containsExactly(1, 1);
        assertThatThrownBy(() -> bmdb.query(dsl -> dsl.execute("delete from machines")))
                .isInstanceOfSatisfying(
                        BmdbException.class, e -> assertThat(e.sqlState()).isEqualTo(Optional.of("25006")));
        assertThat(db.number("select count(*) from machines")).isEqualTo(2);
    }

    private static long heartbeats() {
        try {
            return db.number("select count(*) from machine_agent_heartbeat");
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void addAMachine() {
        try {
            db.machine();
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void meet(CyclicBarrier barrier) {
        try {
            barrier.await();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
