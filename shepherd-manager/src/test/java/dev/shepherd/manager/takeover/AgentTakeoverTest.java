package dev.shepherd.manager.takeover;

import static dev.shepherd.manager.takeover.TakeoverFixture.assertNoConnectionIsLeft;
import static dev.shepherd.manager.takeover.TakeoverFixture.assertNoThreadIsLeft;
import static dev.shepherd.manager.takeover.TakeoverFixture.failure;
import static dev.shepherd.manager.takeover.TakeoverFixture.remoteFiles;
import static dev.shepherd.manager.takeover.TakeoverFixture.target;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.takeover.TakeoverInit;
import dev.shepherd.agent.messages.takeover.TakeoverResponse;
import dev.shepherd.agent.messages.takeover.TakeoverSuccess;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.manager.takeover.TakeoverException.Kind;
import dev.shepherd.manager.takeover.ssh.SshPublicKey;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.ssh.SshHost;
import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AgentTakeoverTest {

    private final TakeoverFixture fixture;
    private final Path folder;

    AgentTakeoverTest(@TempDir Path folder) {
        this.folder = folder;
        fixture = new TakeoverFixture(folder);
    }

    @Test
    void aMachineIsTakenOverWithTheTestAgent() throws Exception {
        try (SshHost host = fixture.host()) {
            TakeoverTarget target = target(host);

            TakeoverResult result = fixture.settings()
                    .executable(TestAgent.write(folder.resolve("test-agent")))
                    .build()
                    .takeover(target);

            assertThat(result.machineId()).isEqualTo(target.machineId());
            assertThat(result.agentKey()).hasSize(32);
            assertThat(result.hostKey()).isEqualTo(host.hostKey());
            assertThat(result.warnings()).isEmpty();
            assertThat(result.durations()).containsOnlyKeys(TakeoverStep.values());
            assertThat(result.elapsed()).isPositive();
            assertThat(result.toString()).contains(target.machineId().toString(), host.hostKey());
            assertNoThreadIsLeft();
            assertNoConnectionIsLeft(host);
        }
    }

    @Test
    void whatIsUploadedIsTheExecutableToTheByteAndRunnable() throws Exception {
        Path agent = QuickAgent.write(folder.resolve("large"), 20_000_000);
        try (SshHost host = fixture.host()) {
            fixture.settings().executable(agent).build().takeover(target(host));

            Path uploaded = host.root().resolve("root/agent");
            assertThat(uploaded).hasSameBinaryContentAs(agent);
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(uploaded)))
                    .isEqualTo("rwxr-xr-x");
            assertThat(remoteFiles(host)).containsExactly("agent");
        }
    }

    @Test
    void theResultTellsWhichBuildWasUploaded() throws Exception {
        Path named = QuickAgent.write(
                folder.resolve("named"), "# Shepherd-Agent-Version: 1.4 of spring \n" + QuickAgent.script(), 100_000);
        try (SshHost host = fixture.host()) {
            AgentBuild build = fixture.settings()
                    .executable(named)
                    .build()
                    .takeover(target(host))
                    .build()
                    .orElseThrow();

            String uploaded = HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256")
                            .digest(Files.readAllBytes(host.root().resolve("root/agent"))));
            assertThat(build).isEqualTo(new AgentBuild(uploaded, Optional.of("1.4 of spring")));
            assertThat(build).hasToString("1.4 of spring (" + uploaded.substring(0, 12) + ")");
        }
    }

    @Test
    void aVersionIsOnlyWhatALineOfTheBeginningNames() throws Exception {
        Path late = QuickAgent.write(
                folder.resolve("late"),
                "#" + "x".repeat(4096) + "\n# Shepherd-Agent-Version: 1\n" + QuickAgent.script(),
                0);
        Path odd = QuickAgent.write(
                folder.resolve("odd"),
                "#  Shepherd-Agent-Version: 2\n# Shepherd-Agent-Version: " + "3".repeat(101) + "\n"
                        + QuickAgent.script(),
                0);
        try (SshHost host = fixture.host()) {
            for (Path agent : List.of(late, odd)) {
                TakeoverResult result =
                        fixture.settings().executable(agent).build().takeover(target(host));

                assertThat(result.build().orElseThrow().version()).isEmpty();
            }
        }
    }

    @Test
    void theAgentIsReplacedWhileTheOldOneRuns() throws Exception {
        Path sleep = Path.of("/bin/sleep");
        assumeTrue(Files.isExecutable(sleep), "no /bin/sleep to stand for a running agent");
        try (SshHost host = fixture.host()) {
            Path old = Files.copy(sleep, host.root().resolve("root/agent"));
            Process running = new ProcessBuilder(old.toString(), "600").start();
            try {
                fixture.settings().build().takeover(target(host));

                assertThat(running.isAlive()).isTrue();
                assertThat(old).hasSameBinaryContentAs(fixture.agent);
            } finally {
                running.destroyForcibly().waitFor();
            }
        }
    }

    @Test
    void whatEarlierUploadsLeftBehindIsRemovedAndNothingElse() throws Exception {
        try (SshHost host = fixture.host()) {
            Path root = host.root().resolve("root");
            String ofSomebodyAtWork = ".agent." + new UUID(1, 1) + ".upload";
            Files.createFile(root.resolve(ofSomebodyAtWork));
            List<String> old = List.of(
                    ".agent." + new UUID(1, 2) + ".upload",
                    ".agent.mine.upload",
                    ".other." + new UUID(1, 3) + ".upload");
            for (String name : old) {
                Files.setLastModifiedTime(
                        Files.createFile(root.resolve(name)),
                        FileTime.from(Instant.now().minus(2, ChronoUnit.HOURS)));
            }

            fixture.settings().build().takeover(target(host));

            assertThat(remoteFiles(host)).containsExactlyInAnyOrder(ofSomebodyAtWork, old.get(1), old.get(2), "agent");
        }
    }

    @Test
    void aPathWithOddCharactersIsQuoted() throws Exception {
        String odd = "/tmp/an agent's \"home\"; echo $HOME `id` & *\\";
        try (SshHost host = fixture.host()) {
            fixture.settings().remotePath(odd).build().takeover(target(host));

            assertThat(host.executions()).hasSize(1);
            assertThat(host.executions().get(0).command())
                    .isEqualTo("'/tmp/an agent'\\''s \"home\"; echo $HOME `id` & *\\'");
        }
    }

    @Test
    void thePinnedHostKeyIsAccepted() throws Exception {
        try (SshHost host = fixture.host()) {
            TakeoverTarget pinned = TakeoverFixture.target(host.address(), host.port())
                    .pinnedHostKey(host.hostKey())
                    .build();

            assertThat(fixture.settings().build().takeover(pinned).hostKey()).isEqualTo(host.hostKey());
        }
    }

    @Test
    void anotherHostKeyThanThePinnedOneEndsTheTakeoverBeforeAnythingIsGivenAway() throws Exception {
        try (SshHost host = fixture.host()) {
            String old = host.hostKey();
            host.changeHostKey();
            TakeoverTarget pinned = TakeoverFixture.target(host.address(), host.port())
                    .pinnedHostKey(old)
                    .build();

            TakeoverException failure = failure(fixture.settings().build(), pinned);

            assertThat(failure.kind()).isEqualTo(Kind.HOST_KEY_MISMATCH);
            assertThat(failure.step()).isEqualTo(TakeoverStep.KEY_EXCHANGE);
            assertThat(failure)
                    .hasMessageContaining(SshPublicKey.parse(old).fingerprint())
                    .hasMessageContaining(SshPublicKey.parse(host.hostKey()).fingerprint());
            assertThat(host.authenticationsFailed()).isZero();
            assertThat(host.uploads()).isEmpty();
            assertNoConnectionIsLeft(host);
        }
    }

    @Test
    void anyHostKeyIsAcceptedWhereThatWasAskedFor() throws Exception {
        try (SshHost host = fixture.host()) {
            String old = host.hostKey();
            host.changeHostKey();
            TakeoverTarget pinned = TakeoverFixture.target(host.address(), host.port())
                    .pinnedHostKey(old)
                    .build();

            TakeoverResult result = fixture.settings()
                    .hostKeyPolicy(HostKeyPolicy.ACCEPT_ANY)
                    .build()
                    .takeover(pinned);

            assertThat(result.hostKey()).isEqualTo(host.hostKey()).isNotEqualTo(old);
        }
    }

    @Test
    void aPasswordLetsIn() throws Exception {
        try (SshHost host = SshHost.builder().password("admin", "correct horse").start()) {
            AgentTakeover.Builder settings = fixture.settings().user("admin");

            settings.credentials(SshCredentials.password("correct horse".toCharArray()))
                    .build()
                    .takeover(target(host));
            TakeoverException failure = failure(
                    settings.credentials(SshCredentials.password("battery staple".toCharArray()))
                            .build(),
                    target(host));

            assertThat(failure.kind()).isEqualTo(Kind.AUTHENTICATION_FAILED);
            assertThat(failure.step()).isEqualTo(TakeoverStep.AUTHENTICATE);
            assertThat(failure).hasMessageContaining("password for user admin");
            assertThat(failure.toString()).doesNotContain("staple");
            assertThat(host.authenticationsFailed()).as("it is tried once").isEqualTo(1);
        }
    }

    @Test
    void anExecutableThatIsMissingBothersNoMachine() throws Exception {
        try (SshHost host = fixture.host()) {
            for (Path bad : List.of(folder.resolve("absent"), folder, Files.createFile(folder.resolve("empty")))) {
                TakeoverException failure =
                        failure(fixture.settings().executable(bad).build(), target(host));

                assertThat(failure.kind()).isEqualTo(Kind.EXECUTABLE_UNREADABLE);
                assertThat(failure.step()).isEqualTo(TakeoverStep.UPLOAD);
                assertThat(failure).hasMessageContaining(bad.toString());
                assertThat(failure.isTransient()).isFalse();
            }
            assertThat(host.connections()).isZero();
        }
    }

    @Test
    void anExecutableThatCannotBeReadToItsEndLeavesNothingOnTheMachine() throws Exception {
        try (SshHost host = fixture.host()) {
            List<AgentExecutable> bad = List.of(
                    source(1_000_000, () -> new ByteArrayInputStream(new byte[999_999])),
                    source(1_000_000, () -> new ByteArrayInputStream(new byte[1_000_001])),
                    source(1_000_000, () -> {
                        throw new IOException("the disk is gone");
                    }),
                    source(1_000_000, () -> {
                        throw new IllegalStateException("a mistake");
                    }),
                    source(1_000_000, () -> new FilterInputStream(new ByteArrayInputStream(new byte[500_000])) {
                        @Override
                        public int read(byte[] bytes, int offset, int length) throws IOException {
                            int count = super.read(bytes, offset, length);
                            if (count < 0) {
                                throw new IOException("the disk is gone");
                            }
                            return count;
                        }
                    }));
            for (AgentExecutable executable : bad) {
                TakeoverException failure =
                        failure(fixture.settings().executable(executable).build(), target(host));

                assertThat(failure.kind()).isEqualTo(Kind.EXECUTABLE_UNREADABLE);
                assertThat(failure.step()).isEqualTo(TakeoverStep.UPLOAD);
                assertThat(remoteFiles(host)).isEmpty();
                assertNoConnectionIsLeft(host);
            }
        }
    }

    @Test
    void anExecutableThatIsNeverReadToItsEndEndsAtTheDeadline() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        AgentExecutable stuck = source(1_000_000, () -> new FilterInputStream(InputStream.nullInputStream()) {
            @Override
            public int read(byte[] bytes, int offset, int length) throws IOException {
                try {
                    never.await();
                } catch (InterruptedException e) {
                    throw new IOException(e);
                }
                return -1;
            }
        });
        try (SshHost host = fixture.host()) {
            AgentTakeover takeover = fixture.settings()
                    .executable(stuck)
                    .totalTimeout(Duration.ofSeconds(3))
                    .build();

            TakeoverException failure = failure(takeover, target(host));

            assertThat(failure.kind()).isEqualTo(Kind.TIMEOUT);
            assertThat(failure.step()).isEqualTo(TakeoverStep.UPLOAD);
            assertThat(failure.elapsed()).isBetween(Duration.ofSeconds(3), Duration.ofSeconds(5));
        }
    }

    private interface Source {
        InputStream open() throws IOException;
    }

    private static AgentExecutable source(long length, Source source) {
        return new AgentExecutable() {
            @Override
            public long length() {
                return length;
            }

            @Override
            public InputStream open() throws IOException {
                return source.open();
            }
        };
    }

    @Test
    void theWarningsOfAnAgentAreHandedOnEscaped() throws Exception {
        TakeoverTarget target;
        try (SshHost host = fixture.host()) {
            target = target(host);
            Path agent = agentThatSays(response(target, QuickAgent.key(), "the clock is off\n\u001b[31m", "no TPM"));

            TakeoverResult result = fixture.settings().executable(agent).build().takeover(target);

            assertThat(result.warnings()).containsExactly("the clock is off\\n\\u001b[31m", "no TPM");
            assertThat(result.agentKey()).isEqualTo(QuickAgent.key().toByteArray());
        }
    }

    @Test
    void answersThatAreNearlyRightAreRefused() throws Exception {
        try (SshHost host = fixture.host()) {
            TakeoverTarget target = target(host);
            TakeoverResponse good = response(target, QuickAgent.key());
            TakeoverSuccess success = good.getSuccess();
            TakeoverInit init = success.getInitMessage();
            List<TakeoverSuccess> bad = List.of(
                    success.toBuilder().clearInitMessage().build(),
                    success.toBuilder().clearKey().build(),
                    success.toBuilder()
                            .setKey(ByteString.copyFrom(new byte[32]))
                            .build(),
                    success.toBuilder()
                            .setKey(ByteString.copyFrom(new byte[33]))
                            .build(),
                    success.toBuilder()
                            .setInitMessage(init.toBuilder()
                                    .setMachineId(init.getMachineId().toUpperCase(Locale.ROOT)))
                            .build(),
                    success.toBuilder()
                            .setInitMessage(init.toBuilder().setBmaasEndpoint("https://elsewhere"))
                            .build(),
                    success.toBuilder()
                            .setInitMessage(init.toBuilder().clearCaCertificate())
                            .build());
            for (TakeoverSuccess answer : bad) {
                Path agent = agentThatSays(good.toBuilder().setSuccess(answer).build());

                TakeoverException failure =
                        failure(fixture.settings().executable(agent).build(), target);

                assertThat(failure.kind()).as(failure.getMessage()).isEqualTo(Kind.BAD_ANSWER);
                assertThat(failure.step()).isEqualTo(TakeoverStep.ANSWER);
            }
        }
    }

    private static TakeoverResponse response(TakeoverTarget target, ByteString key, String... warnings) {
        return TakeoverResponse.newBuilder()
                .setSuccess(TakeoverSuccess.newBuilder()
                        .setInitMessage(TakeoverInit.newBuilder()
                                .setMachineId(target.machineId().toString())
                                .setBmaasEndpoint(TakeoverFixture.ENDPOINT)
                                .setCaCertificate(ByteString.copyFrom(TestCertificates.A_DER)))
                        .setKey(key)
                        .addAllWarning(List.of(warnings)))
                .build();
    }

    private Path agentThatSays(TakeoverResponse response) throws IOException {
        return QuickAgent.write(folder.resolve("says"), QuickAgent.scriptThatSays(response), 0);
    }

    @Test
    void whatAnAgentWritesToStderrIsInTheMessageEscapedAndOnlyItsEnd() throws Exception {
        Path agent = QuickAgent.write(
                folder.resolve("chatty"),
                "i=0; while [ $i -lt 2000 ]; do echo line $i >&2; i=$((i+1)); done\n"
                        + "printf 'no such\\tdevice\\n\\033[2J' >&2; exit 7",
                0);
        try (SshHost host = fixture.host()) {
            TakeoverException failure =
                    failure(fixture.settings().executable(agent).build(), target(host));

            assertThat(failure.kind()).isEqualTo(Kind.AGENT_FAILED);
            assertThat(failure.step()).isEqualTo(TakeoverStep.EXECUTE);
            assertThat(failure)
                    .hasMessageContaining("ended with exit status 7")
                    .hasMessageEndingWith("line 1999\\nno such\\tdevice\\n\\u001b[2J\"");
            assertThat(failure.agentStderr().orElseThrow()).startsWith("…").doesNotContain("line 1000\\n");
        }
    }

    @Test
    void anAgentThatDoesNotListenIsReportedByHowItEnded() throws Exception {
        Path agent = QuickAgent.write(folder.resolve("deaf"), "exec <&-; exit 5", 0);
        try (SshHost host = fixture.host()) {
            TakeoverException failure = failure(
                    fixture.settings()
                            .executable(agent)
                            .endpoint("x".repeat(1 << 20))
                            .build(),
                    target(host));

            assertThat(failure.kind()).isEqualTo(Kind.AGENT_FAILED);
            assertThat(failure).hasMessageContaining("exit status 5");
        }
    }

    @Test
    void nobodyIsThereToAnswer() throws Exception {
        // A network for documentation: either there is no route to it, or nobody answers.
        TakeoverTarget target =
                TakeoverFixture.target(InetAddress.getByName("192.0.2.1"), 22).build();
        AgentTakeover takeover =
                fixture.settings().connectTimeout(Duration.ofMillis(300)).build();

        TakeoverException failure = failure(takeover, target);

        assertThat(failure.kind()).isEqualTo(Kind.UNREACHABLE);
        assertThat(failure.step()).isEqualTo(TakeoverStep.CONNECT);
        assertThat(failure.elapsed()).isLessThan(Duration.ofSeconds(5));
    }

    @Test
    void aCallerThatIsInterruptedAlreadyCallsNobody() throws Exception {
        try (SshHost host = fixture.host()) {
            AgentTakeover takeover = fixture.settings().build();
            Thread.currentThread().interrupt();

            assertThatExceptionOfType(InterruptedException.class).isThrownBy(() -> takeover.takeover(target(host)));

            assertThat(Thread.currentThread().isInterrupted()).isFalse();
            assertThat(host.connections()).isZero();
        }
    }

    @Test
    void manyTakeoversShareOneInstance() throws Exception {
        AgentTakeover takeover = fixture.settings().build();
        ExecutorService callers = Executors.newFixedThreadPool(16);
        try (SshHost host = fixture.host()) {
            List<Future<TakeoverResult>> results = new ArrayList<>();
            for (int i = 0; i < 64; i++) {
                results.add(callers.submit(() -> takeover.takeover(target(host))));
            }
            for (Future<TakeoverResult> result : results) {
                assertThat(result.get().hostKey()).isEqualTo(host.hostKey());
            }
            assertThat(remoteFiles(host)).contains("agent");
            assertNoConnectionIsLeft(host);
        } finally {
            callers.shutdownNow();
        }
        assertNoThreadIsLeft();
    }

    @Test
    void noFileOrSocketIsLeftOpen() throws Exception {
        Path open = Path.of("/proc/self/fd");
        assumeTrue(Files.isDirectory(open), "no /proc to count open files in");
        AgentTakeover good = fixture.settings().build();
        AgentTakeover bad = fixture.settings()
                .executable(QuickAgent.write(folder.resolve("fails"), "exit 1", 0))
                .build();
        try (SshHost host = fixture.host()) {
            good.takeover(target(host));
            failure(bad, target(host));
            assertNoConnectionIsLeft(host);
            long before = count(open);
            for (int i = 0; i < 20; i++) {
                good.takeover(target(host));
                failure(bad, target(host));
            }
            assertNoConnectionIsLeft(host);
            // The server's processes and files are in this process too, and may take a moment.
            await().until(() -> count(open) <= before + 5);
        }
    }

    private static long count(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.count();
        }
    }

    @Test
    void threadsComeFromTheFactoryThatWasGiven() throws Exception {
        List<Thread> made = new ArrayList<>();
        try (SshHost host = fixture.host()) {
            fixture.settings()
                    .threadFactory(task -> {
                        Thread thread = new Thread(task, "mine");
                        made.add(thread);
                        return thread;
                    })
                    .build()
                    .takeover(target(host));
        }
        assertThat(made).hasSize(1).allMatch(thread -> !thread.isAlive());
    }

    @Test
    void settingsAreCheckedWhenTheTakeoverIsMade() {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> AgentTakeover.builder().build())
                .withMessageContaining("executable");
        refuses("endpoint", settings -> settings.endpoint(" "));
        refuses("user", settings -> settings.user(""));
        for (String path : List.of("agent", "/root/", "/root/..", "/", "/root/a\nb", "/" + "a".repeat(2000))) {
            refuses("remotePath", settings -> settings.remotePath(path));
        }
        refuses("connectTimeout", settings -> settings.connectTimeout(Duration.ZERO));
        refuses("totalTimeout", settings -> settings.totalTimeout(Duration.ofDays(2)));
        refuses("maxStdout", settings -> settings.maxStdout(10));
        refuses("maxStderr", settings -> settings.maxStderr(Integer.MAX_VALUE));
        refuses("caCertificate", settings -> settings.caCertificate(new byte[2 << 20]));
    }

    private void refuses(String setting, UnaryOperator<AgentTakeover.Builder> wrong) {
        AgentTakeover.Builder settings = wrong.apply(fixture.settings());
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(settings::build)
                .withMessageContaining(setting)
                .satisfies(e -> assertThat(e.property()).contains(setting));
    }
}
