package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.SessionExpiredException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class SessionTest {

    private static final byte[] KEY = new byte[32];

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    @Test
    void aSessionIsRecordedForOperators() throws Exception {
        Bmdb bmdb = db.open(config -> config.sessionInterval(Duration.ofSeconds(7)));

        BmdbSession session = bmdb.startSession("initializer", "host-7");

        assertThat(db.rows("select session_id, session_component_name, session_runtime_info, session_interval_seconds,"
                        // The first heartbeat comes at once.
                        + " date_trunc('second', session_deadline - session_created_at) from sessions"))
                .containsExactly(session.id() + "|initializer|host-7|7|00:00:07");
        assertThat(session.component()).isEqualTo("initializer");
        assertThat(session).hasToString("session " + session.id() + " of initializer");
    }

    @Test
    void aSessionNeedsAComponent() {
        assertThatThrownBy(() -> db.bmdb().startSession("", "host")).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void heartbeatsKeepAllSessionsOfAProcessAliveBeyondTheirInterval() throws Exception {
        Bmdb bmdb = db.open(config -> config.sessionInterval(TestDatabase.LASTING));
        List<BmdbSession> sessions = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            sessions.add(bmdb.startSession("test", "host"));
        }

        await().until(() -> db.number("select count(*) from sessions"
                        + " where session_deadline > session_created_at + interval '6 seconds'")
                == 20);

        for (BmdbSession session : sessions) {
            assertThat(session.isAlive()).isTrue();
            assertThat(session.<Boolean>inTransaction(tx -> true)).isTrue();
        }
    }

    @Test
    void aSessionWhoseDeadlineHasPassedCommitsNothing() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();
        db.expire(session);

        assertThatThrownBy(() -> session.inTransaction(tx -> {
                    tx.putAgentHeartbeat(machine);
                    return true;
                }))
                .isInstanceOfSatisfying(
                        SessionExpiredException.class,
                        e -> assertThat(e.sessionId()).isEqualTo(session.id()))
                .hasMessageContaining(session.toString());

        assertThat(session.isAlive()).isFalse();
        assertThat(db.rows("select * from machine_agent_heartbeat")).isEmpty();
    }

    @Test
    void aSessionThatSomebodyDeletedIsLostAtItsNextHeartbeat() throws Exception {
        BmdbSession session = shortLived().startSession("test", "host");

        db.execute("delete from sessions");

        await().until(() -> !session.isAlive());
    }

    @Test
    void aHeartbeatDoesNotBringAnExpiredSessionBack() throws Exception {
        BmdbSession session = shortLived().startSession("test", "host");

        db.expire(session);

        await().until(() -> !session.isAlive());
        await().until(() -> db.rows("select * from sessions").isEmpty());
    }

    @Test
    void oneSessionsLockedRowDoesNotHoldUpTheHeartbeatsOfTheOthers() throws Exception {
        Bmdb bmdb = db.open(config -> config.sessionInterval(TestDatabase.LASTING));
        BmdbSession locked = bmdb.startSession("locked", "host");
        BmdbSession other = bmdb.startSession("other", "host");
        Connection blocking = db.transaction();
        TestDatabase.execute(blocking, "select * from sessions where session_id = ? for update", locked.id());

        await().until(() -> !locked.isAlive());
        await().until(() -> db.number(
                        "select count(*) from sessions where session_id = ?"
                                + " and session_deadline > session_created_at + interval '6 seconds'",
                        other.id())
                == 1);

        assertThat(other.isAlive()).isTrue();
    }

    @Test
    void aSessionWhoseRowIsLockedForAMomentIsNotLost() throws Exception {
        Bmdb bmdb = db.open(config -> config.sessionInterval(TestDatabase.LASTING));
        BmdbSession session = bmdb.startSession("locked", "host");
        Connection blocking = db.transaction();
        TestDatabase.execute(blocking, "select * from sessions for update");
        String lockedAt = db.rows("select clock_timestamp()").get(0);
        await().until(() -> db.number(
                        "select count(*) from pg_stat_activity where datname = current_database()"
                                + " and query = 'COMMIT' and state_change > ?::timestamptz",
                        lockedAt)
                > 0);

        blocking.rollback();

        await().until(() -> db.number("select count(*) from sessions where session_deadline > session_created_at"
                        + " + interval '4 seconds'")
                == 1);
        assertThat(session.isAlive()).isTrue();
    }

    @Test
    void theTimeSpentOnWaitingForAConnectionIsNotTakenFromTheSession() throws Exception {
        HookedDataSource source = new HookedDataSource(db.url());
        Bmdb bmdb = db.closeLater(Bmdb.open(BmdbConfig.builder()
                .dataSource(source.dataSource())
                .sessionInterval(Duration.ofSeconds(2))
                .build()));
        source.onNext("setAutoCommit", (connection, original) -> {
            Thread.sleep(2100); // A database that is slow to answer.
            return original.call();
        });

        BmdbSession session = bmdb.startSession("test", "host");

        assertThat(session.isAlive()).isTrue();
        assertThat(session.<Boolean>inTransaction(tx -> true)).isTrue();
    }

    @Test
    void aReapedHoldersMachineIsClaimableAndTheOldHolderCannotFinish() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession old = db.session();
        Bmdb another = db.open();
        BmdbSession next = db.closeLater(another.startSession("next", "host"));
        Work oldWork = claim(old);
        assertThat(next.claim(WorkProcess.AGENT_START, Eligibility.agentStart(TestDatabase.PROVIDER), 10))
                .isEmpty();

        db.expire(old);
        assertThat(another.reapExpiredSessions()).isEqualTo(1);

        assertThat(db.history(machine))
                .containsExactly(
                        "ShepherdAgentStart|Started|null",
                        "ShepherdAgentStart|Canceled|the session expired, loss 1 in a row: left alone for 1 s");
        db.advance(Duration.ofSeconds(2));
        Work nextWork = claim(next);
        assertThat(nextWork.machineId()).isEqualTo(machine);
        assertThatThrownBy(() -> oldWork.finish(tx -> {
                    tx.putAgentStarted(machine, KEY);
                }))
                .isInstanceOf(SessionExpiredException.class);
        assertThat(db.rows("select * from machine_agent_started")).isEmpty();
        assertThat(db.rows("select session_id from work"))
                .containsExactly(next.id().toString());
        nextWork.finish(tx -> {
            tx.putAgentStarted(machine, KEY);
        });
        assertThat(db.rows("select machine_id from machine_agent_started")).containsExactly(machine.toString());
    }

    @Test
    void theReaperPassesOverASessionThatIsInTheMiddleOfATransaction() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();
        Bmdb another = db.open();

        session.useTransaction(tx -> {
            expire(session);
            assertThat(another.reapExpiredSessions()).isZero();
            tx.putAgentHeartbeat(machine);
        });

        assertThat(db.number("select count(*) from machine_agent_heartbeat")).isEqualTo(1);
        assertThat(another.reapExpiredSessions()).isEqualTo(1);
    }

    @Test
    void aMachineThatSomebodyKeepsLockedHoldsUpNoSessionButThoseThatWorkOnIt() throws Exception {
        UUID locked = db.machine();
        UUID free = db.machine();
        for (UUID machine : List.of(locked, free)) {
            db.execute(
                    "with dead as (insert into sessions values (gen_random_uuid(), 'dead', '', now(), 1,"
                            + " now() - interval '1 s' - case when ?::uuid = ?::uuid then interval '1 s' else '0 s' end)"
                            + " returning session_id)"
                            + " insert into work (machine_id, session_id, process) select ?, session_id, 'UnitTest1' from dead",
                    machine,
                    locked,
                    machine);
        }
        Connection psql = db.lock(List.of(locked));

        db.bmdb().reapExpiredSessions();

        assertThat(db.work(free)).isEmpty();
        assertThat(db.work(locked)).hasSize(1);
        psql.rollback();
        awaitReaped(locked);
    }

    @Test
    void aMachineThatSomebodyKeepsLockedHoldsUpNeitherACloseNorTheReaping() throws Exception {
        UUID locked = db.machine();
        UUID free = db.machine();
        BmdbSession closing = db.session();
        BmdbSession dead = db.session();
        Work stuck = closing.claimMachine(new WorkProcess("UnitTest1"), locked).orElseThrow();
        dead.claimMachine(new WorkProcess("UnitTest2"), free).orElseThrow();
        Connection psql = db.lock(List.of(locked));
        long startedAt = System.nanoTime();

        stuck.close();
        closing.close();

        assertThat(Duration.ofNanos(System.nanoTime() - startedAt)).isLessThan(Duration.ofSeconds(20));
        expire(dead);
        awaitReaped(free);
        assertThat(db.work(locked)).hasSize(1);
        psql.rollback();
        expire(closing);
        awaitReaped(locked);
    }

    private static void awaitReaped(UUID machine) {
        await().until(() -> {
            db.bmdb().reapExpiredSessions();
            return db.work(machine).isEmpty();
        });
    }

    @Test
    void theProofOfATransactionKeepsADeleteWaitingButNotAHeartbeat() throws Exception {
        BmdbSession session = db.session();

        session.useTransaction(tx -> {
            assertThat(sqlStateOf("delete from sessions")).isEqualTo("55P03");
            assertThat(sqlStateOf("select * from sessions for update")).isEqualTo("55P03");
            assertThat(sqlStateOf("update sessions set session_deadline = now() + interval '1 minute'"))
                    .isEqualTo("00000");
        });

        assertThat(sqlStateOf("delete from sessions")).isEqualTo("00000");
    }

    @Test
    void manyProcessesReapAtOnceAndEachSessionOnce() throws Exception {
        db.execute("insert into sessions select gen_random_uuid(), 'dead', '', now(), 1, now() - interval '1 s'"
                + " from generate_series(1, 300)");
        db.execute("insert into machines select gen_random_uuid() from generate_series(1, 300)");
        db.execute("insert into work (machine_id, session_id, process)"
                + " select machine_id, session_id, 'UnitTest1'"
                + " from (select machine_id, row_number() over () as n from machines) m"
                + " join (select session_id, row_number() over () as n from sessions) s using (n)");
        List<Bmdb> processes = List.of(db.open(), db.open(), db.bmdb());

        List<Integer> reaped = Race.run(3, i -> processes.get(i).reapExpiredSessions());

        assertThat(reaped.stream().mapToInt(Integer::intValue).sum()).isEqualTo(300);
        assertThat(db.rows("select * from sessions")).isEmpty();
        assertThat(db.rows("select * from work")).isEmpty();
        assertThat(db.rows("select event, failed_cause, count(*), count(distinct machine_id) from work_history"
                        + " group by event, failed_cause"))
                .containsExactly("Canceled|the session expired, loss 1 in a row: left alone for 1 s|300|300");
    }

    @Test
    void aLeaseFromBeforeTheClockWentBackIsCutToItsInterval() throws Exception {
        db.execute("insert into sessions values (gen_random_uuid(), 'dead', '', now(), 1, now() + interval '1 day')");
        db.execute("insert into sessions values (gen_random_uuid(), 'slow', '', now(), 7200, now() + interval '1 h')");

        assertThat(db.bmdb().reapExpiredSessions()).isZero();
        await().until(() -> db.bmdb().reapExpiredSessions() == 1);

        assertThat(db.rows("select session_component_name from sessions")).containsExactly("slow");
    }

    @Test
    void aProcessWithASessionReapsByItself() throws Exception {
        db.execute("insert into sessions values (gen_random_uuid(), 'dead', '', now(), 1, now() - interval '1 s')");
        shortLived().startSession("test", "host");

        await().until(() ->
                db.rows("select session_component_name from sessions").equals(List.of("test")));
    }

    @Test
    void aSessionThatIsAliveIsNotReaped() throws Exception {
        BmdbSession session = db.session();

        assertThat(db.bmdb().reapExpiredSessions()).isZero();

        assertThat(session.<Boolean>inTransaction(tx -> true)).isTrue();
    }

    @Test
    void closingReleasesWhatIsHeldAndRecordsIt() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        Work work = claim(session);

        session.close();

        assertThat(db.rows("select * from sessions")).isEmpty();
        assertThat(db.rows("select * from work")).isEmpty();
        assertThat(db.history(machine))
                .containsExactly(
                        "ShepherdAgentStart|Started|null", "ShepherdAgentStart|Canceled|the session was closed");
        assertThat(session.isAlive()).isFalse();
        assertThatThrownBy(work::finish)
                .isInstanceOf(SessionExpiredException.class)
                .hasMessageContaining("was closed");
        work.close();
        session.close();
        assertThat(db.history(machine)).hasSize(2);
    }

    @Test
    void closingWaitsForAnEndingThatIsUnderWay() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        Work work = claim(session);
        CountDownLatch finishing = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        Future<Boolean> finish = async(() -> work.finishReturning(tx -> {
            finishing.countDown();
            goOn.await();
            return true;
        }));
        finishing.await();

        Future<Boolean> close = async(() -> {
            session.close();
            return true;
        });
        awaitALockBeingWaitedFor();
        goOn.countDown();

        assertThat(finish.get(10, TimeUnit.SECONDS)).isTrue();
        assertThat(close.get(10, TimeUnit.SECONDS)).isTrue();
        assertThat(db.history(machine))
                .containsExactly("ShepherdAgentStart|Started|null", "ShepherdAgentStart|Finished|null");
        assertThat(db.rows("select * from sessions")).isEmpty();
    }

    @Test
    void closingReleasesWhatAClaimThatIsUnderWayStillTakes() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        Connection blocking = db.transaction();
        TestDatabase.execute(blocking, "lock table work_history in share mode");
        Future<Work> claiming = async(() -> claim(session));
        awaitALockBeingWaitedFor();

        Future<Boolean> close = async(() -> {
            session.close();
            return true;
        });
        await().until(() -> db.number("select count(*) from pg_locks where not granted") == 2);
        blocking.rollback();

        claiming.get(10, TimeUnit.SECONDS);
        close.get(10, TimeUnit.SECONDS);
        assertThat(db.rows("select * from work")).isEmpty();
        assertThat(db.history(machine))
                .containsExactly(
                        "ShepherdAgentStart|Started|null", "ShepherdAgentStart|Canceled|the session was closed");
    }

    @Test
    void closingOnAnInterruptedThreadReleasesAllTheSame() throws Exception {
        db.providedMachine();
        BmdbSession session = db.session();
        claim(session);

        Thread.currentThread().interrupt();
        session.close();

        assertThat(Thread.interrupted()).isTrue();
        assertThat(db.rows("select * from sessions")).isEmpty();
        assertThat(db.rows("select * from work")).isEmpty();
    }

    private Bmdb shortLived() {
        return db.open(config -> config.sessionInterval(TestDatabase.SHORT));
    }

    private static Work claim(BmdbSession session) throws InterruptedException {
        List<Work> claimed = session.claim(WorkProcess.AGENT_START, Eligibility.agentStart(TestDatabase.PROVIDER), 1);
        assertThat(claimed).hasSize(1);
        return claimed.get(0);
    }

    private static void expire(BmdbSession session) {
        try {
            db.expire(session);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String sqlStateOf(String sql) {
        try (Connection connection = db.connect()) {
            TestDatabase.execute(connection, "set lock_timeout = '200ms'");
            TestDatabase.execute(connection, sql);
            return "00000";
        } catch (SQLException e) {
            return e.getSQLState();
        }
    }

    private static void awaitALockBeingWaitedFor() {
        await().until(() -> db.number("select count(*) from pg_locks where not granted") > 0);
    }

    private interface Task<T> {
        T run() throws Exception;
    }

    /** On a thread of its own: the common pool may have just one, and these tasks wait for one another. */
    private static <T> Future<T> async(Task<T> task) {
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return task.run();
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                },
                command -> new Thread(command).start());
    }
}
