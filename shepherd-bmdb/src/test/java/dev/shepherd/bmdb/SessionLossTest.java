package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.bmdb.BmdbSession.LossGuard;
import java.time.Duration;
import java.util.Arrays;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Processes that lose their connection to the database, or freeze. */
class SessionLossTest {

    private static final Duration INTERVAL = Duration.ofSeconds(2);

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final Eligibility ELIGIBLE = Eligibility.agentStart(TestDatabase.PROVIDER);

    @Test
    void aSessionWhoseConnectionIsCutIsLostWithinItsIntervalAndCannotCommit() throws Exception {
        isLostWithinItsInterval(TcpProxy::cut);
    }

    @Test
    void aSessionWhoseConnectionHangsIsLostWithinItsIntervalAndCannotCommit() throws Exception {
        isLostWithinItsInterval(TcpProxy::freeze);
    }

    private interface Fault {
        void inflict(TcpProxy proxy);
    }

    private static void isLostWithinItsInterval(Fault fault) throws Exception {
        UUID machine = db.providedMachine();
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        Bmdb bmdb = behind(proxy);
        BmdbSession session = bmdb.startSession("test", "host");
        Work work = session.claim(WorkProcess.AGENT_START, ELIGIBLE, 1).get(0);
        LossGuard guard = session.interruptOnLoss();

        long cutAt = System.nanoTime();
        fault.inflict(proxy);
        assertThatThrownBy(() -> new CountDownLatch(1).await(20, TimeUnit.SECONDS))
                .isInstanceOf(InterruptedException.class);

        // The last heartbeat was before the cut, so the interval ends before this; the rest is for a busy machine, and
        // less than what a connection that hangs is waited for.
        assertThat(Duration.ofNanos(System.nanoTime() - cutAt)).isLessThan(INTERVAL.plusSeconds(3));
        assertThat(guard.isLost()).isTrue();
        guard.close();
        assertThat(session.isAlive()).isFalse();
        assertThatThrownBy(() -> work.finish(tx -> {
                    tx.putAgentStarted(machine, new byte[32]);
                }))
                .isInstanceOf(SessionExpiredException.class);

        // The others see it no later than they need to, and the wire that heals brings nothing back.
        await().until(() -> db.bmdb().reapExpiredSessions() == 1);
        proxy.heal();
        db.advance(Duration.ofSeconds(2)); // What was lost is left alone for a moment.
        assertThat(db.session().claim(WorkProcess.AGENT_START, ELIGIBLE, 1)).hasSize(1);
        assertThatThrownBy(work::finish).isInstanceOf(SessionExpiredException.class);
        assertThat(db.rows("select * from machine_agent_started")).isEmpty();
    }

    @Test
    void aSessionSurvivesACutThatIsShorterThanItsInterval() throws Exception {
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        Bmdb bmdb = behind(proxy, Duration.ofSeconds(4));
        BmdbSession session = bmdb.startSession("test", "host");

        proxy.cut();
        await().until(() -> proxy.refused() > 0); // A heartbeat has failed.
        proxy.heal();

        await().until(() -> db.number("select count(*) from sessions where session_deadline > session_created_at"
                        + " + interval '5 seconds'")
                == 1);
        assertThat(session.isAlive()).isTrue();
        assertThat(session.<Boolean>inTransaction(tx -> true)).isTrue();
    }

    @Test
    void aNewSessionLivesAfterTheWireHasHealed() throws Exception {
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        Bmdb bmdb = behind(proxy);
        BmdbSession lost = bmdb.startSession("lost", "host");
        proxy.freeze();
        await().until(() -> !lost.isAlive());
        proxy.heal();

        BmdbSession session = bmdb.startSession("next", "host");

        await().until(() -> !session.isAlive()
                || db.number(
                                "select count(*) from sessions where session_id = ?"
                                        + " and session_deadline > session_created_at + interval '3 seconds'",
                                session.id())
                        == 1);
        assertThat(session.isAlive()).isTrue();
    }

    @Test
    void anEmbeddersConnectionsThatHangDoNotEndTheHeartbeatsForGood() throws Exception {
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        Bmdb bmdb = db.closeLater(Bmdb.open(BmdbConfig.builder()
                .dataSource(new HookedDataSource(proxy.url(db.url())).dataSource())
                .sessionInterval(INTERVAL)
                .build()));
        BmdbSession lost = bmdb.startSession("lost", "host");
        // Frozen while a heartbeat waits for its answer: there is no socketTimeout that would end that.
        var blocking = db.transaction();
        TestDatabase.execute(blocking, "lock table sessions");
        await().until(() -> db.number("select count(*) from pg_locks where not granted") > 0);
        proxy.freeze();
        await().until(() -> !lost.isAlive());
        blocking.rollback();
        proxy.heal();

        BmdbSession session = bmdb.startSession("next", "host");

        await().until(() -> !session.isAlive()
                || db.number(
                                "select count(*) from sessions where session_id = ?"
                                        + " and session_deadline > session_created_at + interval '3 seconds'",
                                session.id())
                        == 1);
        assertThat(session.isAlive()).isTrue();
    }

    @Test
    void aHolderThatFreezesInMidTransactionLosesItsMachineAndWritesNothing() throws Exception {
        UUID machine = db.providedMachine();
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        Bmdb bmdb = behind(proxy);
        Work work = bmdb.startSession("frozen", "host")
                .claim(WorkProcess.AGENT_START, ELIGIBLE, 1)
                .get(0);
        CountDownLatch inTransaction = new CountDownLatch(1);
        CountDownLatch resumed = new CountDownLatch(1);
        CompletableFuture<Object> finish = CompletableFuture.supplyAsync(() -> {
            try {
                return work.finishReturning(tx -> {
                    tx.putAgentStarted(machine, key(1));
                    inTransaction.countDown();
                    resumed.await();
                    return true;
                });
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        inTransaction.await();
        proxy.freeze();

        // For as long as its transaction is open nobody can take the machine; the database ends that.
        await().until(() -> db.bmdb().reapExpiredSessions() == 1);
        db.advance(Duration.ofSeconds(2));
        Work next = db.session().claim(WorkProcess.AGENT_START, ELIGIBLE, 1).get(0);
        proxy.heal();
        resumed.countDown();

        assertThatThrownBy(() -> finish.get(20, TimeUnit.SECONDS))
                .isInstanceOf(ExecutionException.class)
                .cause()
                .isInstanceOf(SessionExpiredException.class);
        next.finish(tx -> {
            tx.putAgentStarted(machine, key(2));
        });
        assertThat(db.rows("select encode(agent_public_key, 'hex') from machine_agent_started"))
                .containsExactly("02".repeat(32));
        assertThat(db.history(machine))
                .containsExactly(
                        "ShepherdAgentStart|Started|null",
                        "ShepherdAgentStart|Canceled|the session expired, loss 1 in a row: left alone for 1 s",
                        "ShepherdAgentStart|Started|null",
                        "ShepherdAgentStart|Finished|null");
    }

    @Test
    void aReaperThatFreezesInTheMiddleOfItDoesNotKeepOthersFromReaping() throws Exception {
        db.execute("insert into sessions values (gen_random_uuid(), 'dead', '', now(), 1, now() - interval '1 s')");
        HookedDataSource source = new HookedDataSource(db.url());
        Bmdb frozen = db.closeLater(Bmdb.open(BmdbConfig.builder()
                .dataSource(source.dataSource())
                .idleInTransactionTimeout(Duration.ofSeconds(1))
                .build()));
        CountDownLatch reaping = new CountDownLatch(1);
        CountDownLatch resumed = new CountDownLatch(1);
        Thread thread = new Thread(() -> {
            source.onNext("commit", (connection, original) -> {
                reaping.countDown();
                resumed.await();
                return original.call();
            });
            try {
                frozen.reapExpiredSessions();
            } catch (InterruptedException | BmdbException e) {
                // It is only there to be in the way.
            }
        });
        thread.start();
        reaping.await();
        assertThat(db.bmdb().reapExpiredSessions()).isZero();

        await().until(() -> db.bmdb().reapExpiredSessions() == 1);

        resumed.countDown();
        thread.join();
    }

    @Test
    void closingASessionWhileTheDatabaseIsAwayNeitherThrowsNorTakesLong() throws Exception {
        db.providedMachine();
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        Bmdb bmdb = behind(proxy);
        BmdbSession session = bmdb.startSession("test", "host");
        session.claim(WorkProcess.AGENT_START, ELIGIBLE, 1);
        proxy.cut();

        long before = System.nanoTime();
        session.close();

        assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(3));
        await().until(() -> db.bmdb().reapExpiredSessions() == 1);
        assertThat(db.rows("select * from work")).isEmpty();
    }

    private static Bmdb behind(TcpProxy proxy) {
        return behind(proxy, INTERVAL);
    }

    private static Bmdb behind(TcpProxy proxy, Duration interval) {
        return db.open(config -> config.jdbcUrl(proxy.url(db.url()))
                .sessionInterval(interval)
                .connectTimeout(Duration.ofMillis(500))
                .socketTimeout(Duration.ofSeconds(10))
                .idleInTransactionTimeout(Duration.ofSeconds(1)));
    }

    private static byte[] key(int content) {
        byte[] key = new byte[32];
        Arrays.fill(key, (byte) content);
        return key;
    }
}
