package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.bmdb.BmdbConfig.Migration;
import dev.shepherd.bmdb.HookedDataSource.Hook;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Connections that break while a transaction is being committed. */
class CommitOutcomeTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final WorkProcess PROCESS = WorkProcess.AGENT_START;

    private final AtomicInteger runs = new AtomicInteger();
    private TcpProxy proxy;
    private HookedDataSource source;
    private BmdbSession session;

    /** The server commits, but its answer is lost. */
    private final Hook answerLost = (connection, original) -> {
        proxy.swallowNextAnswer();
        return original.call();
    };

    /** The server never sees the request, and does not know that the client is gone. */
    private final Hook requestLost = (connection, original) -> {
        proxy.loseNextRequest();
        return original.call();
    };

    /** The server sees the connection break instead of the request. */
    private final Hook broken = (connection, original) -> {
        proxy.cut();
        proxy.heal();
        return original.call();
    };

    @BeforeEach
    void openBehindAProxy() throws Exception {
        proxy = db.closeLater(new TcpProxy(db.url()));
        source = new HookedDataSource(proxy.url(db.url()));
        session = open(Duration.ofMinutes(1)).startSession("test", "host");
        awaitFirstHeartbeat();
    }

    /** It comes at once, and would be what the wire is told to lose if it were late. */
    private void awaitFirstHeartbeat() {
        await().until(() -> db.number(
                        "select count(*) from sessions where session_id = ?"
                                + " and session_deadline > session_created_at + session_interval_seconds * interval '1 s'",
                        session.id())
                == 1);
    }

    private Bmdb open(Duration interval) {
        return db.closeLater(Bmdb.open(BmdbConfig.builder()
                .dataSource(source.dataSource())
                .migration(Migration.CHECK)
                .sessionInterval(interval)
                .connectTimeout(Duration.ofMillis(300))
                .idleInTransactionTimeout(Duration.ofSeconds(1))
                .build()));
    }

    @Test
    void aFinishWhoseAnswerIsLostIsFoundToHaveBeenCommitted() throws Exception {
        Work work = claimOne();

        source.onNext("commit", answerLost);
        int run = finish(work);

        assertThat(run).isEqualTo(1);
        assertThat(runs).hasValue(1);
        assertFinishedOnce(work);
        assertThatThrownBy(work::finish).isInstanceOf(WorkLostException.class);
    }

    @Test
    void aFinishThatNeverReachedTheServerIsRepeatedOnceTheServerHasLetGo() throws Exception {
        Work work = claimOne();

        source.onNext("commit", requestLost);
        int run = finish(work);

        assertThat(run).isEqualTo(2);
        assertThat(runs).hasValue(2);
        assertFinishedOnce(work);
    }

    @Test
    void aFinishThatTheServerRolledBackIsRepeated() throws Exception {
        Work work = claimOne();

        source.onNext("commit", broken);

        assertThat(finish(work)).isEqualTo(2);
        assertFinishedOnce(work);
    }

    @Test
    void aFailureWhoseAnswerIsLostBacksOffOnce() throws Exception {
        Work work = claimOne();
        Backoff backoff =
                Backoff.builder().initial(Duration.ofMinutes(1)).exponent(2).build();

        source.onNext("commit", answerLost);
        Duration period = work.fail(backoff, "of a test");

        assertThat(period).isEqualTo(Duration.ofMinutes(1));
        assertThat(db.rows("select last_interval_seconds, cause from work_backoff"))
                .containsExactly("60|of a test");
        assertThat(db.history(work.machineId()))
                .containsExactly("ShepherdAgentStart|Started|null", "ShepherdAgentStart|Failed|of a test");
    }

    @Test
    void aQuestionThatTheHistoryForgetsIsEndedOnceWhateverBreaks() throws Exception {
        db.providedMachines(4);
        for (Hook fault : List.of(answerLost, requestLost, broken)) {
            Work work = claim(1).get(0);
            source.onNext("commit", fault);

            assertThat(work.giveUpQuietly("as before", tx -> false)).isFalse();

            assertThat(db.work(work.machineId())).isEmpty();
            assertThat(db.history(work.machineId())).isEmpty();
            assertThatThrownBy(work::finish).isInstanceOf(WorkLostException.class);
        }
        Work work = claim(1).get(0);
        source.onNext("commit", answerLost);
        assertThat(work.giveUpQuietly("it is news", tx -> true)).isTrue();
        assertThat(db.history(work.machineId()))
                .containsExactly("ShepherdAgentStart|Started|null", "ShepherdAgentStart|Canceled|it is news");
    }

    @Test
    void aQuestionWhoseSessionWasReapedBeforeItsEndIsLostAndStaysInTheHistory() throws Exception {
        Work work = claimOne();
        source.onNext("commit", (connection, original) -> {
            try {
                return answerLost.call(connection, original);
            } finally {
                reapTheSession();
            }
        });
        assertThat(work.giveUpQuietly("as before", tx -> false)).isFalse();
        assertThat(db.history(work.machineId())).isEmpty();

        session = open(Duration.ofMinutes(1)).startSession("test", "host");
        awaitFirstHeartbeat();
        Work lost = claim(1).get(0);
        source.onNext("commit", (connection, original) -> {
            try {
                return broken.call(connection, original);
            } finally {
                reapTheSession();
            }
        });
        assertThatThrownBy(() -> lost.giveUpQuietly("as before", tx -> false))
                .isInstanceOf(SessionExpiredException.class);
        assertThat(db.history(lost.machineId())).hasSize(2).last().asString().contains("|Canceled|");
    }

    @Test
    void whatAClaimTookIsFoundAfterItsAnswerWasLost() throws Exception {
        db.providedMachines(5);

        source.onNext("commit", answerLost);
        List<Work> claimed = claim(3);

        assertThat(claimed).hasSize(3);
        assertThat(db.rows("select machine_id, claim_id from work"))
                .containsExactlyInAnyOrderElementsOf(claimed.stream()
                        .map(work -> work.machineId() + "|" + work.claimId())
                        .toList());
        claimed.get(0).finish();
        claimed.get(1).close();
        assertThat(db.number("select count(*) from work_history where event = 'Started'"))
                .isEqualTo(3);
    }

    @Test
    void aClaimThatNeverReachedTheServerTakesNothing() throws Exception {
        db.providedMachines(5);

        source.onNext("commit", requestLost);

        assertThat(claim(3)).isEmpty();
        assertThat(db.rows("select * from work")).isEmpty();
        assertThat(claim(5)).hasSize(5);
    }

    @Test
    void whatAClaimTookIsReleasedLaterIfTheDatabaseCannotBeAsked() throws Exception {
        db.providedMachines(2);
        session = open(TestDatabase.LASTING).startSession("test", "host");
        awaitFirstHeartbeat();

        source.onNext("commit", (connection, original) -> {
            try {
                return answerLost.call(connection, original);
            } finally {
                proxy.cut();
            }
        });
        assertThatThrownBy(() -> claim(2)).isInstanceOf(CommitOutcomeUnknownException.class);
        assertThat(db.number("select count(*) from work")).isEqualTo(2);
        proxy.heal();

        await().until(() -> db.rows("select * from work").isEmpty());
        assertThat(session.isAlive()).isTrue();
        assertThat(db.rows("select event, failed_cause, count(*) from work_history group by 1, 2 order by 1"))
                .containsExactly("Canceled|null|2", "Started|null|2");
    }

    @Test
    void anUpdateAndAPlainTransactionSayThatTheirOutcomeIsUnknown() throws Exception {
        Work work = claimOne();

        source.onNext("commit", answerLost);
        assertThatThrownBy(() -> work.update(tx -> {
                    tx.putAgentHeartbeat(work.machineId());
                    return true;
                }))
                .isInstanceOf(CommitOutcomeUnknownException.class)
                .hasMessageContaining("may or may not");
        source.onNext("commit", broken);
        assertThatThrownBy(() -> session.inTransaction(tx -> true)).isInstanceOf(CommitOutcomeUnknownException.class);

        assertThat(db.number("select count(*) from machine_agent_heartbeat")).isEqualTo(1);
        finish(work);
        assertFinishedOnce(work);
    }

    @Test
    void aFinishThatIsNeverResolvedCanBeClosedAndIsNotCanceledIfItWasCommitted() throws Exception {
        Work work = claimOne();

        finishAndStayAway(work, answerLost);

        assertThatThrownBy(() -> finish(work)).isInstanceOf(WorkLostException.class);
        work.close();
        assertThat(runs).hasValue(1);
        assertFinishedOnce(work);
    }

    @Test
    void aFinishThatIsNeverResolvedCanBeClosedAndIsCanceledIfItWasNotCommitted() throws Exception {
        Work work = claimOne();

        finishAndStayAway(work, broken);
        assertThat(db.work(work.machineId())).hasSize(1);
        work.close();

        assertThat(db.work(work.machineId())).isEmpty();
        assertThat(db.rows("select * from machine_agent_started")).isEmpty();
        assertThat(db.history(work.machineId()))
                .containsExactly("ShepherdAgentStart|Started|null", "ShepherdAgentStart|Canceled|null");
    }

    private void finishAndStayAway(Work work, Hook fault) {
        source.onNext("commit", (connection, original) -> {
            try {
                return fault.call(connection, original);
            } finally {
                proxy.cut();
            }
        });
        assertThatThrownBy(() -> finish(work))
                .isInstanceOf(CommitOutcomeUnknownException.class)
                .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));
        proxy.heal();
    }

    @Test
    void aFinishThatWasCommittedBeforeItsSessionWasReapedHasSucceeded() throws Exception {
        Work work = claimOne();

        source.onNext("commit", (connection, original) -> {
            try {
                return answerLost.call(connection, original);
            } finally {
                reapTheSession();
            }
        });

        assertThat(finish(work)).isEqualTo(1);
        assertFinishedOnce(work);
    }

    @Test
    void aFinishThatWasRolledBackBeforeItsSessionWasReapedHasFailedForGood() throws Exception {
        Work work = claimOne();

        source.onNext("commit", (connection, original) -> {
            try {
                return broken.call(connection, original);
            } finally {
                reapTheSession();
            }
        });

        assertThatThrownBy(() -> finish(work)).isInstanceOf(SessionExpiredException.class);
        assertThat(db.rows("select * from machine_agent_started")).isEmpty();
        assertThat(db.history(work.machineId()))
                .containsExactly(
                        "ShepherdAgentStart|Started|null",
                        "ShepherdAgentStart|Canceled|the session expired, loss 1 in a row: left alone for 1 s");
    }

    private void reapTheSession() throws Exception {
        db.expire(session);
        await().until(() -> db.bmdb().reapExpiredSessions() == 1);
    }

    private Work claimOne() throws Exception {
        UUID machine = db.providedMachine();
        Work work = claim(1).get(0);
        assertThat(work.machineId()).isEqualTo(machine);
        return work;
    }

    private List<Work> claim(int limit) throws InterruptedException {
        return session.claim(PROCESS, Eligibility.agentStart(TestDatabase.PROVIDER), limit);
    }

    private int finish(Work work) throws InterruptedException {
        return work.finishReturning(tx -> {
            tx.putAgentStarted(work.machineId(), new byte[32]);
            return runs.incrementAndGet();
        });
    }

    private static void assertFinishedOnce(Work work) throws Exception {
        assertThat(db.work(work.machineId())).isEmpty();
        assertThat(db.number("select count(*) from machine_agent_started")).isEqualTo(1);
        assertThat(db.history(work.machineId()))
                .containsExactly("ShepherdAgentStart|Started|null", "ShepherdAgentStart|Finished|null");
    }
}
