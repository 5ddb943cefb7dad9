package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.SessionExpiredException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Many sessions that want the same machines. */
class WorkRaceTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final WorkProcess PROCESS = WorkProcess.AGENT_START;
    private static final Eligibility ELIGIBLE = Eligibility.agentStart(TestDatabase.PROVIDER);

    /** Who holds what, as the holders themselves believe. */
    private final Map<UUID, UUID> holders = new ConcurrentHashMap<>();

    private final AtomicInteger doubled = new AtomicInteger();

    @Test
    void eightProcessesWorkOnTwoThousandMachinesEachExactlyOnce() throws Exception {
        db.providedMachines(2000);
        List<BmdbSession> sessions = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            sessions.add(db.open(config -> config.poolSize(2)).startSession("racer " + i, "host"));
        }

        AtomicInteger left = new AtomicInteger(2000);
        List<Integer> finished = Race.run(8, i -> {
            int count = 0;
            int batch = 5 + i * 10;
            while (left.get() > 0) {
                for (Work work : sessions.get(i).claim(PROCESS, ELIGIBLE, batch)) {
                    hold(work);
                    letGo(work);
                    work.finish(tx -> {
                        tx.putAgentStarted(work.machineId(), new byte[32]);
                    });
                    count++;
                    left.decrementAndGet();
                }
            }
            return count;
        });

        assertThat(doubled).hasValue(0);
        assertThat(finished.stream().mapToInt(Integer::intValue).sum()).isEqualTo(2000);
        assertThat(finished).as("nobody came away empty-handed").doesNotContain(0);
        assertEachWasTakenOnce(2000);
    }

    /**
     * An attack on the claim's second look. The claims of many threads see the same machines as eligible, and those
     * that come second get the lock on a machine only after the first has finished with it.
     */
    @Test
    void aMachineWhoseAgentHasJustBeenStartedIsNotTakenAgain() throws Exception {
        db.providedMachines(60);
        BmdbSession session =
                db.closeLater(db.open(config -> config.poolSize(12)).startSession("racer", "host"));

        Race.run(12, i -> {
            for (int round = 0; round < 40; round++) {
                for (Work work : session.claim(PROCESS, ELIGIBLE, 1 + (i + round) % 3)) {
                    hold(work);
                    letGo(work);
                    work.finish(tx -> {
                        tx.putAgentStarted(work.machineId(), new byte[32]);
                    });
                }
            }
            return true;
        });

        assertThat(doubled).hasValue(0);
        assertEachWasTakenOnce(60);
    }

    @Test
    void aMachineIsWorkedOnByOneOfThreeProcessesAtATime() throws Exception {
        db.providedMachines(6);
        List<UUID> machines = db.rows("select machine_id from machines").stream()
                .map(UUID::fromString)
                .toList();
        List<WorkProcess> processes = List.of(WorkProcess.ACCESS, WorkProcess.AGENT_START, WorkProcess.RECOVERY);
        BmdbSession session = db.session();
        AtomicInteger taken = new AtomicInteger();

        Race.run(6, i -> {
            for (int round = 0; round < 30; round++) {
                WorkProcess process = processes.get((i + round) % 3);
                UUID machine = machines.get((i * 7 + round) % machines.size());
                var work = round % 2 == 0 || process.equals(WorkProcess.RECOVERY)
                        ? db.hold(session, process, machine)
                        : session.claim(process, Eligibility.agentStart(TestDatabase.PROVIDER), 1).stream()
                                .findFirst();
                if (work.isPresent()) {
                    taken.incrementAndGet();
                    hold(work.get());
                    letGo(work.get());
                    if (round % 3 == 0) {
                        work.get().fail(Backoff.constant(Duration.ofSeconds(1)), "of a test");
                    } else {
                        work.get().close();
                    }
                }
            }
            return true;
        });

        assertThat(doubled).hasValue(0);
        assertThat(db.rows("select * from work")).isEmpty();
        assertThat(db.number("select count(*) from work_history")).isEqualTo(2L * taken.get());
        assertNoTwoHeldAMachineAtOnce();
    }

    @Test
    void sessionsThatAreReapedInTheMiddleOfARaceLoseNothingAndDoubleNothing() throws Exception {
        db.providedMachines(60);
        Bmdb racers = db.open(config -> config.poolSize(10).maxLosses(1000));
        AtomicInteger racing = new AtomicInteger(4);

        Race.run(5, i -> {
            if (i == 4) {
                while (racing.get() > 0) {
                    db.execute("update sessions set session_deadline = now() - interval '1 second' where session_id ="
                            + " (select session_id from sessions order by random() limit 1)");
                    racers.reapExpiredSessions();
                    // Here every loss is the session's fault, and none is to wait for. A writer of backoffs locks the
                    // machines first, in the order of their ids, as the library does: any other order is a deadlock.
                    db.execute("do $$ begin"
                            + " perform 1 from machines order by machine_id for no key update;"
                            + " update work_backoff set until = now();"
                            + " end $$");
                }
                return true;
            }
            try {
                while (db.number("select count(*) from machine_agent_started") < 60) {
                    workUntilLost(racers);
                }
            } finally {
                racing.decrementAndGet();
            }
            return true;
        });
        racers.reapExpiredSessions();

        assertThat(db.number("select count(*) from machine_agent_started")).isEqualTo(60);
        assertThat(db.rows("select * from work")).isEmpty();
        assertThat(db.number("select count(*) from work_history where event = 'Finished'"))
                .isEqualTo(60);
        // Every claim has one end.
        assertThat(db.rows("select claim_id from work_history group by claim_id having count(*) <> 2"))
                .isEmpty();
        assertThat(db.number("select count(*) from work_history where event = 'Canceled'"))
                .as("some were reaped while they held something")
                .isPositive();
        assertNoTwoHeldAMachineAtOnce();
    }

    private static void workUntilLost(Bmdb bmdb) throws InterruptedException {
        try (BmdbSession session = bmdb.startSession("racer", "host")) {
            while (true) {
                List<Work> claimed = session.claim(PROCESS, ELIGIBLE, 3);
                if (claimed.isEmpty()) {
                    return;
                }
                for (Work work : claimed) {
                    try (work) {
                        work.finish(tx -> {
                            tx.putAgentStarted(work.machineId(), new byte[32]);
                        });
                    }
                }
            }
        } catch (SessionExpiredException e) {
            // The next one goes on.
        }
    }

    private void hold(Work work) {
        if (holders.putIfAbsent(work.machineId(), work.claimId()) != null) {
            doubled.incrementAndGet();
        }
    }

    /** Before the end is written: afterwards somebody else may hold it already. */
    private void letGo(Work work) {
        LockSupport.parkNanos(1000);
        if (!holders.remove(work.machineId(), work.claimId())) {
            doubled.incrementAndGet();
        }
    }

    private static void assertEachWasTakenOnce(int machines) throws Exception {
        assertThat(db.rows("select * from work")).isEmpty();
        assertThat(db.number("select count(*) from machine_agent_started")).isEqualTo(machines);
        assertThat(db.rows("select event, count(*), count(distinct machine_id) from work_history"
                        + " group by event order by event"))
                .containsExactly("Finished|" + machines + "|" + machines, "Started|" + machines + "|" + machines);
    }

    /** Reads the history of each machine as spans, from start to end, of which none may overlap. */
    private static void assertNoTwoHeldAMachineAtOnce() throws Exception {
        assertThat(db.rows("""
                        with spans as (
                            select machine_id, claim_id, min("timestamp") as began, max("timestamp") as ended
                            from work_history group by machine_id, claim_id)
                        select a.machine_id, a.began, a.ended, b.began, b.ended from spans a join spans b
                            on a.machine_id = b.machine_id and a.claim_id < b.claim_id
                            and a.began < b.ended and b.began < a.ended""")).isEmpty();
    }
}
