package dev.shepherd.bmdb.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.TcpProxy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.agent.AgentCallException.Reason;
import dev.shepherd.bmdb.internal.DatabaseTime;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.event.EventSink;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jooq.SQLDialect;
import org.jooq.impl.DSL;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Calls that meet one another, a recoverer, a database that is away, and the end. */
class AgentCallbackRaceTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final byte[] KEY = new byte[32];

    /** The locks that calls wait for are held at least this long; nothing waits for this time to pass. */
    private static final Duration PATIENT = Duration.ofSeconds(60);

    private static AgentCallback started(Bmdb bmdb, AgentCallbackConfig.Builder config) {
        AgentCallback callback = db.closeLater(AgentCallback.of(bmdb, config.build()));
        callback.start();
        return callback;
    }

    private static List<UUID> machinesWithAgents(int count) throws SQLException {
        db.providedMachines(count);
        db.execute("insert into machine_agent_started select machine_id, now(), ? from machines", KEY);
        List<UUID> machines = new ArrayList<>();
        for (String row : db.rows("select machine_id from machines order by machine_id")) {
            machines.add(UUID.fromString(row));
        }
        return machines;
    }

    private static Reason failure(CompletableFuture<AgentReply> answer) throws InterruptedException, TimeoutException {
        try {
            AgentReply reply = answer.get(30, TimeUnit.SECONDS);
            throw new AssertionError("not failed but answered: " + reply);
        } catch (ExecutionException e) {
            return ((AgentCallException) e.getCause()).reason();
        }
    }

    private static void awaitLockWaits(int count) {
        await().until(() -> db.number("select count(*) from pg_stat_activity"
                        + " where datname = current_database() and wait_event_type = 'Lock'")
                >= count);
    }

    @Test
    void manyCallersForTheSameMachinesAreAllAnswered() throws Exception {
        List<UUID> machines = machinesWithAgents(40);
        // Two processes, whose batches overlap in every machine.
        AgentCallback one = started(db.bmdb(), AgentCallbackConfig.builder().lockTimeout(Duration.ofSeconds(10)));
        AgentCallback two = started(db.open(), AgentCallbackConfig.builder().lockTimeout(Duration.ofSeconds(10)));

        List<Integer> answered = Race.run(8, number -> {
            AgentCallback callback = number % 2 == 0 ? one : two;
            List<UUID> shuffled = new ArrayList<>(machines);
            int count = 0;
            for (int round = 0; round < 20; round++) {
                Collections.shuffle(shuffled, new Random(number * 1000L + round));
                List<CompletableFuture<AgentReply>> answers = new ArrayList<>();
                shuffled.forEach(machine -> answers.add(callback.callAsync(AgentCall.of(machine, KEY))));
                for (CompletableFuture<AgentReply> answer : answers) {
                    answer.get(60, TimeUnit.SECONDS);
                    count++;
                }
            }
            return count;
        });

        assertThat(answered).allMatch(count -> count == 800);
        assertThat(db.number("select deadlocks from pg_stat_database where datname = current_database()"))
                .isZero();
    }

    @Test
    void ofOneSignedCallThatSeveralProcessesGetAtOnceOneIsAccepted() throws Exception {
        List<UUID> machines = machinesWithAgents(20);
        List<AgentCallback> processes = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            processes.add(started(
                    i == 0 ? db.bmdb() : db.open(),
                    AgentCallbackConfig.builder().lockTimeout(Duration.ofSeconds(10))));
        }
        Map<String, AtomicInteger> accepted = new ConcurrentHashMap<>();
        Instant first = Instant.now();
        CyclicBarrier round = new CyclicBarrier(8);

        Race.run(8, number -> {
            for (int i = 0; i < 30; i++) {
                round.await(60, TimeUnit.SECONDS);
                Map<UUID, CompletableFuture<AgentReply>> answers = new HashMap<>();
                List<UUID> shuffled = new ArrayList<>(machines);
                Collections.shuffle(shuffled, new Random(number * 1000L + i));
                for (UUID machine : shuffled) {
                    AgentCall call = AgentCall.of(machine, KEY).withSignedTime(first.plusMillis(i));
                    // Some of them with a report, which goes another way.
                    answers.put(
                            machine,
                            processes
                                    .get(number % 4)
                                    .callAsync(number < 2 ? call.withHardwareReport(new byte[] {(byte) i}) : call));
                }
                for (Map.Entry<UUID, CompletableFuture<AgentReply>> answer : answers.entrySet()) {
                    try {
                        answer.getValue().get(60, TimeUnit.SECONDS);
                        accepted.computeIfAbsent(answer.getKey() + " " + i, any -> new AtomicInteger())
                                .incrementAndGet();
                    } catch (ExecutionException e) {
                        assertThat(((AgentCallException) e.getCause()).reason()).isEqualTo(Reason.REPLAYED);
                    }
                }
            }
            return null;
        });

        assertThat(accepted)
                .hasSize(20 * 30)
                .allSatisfy((call, count) -> assertThat(count).hasValue(1));
    }

    @Test
    void aRecovererThatClearsMeanwhileLeavesNoAgentThatWasHeard() throws Exception {
        List<UUID> machines = machinesWithAgents(20);
        AgentCallback callback = started(db.bmdb(), AgentCallbackConfig.builder());
        Set<Reason> refusals = Collections.synchronizedSet(EnumSet.noneOf(Reason.class));

        Race.run(5, number -> {
            if (number == 0) {
                BmdbSession session = db.session();
                for (UUID machine : machines) {
                    session.useTransaction(tx -> {
                        tx.clearAgentStarted(machine);
                        tx.clearAgentHeartbeat(machine);
                    });
                }
                return null;
            }
            for (UUID machine : machines) {
                while (true) {
                    try {
                        callback.call(AgentCall.of(machine, KEY));
                    } catch (AgentCallException e) {
                        refusals.add(e.reason());
                        break;
                    }
                }
            }
            return null;
        });

        assertThat(refusals).containsExactly(Reason.AGENT_NOT_STARTED);
        // What the last statements may have left, the next start clears; only then is it heard again.
        BmdbSession session = db.session();
        for (UUID machine : machines) {
            session.useTransaction(tx -> {
                tx.putAgentStarted(machine, new byte[] {
                    1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2
                });
                tx.clearAgentHeartbeat(machine);
            });
            assertThat(failure(callback.callAsync(AgentCall.of(machine, KEY)))).isEqualTo(Reason.WRONG_KEY);
        }
        assertThat(db.number("select count(*) from machine_agent_heartbeat")).isZero();
    }

    @Test
    void aMachineThatIsLockedHoldsUpNobodyElse() throws Exception {
        List<UUID> machines = machinesWithAgents(30);
        AgentCallback callback =
                started(db.bmdb(), AgentCallbackConfig.builder().timeout(PATIENT));
        for (UUID machine : machines) {
            callback.call(AgentCall.of(machine, KEY));
        }
        UUID locked = machines.get(3);
        Connection recoverer = db.transaction();
        TestDatabase.execute(recoverer, "delete from machine_agent_started where machine_id = ?", locked);
        TestDatabase.execute(recoverer, "delete from machine_agent_heartbeat where machine_id = ?", locked);

        List<CompletableFuture<AgentReply>> answers = machines.stream()
                .map(machine -> callback.callAsync(AgentCall.of(machine, KEY)))
                .toList();
        for (int i = 0; i < answers.size(); i++) {
            if (i != 3) {
                answers.get(i).get(30, TimeUnit.SECONDS);
            }
        }
        assertThat(answers.get(3)).isNotDone();
        awaitLockWaits(1);
        recoverer.commit();

        // Its statement had begun before the agent was cleared.
        assertThat(answers.get(3).get(30, TimeUnit.SECONDS)).isNotNull();
        assertThat(failure(callback.callAsync(AgentCall.of(locked, KEY)))).isEqualTo(Reason.AGENT_NOT_STARTED);
    }

    @Test
    void aMachineThatStaysLockedFailsInTime() throws Exception {
        List<UUID> machines = machinesWithAgents(1);
        AgentCallback callback =
                started(db.bmdb(), AgentCallbackConfig.builder().timeout(Duration.ofMillis(500)));
        callUntilHeard(callback, machines.get(0));
        Connection recoverer = db.transaction();
        TestDatabase.execute(recoverer, "delete from machine_agent_heartbeat");

        assertThat(failure(callback.callAsync(AgentCall.of(machines.get(0), KEY))))
                .isEqualTo(Reason.TIMED_OUT);
    }

    @Test
    void aProcessThatFreezesInTheMiddleOfABatchHoldsUpNobodyForLong() throws Exception {
        UUID machine = machinesWithAgents(1).get(0);
        AgentCallback callback =
                started(db.bmdb(), AgentCallbackConfig.builder().timeout(PATIENT));
        callback.call(AgentCall.of(machine, KEY));
        Connection frozen = db.transaction();
        Handle held = Handle.begin(
                DSL.using(frozen, SQLDialect.POSTGRES), new DatabaseTime(db::offset), new EventSink(false, List.of()));
        HeartbeatQueries.begin(held, PATIENT, Duration.ofMillis(500));
        HeartbeatQueries.record(held, new UUID[] {machine}, new byte[][] {KEY}, new Long[] {null});

        assertThat(callback.callAsync(AgentCall.of(machine, KEY)).get(30, TimeUnit.SECONDS))
                .isNotNull();
    }

    @Test
    void connectionsThatAreSeveredAreReplaced() throws Exception {
        UUID machine = machinesWithAgents(1).get(0);
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        AgentCallback callback = started(
                db.open(config -> config.jdbcUrl(proxy.url(db.url()))),
                AgentCallbackConfig.builder().timeout(PATIENT));
        callback.call(AgentCall.of(machine, KEY));

        proxy.cut();
        proxy.heal();
        callback.call(AgentCall.of(machine, KEY));
        // Not even the answer to a commit that nobody has seen is passed on: it is simply done again.
        proxy.swallowNextAnswer();
        callback.call(AgentCall.of(machine, KEY));
        callback.call(AgentCall.of(machine, KEY).withHardwareReport(new byte[] {1}));

        assertThat(db.number("select count(*) from machine_hardware_report")).isEqualTo(1);
    }

    @Test
    void aDatabaseThatHangsIsAnErrorInTimeAndIsFoundAgain() throws Exception {
        UUID machine = machinesWithAgents(1).get(0);
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        AgentCallback callback = started(
                db.open(config -> config.jdbcUrl(proxy.url(db.url())).connectTimeout(Duration.ofMillis(500))),
                AgentCallbackConfig.builder().timeout(Duration.ofSeconds(1)));
        callUntilHeard(callback, machine);

        proxy.freeze();
        List<CompletableFuture<AgentReply>> answers = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            answers.add(callback.callAsync(AgentCall.of(machine, KEY)));
        }
        for (CompletableFuture<AgentReply> answer : answers) {
            assertThat(failure(answer)).isIn(Reason.TIMED_OUT, Reason.DATABASE_FAILED);
        }
        proxy.heal();

        callUntilHeard(callback, machine);
    }

    /** A first call, or one on a busy machine, can take longer than the short time that a test gives it. */
    private static void callUntilHeard(AgentCallback callback, UUID machine) {
        await().atMost(Duration.ofSeconds(30))
                .ignoreExceptionsInstanceOf(AgentCallException.class)
                .until(() -> callback.call(AgentCall.of(machine, KEY)) != null);
    }

    @Test
    void aFullQueueIsAnErrorAtOnce() throws Exception {
        List<UUID> machines = machinesWithAgents(1);
        AgentCallback callback = started(
                db.bmdb(),
                AgentCallbackConfig.builder()
                        .timeout(PATIENT)
                        .lockTimeout(Duration.ofSeconds(10))
                        .heartbeatThreads(1)
                        .queueSize(3));
        AgentCall call = AgentCall.of(machines.get(0), KEY);
        callback.call(call);
        Connection recoverer = db.transaction();
        TestDatabase.execute(recoverer, "delete from machine_agent_heartbeat");

        List<CompletableFuture<AgentReply>> answers = new ArrayList<>();
        answers.add(callback.callAsync(call));
        awaitLockWaits(1);
        for (int i = 0; i < 3; i++) {
            answers.add(callback.callAsync(call));
        }
        assertThat(answers).noneMatch(CompletableFuture::isDone);
        CompletableFuture<AgentReply> tooMany = callback.callAsync(call);
        assertThat(tooMany).isDone();
        assertThat(failure(tooMany)).isEqualTo(Reason.QUEUE_FULL);

        recoverer.rollback();
        for (CompletableFuture<AgentReply> answer : answers) {
            answer.get(30, TimeUnit.SECONDS);
        }
    }

    @Test
    void closingEndsTheCallsThatWait() throws Exception {
        List<UUID> machines = machinesWithAgents(2);
        AgentCallback callback = started(
                db.bmdb(),
                AgentCallbackConfig.builder()
                        .timeout(PATIENT)
                        .lockTimeout(Duration.ofSeconds(5))
                        .heartbeatThreads(1));
        for (UUID machine : machines) {
            callback.call(AgentCall.of(machine, KEY));
        }
        Connection recoverer = db.transaction();
        TestDatabase.execute(recoverer, "delete from machine_agent_heartbeat");
        List<CompletableFuture<AgentReply>> answers = new ArrayList<>();
        answers.add(callback.callAsync(AgentCall.of(machines.get(0), KEY)));
        answers.add(callback.callAsync(AgentCall.of(machines.get(1), KEY).withHardwareReport(new byte[1])));
        awaitLockWaits(2);
        answers.add(callback.callAsync(AgentCall.of(machines.get(1), KEY)));

        Thread closing = new Thread(callback::close);
        closing.start();
        for (CompletableFuture<AgentReply> answer : answers) {
            assertThat(failure(answer)).isEqualTo(Reason.CLOSED);
        }
        assertThat(db.number("select count(*) from pg_stat_activity"
                        + " where datname = current_database() and wait_event_type = 'Lock'"))
                .isEqualTo(2);
        recoverer.rollback();
        closing.join(TimeUnit.SECONDS.toMillis(30));
        assertThat(closing.isAlive()).isFalse();
        assertThatThrownBy(() -> callback.call(AgentCall.of(machines.get(0), KEY)))
                .isInstanceOf(AgentCallException.class);
    }
}
