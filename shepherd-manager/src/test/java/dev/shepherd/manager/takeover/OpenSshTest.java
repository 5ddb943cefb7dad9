package dev.shepherd.manager.takeover;

import static dev.shepherd.manager.takeover.TakeoverFixture.assertNoThreadIsLeft;
import static dev.shepherd.manager.takeover.TakeoverFixture.failure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.manager.takeover.TakeoverException.Kind;
import dev.shepherd.manager.takeover.ssh.SshPublicKey;
import dev.shepherd.testkit.agent.TestAgent;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.Security;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Takeovers by way of what real machines run. Skipped where there is no sshd. */
class OpenSshTest extends OpenSshScenario {

    OpenSshTest(@TempDir Path folder) throws IOException {
        super(folder);
    }

    @Test
    void aMachineIsTakenOverTwiceThenWithItsKeyPinned() throws Exception {
        try (OpenSshServer server = server(SFTP)) {
            AgentTakeover takeover = settings()
                    .executable(TestAgent.write(folder.resolve("test-agent")))
                    .build();

            TakeoverResult first = takeover.takeover(server.target().build());
            TakeoverResult second = takeover.takeover(
                    server.target().pinnedHostKey(first.hostKey()).build());

            assertThat(first.hostKey()).isEqualTo(OpenSshServer.publicKey(server.hostKey("ed25519")));
            assertThat(second.hostKey()).isEqualTo(first.hostKey());
            assertThat(second.agentKey()).isNotEqualTo(first.agentKey());
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(remote.resolve("agent"))))
                    .isEqualTo("rwxr-xr-x");
            assertThat(names()).containsExactly("agent", "agent.home");
            String running = Files.readString(remote.resolve("agent.home/running"));
            ProcessHandle.of(Long.parseLong(running.strip().split(" ")[1])).ifPresent(ProcessHandle::destroyForcibly);
            assertNoThreadIsLeft();
        }
    }

    @Test
    void anotherKeyThanThePinnedOneIsAMismatch() throws Exception {
        Path other = OpenSshServer.makeKey(folder.resolve("other"), "ed25519", "");
        try (OpenSshServer server = server(SFTP)) {
            TakeoverException failure = failure(
                    settings().build(),
                    server.target()
                            .pinnedHostKey(OpenSshServer.publicKey(other))
                            .build());

            assertThat(failure.kind()).isEqualTo(Kind.HOST_KEY_MISMATCH);
            assertThat(failure.step()).isEqualTo(TakeoverStep.KEY_EXCHANGE);
            for (Path key : List.of(other, server.hostKey("ed25519"))) {
                assertThat(failure)
                        .hasMessageContaining(
                                SshPublicKey.parse(OpenSshServer.publicKey(key)).fingerprint());
            }
            assertThat(names()).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"# no SFTP at all", "Subsystem sftp /does/not/exist"})
    void whereThereIsNoSftpTheExecutableGoesByScp(String line) throws Exception {
        Path large = QuickAgent.write(folder.resolve("large"), 3_000_000);
        try (OpenSshServer server = server(line, "MaxSessions 1")) {
            settings().executable(large).build().takeover(server.target().build());

            assertThat(remote.resolve("agent")).hasSameBinaryContentAs(large);
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(remote.resolve("agent"))))
                    .isEqualTo("rwxr-xr-x");
            assertThat(names()).containsExactly("agent");
        }
    }

    @Test
    void scpSaysWhatIsWrong() throws Exception {
        try (OpenSshServer server = server()) {
            TakeoverException failure = failure(
                    settings()
                            .remotePath(remote.resolve("absent/agent").toString())
                            .build(),
                    server.target().build());

            assertThat(failure.kind()).isEqualTo(Kind.UPLOAD_FAILED);
            assertThat(failure).hasMessageContaining("No such file or directory");
        }
    }

    @Test
    void whatSftpCallsAFailureIsAskedOfTheHost() throws Exception {
        Files.createDirectories(remote.resolve("agent/inside"));
        try (OpenSshServer server = server(SFTP)) {
            TakeoverException failure =
                    failure(settings().build(), server.target().build());

            assertThat(failure.kind()).isEqualTo(Kind.UPLOAD_FAILED);
            assertThat(failure)
                    .hasMessageContaining("FAILURE")
                    .hasMessageContaining("on the host, " + remote.resolve("agent") + " is a directory");
        }
    }

    @Test
    void byScpNothingIsPutIntoAFolderInTheWay() throws Exception {
        Files.createDirectories(remote.resolve("agent/inside"));
        try (OpenSshServer server = server()) {
            TakeoverException failure =
                    failure(settings().build(), server.target().build());

            assertThat(failure.kind()).isEqualTo(Kind.UPLOAD_FAILED);
            assertThat(failure).hasMessageContaining("is a directory");
            try (var files = Files.list(remote.resolve("agent"))) {
                assertThat(files).hasSize(1);
            }
        }
    }

    @Test
    void oneSessionAtATimeIsEnough() throws Exception {
        try (OpenSshServer server = server(SFTP, "MaxSessions 1")) {
            assertThat(settings().build().takeover(server.target().build()).agentKey())
                    .hasSize(32);
        }
    }

    @Test
    void aKeyThatIsNotAuthorizedIsRefused() throws Exception {
        try (OpenSshServer server = server(SFTP)) {
            SshCredentials stranger = SshCredentials.generateIfAbsent(folder.resolve("stranger"));

            TakeoverException failure = failure(
                    settings().credentials(stranger).build(), server.target().build());

            assertThat(failure.kind()).isEqualTo(Kind.AUTHENTICATION_FAILED);
            assertThat(failure.step()).isEqualTo(TakeoverStep.AUTHENTICATE);
            assertThat(failure).hasMessageContaining("it takes: publickey");
        }
    }

    @Test
    void tooManyFailedLoginsAreARefusalToo() throws Exception {
        try (OpenSshServer server = server(SFTP, "MaxAuthTries 1")) {
            SshCredentials stranger = SshCredentials.generateIfAbsent(folder.resolve("stranger"));

            TakeoverException failure = failure(
                    settings().credentials(stranger).build(), server.target().build());

            assertThat(failure.kind()).isEqualTo(Kind.AUTHENTICATION_FAILED);
            assertThat(failure).hasMessageContaining("Too many authentication failures");
        }
    }

    /** PAM is asked as root alone, and an account that it refuses has to be made. */
    @Test
    void anAccountThatPamRefusesIsARefusedLoginWithPamsOwnWords() throws Exception {
        assumeTrue(OpenSshServer.USER.equals("root"), "only root can make accounts");
        // Where the server, as that user, looks for the key.
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        String user = "shepherd" + ProcessHandle.current().pid();
        run("useradd", "-M", "-s", "/bin/sh", "-p", "*", user);
        try (OpenSshServer server = server(SFTP, "UsePAM yes")) {
            run("chage", "-E", "1", user);

            TakeoverException failure =
                    failure(settings().user(user).build(), server.target().build());

            assertThat(failure.kind()).as(server.log()).isEqualTo(Kind.AUTHENTICATION_FAILED);
            assertThat(failure.step()).isEqualTo(TakeoverStep.AUTHENTICATE);
            assertThat(failure)
                    .hasMessageContaining("the host closed the connection instead of letting user " + user + " in")
                    .hasMessageContaining("; it says: \"Your account has expired");
            assertThat(failure.isOutOfReach()).isFalse();
        } finally {
            run("userdel", user);
        }
    }

    private static void run(String... command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
    }

    @Test
    void aServerPastItsMaxStartupsPassesAndIsNotOutOfReachIfItSaysSo() throws Exception {
        try (OpenSshServer server = server(SFTP, "MaxStartups 1", "LoginGraceTime 60")) {
            List<Socket> clients = new ArrayList<>();
            try {
                // Once it has said who it is to one client, the next is one too many.
                await().until(() -> {
                    Socket client = new Socket(InetAddress.getLoopbackAddress(), server.port());
                    clients.add(client);
                    return client.getInputStream().read() == 'S';
                });

                TakeoverException failure =
                        failure(settings().build(), server.target().build());

                // OpenSSH says it since 8.5.
                boolean said = String.valueOf(failure.getMessage()).contains("Exceeded MaxStartups");
                assertThat(failure.kind()).isEqualTo(said ? Kind.TURNED_AWAY : Kind.CONNECTION_LOST);
                assertThat(failure.step()).isEqualTo(TakeoverStep.KEY_EXCHANGE);
                assertThat(failure.isTransient()).isTrue();
                assertThat(failure.isOutOfReach()).isEqualTo(!said);
            } finally {
                for (Socket client : clients) {
                    client.close();
                }
            }
        }
    }

    @Test
    void anAgentThatIsKilledIsReportedWithItsSignal() throws Exception {
        Path agent = QuickAgent.write(folder.resolve("killed"), "echo going down >&2; kill -9 $$", 0);
        try (OpenSshServer server = server(SFTP)) {
            TakeoverException failure = failure(
                    settings().executable(agent).build(), server.target().build());

            assertThat(failure.kind()).isEqualTo(Kind.AGENT_FAILED);
            assertThat(failure).hasMessageContaining("signal KILL").hasMessageEndingWith("\"going down\"");
        }
    }

    @Test
    void whatIsNoProgramIsSaidToBeThat() throws Exception {
        Path agent = Files.write(folder.resolve("no-program"), new byte[] {0x7f, 'E', 'L', 'F', 0, 0, 0, 0});
        try (OpenSshServer server = server(SFTP)) {
            TakeoverException failure = failure(
                    settings().executable(agent).build(), server.target().build());

            assertThat(failure.kind()).isEqualTo(Kind.AGENT_FAILED);
            assertThat(failure.step()).isEqualTo(TakeoverStep.EXECUTE);
            assertThat(failure).hasMessageContaining("exit status 126");
        }
    }

    @Test
    void anAgentThatHangsIsLeftAtTheDeadline() throws Exception {
        Path agent = QuickAgent.write(folder.resolve("hangs"), "echo $$ >&2; exec sleep 300", 0);
        try (OpenSshServer server = server(SFTP)) {
            // On a busy host, the agent may not have been started by then: that takes a longer limit.
            Duration limit = Duration.ofSeconds(2);
            TakeoverException failure;
            do {
                limit = limit.multipliedBy(2);
                failure = failure(
                        settings().executable(agent).totalTimeout(limit).build(),
                        server.target().build());
            } while (failure.agentStderr().isEmpty() && limit.compareTo(Duration.ofMinutes(1)) < 0);

            assertThat(failure.kind()).isEqualTo(Kind.TIMEOUT);
            assertThat(failure.step()).isEqualTo(TakeoverStep.EXECUTE);
            long pid = Long.parseLong(failure.agentStderr().orElseThrow());
            ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
        }
    }

    @Test
    void aPathWithOddCharactersIsQuoted() throws Exception {
        Path odd = Files.createDirectory(remote.resolve("it's \"odd\"; $HOME `id` & *"));
        for (String line : List.of(SFTP, "# SCP")) {
            try (OpenSshServer server = server(line)) {
                settings()
                        .remotePath(odd.resolve("an agent").toString())
                        .build()
                        .takeover(server.target().build());
            }
            assertThat(odd.resolve("an agent")).isExecutable();
            Files.delete(odd.resolve("an agent"));
        }
    }

    /** Set where the tests run without BouncyCastle, as applications do that have no use for it. */
    @Test
    @EnabledIfSystemProperty(named = "shepherd.test.bouncycastle", matches = "absent")
    void theSecurityProvidersAreAsTheyWere() throws Exception {
        List<String> before = providers();
        try (OpenSshServer server = server(SFTP)) {
            settings().build().takeover(server.target().build());
        }
        assertThat(providers()).isEqualTo(before).doesNotContain("BC");
    }

    private static List<String> providers() {
        return Stream.of(Security.getProviders())
                .map(provider -> provider.getName())
                .toList();
    }
}
