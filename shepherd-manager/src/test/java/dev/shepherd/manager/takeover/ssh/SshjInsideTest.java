package dev.shepherd.manager.takeover.ssh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.SocketFactory;
import net.schmizz.sshj.SSHClient;
import net.schmizz.sshj.common.SSHException;
import net.schmizz.sshj.common.SSHPacket;
import net.schmizz.sshj.connection.Connection;
import net.schmizz.sshj.connection.channel.direct.SessionChannel;
import net.schmizz.sshj.transport.verification.HostKeyVerifier;
import org.apache.sshd.common.config.keys.KeyUtils;
import org.apache.sshd.common.keyprovider.KeyPairProvider;
import org.apache.sshd.server.Environment;
import org.apache.sshd.server.ExitCallback;
import org.apache.sshd.server.SshServer;
import org.apache.sshd.server.channel.ChannelSession;
import org.apache.sshd.server.command.Command;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the library does that it does not promise, and that this package relies on; the list is in its package-info. */
class SshjInsideTest {

    private static final String READER = "sshj-Reader";

    private final SshServer server = SshServer.setUpDefaultServer();
    private final RecordingSocket socket = new RecordingSocket();
    private SSHClient client;

    @BeforeEach
    void connect() throws Exception {
        server.setHost("127.0.0.1");
        server.setPort(0);
        server.setKeyPairProvider(KeyPairProvider.wrap(KeyUtils.generateKeyPair(KeyPairProvider.SSH_ED25519, 256)));
        server.setPasswordAuthenticator((user, password, session) -> true);
        server.setCommandFactory((session, command) -> new OnStderr(!command.endsWith("stays")));
        server.start();
        client = new SSHClient(SshConfig.create());
        client.addHostKeyVerifier(new AnyKey());
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.getPort()));
        client.setSocketFactory(new OneSocket(socket));
    }

    @AfterEach
    void close() throws IOException {
        client.close();
        server.stop(true);
    }

    @Test
    void thisIsTheVersionOfWhichTheListWasMade() throws IOException {
        Properties library = new Properties();
        try (InputStream in = SSHClient.class.getResourceAsStream("/sshj.properties")) {
            library.load(in);
        }
        String list = Files.readString(Path.of("src/main/java/dev/shepherd/manager/takeover/ssh/package-info.java"));

        assertThat(list)
                .as("go through the list in this file with what is new in the library, then change the version")
                .contains("inside of sshj " + library.getProperty("sshj.version") + " is relied on");
    }

    @Test
    void aSocketThatIsConnectedIsUsedAsItIsAndNoNameIsLookedUp() throws Exception {
        client.connect("no-such-host.invalid", 1);

        assertThat(client.isConnected()).isTrue();
        assertThat(client.getTransport().getServerVersion()).contains("SSHD");
    }

    @Test
    void theThreadThatReadsStartsBetweenTheFirstWriteAndTheSecondAndIsTheOnlyOneToReadThen() throws Exception {
        client.connect("127.0.0.1", 22);
        client.authPassword("root", "any");

        assertThat(socket.firstWrite.get()).startsWith("SSH-2.0-").endsWith("\r\n");
        assertThat(socket.readersAtWrites).startsWith(false).hasSizeGreaterThan(2);
        assertThat(socket.readersAtWrites.subList(1, socket.readersAtWrites.size()))
                .containsOnly(true);
        List<Thread> reads = List.copyOf(socket.reads);
        int change = reads.lastIndexOf(Thread.currentThread()) + 1;
        assertThat(reads.subList(0, change)).containsOnly(Thread.currentThread());
        assertThat(reads.subList(change, reads.size())).isNotEmpty().allSatisfy(thread -> {
            assertThat(thread.getName()).startsWith(READER);
            assertThat(thread).isSameAs(reads.get(change));
        });
    }

    @Test
    void theEndOfAConnectionIsToldToTheListenerBeforeThoseWhoWait() throws Exception {
        CountDownLatch goesOn = new CountDownLatch(1);
        AtomicReference<Boolean> wentOnFirst = new AtomicReference<>();
        client.getTransport().setDisconnectListener((reason, message) -> {
            try {
                wentOnFirst.compareAndSet(null, goesOn.await(300, TimeUnit.MILLISECONDS));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        client.connect("127.0.0.1", 22);
        client.authPassword("root", "any");
        Probe channel = new Probe(client.getConnection());
        channel.open();
        channel.exec("any that stays");
        Thread hangUp = new Thread(() -> server.getActiveSessions().forEach(session -> session.close(true)));
        hangUp.start();

        assertThatThrownBy(channel::join).isInstanceOf(SSHException.class);
        goesOn.countDown();

        assertThat(wentOnFirst).hasValue(false);
        hangUp.join();
    }

    @Test
    void aChannelLearnsOnceWhatTheHostTakesAndHearsOfStderrInTheThreadThatReads() throws Exception {
        client.connect("127.0.0.1", 22);
        client.authPassword("root", "any");
        Probe channel = new Probe(client.getConnection());

        channel.open();

        assertThat(channel.remotePackets).hasSize(1).allMatch(size -> size >= 1024);

        channel.exec("any");
        channel.join(1, TimeUnit.MINUTES);

        assertThat(channel.remotePackets).hasSize(1);
        assertThat(String.join("", channel.said)).isEqualTo("to stderr\n");
        assertThat(channel.hearers)
                .isNotEmpty()
                .allMatch(thread -> thread.getName().startsWith(READER));
    }

    private static final class Probe extends SessionChannel {

        private final List<Long> remotePackets = Collections.synchronizedList(new ArrayList<>());
        private final List<String> said = Collections.synchronizedList(new ArrayList<>());
        private final List<Thread> hearers = Collections.synchronizedList(new ArrayList<>());

        private Probe(Connection connection) {
            super(connection);
        }

        @Override
        protected void init(int recipient, long remoteWindow, long remoteMaxPacket) {
            remotePackets.add(remoteMaxPacket);
            super.init(recipient, remoteWindow, remoteMaxPacket);
        }

        @Override
        protected void gotExtendedData(SSHPacket packet) throws SSHException {
            super.gotExtendedData(packet);
            hearers.add(Thread.currentThread());
            try {
                InputStream stderr = getErrorStream();
                byte[] bytes = new byte[stderr.available()];
                said.add(new String(bytes, 0, stderr.read(bytes, 0, bytes.length), StandardCharsets.UTF_8));
            } catch (IOException e) {
                throw SSHException.chainer.chain(e);
            }
        }
    }

    /** Says something on stderr, and ends or stays. */
    private static final class OnStderr implements Command {

        private final boolean ends;
        private OutputStream stderr;
        private ExitCallback exit;

        private OnStderr(boolean ends) {
            this.ends = ends;
        }

        @Override
        public void setInputStream(InputStream stream) {}

        @Override
        public void setOutputStream(OutputStream stream) {}

        @Override
        public void setErrorStream(OutputStream stream) {
            stderr = stream;
        }

        @Override
        public void setExitCallback(ExitCallback callback) {
            exit = callback;
        }

        @Override
        public void start(ChannelSession channel, Environment environment) throws IOException {
            stderr.write("to stderr\n".getBytes(StandardCharsets.UTF_8));
            stderr.flush();
            if (ends) {
                exit.onExit(0);
            }
        }

        @Override
        public void destroy(ChannelSession channel) {}
    }

    private static final class AnyKey implements HostKeyVerifier {

        @Override
        public boolean verify(String hostname, int port, PublicKey key) {
            return true;
        }

        @Override
        public List<String> findExistingAlgorithms(String hostname, int port) {
            return List.of();
        }
    }

    /** Takes down who reads, and whether the library's thread runs when something is written. */
    private static final class RecordingSocket extends Socket {

        private final List<Thread> reads = Collections.synchronizedList(new ArrayList<>());
        private final List<Boolean> readersAtWrites = Collections.synchronizedList(new ArrayList<>());
        private final AtomicReference<String> firstWrite = new AtomicReference<>();

        @Override
        public InputStream getInputStream() throws IOException {
            return new FilterInputStream(super.getInputStream()) {
                @Override
                public int read() throws IOException {
                    reads.add(Thread.currentThread());
                    return super.read();
                }

                @Override
                public int read(byte[] bytes, int offset, int length) throws IOException {
                    reads.add(Thread.currentThread());
                    return super.read(bytes, offset, length);
                }
            };
        }

        @Override
        public OutputStream getOutputStream() throws IOException {
            return new FilterOutputStream(super.getOutputStream()) {
                @Override
                public void write(byte[] bytes, int offset, int length) throws IOException {
                    firstWrite.compareAndSet(null, new String(bytes, offset, length, StandardCharsets.US_ASCII));
                    readersAtWrites.add(Thread.getAllStackTraces().keySet().stream()
                            .anyMatch(thread -> thread.getName().startsWith(READER)));
                    out.write(bytes, offset, length);
                }
            };
        }
    }

    private static final class OneSocket extends SocketFactory {

        private final Socket socket;

        private OneSocket(Socket socket) {
            this.socket = socket;
        }

        @Override
        public Socket createSocket() {
            return socket;
        }

        @Override
        public Socket createSocket(String host, int port) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Socket createSocket(String host, int port, InetAddress localHost, int localPort) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Socket createSocket(InetAddress host, int port) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Socket createSocket(InetAddress address, int port, InetAddress localAddress, int localPort) {
            throw new UnsupportedOperationException();
        }
    }
}
