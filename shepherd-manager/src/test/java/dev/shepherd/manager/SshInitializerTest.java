package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkEvent;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.recovery.Recoveries;
import dev.shepherd.manager.takeover.TakeoverException;
import dev.shepherd.manager.takeover.TakeoverStep;
import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Takes machines over by SSH. */
class SshInitializerTest extends InitializerScenario {

    private static final List<String> KINDS = Arrays.stream(TakeoverException.Kind.values())
            .map(kind -> kind.name().toLowerCase(Locale.ROOT))
            .toList();

    /** The moods in which a host has not answered before it could know who calls. */
    private static final Set<Mood> OUT_OF_REACH =
            EnumSet.of(Mood.REFUSE, Mood.HANG_BEFORE_BANNER, Mood.HANG_AFTER_BANNER, Mood.RESET);

    @Test
    void aMachineIsTakenOverAndItsAgentAndHostKeyRecorded() throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(60)))) {
            UUID machine = record(host.address(), host.port());

            assertThat(shepherd.initializer(TYPE).step()).isEqualTo(1);

            MachineRecord taken = read(machine);
            assertThat(taken.agentStarted().orElseThrow().publicKey()).hasSize(32);
            assertThat(taken.sshHostKey()).contains(host.hostKey());
            assertThat(taken.work()).isEmpty();
            assertThat(events(machine)).containsExactly(WorkEvent.STARTED, WorkEvent.FINISHED);
            assertThat(shepherd.initializer(TYPE).step())
                    .as("nothing is left to do")
                    .isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Mood.class,
            names = {"NORMAL"},
            mode = EnumSource.Mode.EXCLUDE)
    void aMachineInABadMoodIsBackedOffWithTheReasonAndLeavesNothingBehind(Mood mood) throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(5)))) {
            host.setMood(mood);
            UUID machine = record(host.address(), host.port());

            assertThat(shepherd.initializer(TYPE).step()).isEqualTo(1);

            MachineRecord failed = read(machine);
            assertThat(failed.agentStarted()).isEmpty();
            assertThat(failed.sshHostKey()).isEmpty();
            assertThat(failed.work()).isEmpty();
            assertThat(failed.backoffs()).hasSize(1);
            MachineRecord.ActiveBackoff backoff = failed.backoffs().get(0);
            assertThat(backoff.process()).isEqualTo(WorkProcess.AGENT_START);
            assertThat(backoff.lastIntervalSeconds()).isEqualTo(300);
            assertThat(backoff.kind()).isIn(KINDS);
            assertThat(backoff.cause())
                    .as("what is shown beside the machine does not name it again")
                    .startsWith("127.0.0.1:" + host.port() + " failed at ")
                    .doesNotContain("taking over machine");
            assertThat(events(machine)).containsExactly(WorkEvent.STARTED, WorkEvent.FAILED);
            assertThat(unreachableAttempts(machine))
                    .as("only a host that does not answer may have to be rebooted: %s", backoff.cause())
                    .isEqualTo(OUT_OF_REACH.contains(mood) ? 1 : 0);
            assertThat(shepherd.initializer(TYPE).step())
                    .as("it is left alone for now")
                    .isZero();
            await().atMost(LIMIT).until(() -> host.openConnections() == 0);

            host.setMood(Mood.NORMAL);
            database.advance(Duration.ofMinutes(6));
            shepherd(ssh(Duration.ofSeconds(60))).initializer(TYPE).step();
            assertThat(read(machine).agentStarted())
                    .as("taken over once it is well")
                    .isPresent();
            assertThat(read(machine).backoffs()).isEmpty();
        }
    }

    @Test
    void takeoversAreTimedByStepAndTheirFailuresCountedByStepAndKind() throws Exception {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        try (SshHost good = host();
                SshHost full = host();
                SshHost gone = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(60)));
                ShepherdMetrics metrics = ShepherdMetrics.of(shepherd)) {
            metrics.bindTo(registry);
            full.setMood(Mood.REJECT_AUTHENTICATION);
            gone.setMood(Mood.REFUSE);
            for (SshHost host : List.of(good, full, gone)) {
                record(host.address(), host.port());
            }

            assertThat(shepherd.initializer(TYPE).step()).isEqualTo(3);

            Timer taken = registry.get("shepherd.takeovers")
                    .tags("provider", "lab", "outcome", "succeeded")
                    .timer();
            assertThat(taken.count()).isEqualTo(1);
            assertThat(registry.get("shepherd.takeovers")
                            .tags("outcome", "failed")
                            .timer()
                            .count())
                    .isEqualTo(2);
            double steps = 0;
            for (TakeoverStep step : TakeoverStep.values()) {
                Timer timer = registry.get("shepherd.takeover.steps")
                        .tags("step", step.name().toLowerCase(Locale.ROOT))
                        .timer();
                assertThat(timer.count()).as("%s", step).isEqualTo(1);
                steps += timer.totalTime(TimeUnit.NANOSECONDS);
            }
            assertThat(steps).isEqualTo(taken.totalTime(TimeUnit.NANOSECONDS));
            assertThat(registry.get("shepherd.takeover.failures").counters().stream()
                            .filter(counter -> counter.count() > 0)
                            .map(counter -> counter.getId().getTag("step") + " "
                                    + counter.getId().getTag("kind") + " " + counter.count()))
                    .containsExactlyInAnyOrder("authenticate authentication_failed 1.0", "connect unreachable 1.0");
        }
    }

    @Test
    void aSecondFailureIsBackedOffForLonger() throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(5)))) {
            host.setMood(Mood.REFUSE);
            UUID machine = record(host.address(), host.port());

            shepherd.initializer(TYPE).step();
            database.advance(Duration.ofMinutes(6));
            shepherd.initializer(TYPE).step();

            assertThat(read(machine).backoffs().get(0).lastIntervalSeconds()).isEqualTo(360);
        }
    }

    @Test
    void aMachineThatShowsAnotherHostKeyIsNotTakenOver() throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(60)))) {
            UUID machine = record(host.address(), host.port());
            shepherd.initializer(TYPE).step();
            String pinned = host.hostKey();
            int executions = host.executions().size();
            host.changeHostKey();
            forgetAgent(machine);

            shepherd.initializer(TYPE).step();

            MachineRecord refused = read(machine);
            assertThat(refused.agentStarted()).isEmpty();
            assertThat(refused.sshHostKey()).contains(pinned);
            assertThat(refused.backoffs().get(0).cause()).contains("host key", "SHA256:");
            assertThat(host.executions()).hasSize(executions);
        }
    }

    @Test
    void aMachineThatIsTakenOverAgainGetsTheNewKeyAndHasYetToBeHeard() throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(60)))) {
            UUID machine = record(host.address(), host.port());
            shepherd.initializer(TYPE).step();
            byte[] firstKey = read(machine).agentStarted().orElseThrow().publicKey();
            inSession(tx -> tx.putAgentHeartbeat(machine));
            forgetAgent(machine);

            shepherd.initializer(TYPE).step();

            assertThat(read(machine).agentStarted().orElseThrow().publicKey()).isNotEqualTo(firstKey);
            assertThat(read(machine).agentHeartbeatAt()).isEmpty();
        }
    }

    @Test
    void loginsThatAreRefusedNeverMakeAMachineOneToReboot() throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(60)))) {
            host.setMood(Mood.REFUSE_ACCOUNT);
            UUID machine = record(host.address(), host.port());

            for (int i = 0; i < RecoveryPolicy.DEFAULT.unreachableAttempts(); i++) {
                assertThat(shepherd.initializer(TYPE).step()).isEqualTo(1);
                assertThat(read(machine).backoffs().get(0).cause()).contains("Your account has expired");
                database.advance(Duration.ofHours(5));
            }

            assertThat(unreachableAttempts(machine)).isZero();
            try (BmdbSession session = database.bmdb().startSession("test", "here")) {
                assertThat(Recoveries.of(database.bmdb(), TYPE, RecoveryPolicy.DEFAULT)
                                .claim(session, 1)
                                .outlook()
                                .due())
                        .isZero();
            }
        }
    }

    private int unreachableAttempts(UUID machine) throws SQLException {
        try (Connection connection = DriverManager.getConnection(database.jdbcUrl());
                PreparedStatement statement = connection.prepareStatement(
                        "SELECT unreachable_attempts FROM machine_unreachable WHERE machine_id = ?")) {
            statement.setObject(1, machine);
            try (ResultSet found = statement.executeQuery()) {
                return found.next() ? found.getInt(1) : 0;
            }
        }
    }

    private void forgetAgent(UUID machine) throws InterruptedException {
        inSession(tx -> tx.clearAgentStarted(machine));
    }
}
