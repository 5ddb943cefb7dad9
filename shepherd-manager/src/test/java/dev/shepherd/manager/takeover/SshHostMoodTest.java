package dev.shepherd.manager.takeover;

import static dev.shepherd.manager.takeover.TakeoverException.Kind.AGENT_FAILED;
import static dev.shepherd.manager.takeover.TakeoverException.Kind.AUTHENTICATION_FAILED;
import static dev.shepherd.manager.takeover.TakeoverException.Kind.BAD_ANSWER;
import static dev.shepherd.manager.takeover.TakeoverException.Kind.CONNECTION_LOST;
import static dev.shepherd.manager.takeover.TakeoverException.Kind.PROTOCOL;
import static dev.shepherd.manager.takeover.TakeoverException.Kind.TIMEOUT;
import static dev.shepherd.manager.takeover.TakeoverException.Kind.TURNED_AWAY;
import static dev.shepherd.manager.takeover.TakeoverException.Kind.UNREACHABLE;
import static dev.shepherd.manager.takeover.TakeoverException.Kind.UPLOAD_FAILED;
import static dev.shepherd.manager.takeover.TakeoverFixture.assertNoConnectionIsLeft;
import static dev.shepherd.manager.takeover.TakeoverFixture.failure;
import static dev.shepherd.manager.takeover.TakeoverFixture.remoteFiles;
import static dev.shepherd.manager.takeover.TakeoverFixture.target;
import static dev.shepherd.manager.takeover.TakeoverStep.ANSWER;
import static dev.shepherd.manager.takeover.TakeoverStep.AUTHENTICATE;
import static dev.shepherd.manager.takeover.TakeoverStep.CONNECT;
import static dev.shepherd.manager.takeover.TakeoverStep.EXECUTE;
import static dev.shepherd.manager.takeover.TakeoverStep.KEY_EXCHANGE;
import static dev.shepherd.manager.takeover.TakeoverStep.UPLOAD;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.shepherd.manager.takeover.TakeoverException.Kind;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import dev.shepherd.testkit.ssh.SshHosts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Each of the bad moods of a machine. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SshHostMoodTest {

    /** Enough for a machine in a hurry to get to any step; those that hang are waited for so long. */
    private static final Duration SHORT = Duration.ofSeconds(4);

    private final TakeoverFixture fixture;
    private final AgentTakeover patient;
    private final AgentTakeover hurried;
    private final AgentTakeover quick;
    private final SshHosts hosts = SshHosts.start();

    SshHostMoodTest(@TempDir Path folder) {
        fixture = new TakeoverFixture(folder);
        quick = fixture.settings().build();
        AgentTakeover.Builder settings = fixture.settings().executable(TestAgent.write(folder.resolve("test-agent")));
        patient = settings.build();
        hurried = settings.totalTimeout(SHORT).build();
    }

    private record Expected(Kind kind, TakeoverStep step, String words) {}

    private static final Map<Mood, Expected> EXPECTED = Map.ofEntries(
            Map.entry(Mood.REFUSE, new Expected(UNREACHABLE, CONNECT, "refused")),
            Map.entry(Mood.HANG_BEFORE_BANNER, new Expected(TIMEOUT, KEY_EXCHANGE, "not done within 4 s")),
            Map.entry(Mood.HANG_AFTER_BANNER, new Expected(TIMEOUT, KEY_EXCHANGE, "not done within 4 s")),
            Map.entry(
                    Mood.DROP_BEFORE_AUTHENTICATION,
                    new Expected(TURNED_AWAY, KEY_EXCHANGE, "the host said \"Exceeded MaxStartups")),
            Map.entry(Mood.GARBAGE, new Expected(PROTOCOL, KEY_EXCHANGE, "does not speak SSH")),
            Map.entry(Mood.RESET, new Expected(CONNECTION_LOST, KEY_EXCHANGE, "reset")),
            Map.entry(
                    Mood.REJECT_AUTHENTICATION,
                    new Expected(AUTHENTICATION_FAILED, AUTHENTICATE, "for user root; it takes: ")),
            Map.entry(Mood.HANG_IN_AUTHENTICATION, new Expected(TIMEOUT, AUTHENTICATE, "not done within 4 s")),
            Map.entry(
                    Mood.REFUSE_ACCOUNT,
                    new Expected(
                            AUTHENTICATION_FAILED,
                            AUTHENTICATE,
                            "the host closed the connection instead of letting user root in with private key of ")),
            Map.entry(Mood.HANG_IN_UPLOAD, new Expected(TIMEOUT, UPLOAD, "not done within 4 s")),
            Map.entry(Mood.FAIL_UPLOAD, new Expected(UPLOAD_FAILED, UPLOAD, "cannot be put at \"/root/agent\"")),
            Map.entry(Mood.DROP_IN_UPLOAD, new Expected(CONNECTION_LOST, UPLOAD, "the connection was lost")),
            Map.entry(Mood.HANG_IN_AGENT, new Expected(TIMEOUT, EXECUTE, "not done within 4 s")),
            Map.entry(Mood.ENDLESS_OUTPUT, new Expected(BAD_ANSWER, EXECUTE, "more than 1048576 bytes to stdout")),
            Map.entry(Mood.ENDLESS_ERRORS, new Expected(AGENT_FAILED, EXECUTE, "more than 1048576 bytes to stderr")),
            Map.entry(Mood.GARBAGE_ANSWER, new Expected(BAD_ANSWER, ANSWER, "")),
            Map.entry(Mood.EMPTY_ANSWER, new Expected(BAD_ANSWER, ANSWER, "of 0 bytes")),
            Map.entry(Mood.WRONG_INIT, new Expected(BAD_ANSWER, ANSWER, "another init message")),
            Map.entry(Mood.SHORT_KEY, new Expected(BAD_ANSWER, ANSWER, "31 bytes")),
            Map.entry(Mood.AGENT_ERROR, new Expected(AGENT_FAILED, ANSWER, "the test agent was told to fail")),
            Map.entry(Mood.AGENT_CRASH, new Expected(AGENT_FAILED, EXECUTE, "exit status 3; its stderr ends with")));

    @BeforeAll
    void warmUp() throws Exception {
        try (SshHost host = host(Mood.NORMAL)) {
            patient.takeover(target(host));
        }
    }

    @AfterAll
    void close() {
        hosts.close();
    }

    private SshHost host(Mood mood) {
        return SshHost.builder()
                .authorizedKey(fixture.publicKey)
                .hosts(hosts)
                .mood(mood)
                .start();
    }

    @TestFactory
    Stream<DynamicTest> everyBadMoodFailsInItsOwnWayAndLeavesNothingBehind() {
        return Stream.of(Mood.values())
                .filter(mood -> mood != Mood.NORMAL)
                .map(mood -> dynamicTest(mood.name(), () -> failsAsExpected(mood)));
    }

    private void failsAsExpected(Mood mood) throws Exception {
        Expected expected = Objects.requireNonNull(EXPECTED.get(mood), () -> "what is expected of " + mood);
        AgentTakeover takeover = expected.kind() == TIMEOUT ? hurried : patient;
        try (SshHost host = host(mood)) {
            TakeoverException failure = failure(takeover, target(host));

            assertThat(failure.kind()).as(failure.getMessage()).isEqualTo(expected.kind());
            assertThat(failure.step()).as(failure.getMessage()).isEqualTo(expected.step());
            assertThat(failure).hasMessageContaining(expected.words());
            assertThat(failure.isTransient())
                    .isEqualTo(failure.kind() == UNREACHABLE
                            || failure.kind() == TIMEOUT
                            || failure.kind() == CONNECTION_LOST
                            || failure.kind() == TURNED_AWAY);
            assertNoConnectionIsLeft(host);

            growOld(host);
            host.setMood(Mood.NORMAL);
            assertThat(quick.takeover(target(host)).hostKey()).isEqualTo(host.hostKey());
            assertThat(remoteFiles(host)).as("no half upload is left").containsExactly("agent");
        }
    }

    /** What a lost connection left behind is removed an hour later. */
    private static void growOld(SshHost host) throws IOException {
        FileTime old = FileTime.from(Instant.now().minus(2, ChronoUnit.HOURS));
        for (String name : remoteFiles(host)) {
            Files.setLastModifiedTime(host.root().resolve("root").resolve(name), old);
        }
    }

    @TestFactory
    Stream<DynamicTest> anInterruptEndsATakeoverAtWhateverStepItHangs() {
        return Stream.of(Mood.HANG_BEFORE_BANNER, Mood.HANG_AFTER_BANNER, Mood.HANG_IN_UPLOAD, Mood.HANG_IN_AGENT)
                .map(mood -> dynamicTest(mood.name(), () -> endsByInterrupt(mood)));
    }

    private void endsByInterrupt(Mood mood) throws Exception {
        try (SshHost host = host(mood)) {
            BooleanSupplier soFar = switch (mood) {
                case HANG_IN_UPLOAD -> () -> !remoteFiles(host).isEmpty();
                case HANG_IN_AGENT -> () -> !host.executions().isEmpty();
                default -> () -> host.openConnections() > 0;
            };

            Duration took = TakeoverFixture.interrupt(patient, target(host), soFar);

            assertThat(took).isLessThan(Duration.ofSeconds(2));
            assertNoConnectionIsLeft(host);
        }
    }
}
