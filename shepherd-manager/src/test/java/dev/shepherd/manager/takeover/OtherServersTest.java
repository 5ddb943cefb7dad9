package dev.shepherd.manager.takeover;

import static dev.shepherd.manager.takeover.TakeoverFixture.assertNoThreadIsLeft;
import static dev.shepherd.manager.takeover.TakeoverFixture.failure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.manager.takeover.TakeoverException.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.sshd.common.Service;
import org.apache.sshd.common.cipher.BuiltinCiphers;
import org.apache.sshd.common.session.Session;
import org.apache.sshd.common.session.SessionListener;
import org.apache.sshd.core.CoreModuleProperties;
import org.apache.sshd.scp.server.ScpCommandFactory;
import org.apache.sshd.server.SshServer;
import org.apache.sshd.server.auth.keyboard.UserAuthKeyboardInteractiveFactory;
import org.apache.sshd.server.channel.ChannelSession;
import org.apache.sshd.server.command.Command;
import org.apache.sshd.server.session.ServerConnectionServiceFactory;
import org.apache.sshd.server.session.ServerUserAuthServiceFactory;
import org.apache.sshd.server.shell.ProcessShellCommandFactory;
import org.apache.sshd.server.subsystem.SubsystemFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Servers that differ from an everyday one, and some that are none. */
class OtherServersTest {

    private final Path folder;
    private final TakeoverFixture fixture;
    private final Path remote;

    OtherServersTest(@TempDir Path folder) throws IOException {
        this.folder = folder;
        fixture = new TakeoverFixture(folder);
        remote = Files.createDirectory(folder.resolve("remote"));
    }

    private AgentTakeover.Builder settings() {
        return fixture.settings().remotePath(remote.resolve("agent").toString());
    }

    @Test
    void whereThereIsNoSftpTheExecutableGoesByScp() throws Exception {
        Path large = QuickAgent.write(folder.resolve("large"), 3_000_000);
        try (MinaServer server = new MinaServer(fixture.publicKey, OtherServersTest::scpOnly)) {
            TakeoverResult result = settings().executable(large).build().takeover(server.target());

            assertThat(result.hostKey()).isEqualTo(server.hostKey());
            assertThat(remote.resolve("agent")).hasSameBinaryContentAs(large).isExecutable();
            try (var files = Files.list(remote)) {
                assertThat(files).hasSize(1);
            }
            assertNoThreadIsLeft();
        }
    }

    @Test
    void whereScpFailsTooBothAreNamed() throws Exception {
        AgentTakeover takeover = fixture.settings()
                .remotePath(remote.resolve("absent/agent").toString())
                .build();
        try (MinaServer server = new MinaServer(fixture.publicKey, OtherServersTest::scpOnly)) {
            TakeoverException failure = failure(takeover, server.target());

            assertThat(failure.kind()).isEqualTo(Kind.UPLOAD_FAILED);
            assertThat(failure.step()).isEqualTo(TakeoverStep.UPLOAD);
            assertThat(failure).hasMessageContaining("no SFTP").hasMessageContaining("SCP");
        }
        try (MinaServer server = new MinaServer(fixture.publicKey, made -> {
            scpOnly(made);
            made.setCommandFactory(null);
        })) {
            assertThat(failure(takeover, server.target()).kind()).isEqualTo(Kind.UPLOAD_FAILED);
        }
    }

    private static void scpOnly(SshServer server) {
        server.setSubsystemFactories(List.of());
        server.setCommandFactory(new ScpCommandFactory.Builder()
                .withDelegate(ProcessShellCommandFactory.INSTANCE)
                .build());
    }

    @Test
    void aForcedCommandIsQuotedWholeWhereSftpAndScpShouldAnswer() throws Exception {
        TakeoverException failure = forced("echo 'Log in as admin instead.'");

        assertThat(failure)
                .hasMessageContaining("where SFTP should answer, the host says \"Log in as admin instead.\"")
                .hasMessageContaining("SCP failed: Log in as admin instead.");
    }

    @Test
    void aForcedCommandIsQuotedThoughItsWordsAreNotAscii() throws Exception {
        TakeoverException failure = forced("echo '»Nur f\u00fcr Administratoren\u00ab'");

        assertThat(failure)
                .hasMessageContaining("the host says \"»Nur f\u00fcr Administratoren\u00ab\"")
                .hasMessageContaining("SCP failed: »Nur f\u00fcr Administratoren\u00ab");
    }

    @Test
    void allLinesOfAForcedCommandAreQuotedThoughTheyComeInPieces() throws Exception {
        TakeoverException failure =
                forced("echo 'This host is closed.'; sleep 0.5; echo 'Log in'; sleep 0.5; echo elsewhere");

        assertThat(failure)
                .hasMessageContaining("the host says \"This host is closed.\\nLog in\\nelsewhere\"")
                .hasMessageContaining("SCP failed: This host is closed.\\nLog in\\nelsewhere");
    }

    @Test
    void whatIsShorterThanAPacketOfSftpIsQuotedToo() throws Exception {
        assertThat(forced("printf no")).hasMessageContaining("the host says \"no\"");
    }

    /** Takes over a host that runs one command, whatever it is asked for. */
    private TakeoverException forced(String said) throws Exception {
        // The server loses what a process has written that ends before it has been given what we send.
        String command = said + "; head -c 9 > /dev/null";
        try (MinaServer server = new MinaServer(fixture.publicKey, made -> {
            made.setSubsystemFactories(List.of(new SubsystemFactory() {
                @Override
                public String getName() {
                    return "sftp";
                }

                @Override
                public Command createSubsystem(ChannelSession channel) throws IOException {
                    return ProcessShellCommandFactory.INSTANCE.createCommand(channel, command);
                }
            }));
            made.setCommandFactory(
                    (channel, asked) -> ProcessShellCommandFactory.INSTANCE.createCommand(channel, command));
        })) {
            TakeoverException failure = failure(settings().build(), server.target());

            assertThat(failure.kind()).isEqualTo(Kind.UPLOAD_FAILED);
            return failure;
        }
    }

    @Test
    void aHostThatHangsWhenAskedWhyAnUploadFailedIsNotWaitedFor() throws Exception {
        Files.createDirectories(remote.resolve("agent/inside"));
        try (MinaServer server = new MinaServer(
                fixture.publicKey,
                made -> made.setCommandFactory((channel, command) ->
                        ProcessShellCommandFactory.INSTANCE.createCommand(channel, "exec sleep 300")))) {
            TakeoverException failure =
                    failure(settings().totalTimeout(Duration.ofSeconds(40)).build(), server.target());

            assertThat(failure.kind()).isEqualTo(Kind.UPLOAD_FAILED);
            assertThat(failure.elapsed()).isLessThan(Duration.ofSeconds(20));
            assertThat(failure).hasMessageContaining("SFTP status FAILURE");
            try (var files = Files.list(remote)) {
                assertThat(files).as("the upload is tidied up").hasSize(1);
            }
        }
    }

    @Test
    void aFolderInTheWayIsNamedThoughSftpHasNoWordForIt() throws Exception {
        Files.createDirectories(remote.resolve("agent/inside"));
        try (MinaServer server = new MinaServer(
                fixture.publicKey, made -> made.setCommandFactory(ProcessShellCommandFactory.INSTANCE))) {
            TakeoverException failure = failure(settings().build(), server.target());

            assertThat(failure.kind()).isEqualTo(Kind.UPLOAD_FAILED);
            assertThat(failure).hasMessageContaining("on the host, " + remote.resolve("agent") + " is a directory");
            assertThat(remote.resolve("agent/inside")).isDirectory();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whatAnAgentPrintsInsteadOfAnAnswerIsShown(int status) throws Exception {
        Path agent = Files.writeString(
                folder.resolve("talker"),
                "#!/bin/sh\nprintf 'This account is \\033[31mnot available.\\n'\nexit " + status + "\n");
        try (MinaServer server = new MinaServer(
                fixture.publicKey, made -> made.setCommandFactory(ProcessShellCommandFactory.INSTANCE))) {
            TakeoverException failure = failure(settings().executable(agent).build(), server.target());

            assertThat(failure.kind()).isEqualTo(status == 0 ? Kind.BAD_ANSWER : Kind.AGENT_FAILED);
            assertThat(failure)
                    .hasMessageContaining("its output begins with \"This account is \\u001b[31mnot available.\\n\"");
        }
    }

    @Test
    void aFolderThatIsMissingIsAFailedUpload() throws Exception {
        AgentTakeover takeover = fixture.settings()
                .remotePath(remote.resolve("absent/agent").toString())
                .build();
        try (MinaServer server = new MinaServer(fixture.publicKey, made -> {})) {
            TakeoverException failure = failure(takeover, server.target());

            assertThat(failure.kind()).isEqualTo(Kind.UPLOAD_FAILED);
            assertThat(failure).hasMessageContaining("NO_SUCH_FILE");
        }
    }

    @Test
    void aServerThatAsksForThePasswordInADialogueIsToldIt() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        AgentTakeover.Builder settings = settings();
        try (MinaServer server = new MinaServer(fixture.publicKey, made -> {
            made.setPublickeyAuthenticator(null);
            made.setUserAuthFactories(List.of(UserAuthKeyboardInteractiveFactory.INSTANCE));
            made.setPasswordAuthenticator((user, password, session) -> {
                asked.incrementAndGet();
                return user.equals("root") && password.equals("correct horse");
            });
        })) {
            settings.credentials(SshCredentials.password("correct horse".toCharArray()))
                    .build()
                    .takeover(server.target());
            TakeoverException failure = failure(
                    settings.credentials(SshCredentials.password("battery staple".toCharArray()))
                            .build(),
                    server.target());

            assertThat(failure.kind()).isEqualTo(Kind.AUTHENTICATION_FAILED);
            assertThat(failure).hasMessageContaining("keyboard-interactive");
            assertThat(asked).as("it is told each password once").hasValue(2);
        }
    }

    @Test
    void aServerThatWantsMoreThanTheKeySaysSo() throws Exception {
        try (MinaServer server = new MinaServer(fixture.publicKey, made -> {
            made.setPasswordAuthenticator((user, password, session) -> true);
            CoreModuleProperties.AUTH_METHODS.set(made, "publickey,password");
        })) {
            TakeoverException failure = failure(settings().build(), server.target());

            assertThat(failure.kind()).isEqualTo(Kind.AUTHENTICATION_FAILED);
            assertThat(failure).hasMessageContaining("wants more").hasMessageContaining("password");
        }
    }

    @Test
    void aServerThatNeverDecidesWhoMayLogInIsLeftAtTheDeadline() throws Exception {
        CountDownLatch undecided = new CountDownLatch(1);
        try (MinaServer server = new MinaServer(
                fixture.publicKey,
                made -> made.setPublickeyAuthenticator((user, key, session) -> {
                    try {
                        undecided.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                    return false;
                }))) {
            TakeoverException failure =
                    failure(settings().totalTimeout(Duration.ofSeconds(3)).build(), server.target());

            assertThat(failure.kind()).isEqualTo(Kind.TIMEOUT);
            assertThat(failure.step()).isEqualTo(TakeoverStep.AUTHENTICATE);
            undecided.countDown();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1, service, TURNED_AWAY",
        "7, service, TURNED_AWAY",
        "11, service, TURNED_AWAY",
        "12, service, TURNED_AWAY",
        "1, login, AUTHENTICATION_FAILED",
        "11, login, AUTHENTICATION_FAILED",
        "12, login, TURNED_AWAY",
        "14, login, AUTHENTICATION_FAILED"
    })
    void aServerThatSaysWhyItHangsUpIsThereAndIsQuoted(int reason, String when, Kind kind) throws Exception {
        String words = "your address\nis not welcome";
        try (MinaServer server = new MinaServer(fixture.publicKey, made -> {
            made.setPublickeyAuthenticator((user, key, session) -> {
                if (when.equals("login")) {
                    disconnect(session, reason, words);
                }
                return true;
            });
            made.setServiceFactories(List.of(
                    new ServerUserAuthServiceFactory() {
                        @Override
                        public Service create(Session session) throws IOException {
                            if (when.equals("service")) {
                                disconnect(session, reason, words);
                            }
                            return super.create(session);
                        }
                    },
                    ServerConnectionServiceFactory.INSTANCE));
        })) {
            TakeoverException failure = failure(settings().build(), server.target());

            assertThat(failure.kind()).as(failure.getMessage()).isEqualTo(kind);
            assertThat(failure.step())
                    .isEqualTo(when.equals("login") ? TakeoverStep.AUTHENTICATE : TakeoverStep.KEY_EXCHANGE);
            assertThat(failure).hasMessageEndingWith(": your address\\nis not welcome");
            assertThat(failure.isOutOfReach()).isFalse();
        }
    }

    private static void disconnect(Session session, int reason, String words) {
        try {
            session.disconnect(reason, words);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void aServerThatSharesNoAlgorithmIsNoMatterOfTheNetwork() throws Exception {
        try (MinaServer server =
                new MinaServer(fixture.publicKey, made -> made.setCipherFactories(List.of(BuiltinCiphers.aes128cbc)))) {
            TakeoverException failure = failure(settings().build(), server.target());

            assertThat(failure.kind()).isEqualTo(Kind.PROTOCOL);
            assertThat(failure.step()).isEqualTo(TakeoverStep.KEY_EXCHANGE);
            assertThat(failure).hasMessageContaining("aes128-cbc");
        }
    }

    @ParameterizedTest
    @CsvSource({"100000, awaitExpansion", "2000000, awaitConfirmation"})
    void aConnectionThatEndsWhileTheServerTakesNothingMoreIsNoticed(long window, String waiting) throws Exception {
        // The server acknowledges nothing and opens no window, so the upload waits for one of them; then it goes away.
        AtomicReference<Session> session = new AtomicReference<>();
        try (MinaServer server = new MinaServer(fixture.publicKey, made -> {
            made.setSubsystemFactories(List.of(new StuckSubsystem()));
            CoreModuleProperties.WINDOW_SIZE.set(made, window);
            made.addSessionListener(new SessionListener() {
                @Override
                public void sessionCreated(Session created) {
                    session.set(created);
                }
            });
        })) {
            Path large = QuickAgent.write(folder.resolve("large"), 10_000_000);
            AgentTakeover takeover = settings()
                    .executable(large)
                    .totalTimeout(Duration.ofMinutes(2))
                    .build();
            Thread reset = new Thread(() -> {
                await().until(() -> isAnyThreadIn(waiting));
                Objects.requireNonNull(session.get()).close(true);
            });
            reset.start();

            TakeoverException failure = failure(takeover, server.target());

            assertThat(failure.kind()).isEqualTo(Kind.CONNECTION_LOST);
            assertThat(failure.step()).isEqualTo(TakeoverStep.UPLOAD);
            assertThat(failure.elapsed()).isLessThan(Duration.ofSeconds(30));
            reset.join();
        }
    }

    private static boolean isAnyThreadIn(String method) {
        return Thread.getAllStackTraces().values().stream()
                .flatMap(Arrays::stream)
                .anyMatch(frame -> frame.getMethodName().equals(method));
    }

    @Test
    void aHostThatTalksWithoutAnEndIsNotListenedTo() throws Exception {
        assertThat(answered(out -> {
                            while (true) {
                                out.write("welcome\r\n".getBytes(StandardCharsets.US_ASCII));
                            }
                        })
                        .kind())
                .isEqualTo(Kind.PROTOCOL);
    }

    @Test
    void aWebServerIsNoSshServer() throws Exception {
        TakeoverException failure = answered(out ->
                out.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".getBytes(StandardCharsets.US_ASCII)));

        // From here it looks like a busy SSH server that says why it hangs up; what it said is in the message.
        assertThat(failure.kind()).isEqualTo(Kind.TURNED_AWAY);
        assertThat(failure).hasMessageContaining("HTTP/1.1 400 Bad Request");
    }

    @Test
    void aHostThatHangsUpAtOnceIsALostConnection() throws Exception {
        TakeoverException failure = answered(out -> {});

        assertThat(failure.kind()).isEqualTo(Kind.CONNECTION_LOST);
        assertThat(failure.step()).isEqualTo(TakeoverStep.KEY_EXCHANGE);
        assertThat(failure.isTransient()).isTrue();
    }

    @Test
    void aServerOfTheFirstProtocolIsRefused() throws Exception {
        assertThat(answered(out -> {
                            out.write("SSH-1.5-old\r\n".getBytes(StandardCharsets.US_ASCII));
                            out.flush();
                        })
                        .kind())
                .isEqualTo(Kind.PROTOCOL);
    }

    @Test
    void garbageAfterTheIdentificationIsAViolationOfTheProtocol() throws Exception {
        assertThat(answered(out -> {
                            out.write("SSH-2.0-broken\r\n".getBytes(StandardCharsets.US_ASCII));
                            out.write(new byte[1000]);
                            out.flush();
                            new CountDownLatch(1).await();
                        })
                        .kind())
                .isEqualTo(Kind.PROTOCOL);
    }

    @Test
    void aHostThatLetsNobodyInIsWaitedForNoLongerThanTheConnectTimeout() throws Exception {
        assumeTrue(Files.isDirectory(Path.of("/proc/sys/net")), "how a full backlog behaves is known of Linux only");
        List<Socket> waiting = new ArrayList<>();
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            AgentTakeover takeover =
                    settings().connectTimeout(Duration.ofMillis(400)).build();
            // Fills the backlog of a server that accepts nobody.
            for (int i = 0; i < 4; i++) {
                Socket socket = new Socket();
                waiting.add(socket);
                try {
                    socket.connect(new InetSocketAddress(server.getInetAddress(), server.getLocalPort()), 200);
                } catch (IOException full) {
                    break;
                }
            }

            TakeoverException failure = failure(
                    takeover,
                    TakeoverFixture.target(server.getInetAddress(), server.getLocalPort())
                            .build());

            assertThat(failure.kind()).isEqualTo(Kind.UNREACHABLE);
            assertThat(failure.step()).isEqualTo(TakeoverStep.CONNECT);
            assertThat(failure).hasMessageContaining("no answer within 400 ms");
            assertThat(failure.elapsed()).isLessThan(Duration.ofSeconds(3));
        } finally {
            for (Socket socket : waiting) {
                socket.close();
            }
        }
    }

    private interface Talk {
        void to(OutputStream out) throws Exception;
    }

    /** Takes over a host that says something, and then closes the connection. */
    private TakeoverException answered(Talk talk) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            Thread thread = new Thread(() -> {
                try (Socket socket = server.accept();
                        InputStream in = socket.getInputStream()) {
                    // What is left unread would turn closing into a reset.
                    for (int next; (next = in.read()) >= 0 && next != '\n'; ) {}
                    talk.to(socket.getOutputStream());
                } catch (Exception e) {
                    // The client closes the connection when it has had enough.
                }
            });
            thread.start();
            try {
                return failure(
                        settings().totalTimeout(Duration.ofSeconds(30)).build(),
                        TakeoverFixture.target(server.getInetAddress(), server.getLocalPort())
                                .build());
            } finally {
                thread.interrupt();
                thread.join();
            }
        }
    }
}
