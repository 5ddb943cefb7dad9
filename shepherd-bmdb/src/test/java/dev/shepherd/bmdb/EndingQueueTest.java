package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.Connection;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class EndingQueueTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final WorkProcess PROCESS = new WorkProcess("UnitTest1");

    @Test
    void endsThatComeInWhileOthersAreWrittenShareATransaction() throws Exception {
        List<Work> work = claimed(db.session(), 20);
        Set<Long> transactions = ConcurrentHashMap.newKeySet();
        CountDownLatch twoWrite = new CountDownLatch(2);
        CountDownLatch go = new CountDownLatch(1);
        inParallel(
                work,
                (number, one) -> one.finish(tx -> {
                    if (twoWrite.getCount() > 0) {
                        twoWrite.countDown();
                        if (!go.await(30, TimeUnit.SECONDS)) {
                            throw new IllegalStateException("nobody let it go");
                        }
                    }
                    transactions.add(
                            tx.dsl().fetchSingle("select txid_current()").get(0, Long.class));
                }),
                () -> {
                    twoWrite.await(30, TimeUnit.SECONDS);
                    // The others are in line now, or will be: whoever comes later only makes one batch more.
                    awaitWaiting(18);
                    go.countDown();
                });
        assertThat(transactions).hasSizeBetween(3, 4);
        assertThat(finished()).isEqualTo(20);
    }

    @Test
    void anEndThatFailsTakesNoOtherWithIt() throws Exception {
        BmdbSession session = db.session();
        List<Work> work = claimed(session, 16);
        UUID bad = work.get(5).machineId();
        List<Throwable> failures = inParallel(
                work,
                (number, one) -> one.finish(tx -> {
                    tx.putHardwareReport(one.machineId(), new byte[1]);
                    if (one.machineId().equals(bad)) {
                        tx.dsl().execute("select 1 / 0");
                    }
                }),
                () -> {});
        assertThat(failures).singleElement().isInstanceOf(BmdbException.class);
        assertThat(((BmdbException) failures.get(0)).sqlState()).contains("22012");
        assertThat(finished()).isEqualTo(15);
        assertThat(db.number("select count(*) from machine_hardware_report")).isEqualTo(15);
        assertThat(db.work(bad)).containsExactly(PROCESS.name());
        work.get(5).finish();
        assertThat(db.number("select count(*) from work")).isZero();
    }

    @Test
    void machinesThatSomebodyKeepsLockedHoldUpNoOtherEnd() throws Exception {
        BmdbSession session = db.session();
        List<Work> work = claimed(session, 9);
        Connection psql =
                db.lock(work.subList(0, 3).stream().map(Work::machineId).toList());

        List<Throwable> failures = inParallel(work, (number, one) -> one.finish(tx -> {}), () -> {
            org.awaitility.Awaitility.await().until(() -> finished() == 6);
            assertThat(db.number("select count(*) from work")).isEqualTo(3);
            psql.rollback();
        });

        assertThat(failures).isEmpty();
        assertThat(finished()).isEqualTo(9);
    }

    @Test
    void ofSeveralThatEndTogetherThoseWithALockedMachineComeLast() throws Exception {
        BmdbSession session = db.session();
        List<Work> work = claimed(session, 6);
        Connection psql =
                db.lock(work.subList(2, 4).stream().map(Work::machineId).toList());

        List<Throwable> failures =
                inParallel(work.subList(0, 1), (number, one) -> session.finishAll(work, (tx, all) -> {}), () -> {
                    org.awaitility.Awaitility.await().until(() -> finished() == 4);
                    psql.rollback();
                });

        assertThat(failures).isEmpty();
        assertThat(finished()).isEqualTo(6);
    }

    /** What the body of an end waits for is its own affair. */
    @Test
    void theLimitForMachinesIsNoneForWhatIsWrittenWithAnEnd() throws Exception {
        Work work = claimed(db.session(), 1).get(0);
        db.execute("create table if not exists orders (id int primary key)");
        db.execute("insert into orders values (1) on conflict do nothing");
        Connection psql = db.transaction();
        TestDatabase.execute(psql, "select 1 from orders for update");
        AtomicInteger runs = new AtomicInteger();

        List<Throwable> failures = inParallel(
                List.of(work),
                (number, one) -> one.finish(tx -> {
                    runs.incrementAndGet();
                    tx.dsl().execute("update orders set id = 2");
                }),
                () -> {
                    org.awaitility.Awaitility.await()
                            .until(() -> db.number(
                                            "select count(*) from pg_stat_activity where query like 'update orders%'"
                                                    + " and now() - query_start > interval '1500 ms' and wait_event_type = 'Lock'")
                                    == 1);
                    psql.rollback();
                });
        db.execute("drop table orders");

        assertThat(failures).isEmpty();
        assertThat(runs).hasValue(1);
    }

    @Test
    void anEndInTheMiddleOfATransactionIsAMistakeAlsoIfAnotherThreadWouldWriteIt() throws Exception {
        BmdbSession session = db.session();
        List<Work> work = claimed(session, 3);
        CountDownLatch twoWrite = new CountDownLatch(2);
        CountDownLatch go = new CountDownLatch(1);
        List<Throwable> failures = inParallel(
                work.subList(0, 2),
                (number, one) -> one.finish(tx -> {
                    twoWrite.countDown();
                    assertThat(go.await(30, TimeUnit.SECONDS)).isTrue();
                }),
                () -> {
                    assertThat(twoWrite.await(30, TimeUnit.SECONDS)).isTrue();
                    try {
                        session.useTransaction(tx -> {
                            assertThatThrownBy(() -> work.get(2).finish(inner -> {}))
                                    .isInstanceOf(IllegalStateException.class)
                                    .hasMessageContaining("inside of");
                        });
                    } finally {
                        go.countDown();
                    }
                });

        assertThat(failures).isEmpty();
        work.get(2).finish(tx -> {});
        assertThat(finished()).isEqualTo(3);
    }

    @Test
    void workThatIsLostIsFoundOutByItsOwnThread() throws Exception {
        BmdbSession session = db.session();
        List<Work> work = claimed(session, 12);
        db.execute("delete from work where machine_id = ?", work.get(3).machineId());
        List<Throwable> failures = inParallel(work, (number, one) -> one.finish(), () -> {});
        assertThat(failures).singleElement().isInstanceOf(WorkLostException.class);
        assertThat(failures.get(0)).hasMessageContaining(work.get(3).machineId().toString());
        assertThat(finished()).isEqualTo(11);
    }

    @Test
    void manyEndsOfManySessionsAreEachWrittenOnce() throws Exception {
        Bmdb bmdb = db.open(config -> config.poolSize(8));
        List<Work> work = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            work.addAll(claimed(db.closeLater(bmdb.startSession("racer", "host")), 40));
        }
        List<Throwable> failures = inParallel(
                work,
                (number, one) -> {
                    switch (number % 3) {
                        case 0 ->
                            one.finish(tx -> {
                                tx.putHardwareReport(one.machineId(), new byte[1]);
                            });
                        case 1 -> one.fail(Backoff.constant(java.time.Duration.ofMinutes(1)), "of a test");
                        default -> one.close();
                    }
                },
                () -> {});
        assertThat(failures).isEmpty();
        assertThat(db.rows("select event, count(*) from work_history where event <> 'Started' group by 1 order by 1"))
                .containsExactly("Canceled|40", "Failed|40", "Finished|40");
        assertThat(db.number("select count(*) from machine_hardware_report")).isEqualTo(40);
        assertThat(db.number("select count(*) from work_backoff")).isEqualTo(40);
        assertThat(db.number("select count(*) from work")).isZero();
    }

    @Test
    void severalAreFinishedInOneTransaction() throws Exception {
        BmdbSession session = db.session();
        List<Work> work = claimed(session, 5);
        List<Integer> sizes = new ArrayList<>();
        session.finishAll(work, (tx, all) -> {
            sizes.add(all.size());
            all.forEach(one -> tx.putHardwareReport(one.machineId(), new byte[1]));
        });
        assertThat(sizes).containsExactly(5);
        assertThat(finished()).isEqualTo(5);
        assertThatThrownBy(() -> session.finishAll(work, (tx, all) -> {})).isInstanceOf(WorkLostException.class);
    }

    @Test
    void oneOfSeveralThatFailsIsHeldAndTheRestIsFinished() throws Exception {
        BmdbSession session = db.session();
        List<Work> work = claimed(session, 5);
        db.execute("delete from work where machine_id = ?", work.get(0).machineId());
        UUID bad = work.get(1).machineId();
        assertThatThrownBy(() -> session.finishAll(work, (tx, all) -> {
                    for (Work one : all) {
                        if (one.machineId().equals(bad)) {
                            throw new IllegalStateException("a bad machine");
                        }
                        tx.putHardwareReport(one.machineId(), new byte[1]);
                    }
                }))
                .satisfies(e -> {
                    List<Throwable> both = new ArrayList<>(List.of(e.getSuppressed()));
                    both.add(e);
                    assertThat(both)
                            .hasSize(2)
                            .anyMatch(WorkLostException.class::isInstance)
                            .anyMatch(one -> "a bad machine".equals(one.getMessage()));
                });
        assertThat(finished()).isEqualTo(3);
        assertThat(db.number("select count(*) from machine_hardware_report")).isEqualTo(3);
        assertThat(db.work(bad)).containsExactly(PROCESS.name());
    }

    @Test
    void aSessionDoesNotFinishTheWorkOfAnother() throws Exception {
        List<Work> work = claimed(db.session(), 1);
        BmdbSession other = db.session();
        assertThatThrownBy(() -> other.finishAll(work, (tx, all) -> {})).isInstanceOf(IllegalArgumentException.class);
    }

    private interface Ending {
        void end(int number, Work work) throws Exception;
    }

    private interface Meanwhile {
        void run() throws Exception;
    }

    /** Ends each on a thread of its own; returns what was thrown. */
    private static List<Throwable> inParallel(List<Work> work, Ending ending, Meanwhile meanwhile) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(work.size());
        try {
            List<Future<Throwable>> running = new ArrayList<>();
            for (int i = 0; i < work.size(); i++) {
                int number = i;
                running.add(executor.submit(() -> {
                    try {
                        ending.end(number, work.get(number));
                        return null;
                    } catch (Exception e) {
                        return e;
                    }
                }));
            }
            meanwhile.run();
            List<Throwable> failures = new ArrayList<>();
            for (Future<Throwable> one : running) {
                Throwable failure = one.get(60, TimeUnit.SECONDS);
                if (failure != null) {
                    failures.add(failure);
                }
            }
            return failures;
        } finally {
            executor.shutdownNow();
        }
    }

    private static void awaitWaiting(int threads) {
        org.awaitility.Awaitility.await()
                .until(() -> Thread.getAllStackTraces().values().stream()
                                .filter(stack -> {
                                    for (StackTraceElement frame : stack) {
                                        if (frame.getMethodName().equals("awaitTurn")) {
                                            return true;
                                        }
                                    }
                                    return false;
                                })
                                .count()
                        >= threads);
    }

    private static List<Work> claimed(BmdbSession session, int count) throws Exception {
        List<Work> work = new ArrayList<>();
        Set<UUID> machines = new HashSet<>();
        for (int i = 0; i < count; i++) {
            UUID machine = db.machine();
            machines.add(machine);
            work.add(session.claimMachine(PROCESS, machine).orElseThrow());
        }
        assertThat(machines).hasSize(count);
        return work;
    }

    private static long finished() throws Exception {
        return db.number("select count(*) from work_history where event = 'Finished'");
    }
}
