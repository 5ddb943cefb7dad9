package dev.shepherd.bmdb.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.TestDatabase;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class AgentCallbackMetricsTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final byte[] KEY = new byte[32];

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

    private AgentCallback started(AgentCallbackConfig config) {
        AgentCallback callback = db.closeLater(AgentCallback.of(db.bmdb(), config));
        db.closeLater(AgentCallbackMetrics.of(callback)).bindTo(registry);
        callback.start();
        return callback;
    }

    private static UUID machineWithAgent() throws SQLException {
        UUID machine = db.machine();
        db.execute("insert into machine_agent_started values (?, now(), ?)", machine, KEY);
        return machine;
    }

    private double answers(String what, String outcome) {
        return registry.get("shepherd.agent." + what)
                .tag("outcome", outcome)
                .functionCounter()
                .count();
    }

    private double queue(String name, String queue) {
        return registry.get("shepherd.agent.queue." + name)
                .tag("queue", queue)
                .gauge()
                .value();
    }

    @Test
    void heartbeatsAndReportsAreCountedByTheirAnswer() throws Exception {
        AgentCallback callback = started(AgentCallbackConfig.DEFAULT);
        UUID machine = machineWithAgent();
        callback.call(AgentCall.of(machine, KEY));
        callback.call(AgentCall.of(machine, KEY));
        callback.call(AgentCall.of(machine, KEY).withHardwareReport(new byte[1]));
        byte[] other = new byte[32];
        other[0] = 1;
        for (AgentCall refused : List.of(
                AgentCall.of(UUID.randomUUID(), KEY),
                AgentCall.of(db.machine(), KEY),
                AgentCall.of(machine, other),
                AgentCall.of(machine, other).withHardwareReport(new byte[1]))) {
            assertThatThrownBy(() -> callback.call(refused)).isInstanceOf(AgentCallException.class);
        }

        assertThat(answers("heartbeats", "ok")).isEqualTo(2);
        assertThat(answers("reports", "ok")).isEqualTo(1);
        assertThat(answers("heartbeats", "unknown_machine")).isEqualTo(1);
        assertThat(answers("heartbeats", "agent_not_started")).isEqualTo(1);
        assertThat(answers("heartbeats", "wrong_key")).isEqualTo(1);
        assertThat(answers("reports", "wrong_key")).isEqualTo(1);
    }

    @Test
    void whatWaitsAndWhatIsWrittenTogetherIsShown() throws Exception {
        AgentCallback callback = started(AgentCallbackConfig.builder()
                .heartbeatThreads(1)
                .queueSize(100)
                .timeout(Duration.ofSeconds(30))
                .lockTimeout(Duration.ofSeconds(10))
                .build());
        UUID first = machineWithAgent();
        List<UUID> others = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            others.add(machineWithAgent());
        }
        assertThat(queue("limit", "heartbeats")).isEqualTo(100);
        assertThat(queue("limit", "reports")).isEqualTo(10);
        DistributionSummary batches = registry.get("shepherd.agent.batches").summary();
        List<CompletableFuture<AgentReply>> answers = new ArrayList<>();
        try (Connection locking = db.transaction()) {
            TestDatabase.execute(locking, "lock table machine_agent_started in access exclusive mode");
            answers.add(callback.callAsync(AgentCall.of(first, KEY)));
            await().untilAsserted(() -> assertThat(batches.count()).isEqualTo(1));

            for (UUID machine : others) {
                answers.add(callback.callAsync(AgentCall.of(machine, KEY)));
            }
            assertThat(queue("length", "heartbeats")).isEqualTo(5);
            locking.rollback();
        }

        for (CompletableFuture<AgentReply> answer : answers) {
            answer.get();
        }
        assertThat(batches.count()).isEqualTo(2);
        assertThat(batches.max()).isEqualTo(5);
        assertThat(batches.totalAmount()).isEqualTo(6);
        assertThat(queue("length", "heartbeats")).isZero();
    }

    @Test
    void aCallThatFindsNoRoomIsCountedAsThat() throws Exception {
        AgentCallback callback = started(AgentCallbackConfig.builder()
                .heartbeatThreads(1)
                .queueSize(1)
                .batchSize(1)
                .timeout(Duration.ofSeconds(30))
                .lockTimeout(Duration.ofSeconds(10))
                .build());
        UUID machine = machineWithAgent();
        try (Connection locking = db.transaction()) {
            TestDatabase.execute(locking, "lock table machine_agent_started in access exclusive mode");
            List<CompletableFuture<AgentReply>> answers = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                answers.add(callback.callAsync(AgentCall.of(machine, KEY)));
            }

            long refused = answers.stream()
                    .filter(CompletableFuture::isCompletedExceptionally)
                    .count();
            assertThat(refused).isBetween(8L, 9L);
            assertThat(answers("heartbeats", "queue_full")).isEqualTo(refused);
        }
    }
}
