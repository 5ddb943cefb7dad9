package dev.shepherd.bmdb.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Eligibility;
import dev.shepherd.bmdb.Explanation.OfProcess;
import dev.shepherd.bmdb.Explanation.Rule;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.QueueCheck;
import dev.shepherd.bmdb.recovery.Recoveries;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jooq.impl.DSL;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Work that goes away with its session: what that is held against a machine. */
class LossTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final Eligibility WITHOUT_AGENT = Eligibility.agentStart(TestDatabase.PROVIDER);
    private static final WorkProcess OWN = new WorkProcess("UnitTest1");
    private static final byte[] KEY = new byte[32];

    @Test
    void aLostMachineIsLeftAloneForLongerAndLongerAndThenQuarantined() throws Exception {
        UUID machine = db.providedMachine();
        List<Long> waits = new ArrayList<>();

        for (int i = 1; i <= BmdbConfig.MAX_LOSSES; i++) {
            lose(WITHOUT_AGENT);
            waits.add(db.number(
                    "select ceil(extract(epoch from until - now() - ? * interval '1 millisecond'))"
                            + " from work_backoff",
                    db.offset().toMillis()));
            db.advance(Duration.ofHours(3));
        }

        assertThat(waits.get(0)).isBetween(0L, 2L);
        assertThat(waits.get(1)).isBetween(8L, 20L);
        assertThat(waits.get(2)).isBetween(90L, 200L);
        assertThat(waits.get(3)).isBetween(990L, 2000L);
        assertThat(claims(machine)).isEqualTo(5);
        assertThat(db.session().claim(WorkProcess.AGENT_START, WITHOUT_AGENT, 10))
                .isEmpty();
        assertThat(db.history(machine))
                .contains(
                        "ShepherdAgentStart|Canceled|the session expired, loss 1 in a row: left alone for 1 s",
                        "ShepherdAgentStart|Canceled|the session expired, loss 4 in a row: left alone for 16 min 40 s")
                .endsWith("ShepherdAgentStart|Canceled|the session expired, loss 5 in a row: quarantined");
        assertThat(explain(machine, WorkProcess.AGENT_START)).satisfies(explained -> {
            assertThat(explained.rule()).isEqualTo(Rule.QUARANTINED);
            assertThat(explained.because())
                    .contains("by reaper: 5 claims in a row (ShepherdAgentStart) were lost with their process");
        });
        assertQueueIsRight();
    }

    @Test
    void explainSaysOfALostMachineHowOftenAndUntilWhen() throws Exception {
        UUID machine = db.providedMachine();
        lose(WITHOUT_AGENT);
        db.advance(Duration.ofSeconds(3));
        assertThat(explain(machine, WorkProcess.AGENT_START).because())
                .contains("lost 1 time(s) in a row with the process that worked on it");

        lose(WITHOUT_AGENT);

        OfProcess explained = explain(machine, WorkProcess.AGENT_START);
        assertThat(explained.rule()).isEqualTo(Rule.BACKED_OFF);
        assertThat(explained.because()).contains("lost 2 time(s) in a row with the process that worked on it");
        assertThat(explained.nextLookAt()).isPresent();
        assertThat(db.bmdb().machine(machine).orElseThrow().backoffs())
                .singleElement()
                .satisfies(backoff -> {
                    assertThat(backoff.losses()).isEqualTo(2);
                    assertThat(backoff.lastIntervalSeconds()).isEqualTo(10);
                });
    }

    @Test
    @Timeout(value = 4, unit = TimeUnit.MINUTES)
    void aPoisonMachineIsQuarantinedWhateverManagerHasItAndTheOthersGoOn() throws Exception {
        UUID poison = db.providedMachine();
        db.providedMachines(30);
        List<Bmdb> managers = List.of(db.open(), db.open(), db.open());
        Random random = new Random(7);
        int rounds = 0;

        while (db.number("select count(*) from machine_agent_started") < 30
                || db.number("select count(*) from machine_quarantine") == 0) {
            assertThat(++rounds).as("rounds").isLessThan(3000);
            BmdbSession session = managers.get(random.nextInt(3)).startSession("initializer", "host");
            List<Work> works = session.claim(WorkProcess.AGENT_START, WITHOUT_AGENT, 10);
            if (works.stream().anyMatch(work -> work.machineId().equals(poison))) {
                db.expire(session);
                managers.get(random.nextInt(3)).reapExpiredSessions();
            } else {
                for (Work work : works) {
                    start(work);
                }
                session.close();
            }
            db.advance(Duration.ofSeconds(works.isEmpty() ? 20 : 2));
        }

        assertThat(db.rows("select machine_id from machine_quarantine")).containsExactly(poison.toString());
        assertThat(claims(poison)).isBetween(5L, 10L);
        assertThat(db.number("select count(*) from work_backoff where machine_id <> ?", poison))
                .isZero();
        assertQueueIsRight();
    }

    @Test
    void aProcessThatIsKilledWithAllItsMachinesCostsThemSecondsAndQuarantinesNone() throws Exception {
        db.providedMachines(200);

        for (int i = 1; i < 2 * BmdbConfig.MAX_LOSSES; i++) {
            lose(WITHOUT_AGENT);
            if (i == 1) {
                assertThat(db.number("select count(*) from work_backoff where until < now() + interval '2 seconds'"))
                        .isEqualTo(200);
            }
            db.advance(Duration.ofHours(3));
        }

        assertThat(db.number("select min(losses) from work_backoff")).isEqualTo(9);
        assertThat(db.rows("select * from machine_quarantine")).isEmpty();
        for (Work work : db.session().claim(WorkProcess.AGENT_START, WITHOUT_AGENT, 1000)) {
            start(work);
        }
        assertThat(db.rows("select * from work_backoff")).isEmpty();
    }

    @Test
    void atTwiceTheNumberNoCompanyExcusesAMachine() throws Exception {
        db.providedMachines(2);

        for (int i = 1; i <= 2 * BmdbConfig.MAX_LOSSES; i++) {
            assertThat(db.rows("select * from machine_quarantine")).isEmpty();
            lose(WITHOUT_AGENT);
            db.advance(Duration.ofHours(3));
        }

        assertThat(db.rows("select * from machine_quarantine")).hasSize(2);
    }

    @Test
    void theMachineThatWasLostTwiceAsOftenAsItsCompanyIsTheOneThatIsQuarantined() throws Exception {
        UUID poison = db.providedMachine();
        for (int i = 1; i <= 3; i++) {
            lose(WITHOUT_AGENT);
            db.advance(Duration.ofHours(3));
        }
        db.providedMachines(5);

        lose(WITHOUT_AGENT);
        db.advance(Duration.ofHours(3));
        lose(WITHOUT_AGENT);

        assertThat(db.rows("select machine_id from machine_quarantine")).containsExactly(poison.toString());
        assertThat(db.rows("select distinct losses from work_backoff where machine_id <> ?", poison))
                .containsExactly("2");
    }

    @Test
    void anEndThatSaysSomethingOfTheMachineEndsTheRowAndOneThatIsGivenUpDoesNot() throws Exception {
        UUID machine = db.providedMachine();
        Backoff minute = Backoff.constant(Duration.ofMinutes(1));
        lose(WITHOUT_AGENT);
        assertThat(losses(machine)).isEqualTo(1);

        claimLater().close();
        assertThat(losses(machine)).isEqualTo(1);
        claimLater().giveUp("not now", tx -> {});
        assertThat(losses(machine)).isEqualTo(1);
        claimLater().giveUp(minute, Work.Cause.other("not now"), tx -> {});
        assertThat(losses(machine)).isEqualTo(1);
        claimLater().fail("of a test", tx -> {});
        assertThat(losses(machine)).isZero();

        lose(WITHOUT_AGENT);
        lose(WITHOUT_AGENT);
        assertThat(losses(machine)).isEqualTo(2);
        claimLater().fail(minute, "of a test");
        assertThat(losses(machine)).isZero();

        lose(WITHOUT_AGENT);
        claimLater().finish(minute, Work.Cause.other("until it is proved"), tx -> {});
        assertThat(losses(machine)).isZero();

        lose(WITHOUT_AGENT);
        start(claimLater());
        assertThat(db.rows("select * from work_backoff")).isEmpty();
    }

    @Test
    void closingASessionWithWorkInHandIsNoLoss() throws Exception {
        UUID machine = db.providedMachine();

        for (int i = 0; i < 10; i++) {
            BmdbSession session = db.session();
            assertThat(session.claim(WorkProcess.AGENT_START, WITHOUT_AGENT, 1)).hasSize(1);
            session.close();
        }

        assertThat(db.rows("select * from work_backoff")).isEmpty();
        assertThat(claims(machine)).isEqualTo(10);
    }

    @Test
    void aLossNeitherRestartsNorReplacesTheBackoffOfFailures() throws Exception {
        UUID machine = db.providedMachine();
        Backoff growing = Backoff.builder()
                .initial(Duration.ofMinutes(1))
                .exponent(2)
                .jitter(0)
                .build();

        lose(WITHOUT_AGENT);
        // It was lost, and has never failed: this is the first failure.
        assertThat(claimLater().fail(growing, "of a test")).isEqualTo(Duration.ofMinutes(1));
        lose(WITHOUT_AGENT);
        assertThat(claimLater().fail(growing, "of a test")).isEqualTo(Duration.ofMinutes(2));

        // Held by its id, and so while it is backed off.
        BmdbSession session = db.session();
        session.claimMachine(WorkProcess.AGENT_START, machine).orElseThrow();
        reap(session);
        assertThat(db.number(
                        "select count(*) from work_backoff where losses = 1"
                                + " and until > now() + (? + 100000) * interval '1 millisecond'",
                        db.offset().toMillis()))
                .isEqualTo(1);
    }

    @Test
    void manyReapersAtOnceCountEachLossOnce() throws Exception {
        db.providedMachines(40);
        List<Bmdb> processes = List.of(db.open(), db.open(), db.open(), db.bmdb());
        for (int round = 1; round <= 3; round++) {
            for (int i = 0; i < 20; i++) {
                BmdbSession session = db.session();
                assertThat(session.claim(WorkProcess.AGENT_START, WITHOUT_AGENT, 2))
                        .hasSize(2);
                db.expire(session);
            }

            List<Integer> reaped = Race.run(4, i -> processes.get(i).reapExpiredSessions());

            assertThat(reaped.stream().mapToInt(Integer::intValue).sum()).isEqualTo(20);
            assertThat(db.rows("select distinct losses from work_backoff")).containsExactly(String.valueOf(round));
            assertThat(db.number("select count(*) from work_backoff")).isEqualTo(40);
            db.advance(Duration.ofHours(3));
        }
        assertQueueIsRight();
    }

    @Test
    void anEndThatCommitsBeforeTheReaperComesIsNoLoss() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        Bmdb another = db.open();
        Work work = session.claim(WorkProcess.AGENT_START, WITHOUT_AGENT, 1).get(0);

        work.finish(tx -> {
            expire(session);
            assertThat(another.reapExpiredSessions()).isZero();
            tx.putAgentStarted(machine, KEY);
        });
        assertThat(another.reapExpiredSessions()).isEqualTo(1);

        assertThat(db.rows("select * from work_backoff")).isEmpty();
        assertThat(db.history(machine)).endsWith("ShepherdAgentStart|Finished|null");
    }

    @Test
    void accessForAPersonIsNeverCountedAndAskedForByNobody() throws Exception {
        UUID machine = db.providedMachine();

        for (int i = 0; i < 12; i++) {
            BmdbSession session = db.session();
            session.claimMachine(WorkProcess.ACCESS, machine).orElseThrow();
            reap(session);
        }

        assertThat(db.rows("select * from work_backoff")).isEmpty();
        assertThat(db.history(machine)).endsWith("ShepherdAccess|Canceled|the session expired");
        lose(WITHOUT_AGENT);
        assertThat(db.session().claimMachine(WorkProcess.ACCESS, machine)).isPresent();
    }

    @Test
    void aProcessOfAnEmbeddersOwnIsKeptOffForLongerAndLongerButTheLoopsAreNot() throws Exception {
        UUID machine = db.providedMachine();
        schedule(machine);

        for (int i = 0; i < 12; i++) {
            lose(OWN, Eligibility.scheduled(OWN));
            assertQueueIsRight();
            assertThat(db.session().claim(OWN, Eligibility.scheduled(OWN), 1)).isEmpty();
            assertThat(db.session().claim(OWN, Eligibility.where(DSL.trueCondition()), 1))
                    .isEmpty();
            db.advance(Duration.ofHours(3));
        }

        assertThat(db.rows("select losses, loss_interval_seconds from work_backoff"))
                .containsExactly("12|3600");
        assertThat(db.rows("select * from machine_quarantine")).isEmpty();
        assertThat(db.session().claim(WorkProcess.AGENT_START, WITHOUT_AGENT, 1))
                .hasSize(1);
    }

    @Test
    void aRecoveryThatDiesInHandIsCountedAndItsAttemptIsNotMadeTwice() throws Exception {
        UUID machine = silentMachine();
        BmdbSession session = db.session();
        assertThat(recover(session)).hasSize(1);
        db.execute("insert into machine_recovery values (?, 'Reboot', now(), true, 1, 0, 0, null)", machine);

        reap(session);

        assertThat(db.rows(
                        "select recovery_under_way, losses from machine_recovery join work_backoff using (machine_id)"))
                .containsExactly("t|1");
        assertThat(recover(db.session())).as("in its cooldown").isEmpty();
        db.advance(Duration.ofMinutes(16));
        assertThat(recover(db.session())).hasSize(1);
    }

    @Test
    void aMachineWhoseRecoveryTakesProcessesDownIsQuarantined() throws Exception {
        UUID machine = silentMachine();

        for (int i = 0; i < BmdbConfig.MAX_LOSSES; i++) {
            BmdbSession session = db.session();
            assertThat(recover(session)).hasSize(1);
            reap(session);
            assertQueueIsRight();
            db.advance(Duration.ofHours(3));
        }

        assertThat(recover(db.session())).isEmpty();
        assertThat(explain(machine, WorkProcess.RECOVERY).because())
                .contains("5 claims in a row (ShepherdRecovery) were lost");
    }

    @Test
    void aReleaseClearsWhatWasCounted() throws Exception {
        UUID machine = db.providedMachine();
        for (int i = 0; i < BmdbConfig.MAX_LOSSES; i++) {
            lose(WITHOUT_AGENT);
            db.advance(Duration.ofHours(3));
        }

        assertThat(OperatorActions.of(db.bmdb(), Actor.program("ada")).release(machine, "a test"))
                .isTrue();

        assertThat(db.rows("select * from work_backoff")).isEmpty();
        lose(WITHOUT_AGENT);
        assertThat(losses(machine)).isEqualTo(1);
    }

    @Test
    void bothSettingsAreThoseOfTheProcessThatReaps() throws Exception {
        UUID machine = db.providedMachine();
        Bmdb strict = db.open(config ->
                config.maxLosses(2).lossBackoff(Backoff.builder().jitter(0).build()));

        for (int i = 0; i < 2; i++) {
            BmdbSession session = db.session();
            assertThat(session.claim(WorkProcess.AGENT_START, WITHOUT_AGENT, 1)).hasSize(1);
            db.expire(session);
            assertThat(strict.reapExpiredSessions()).isEqualTo(1);
            assertThat(db.rows("select loss_interval_seconds from work_backoff"))
                    .containsExactly("1");
            db.advance(Duration.ofSeconds(2));
        }

        assertThat(db.rows("select machine_id from machine_quarantine")).containsExactly(machine.toString());
        for (int wrong : new int[] {1, 1001}) {
            assertThatThrownBy(() -> db.config().maxLosses(wrong).build())
                    .isInstanceOf(ConfigurationException.class)
                    .hasMessage("maxLosses must be from 2 to 1000, not " + wrong);
        }
    }

    /** As a process does that dies at once with all that it has claimed. */
    private static void lose(Eligibility eligibility) throws Exception {
        lose(WorkProcess.AGENT_START, eligibility);
    }

    private static void lose(WorkProcess process, Eligibility eligibility) throws Exception {
        BmdbSession session = db.session();
        List<Work> works = session.claim(process, eligibility, 1000);
        if (works.isEmpty()) {
            db.advance(Duration.ofMinutes(2));
            works = session.claim(process, eligibility, 1000);
        }
        assertThat(works).isNotEmpty();
        reap(session);
    }

    private static void reap(BmdbSession session) throws Exception {
        db.expire(session);
        assertThat(db.bmdb().reapExpiredSessions()).isEqualTo(1);
    }

    private static void expire(BmdbSession session) {
        try {
            db.expire(session);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Work claimLater() throws Exception {
        db.advance(Duration.ofMinutes(5));
        return db.session().claim(WorkProcess.AGENT_START, WITHOUT_AGENT, 1).get(0);
    }

    private static void start(Work work) throws InterruptedException {
        work.finish(tx -> {
            tx.putAgentStarted(work.machineId(), KEY);
        });
    }

    private static void schedule(UUID machine) throws InterruptedException {
        Instant now = db.bmdb().now();
        db.session().useTransaction(tx -> {
            tx.schedule(OWN, machine, now);
        });
    }

    /** One whose agent fell silent so long ago that it is recovered whatever else there is. */
    private static UUID silentMachine() throws Exception {
        UUID machine = db.providedMachine();
        db.execute("insert into machine_agent_started values (?, now() - interval '2 hours', '')", machine);
        return machine;
    }

    private static List<Work> recover(BmdbSession session) throws InterruptedException {
        RecoveryPolicy atOnce =
                RecoveryPolicy.builder().freezeReleaseAfter(Duration.ZERO).build();
        return Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, atOnce)
                .claim(session, 1)
                .work();
    }

    private static long losses(UUID machine) throws Exception {
        return db.number("select coalesce(max(losses), 0) from work_backoff where machine_id = ?", machine);
    }

    private static long claims(UUID machine) throws Exception {
        return db.number("select count(*) from work_history where machine_id = ? and event = 'Started'", machine);
    }

    private static OfProcess explain(UUID machine, WorkProcess process) throws InterruptedException {
        return Operator.of(db.bmdb()).explain(machine, RecoveryPolicy.DEFAULT).orElseThrow().processes().stream()
                .filter(explained -> explained.process().equals(process))
                .findFirst()
                .orElseThrow();
    }

    private static void assertQueueIsRight() throws InterruptedException {
        assertThat(Operator.of(db.bmdb()).verifyQueue(RecoveryPolicy.DEFAULT)).matches(QueueCheck::isRight);
    }
}
