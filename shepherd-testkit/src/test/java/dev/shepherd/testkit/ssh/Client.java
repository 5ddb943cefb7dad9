package dev.shepherd.testkit.ssh;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyPair;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import org.apache.sshd.client.ClientBuilder;
import org.apache.sshd.client.SshClient;
import org.apache.sshd.client.channel.ChannelExec;
import org.apache.sshd.client.channel.ClientChannelEvent;
import org.apache.sshd.client.keyverifier.AcceptAllServerKeyVerifier;
import org.apache.sshd.client.session.ClientSession;
import org.apache.sshd.common.NamedFactory;
import org.apache.sshd.common.config.keys.PublicKeyEntry;
import org.apache.sshd.common.kex.BuiltinDHFactories;
import org.apache.sshd.core.CoreModuleProperties;
import org.apache.sshd.scp.client.ScpClient;
import org.apache.sshd.scp.client.ScpClientCreator;
import org.apache.sshd.sftp.client.SftpClient;
import org.apache.sshd.sftp.client.SftpClientFactory;

/** A plain SSH client for tests. */
public final class Client implements AutoCloseable {

    static final Duration PATIENCE = Duration.ofSeconds(60);

    /** What a command came to. */
    record Result(int exitCode, byte[] out, String err) {
        String text() {
            return new String(out, StandardCharsets.UTF_8);
        }
    }

    private final SshClient client = SshClient.setUpDefaultClient();
    private volatile String serverKey = "";

    public Client() {
        client.setServerKeyVerifier((session, address, key) -> {
            serverKey = PublicKeyEntry.toString(key);
            return AcceptAllServerKeyVerifier.INSTANCE.verifyServerKey(session, address, key);
        });
        CoreModuleProperties.IDLE_TIMEOUT.set(client, Duration.ZERO);
        // The first choice otherwise is a post-quantum one in plain Java, which takes longer than all else of a test.
        client.setKeyExchangeFactories(NamedFactory.setUpTransformedFactories(
                false, List.of(BuiltinDHFactories.curve25519), ClientBuilder.DH2KEX));
        client.start();
    }

    public static KeyPair newKey() {
        return SshHosts.newHostKey();
    }

    /** Returns the host key that was shown last. */
    String serverKey() {
        return serverKey;
    }

    public ClientSession connect(SshHost host, KeyPair key) throws IOException {
        return connect(host, "root", key, PATIENCE);
    }

    ClientSession connect(SshHost host, String user, KeyPair key, Duration patience) throws IOException {
        ClientSession session = open(host, user, patience);
        try {
            session.addPublicKeyIdentity(key);
            session.auth().verify(patience);
            return session;
        } catch (IOException e) {
            session.close(true);
            throw e;
        }
    }

    ClientSession login(SshHost host, String user, String password) throws IOException {
        ClientSession session = open(host, user, PATIENCE);
        try {
            session.addPasswordIdentity(password);
            session.auth().verify(PATIENCE);
            return session;
        } catch (IOException e) {
            session.close(true);
            throw e;
        }
    }

    ClientSession connect(int port, KeyPair key) throws IOException {
        ClientSession session =
                client.connect("root", "127.0.0.1", port).verify(PATIENCE).getSession();
        try {
            session.addPublicKeyIdentity(key);
            session.auth().verify(PATIENCE);
            return session;
        } catch (IOException e) {
            session.close(true);
            throw e;
        }
    }

    private ClientSession open(SshHost host, String user, Duration patience) throws IOException {
        return client.connect(user, host.address().getHostAddress(), host.port())
                .verify(patience)
                .getSession();
    }

    static Result run(ClientSession session, String command, byte[] input) throws IOException {
        return run(session, command, input, PATIENCE);
    }

    static Result run(ClientSession session, String command, byte[] input, Duration patience) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        try (ChannelExec channel = session.createExecChannel(command)) {
            channel.setIn(new ByteArrayInputStream(input));
            channel.setOut(out);
            channel.setErr(err);
            channel.open().verify(patience);
            if (channel.waitFor(EnumSet.of(ClientChannelEvent.CLOSED), patience).contains(ClientChannelEvent.TIMEOUT)) {
                throw new IOException(command + " did not end within " + patience);
            }
            Integer exit = channel.getExitStatus();
            return new Result(exit == null ? -1 : exit, out.toByteArray(), err.toString());
        }
    }

    static void uploadBySftp(ClientSession session, Path file, String to) throws IOException {
        try (SftpClient sftp = SftpClientFactory.instance().createSftpClient(session)) {
            sftp.put(file, to);
        }
    }

    static void uploadByScp(ClientSession session, Path file, String to) throws IOException {
        ScpClientCreator.instance().createScpClient(session).upload(file, to, ScpClient.Option.PreserveAttributes);
    }

    @Override
    public void close() {
        client.stop();
    }
}
