package dev.shepherd.testkit.ssh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.testkit.agent.Takeover;
import dev.shepherd.testkit.agent.TestAgent;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.BindException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.time.Duration;
import java.util.EnumSet;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.sshd.client.channel.ChannelExec;
import org.apache.sshd.client.channel.ClientChannelEvent;
import org.apache.sshd.client.session.ClientSession;
import org.apache.sshd.common.SshException;
import org.apache.sshd.sftp.client.SftpClient;
import org.apache.sshd.sftp.client.SftpClientFactory;
import org.apache.sshd.sftp.common.SftpConstants;
import org.apache.sshd.sftp.common.SftpException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every mood is what its documentation says. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MoodTest {

    private static final byte[] INIT = Takeover.init("https://bmaas.example:443");

    /** Long enough to tell that nothing comes. */
    private static final int SILENCE_MILLIS = 300;

    private final KeyPair key = SshHosts.newHostKey();
    private final SshHosts hosts = SshHosts.start();
    private final Client client = new Client();
    private Path agent = Path.of("");
    private SshHost host = SshHost.builder().hosts(hosts).start();

    @BeforeAll
    void writeAgent(@TempDir Path folder) {
        agent = TestAgent.write(folder.resolve("agent"));
        host.close();
    }

    @BeforeEach
    void startHost() {
        host = SshHost.builder().hosts(hosts).authorizedKey(key.getPublic()).start();
    }

    @AfterEach
    void closeHost() {
        host.close();
    }

    @AfterAll
    void close() {
        client.close();
        hosts.close();
    }

    @Test
    void refuse() throws Exception {
        try (ClientSession before = client.connect(host, key)) {
            host.setMood(Mood.REFUSE);
            assertThatThrownBy(this::connect).isInstanceOf(ConnectException.class);
            assertThat(Client.run(before, "echo still here", new byte[0]).text())
                    .as("connections that are open stay open")
                    .isEqualTo("still here\n");
            try (ServerSocket other = new ServerSocket()) {
                other.setReuseAddress(false);
                assertThatThrownBy(() -> other.bind(new InetSocketAddress(host.address(), host.port())))
                        .as("the port stays the host's")
                        .isInstanceOf(BindException.class);
            }
        }
        assertThat(host.connections()).isEqualTo(1);
        backToNormal();
        try (SshHost another = SshHost.builder().hosts(hosts).mood(Mood.REFUSE).start()) {
            assertThatThrownBy(() -> new Socket(another.address(), another.port()).close())
                    .isInstanceOf(ConnectException.class);
            another.setMood(Mood.NORMAL);
            new Socket(another.address(), another.port()).close();
        }
    }

    @Test
    void hangBeforeBanner() throws Exception {
        host.setMood(Mood.HANG_BEFORE_BANNER);
        try (Socket socket = connect()) {
            assertSilent(socket);
            socket.getOutputStream().write("SSH-2.0-test\r\n".getBytes(StandardCharsets.US_ASCII));
            assertSilent(socket);
            assertThat(host.openConnections()).isEqualTo(1);
        }
        await().until(() -> host.openConnections() == 0);
        backToNormal();
    }

    @Test
    void hangAfterBanner() throws Exception {
        host.setMood(Mood.HANG_AFTER_BANNER);
        try (Socket socket = connect()) {
            assertThat(readLine(socket)).startsWith("SSH-2.0-");
            socket.getOutputStream().write("SSH-2.0-test\r\n".getBytes(StandardCharsets.US_ASCII));
            assertSilent(socket);
        }
        await().until(() -> host.openConnections() == 0);
        backToNormal();
    }

    @Test
    void dropBeforeAuthentication() throws Exception {
        host.setMood(Mood.DROP_BEFORE_AUTHENTICATION);
        try (Socket socket = connect()) {
            assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
                    .isEqualTo("Exceeded MaxStartups\r\n");
        }
        assertThatThrownBy(() -> client.connect(host, key)).isInstanceOf(IOException.class);
        assertThat(host.authenticationsFailed()).isZero();
        await().until(() -> host.openConnections() == 0);
        backToNormal();
    }

    @Test
    void garbage() throws Exception {
        host.setMood(Mood.GARBAGE);
        try (Socket socket = connect()) {
            byte[] bytes = socket.getInputStream().readNBytes(4096);
            assertThat(bytes).hasSize(4096).doesNotContain('\n', '\r');
            assertSilent(socket);
        }
        assertThatThrownBy(() -> client.connect(host, key)).isInstanceOf(IOException.class);
        backToNormal();
    }

    @Test
    void reset() throws Exception {
        // Whatever the client is, the kernel says that the connection was reset: seen through a relay that
        // looks at the socket.
        host.setMood(Mood.RESET);
        for (int i = 0; i < 20; i++) {
            try (Relay relay = new Relay(host)) {
                assertThatThrownBy(() -> client.connect(relay.port(), key)).isInstanceOf(IOException.class);
                assertThat(relay.end()).isInstanceOf(SocketException.class).hasMessageContaining("reset");
                assertThat(relay.bytesReceived()).as("after the key exchange").isGreaterThan(500);
            }
        }
        assertThat(host.authenticationsFailed()).isZero();
        await().until(() -> host.openConnections() == 0);
        backToNormal();
    }

    @Test
    void rejectAuthentication() throws Exception {
        host.setMood(Mood.REJECT_AUTHENTICATION);
        assertThatThrownBy(() -> client.connect(host, key))
                .isInstanceOf(SshException.class)
                .hasMessageContaining("authentication");
        assertThat(host.authenticationsFailed()).isPositive();
        backToNormal();
    }

    @Test
    void refuseAccount() throws Exception {
        host.setMood(Mood.REFUSE_ACCOUNT);
        try (Relay relay = new Relay(host)) {
            assertThatThrownBy(() -> client.connect(relay.port(), key)).isInstanceOf(IOException.class);
            assertThat(relay.end()).hasMessageContaining("closed the connection in peace");
        }
        assertThat(host.authenticationsFailed()).as("the key is a good one").isZero();
        backToNormal();
    }

    @ParameterizedTest
    @EnumSource
    void hangInUpload(SshHost.Protocol protocol, @TempDir Path folder) throws Exception {
        host.setMood(Mood.HANG_IN_UPLOAD);
        Path large = TestAgent.write(folder.resolve("large"), 10_000_000);
        ClientSession session = client.connect(host, key);
        Thread uploader = new Thread(() -> {
            try {
                upload(protocol, session, large);
            } catch (IOException expected) {
                // The session is closed below.
            }
        });
        uploader.start();
        await().until(() -> Files.exists(host.root().resolve("root/agent")));
        uploader.join(SILENCE_MILLIS);
        assertThat(uploader.isAlive()).isTrue();
        assertThat(host.root().resolve("root/agent")).hasSize(0);
        session.close(true);
        uploader.join(10_000);
        assertThat(uploader.isAlive()).isFalse();
        await().until(() -> host.openConnections() == 0);
        assertThat(host.uploads()).isEmpty();
        backToNormal();
    }

    @Test
    void failUpload(@TempDir Path folder) throws Exception {
        // So small that the client has sent all of it before it reads the answer.
        Path small = Files.write(folder.resolve("small"), new byte[10_000]);
        host.setMood(Mood.FAIL_UPLOAD);
        try (ClientSession session = client.connect(host, key)) {
            assertThatThrownBy(() -> Client.uploadBySftp(session, agent, "/root/agent"))
                    .as("version 3 has no status for it: OpenSSH says no more either")
                    .isInstanceOfSatisfying(
                            SftpException.class,
                            e -> assertThat(e.getStatus()).isEqualTo(SftpConstants.SSH_FX_FAILURE));
            assertThatThrownBy(() -> Client.uploadByScp(session, small, "/root/agent"))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("No space left on device");
            assertThat(Client.run(session, "echo still here", new byte[0]).exitCode())
                    .isZero();
        }
        backToNormal();
    }

    @ParameterizedTest
    @EnumSource
    void dropInUpload(SshHost.Protocol protocol) throws Exception {
        host.setMood(Mood.DROP_IN_UPLOAD);
        try (ClientSession session = client.connect(host, key)) {
            assertThatThrownBy(() -> upload(protocol, session, agent)).isInstanceOf(IOException.class);
            assertThat(session.waitFor(EnumSet.of(ClientSession.ClientSessionEvent.CLOSED), Client.PATIENCE))
                    .contains(ClientSession.ClientSessionEvent.CLOSED);
        }
        assertThat(host.uploads()).isEmpty();
        backToNormal();
    }

    @Test
    void hangInAgent() throws Exception {
        try (ClientSession session = agentUploaded(Mood.HANG_IN_AGENT);
                ChannelExec channel = session.createExecChannel("/root/agent")) {
            channel.setIn(new ByteArrayInputStream(INIT));
            channel.open().verify(Client.PATIENCE);
            assertThat(channel.waitFor(
                            EnumSet.of(ClientChannelEvent.CLOSED, ClientChannelEvent.STDOUT_DATA),
                            Duration.ofMillis(1500)))
                    .contains(ClientChannelEvent.TIMEOUT)
                    .doesNotContain(ClientChannelEvent.STDOUT_DATA);
            channel.close(true);
        }
        await().until(() -> host.executions().get(1).exitCode().isPresent());
        backToNormal();
    }

    @ParameterizedTest
    @EnumSource(names = {"ENDLESS_OUTPUT", "ENDLESS_ERRORS"})
    void endless(Mood mood) throws Exception {
        AtomicLong received = new AtomicLong();
        AtomicLong wrong = new AtomicLong();
        try (ClientSession session = agentUploaded(mood);
                ChannelExec channel = session.createExecChannel("/root/agent")) {
            channel.setIn(new ByteArrayInputStream(INIT));
            channel.setOut(counting(mood == Mood.ENDLESS_OUTPUT ? received : wrong));
            channel.setErr(counting(mood == Mood.ENDLESS_ERRORS ? received : wrong));
            channel.open().verify(Client.PATIENCE);
            await().atMost(Client.PATIENCE).until(() -> received.get() > 10_000_000);
            assertThat(channel.isOpen()).isTrue();
        }
        assertThat(wrong.get()).isZero();
        await().until(() -> host.executions().get(1).exitCode().isPresent());
        backToNormal();
    }

    @Test
    void endlessOutputThatNobodyReadsIsHeldBack() throws Exception {
        try (ClientSession session = agentUploaded(Mood.ENDLESS_OUTPUT);
                ChannelExec channel = session.createExecChannel("/root/agent")) {
            channel.open().verify(Client.PATIENCE);
            InputStream out = channel.getInvertedOut();
            channel.getInvertedIn().write(INIT);
            channel.getInvertedIn().close();
            assertThat(out.read()).isEqualTo('x');
            long before = usedHeap();
            assertThat(channel.waitFor(EnumSet.of(ClientChannelEvent.CLOSED), Duration.ofMillis(1000)))
                    .contains(ClientChannelEvent.TIMEOUT);
            assertThat(usedHeap() - before).isLessThan(20_000_000);
        }
        backToNormal();
    }

    @Test
    void garbageAnswer() throws Exception {
        Client.Result result = answer(Mood.GARBAGE_ANSWER);
        assertThat(result.exitCode()).isZero();
        assertThat(result.out()).hasSize(256);
        assertThatThrownBy(() -> Takeover.fields(result.out())).isInstanceOf(RuntimeException.class);
    }

    @Test
    void emptyAnswer() throws Exception {
        Client.Result result = answer(Mood.EMPTY_ANSWER);
        assertThat(result.exitCode()).isZero();
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).isEmpty();
    }

    @Test
    void wrongInit() throws Exception {
        Client.Result result = answer(Mood.WRONG_INIT);
        assertThat(result.exitCode()).isZero();
        byte[] success = Takeover.only(1, result.out());
        assertThat(new String(Takeover.only(1, Takeover.field(1, success)), StandardCharsets.UTF_8))
                .isEqualTo("another-machine");
        assertThat(Takeover.key(Takeover.field(2, success))).isNotNull();
    }

    @Test
    void shortKey() throws Exception {
        Client.Result result = answer(Mood.SHORT_KEY);
        assertThat(result.exitCode()).isZero();
        byte[] success = Takeover.only(1, result.out());
        assertThat(Takeover.field(1, success)).isEqualTo(INIT);
        assertThat(Takeover.field(2, success)).hasSize(31);
    }

    @Test
    void agentError() throws Exception {
        Client.Result result = answer(Mood.AGENT_ERROR);
        assertThat(result.exitCode()).isZero();
        assertThat(new String(Takeover.only(1, Takeover.only(2, result.out())), StandardCharsets.UTF_8))
                .isEqualTo("the test agent was told to fail");
    }

    @Test
    void agentCrash() throws Exception {
        Client.Result result = answer(Mood.AGENT_CRASH);
        assertThat(result.exitCode()).isEqualTo(3);
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).isEqualTo("test agent: told to crash\n");
    }

    @Test
    void anAgentThatIsNotTheTestAgentKnowsNoMoods() throws Exception {
        host.setMood(Mood.AGENT_CRASH);
        try (ClientSession session = client.connect(host, key)) {
            assertThat(Client.run(session, "cat", INIT).out()).isEqualTo(INIT);
        }
    }

    @Test
    void agentsThatHangDoNotKeepOthersWaiting() throws Exception {
        try (SshHosts few = SshHosts.builder().maxProcesses(1).start();
                SshHost bad = SshHost.builder()
                        .hosts(few)
                        .authorizedKey(key.getPublic())
                        .start();
                SshHost good = SshHost.builder()
                        .hosts(few)
                        .authorizedKey(key.getPublic())
                        .start();
                ClientSession toBad = client.connect(bad, key);
                ClientSession toGood = client.connect(good, key)) {
            bad.setMood(Mood.HANG_IN_AGENT);
            try (ChannelExec hanging = toBad.createExecChannel("sleep 1000")) {
                hanging.open().verify(Client.PATIENCE);
                assertThat(Client.run(toGood, "echo done", new byte[0]).text()).isEqualTo("done\n");
            }
        }
    }

    private Client.Result answer(Mood mood) throws IOException {
        Client.Result result;
        try (ClientSession session = agentUploaded(mood)) {
            result = Client.run(session, "/root/agent", INIT);
        }
        backToNormal();
        return result;
    }

    private ClientSession agentUploaded(Mood mood) throws IOException {
        ClientSession session = client.connect(host, key);
        Client.uploadBySftp(session, agent, "/root/agent");
        Client.run(session, "chmod 755 /root/agent", new byte[0]);
        host.setMood(mood);
        return session;
    }

    private void backToNormal() throws IOException {
        host.setMood(Mood.NORMAL);
        try (ClientSession session = client.connect(host, key)) {
            Client.uploadBySftp(session, agent, "/root/agent2");
            Client.run(session, "chmod 755 /root/agent2", new byte[0]);
            Client.Result result = Client.run(session, "/root/agent2", INIT);
            assertThat(result.exitCode()).as(result.err()).isZero();
            assertThat(Takeover.field(1, Takeover.only(1, result.out()))).isEqualTo(INIT);
        }
    }

    private static void upload(SshHost.Protocol protocol, ClientSession session, Path file) throws IOException {
        if (protocol == SshHost.Protocol.SCP) {
            Client.uploadByScp(session, file, "/root/agent");
            return;
        }
        try (SftpClient sftp = SftpClientFactory.instance().createSftpClient(session);
                SftpClient.CloseableHandle handle =
                        sftp.open("/root/agent", SftpClient.OpenMode.Create, SftpClient.OpenMode.Write)) {
            sftp.write(handle, 0, new byte[32 * 1024]);
        }
    }

    private Socket connect() throws IOException {
        Socket socket = new Socket();
        socket.setSoTimeout(10_000);
        socket.connect(new InetSocketAddress(host.address(), host.port()), 10_000);
        return socket;
    }

    private static String readLine(Socket socket) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = socket.getInputStream().read();
                c >= 0 && c != '\n';
                c = socket.getInputStream().read()) {
            line.append((char) c);
        }
        return line.toString();
    }

    private static void assertSilent(Socket socket) throws IOException {
        int patience = socket.getSoTimeout();
        socket.setSoTimeout(SILENCE_MILLIS);
        assertThatThrownBy(() -> socket.getInputStream().read()).isInstanceOf(SocketTimeoutException.class);
        socket.setSoTimeout(patience);
    }

    private static OutputStream counting(AtomicLong count) {
        return new OutputStream() {
            @Override
            public void write(int b) {
                count.incrementAndGet();
            }

            @Override
            public void write(byte[] bytes, int offset, int length) {
                count.addAndGet(length);
            }
        };
    }

    private static long usedHeap() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }
}
