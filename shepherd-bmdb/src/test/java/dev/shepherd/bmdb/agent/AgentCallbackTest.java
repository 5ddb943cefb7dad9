package dev.shepherd.bmdb.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.MachineRecord.InstallationRequest;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.agent.AgentCallException.Reason;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What agents are told, and what is kept of what they say. */
class AgentCallbackTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final byte[] KEY = key(1);
    private static final byte[] OTHER_KEY = key(2);

    private static byte[] key(int number) {
        byte[] key = new byte[32];
        Arrays.fill(key, (byte) number);
        return key;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static AgentCallback started() {
        AgentCallback callback = db.closeLater(AgentCallback.of(db.bmdb()));
        callback.start();
        return callback;
    }

    private static UUID machineWithAgent() throws SQLException {
        UUID machine = db.machine();
        db.execute("insert into machine_agent_started values (?, now(), ?)", machine, KEY);
        return machine;
    }

    private static MachineRecord read(UUID machine) throws InterruptedException {
        return db.bmdb().machine(machine).orElseThrow();
    }

    private static long request(UUID machine, String raw) throws InterruptedException {
        return db.session().inTransaction(tx -> tx.requestInstallation(machine, bytes(raw)));
    }

    private static Reason refusal(AgentCallback callback, AgentCall call) {
        return catchThrowableOfType(AgentCallException.class, () -> callback.call(call))
                .reason();
    }

    @Test
    void aHeartbeatIsRecordedInTheTimeOfTheDatabase() throws Exception {
        UUID machine = machineWithAgent();
        AgentCallback callback = started();

        assertThat(callback.call(AgentCall.of(machine, KEY)).installationRequest())
                .isEmpty();

        Instant heard = read(machine).agentHeartbeatAt().orElseThrow();
        assertThat(heard).isBetween(db.bmdb().now().minusSeconds(60), db.bmdb().now());
        db.advance(Duration.ofHours(1));
        callback.call(AgentCall.of(machine, KEY));
        assertThat(read(machine).agentHeartbeatAt().orElseThrow()).isAfterOrEqualTo(heard.plus(Duration.ofHours(1)));
    }

    @Test
    void aHeartbeatOfATransactionThatBeganEarlierDoesNotMoveBack() throws Exception {
        UUID machine = machineWithAgent();
        Instant later = db.bmdb().now().plusSeconds(30).truncatedTo(ChronoUnit.MILLIS);
        db.execute("insert into machine_agent_heartbeat values (?, ?::timestamptz)", machine, later.toString());

        started().call(AgentCall.of(machine, KEY));

        assertThat(read(machine).agentHeartbeatAt()).contains(later);
    }

    @Test
    void aHeartbeatFromBeforeTheClockWentBackIsOverwritten() throws Exception {
        UUID machine = machineWithAgent();
        db.execute("insert into machine_agent_heartbeat values (?, '2100-01-01T00:00:00Z')", machine);

        started().call(AgentCall.of(machine, KEY));

        assertThat(read(machine).agentHeartbeatAt().orElseThrow())
                .isBetween(db.bmdb().now().minusSeconds(60), db.bmdb().now());
    }

    @Test
    void whoIsRefusedIsToldWhyAndLeavesNothing() throws Exception {
        UUID without = db.machine();
        UUID machine = machineWithAgent();
        AgentCallback callback = started();

        assertThat(refusal(callback, AgentCall.of(UUID.randomUUID(), KEY))).isEqualTo(Reason.UNKNOWN_MACHINE);
        assertThat(refusal(callback, AgentCall.of(without, KEY))).isEqualTo(Reason.AGENT_NOT_STARTED);
        assertThat(refusal(callback, AgentCall.of(machine, OTHER_KEY))).isEqualTo(Reason.WRONG_KEY);
        assertThat(refusal(callback, AgentCall.of(machine, OTHER_KEY).withHardwareReport(bytes("forged"))))
                .isEqualTo(Reason.WRONG_KEY);

        assertThat(db.rows("select machine_id from machine_agent_heartbeat")).isEmpty();
        assertThat(db.rows("select machine_id from machine_hardware_report")).isEmpty();
        assertThatThrownBy(() -> callback.call(AgentCall.of(without, KEY)))
                .isInstanceOf(AgentCallException.class)
                .hasMessage("machine " + without + ": no agent was started on it");
    }

    @Test
    void aSignedCallIsAcceptedOnceAndOnlyAfterAllThatWereSignedEarlier() throws Exception {
        UUID machine = machineWithAgent();
        AgentCallback callback = started();
        Instant time = Instant.ofEpochMilli(1_800_000_000_000L);
        AgentCall signed = AgentCall.of(machine, KEY).withSignedTime(time);
        callback.call(signed);

        for (AgentCall again : List.of(
                signed,
                AgentCall.of(machine, KEY).withSignedTime(time.minusMillis(1)),
                signed.withHardwareReport(bytes("stale")))) {
            AgentCallException refused = catchThrowableOfType(AgentCallException.class, () -> callback.call(again));
            assertThat(refused.reason()).isEqualTo(Reason.REPLAYED);
            assertThat(refused.lastSignedTime()).contains(time);
        }
        assertThat(read(machine).hardwareReport()).isEmpty();
        // It neither takes nor gives what a call has that TLS protects.
        callback.call(AgentCall.of(machine, KEY));
        assertThat(refusal(callback, signed)).isEqualTo(Reason.REPLAYED);
        // To another process it is no newer.
        AgentCallback other = db.closeLater(AgentCallback.of(db.open()));
        other.start();
        assertThat(refusal(other, signed)).isEqualTo(Reason.REPLAYED);
        other.call(AgentCall.of(machine, KEY).withSignedTime(time.plusMillis(1)));
        assertThat(refusal(callback, AgentCall.of(machine, KEY).withSignedTime(time.plusMillis(1))))
                .isEqualTo(Reason.REPLAYED);
    }

    @Test
    void aNewAgentMaySignEarlierThanTheOneBeforeEvenIfThatWasHeardInBetween() throws Exception {
        UUID machine = machineWithAgent();
        AgentCallback callback = started();
        Instant time = Instant.ofEpochMilli(1_800_000_000_000L);
        callback.call(AgentCall.of(machine, KEY).withSignedTime(time));
        // As if the heartbeat was committed after the start.
        db.execute("update machine_agent_started set agent_public_key = ?", OTHER_KEY);

        callback.call(AgentCall.of(machine, OTHER_KEY).withSignedTime(time.minusSeconds(200)));
        assertThat(refusal(callback, AgentCall.of(machine, OTHER_KEY).withSignedTime(time.minusSeconds(200))))
                .isEqualTo(Reason.REPLAYED);
        assertThat(refusal(callback, AgentCall.of(machine, KEY).withSignedTime(time.plusSeconds(1))))
                .isEqualTo(Reason.WRONG_KEY);
    }

    @Test
    void ofABatchTheLatestSignedCallCountsAndUnsignedOnesBesides() throws Exception {
        UUID machine = machineWithAgent();
        AgentCallback callback = db.closeLater(AgentCallback.of(
                db.bmdb(),
                AgentCallbackConfig.builder()
                        .heartbeatThreads(1)
                        .lockTimeout(Duration.ofSeconds(10))
                        .timeout(Duration.ofSeconds(60))
                        .build()));
        callback.start();
        Connection held = db.transaction();
        TestDatabase.execute(held, "lock table machine_agent_started in access exclusive mode");
        Instant time = Instant.ofEpochMilli(1_800_000_000_000L);
        // This one keeps the thread busy, so that the others come in one batch.
        CompletableFuture<AgentReply> before = callback.callAsync(AgentCall.of(machine, KEY));
        await().until(() -> callback.heartbeats().size() == 0);
        List<CompletableFuture<AgentReply>> answers = new ArrayList<>();
        for (int offset : List.of(1, 3, 2, 3)) {
            answers.add(callback.callAsync(AgentCall.of(machine, KEY).withSignedTime(time.plusMillis(offset))));
        }
        answers.add(callback.callAsync(AgentCall.of(machine, KEY)));
        held.rollback();

        assertThat(before.get(30, TimeUnit.SECONDS)).isNotNull();
        assertThat(answers.get(1).get(30, TimeUnit.SECONDS)).isNotNull();
        assertThat(answers.get(4).get(30, TimeUnit.SECONDS)).isNotNull();
        for (int replayed : List.of(0, 2, 3)) {
            assertThatThrownBy(() -> answers.get(replayed).get(30, TimeUnit.SECONDS))
                    .hasCauseInstanceOf(AgentCallException.class)
                    .hasMessageContaining("not signed later than the last one");
        }
    }

    @Test
    void hardwareReportsAreKeptAndReplaced() throws Exception {
        UUID machine = machineWithAgent();
        AgentCallback callback = started();

        callback.call(AgentCall.of(machine, KEY).withHardwareReport(bytes("8 cores")));
        assertThat(read(machine).hardwareReport().orElseThrow()).isEqualTo(bytes("8 cores"));
        callback.call(AgentCall.of(machine, KEY).withHardwareReport(bytes("16 cores")));
        assertThat(read(machine).hardwareReport().orElseThrow()).isEqualTo(bytes("16 cores"));
        callback.call(AgentCall.of(machine, KEY));
        assertThat(read(machine).hardwareReport().orElseThrow()).isEqualTo(bytes("16 cores"));
        assertThat(read(machine).agentHeartbeatAt()).isPresent();
    }

    @Test
    void aReportThatIsRecordedAlreadyIsNotWrittenAgain() throws Exception {
        UUID machine = machineWithAgent();
        AgentCallback callback = started();
        long generation = request(machine, "debian");
        byte[] large = new byte[100_000];
        new java.util.Random(1).nextBytes(large);
        AgentCall call = AgentCall.of(machine, KEY)
                .withHardwareReport(large)
                .withInstallationReport(generation, InstallationResult.ERROR, large);
        callback.call(call);
        List<String> before = versions(machine);
        assertThat(before).hasSize(2);
        long wal = db.number("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint");

        for (int i = 0; i < 20; i++) {
            assertThat(callback.call(call).installationRequest()).isPresent();
        }

        assertThat(versions(machine)).isEqualTo(before);
        assertThat(db.number("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint") - wal)
                .isLessThan(20 * 10_000);
        callback.call(call.withInstallationReport(generation, InstallationResult.SUCCESS, large));
        assertThat(read(machine).isInstallationFulfilled()).isTrue();
    }

    /** The versions of the rows, and who locked them last. */
    private static List<String> versions(UUID machine) throws SQLException {
        return db.rows("select xmin, xmax, ctid from machine_hardware_report where machine_id = '" + machine
                + "' union all select xmin, xmax, ctid from machine_os_installation_report where machine_id = '"
                + machine
                + "'");
    }

    @Test
    void theRequestThatIsPendingIsHandedOutUntilItIsFulfilled() throws Exception {
        UUID machine = machineWithAgent();
        AgentCallback callback = started();
        AgentCall heartbeat = AgentCall.of(machine, KEY);
        long generation = request(machine, "debian");

        InstallationRequest pending =
                callback.call(heartbeat).installationRequest().orElseThrow();
        assertThat(pending.generation()).isEqualTo(generation);
        assertThat(pending.raw()).isEqualTo(bytes("debian"));

        assertThat(callback.call(heartbeat.withInstallationReport(
                                generation, InstallationResult.ERROR, bytes("no disk")))
                        .installationRequest())
                .isPresent();
        assertThat(read(machine).installationReport().orElseThrow().raw()).isEqualTo(bytes("no disk"));
        assertThat(read(machine).isInstallationFulfilled()).isFalse();

        assertThat(callback.call(
                                heartbeat.withInstallationReport(generation, InstallationResult.SUCCESS, bytes("done")))
                        .installationRequest())
                .isEmpty();
        assertThat(read(machine).isInstallationFulfilled()).isTrue();
        assertThat(callback.call(heartbeat).installationRequest()).isEmpty();

        long next = request(machine, "nixos");
        assertThat(callback.call(heartbeat).installationRequest().orElseThrow().generation())
                .isEqualTo(next)
                .isGreaterThan(generation);
    }

    @Test
    void ofAReportForAnotherGenerationOnlyTheHeartbeatCounts() throws Exception {
        UUID machine = machineWithAgent();
        UUID unasked = machineWithAgent();
        AgentCallback callback = started();
        long old = request(machine, "debian");
        request(machine, "nixos");

        for (long generation : new long[] {old, old + 2}) {
            assertThat(refusal(
                            callback,
                            AgentCall.of(machine, KEY)
                                    .withHardwareReport(bytes("8 cores"))
                                    .withInstallationReport(generation, InstallationResult.SUCCESS, bytes("done"))))
                    .isEqualTo(Reason.OTHER_GENERATION);
        }
        assertThat(refusal(
                        callback,
                        AgentCall.of(unasked, KEY)
                                .withInstallationReport(1, InstallationResult.SUCCESS, bytes("done"))))
                .isEqualTo(Reason.OTHER_GENERATION);

        for (UUID refused : List.of(machine, unasked)) {
            assertThat(read(refused).agentHeartbeatAt()).isPresent();
            assertThat(read(refused).installationReport()).isEmpty();
            assertThat(read(refused).hardwareReport()).isEmpty();
        }
    }

    @Test
    void aReportThatCannotBeWrittenIsAnErrorAndLeavesNothing() throws Exception {
        UUID machine = machineWithAgent();
        AgentCallback callback = started();
        db.execute("alter table machine_hardware_report add constraint refuses check (false) not valid");
        try {
            assertThat(refusal(callback, AgentCall.of(machine, KEY).withHardwareReport(bytes("8 cores"))))
                    .isEqualTo(Reason.DATABASE_FAILED);
        } finally {
            db.execute("alter table machine_hardware_report drop constraint refuses");
        }
        assertThat(read(machine).agentHeartbeatAt()).isEmpty();
    }

    @Test
    void aBatchTellsEachItsOwnAnswer() throws Exception {
        db.providedMachines(300);
        db.execute("insert into machine_agent_started select machine_id, now(), ? from machines", KEY);
        List<UUID> machines = db.rows("select machine_id from machines").stream()
                .map(UUID::fromString)
                .toList();
        request(machines.get(7), "debian");
        AgentCallback callback = started();

        List<CompletableFuture<AgentReply>> answers = new ArrayList<>();
        for (UUID machine : machines) {
            answers.add(callback.callAsync(AgentCall.of(machine, KEY)));
            answers.add(callback.callAsync(AgentCall.of(machine, OTHER_KEY)));
            answers.add(callback.callAsync(AgentCall.of(machine, KEY)));
        }

        for (int i = 0; i < answers.size(); i++) {
            CompletableFuture<AgentReply> answer = answers.get(i);
            if (i % 3 == 1) {
                assertThatThrownBy(() -> answer.get(30, TimeUnit.SECONDS))
                        .hasCauseInstanceOf(AgentCallException.class)
                        .extracting(e -> ((AgentCallException) e.getCause()).reason())
                        .isEqualTo(Reason.WRONG_KEY);
            } else {
                assertThat(answer.get(30, TimeUnit.SECONDS)
                                .installationRequest()
                                .isPresent())
                        .isEqualTo(i / 3 == 7);
            }
        }
        assertThat(db.number("select count(*) from machine_agent_heartbeat")).isEqualTo(300);
    }

    @Test
    void oneMachineThatCannotBeWrittenDoesNotFailItsNeighbours() throws Exception {
        List<UUID> machines = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            machines.add(machineWithAgent());
        }
        UUID bad = machines.get(11);
        db.execute("alter table machine_agent_heartbeat add constraint refuses check (machine_id <> '" + bad + "')");
        try {
            AgentCallback callback = started();
            List<CompletableFuture<AgentReply>> answers = machines.stream()
                    .map(machine -> callback.callAsync(AgentCall.of(machine, KEY)))
                    .toList();
            for (int i = 0; i < machines.size(); i++) {
                CompletableFuture<AgentReply> answer = answers.get(i);
                if (machines.get(i).equals(bad)) {
                    assertThatThrownBy(() -> answer.get(30, TimeUnit.SECONDS))
                            .hasRootCauseInstanceOf(SQLException.class)
                            .hasMessageContaining("refuses");
                } else {
                    assertThat(answer.get(30, TimeUnit.SECONDS)).isNotNull();
                }
            }
        } finally {
            db.execute("alter table machine_agent_heartbeat drop constraint refuses");
        }
        assertThat(db.number("select count(*) from machine_agent_heartbeat")).isEqualTo(19);
    }

    @Test
    void nothingRunsBeforeTheStartAndNothingIsLeftAfterTheEnd() throws Exception {
        UUID machine = machineWithAgent();
        Set<Thread> before = TestDatabase.allThreads();
        AgentCallback callback = AgentCallback.of(db.bmdb());
        assertThat(TestDatabase.threadsBeside(before)).isEmpty();
        assertThatThrownBy(() -> callback.call(AgentCall.of(machine, KEY))).isInstanceOf(IllegalStateException.class);

        callback.start();
        callback.call(AgentCall.of(machine, KEY));
        assertThat(TestDatabase.threads())
                .contains("shepherd-heartbeats-1", "shepherd-heartbeats-2", "shepherd-agent-reports-1");
        assertThatThrownBy(callback::start).isInstanceOf(IllegalStateException.class);
        callback.close();
        callback.close();

        assertThat(TestDatabase.threads()).noneMatch(name -> name.matches("shepherd-(heartbeats|agent-reports).*"));
        assertThat(refusal(callback, AgentCall.of(machine, KEY))).isEqualTo(Reason.CLOSED);
    }

    @Test
    void aCallIsCopiedAndKeepsItsContentsToItself() {
        byte[] key = KEY.clone();
        AgentCall call = AgentCall.of(new UUID(0, 1), key)
                .withHardwareReport(bytes("secret"))
                .withInstallationReport(3, InstallationResult.ERROR, bytes("secret"));
        key[0]++;
        call.publicKey()[0]++;
        call.hardwareReport().orElseThrow()[0]++;
        call.installationReport().orElseThrow().raw()[0]++;

        assertThat(call.publicKey()).isEqualTo(KEY);
        assertThat(call.hardwareReport().orElseThrow()).isEqualTo(bytes("secret"));
        assertThat(call.installationReport().orElseThrow().raw()).isEqualTo(bytes("secret"));
        assertThat(call)
                .hasToString("AgentCall{00000000-0000-0000-0000-000000000001, hardware report of 6 bytes,"
                        + " installation 3 Error}");
        assertThatIllegalArgumentException().isThrownBy(() -> AgentCall.of(new UUID(0, 1), new byte[31]));
    }

    static Stream<Arguments> settingsOutOfRange() {
        return Stream.of(
                setting("timeout", config -> config.timeout(Duration.ofMillis(99))),
                setting("timeout", config -> config.timeout(Duration.ofMinutes(11))),
                setting("queueSize", config -> config.queueSize(0)),
                setting("batchSize", config -> config.batchSize(10_001)),
                setting("heartbeatThreads", config -> config.heartbeatThreads(65)),
                setting("reportThreads", config -> config.reportThreads(0)),
                setting("lockTimeout", config -> config.lockTimeout(Duration.ZERO)));
    }

    private static Arguments setting(String name, UnaryOperator<AgentCallbackConfig.Builder> change) {
        return Arguments.of(name, change);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("settingsOutOfRange")
    void aSettingOutOfItsRangeIsAnErrorThatNamesIt(String name, UnaryOperator<AgentCallbackConfig.Builder> change) {
        AgentCallbackConfig.Builder config = change.apply(AgentCallbackConfig.builder());

        assertThatThrownBy(config::build)
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining(name);
    }
}
