package dev.shepherd.bmdb.recovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Eligibility;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentCallException;
import dev.shepherd.bmdb.agent.AgentCallException.Reason;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.agent.AgentCallbackConfig;
import dev.shepherd.bmdb.agent.AgentReply;
import dev.shepherd.bmdb.operator.Operator;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Reports of an agent that meet the reinstallation of its machine, in every order. */
class ReinstallationRaceTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final RecoveryPolicy POLICY = RecoveryPolicy.DEFAULT;
    private static final byte[] OLD = key(1);
    private static final byte[] NEW = key(2);

    private UUID machine;
    private long generation;
    private AgentCallback callback;

    private static byte[] key(int number) {
        byte[] key = new byte[32];
        Arrays.fill(key, (byte) number);
        return key;
    }

    @BeforeEach
    void aMachineWithARequestAndASilentAgent() throws Exception {
        machine = db.providedMachine();
        db.execute(
                "insert into machine_agent_started values (?, now() - interval '2 hours', ?, sha256('a'), '1.4')",
                machine,
                OLD);
        db.execute("insert into machine_agent_heartbeat values (?, now() - interval '1 hour')", machine);
        db.execute(
                "insert into machine_ssh_host_key values (?, 'ssh-ed25519 OLD', now() - interval '2 hours')", machine);
        generation = db.session().inTransaction(tx -> tx.requestInstallation(machine, new byte[] {1}));
        callback = db.closeLater(AgentCallback.of(
                db.bmdb(),
                AgentCallbackConfig.builder().timeout(Duration.ofSeconds(60)).build()));
        callback.start();
    }

    private CompletableFuture<AgentReply> success(byte[] key) {
        return callback.callAsync(AgentCall.of(machine, key)
                .withInstallationReport(generation, InstallationResult.SUCCESS, new byte[] {2}));
    }

    private static Optional<Reason> refusal(CompletableFuture<AgentReply> answer) throws Exception {
        try {
            answer.get(60, TimeUnit.SECONDS);
            return Optional.empty();
        } catch (ExecutionException e) {
            return Optional.of(((AgentCallException) e.getCause()).reason());
        }
    }

    private Work hold(BmdbSession session) throws InterruptedException {
        return session.claimMachine(WorkProcess.ACCESS, machine).orElseThrow();
    }

    private RecoveryAttempt begin(Work work) throws InterruptedException {
        return work.update(tx -> Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, POLICY)
                .beginIntervention(tx, machine, RecoveryAction.REINSTALL, false, Optional.empty())
                .attempt()
                .orElseThrow());
    }

    private void accepted(Work work) throws InterruptedException {
        work.finish(tx -> {
            Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, POLICY)
                    .restartTakeover(tx, machine, RecoveryAction.REINSTALL, false);
        });
    }

    private boolean isFulfilled() throws InterruptedException {
        return db.bmdb().machine(machine).orElseThrow().isInstallationFulfilled();
    }

    /** What the database holds of the machine's disks, the request, and what it is due for. */
    private List<String> state() throws SQLException {
        return db.rows(
                "select 'agent ' || encode(agent_public_key, 'hex') || agent_version || length(agent_sha256) from machine_agent_started"
                        + " union all select 'heartbeat' from machine_agent_heartbeat"
                        + " union all select 'host key ' || ssh_host_key from machine_ssh_host_key"
                        + " union all select 'report ' || os_installation_result from machine_os_installation_report"
                        + " union all select 'request' from machine_os_installation_request"
                        + " union all select process from work_due");
    }

    private void requireWipedAndDue() throws Exception {
        assertThat(state()).containsExactly("request", "ShepherdAgentStart", "ShepherdRecovery");
        assertThat(isFulfilled()).isFalse();
        assertThat(Operator.of(db.bmdb()).verifyQueue(POLICY).isRight()).isTrue();
    }

    private static void awaitLockWaits(int count) {
        await().until(() -> db.number("select count(*) from pg_stat_activity"
                        + " where datname = current_database() and wait_event_type = 'Lock'")
                >= count);
    }

    @Test
    void aReportThatComesWhileTheProviderIsCalledIsRefused() throws Exception {
        Work work = hold(db.session());
        begin(work);

        assertThat(refusal(success(OLD))).contains(Reason.AGENT_NOT_STARTED);
        assertThat(refusal(callback.callAsync(AgentCall.of(machine, OLD)))).contains(Reason.AGENT_NOT_STARTED);
        accepted(work);

        requireWipedAndDue();
    }

    @Test
    void aReportThatCameBeforeIsWipedWithTheDisks() throws Exception {
        assertThat(refusal(success(OLD))).isEmpty();
        assertThat(isFulfilled()).isTrue();
        assertThat(db.rows("select process from work_due")).isEmpty();

        Work work = hold(db.session());
        begin(work);
        accepted(work);

        requireWipedAndDue();
    }

    @Test
    void aReportThatHoldsTheMachineIsWaitedForAndThenKeepsTheRecovererOff() throws Exception {
        BmdbSession session = db.session();
        Work work = db.hold(session, WorkProcess.RECOVERY, machine).orElseThrow();
        Connection blocking = db.transaction();
        TestDatabase.execute(blocking, "lock table machine_os_installation_report in share mode");
        CompletableFuture<AgentReply> report = success(OLD);
        awaitLockWaits(1);

        CompletableFuture<Optional<RecoveryAttempt>> beginning =
                background(() -> work.update(tx -> Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, POLICY)
                        .begin(tx, machine, RecoveryAction.REINSTALL, Optional.empty())));
        awaitLockWaits(2);
        blocking.commit();

        assertThat(refusal(report)).isEmpty();
        assertThat(beginning.get(60, TimeUnit.SECONDS)).isEmpty();
        assertThat(isFulfilled()).isTrue();
        assertThat(Operator.of(db.bmdb()).recovery(machine)).isEmpty();
    }

    @Test
    void aReportThatHoldsTheMachineIsWipedByAPersonsReinstallation() throws Exception {
        Work work = hold(db.session());
        Connection blocking = db.transaction();
        TestDatabase.execute(blocking, "lock table machine_os_installation_report in share mode");
        CompletableFuture<AgentReply> report = success(OLD);
        awaitLockWaits(1);
        CompletableFuture<RecoveryAttempt> beginning = background(() -> begin(work));
        awaitLockWaits(2);
        blocking.commit();

        assertThat(refusal(report)).isEmpty();
        beginning.get(60, TimeUnit.SECONDS);
        assertThat(isFulfilled()).isFalse();
        accepted(work);

        requireWipedAndDue();
    }

    @Test
    void aReportThatWaitsForTheBeginOfAReinstallationIsRefused() throws Exception {
        Work work = hold(db.session());
        CountDownLatch waits = new CountDownLatch(1);
        CompletableFuture<RecoveryAttempt> beginning = background(() -> work.update(tx -> {
            RecoveryAttempt attempt = Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, POLICY)
                    .beginIntervention(tx, machine, RecoveryAction.REINSTALL, false, Optional.empty())
                    .attempt()
                    .orElseThrow();
            waits.await();
            return attempt;
        }));
        await().until(() -> db.number("select count(*) from pg_stat_activity where datname = current_database()"
                        + " and state = 'idle in transaction'")
                == 1);
        CompletableFuture<AgentReply> report = success(OLD);
        awaitLockWaits(1);
        waits.countDown();

        beginning.get(60, TimeUnit.SECONDS);
        assertThat(refusal(report)).contains(Reason.AGENT_NOT_STARTED);
        accepted(work);
        requireWipedAndDue();
    }

    /** Whatever the order is: no machine is taken for installed that was wiped. */
    @Test
    void reportsAndReinstallationsThatRaceLeaveNoWipedMachineInstalled() throws Exception {
        for (int round = 0; round < 40; round++) {
            Work work = hold(db.session());
            Race.run(2, number -> {
                if (number == 0) {
                    begin(work);
                    accepted(work);
                } else {
                    success(OLD)
                            .exceptionally(refused -> AgentReply.NOTHING_TO_DO)
                            .get(60, TimeUnit.SECONDS);
                }
                return null;
            });
            assertThat(isFulfilled()).isFalse();
            assertThat(refusal(success(OLD))).contains(Reason.AGENT_NOT_STARTED);
            db.session().useTransaction(tx -> {
                tx.putAgentStarted(machine, OLD);
                tx.clearAgentHeartbeat(machine);
            });
        }
    }

    @Test
    void aMachineThatTheProviderRefusedToReinstallIsAsItWas() throws Exception {
        assertThat(refusal(success(OLD))).isEmpty();
        List<String> tables = List.of(
                "machine_agent_started",
                "machine_agent_heartbeat",
                "machine_ssh_host_key",
                "machine_os_installation_report");
        List<List<String>> before = tables.stream().map(this::rows).toList();
        Work work = hold(db.session());
        RecoveryAttempt attempt = begin(work);
        assertThat(refusal(success(OLD))).contains(Reason.AGENT_NOT_STARTED);

        work.finish(tx -> {
            Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, POLICY).notTried(tx, attempt);
        });

        assertThat(tables.stream().map(this::rows).toList()).isEqualTo(before);
        assertThat(isFulfilled()).isTrue();
        assertThat(Operator.of(db.bmdb()).recovery(machine)).isEmpty();
        assertThat(refusal(callback.callAsync(AgentCall.of(machine, OLD)))).isEmpty();
        assertThat(db.rows("select process from work_due")).isEmpty();
        assertThat(db.rows("select process from work_backoff")).isEmpty();
    }

    private List<String> rows(String table) {
        try {
            return db.rows("select * from " + table);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The next agent carries the request out, and its report counts; the old one's never does again. */
    @Test
    void onlyTheAgentThatIsStartedAfterwardsIsHeard() throws Exception {
        assertThat(refusal(success(OLD))).isEmpty();
        Work work = hold(db.session());
        begin(work);
        accepted(work);
        db.session().useTransaction(tx -> {
            tx.putAgentStarted(machine, NEW);
            tx.clearAgentHeartbeat(machine);
        });

        assertThat(refusal(success(OLD))).contains(Reason.WRONG_KEY);
        assertThat(isFulfilled()).isFalse();
        AgentReply reply = callback.call(AgentCall.of(machine, NEW));
        assertThat(reply.installationRequest().orElseThrow().generation()).isEqualTo(generation);
        assertThat(refusal(success(NEW))).isEmpty();
        assertThat(isFulfilled()).isTrue();
    }

    /** As after a call of unknown outcome: the machine is taken over once it has had time to boot. */
    @Test
    void aProcessThatDiesDuringTheCallLeavesAMachineToBeTakenOver() throws Exception {
        assertThat(refusal(success(OLD))).isEmpty();
        BmdbSession dying = db.session();
        begin(hold(dying));
        db.expire(dying);
        db.bmdb().reapExpiredSessions();

        assertThat(refusal(success(OLD))).contains(Reason.AGENT_NOT_STARTED);
        requireWipedAndDue();
        Eligibility start = Eligibility.agentStart(TestDatabase.PROVIDER);
        BmdbSession another = db.session();
        assertThat(another.claim(WorkProcess.AGENT_START, start, 1)).isEmpty();
        db.advance(POLICY.bootTime().multipliedBy(2));
        assertThat(another.claim(WorkProcess.AGENT_START, start, 1)).hasSize(1);
        assertThat(Operator.of(db.bmdb()).recovery(machine).orElseThrow().underWay())
                .isTrue();
    }

    /** A reboot takes nothing from the disks: what was installed is left alone, and its agent heard. */
    @Test
    void aRebootLeavesAnInstallationAndItsAgentAlone() throws Exception {
        assertThat(refusal(success(OLD))).isEmpty();
        List<String> before = state();
        Work work = hold(db.session());
        work.update(tx -> Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, POLICY)
                .beginIntervention(tx, machine, RecoveryAction.REBOOT, false, Optional.empty()));
        work.finish(tx -> {
            Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, POLICY)
                    .restartTakeover(tx, machine, RecoveryAction.REBOOT, false);
        });

        assertThat(state()).isEqualTo(before);
        assertThat(Operator.of(db.bmdb()).recovery(machine).orElseThrow().isOpen())
                .isFalse();
        assertThat(refusal(callback.callAsync(AgentCall.of(machine, OLD)))).isEmpty();
    }

    @FunctionalInterface
    private interface Task<T> {
        T run() throws Exception;
    }

    private static <T> CompletableFuture<T> background(Task<T> task) {
        CompletableFuture<T> result = new CompletableFuture<>();
        new Thread(() -> {
                    try {
                        result.complete(task.run());
                    } catch (Exception e) {
                        result.completeExceptionally(e);
                    }
                })
                .start();
        return result;
    }
}
