package dev.shepherd.manager.takeover.ssh;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.manager.takeover.ssh.SshTrouble.Sort;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.Collection;
import java.util.Objects;
import java.util.function.Consumer;
import javax.net.SocketFactory;
import net.schmizz.sshj.Config;
import net.schmizz.sshj.SSHClient;
import net.schmizz.sshj.Service;
import net.schmizz.sshj.common.DisconnectReason;
import net.schmizz.sshj.common.SSHException;
import net.schmizz.sshj.sftp.Response;
import net.schmizz.sshj.sftp.SFTPException;
import net.schmizz.sshj.userauth.UserAuthException;
import net.schmizz.sshj.userauth.method.AuthMethod;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One connection to one host. Made by {@link Ssh}.
 *
 * <p>One thread takes its steps: {@link #connect}, {@link #exchangeKeys}, {@link #logIn}, then {@link #upload} and
 * {@link #start}. They wait for the host without a limit. Any other thread may {@link #close} the connection at any
 * time, which ends the waiting, and may ask what it saw.
 */
public final class SshConnection {

    private static final Logger log = LoggerFactory.getLogger(SshConnection.class);

    /** What a host may send us on a channel before we have read it. The library's 2 MiB are for downloads. */
    private static final int WINDOW = 256 * 1024;

    /** How much is shown of what a host says, in characters. */
    private static final int MAX_SAID = 1024;

    private final Config config;
    private final SshPeer peer;
    private final Duration longest;
    private final Runnable onDisconnect;
    private final HostKeyCheck hostKeyCheck;
    private final MonitoredSocket socket = new MonitoredSocket();
    private volatile @Nullable SSHClient client;

    private final Object lock = new Object();
    private boolean disconnected;
    private @Nullable DisconnectReason disconnectReason;
    private @Nullable String disconnectMessage;

    SshConnection(Config config, SshPeer peer, Duration longest, Runnable onDisconnect) {
        this.config = config;
        this.peer = peer;
        this.longest = longest;
        this.onDisconnect = onDisconnect;
        this.hostKeyCheck = new HostKeyCheck(peer);
    }

    /** Sets how much the host may send in all. Without a limit if it is not called, which is before connecting. */
    public void limit(long bytes) {
        socket.limit(bytes);
    }

    /**
     * Opens the TCP connection.
     *
     * @param timeout how long that may take
     * @throws SshFailure as {@link SshFailure.Kind#UNREACHABLE}
     */
    public void connect(Duration timeout) throws SshFailure {
        try {
            socket.setTcpNoDelay(true);
            socket.connect(peer.address(), Math.toIntExact(timeout.toMillis()));
        } catch (SocketTimeoutException e) {
            throw new SshFailure(SshFailure.Kind.UNREACHABLE, "no answer within " + Spans.text(timeout), e);
        } catch (IOException e) {
            throw new SshFailure(SshFailure.Kind.UNREACHABLE, "no connection: " + e.getMessage(), e);
        }
        client = newClient();
    }

    private SSHClient newClient() {
        SSHClient made = new SSHClient(config);
        made.setSocketFactory(new Connected(socket));
        made.addHostKeyVerifier(hostKeyCheck);
        // The limits are watched from outside; what the library watches must not come first.
        int never = Math.toIntExact(longest.plusSeconds(60).toMillis());
        made.getTransport().setTimeoutMs(never);
        made.getConnection().setTimeoutMs(never);
        made.getConnection().setWindowSize(WINDOW);
        made.getTransport().setDisconnectListener(this::disconnected);
        return made;
    }

    private void disconnected(DisconnectReason reason, @Nullable String message) {
        synchronized (lock) {
            if (disconnected) {
                return;
            }
            disconnected = true;
            disconnectReason = reason;
            disconnectMessage = message;
        }
        onDisconnect.run();
    }

    /**
     * Exchanges identifications and keys, checks the host key, and asks whether logins are taken.
     *
     * @throws IOException if that fails; {@link #trouble} says why
     */
    public void exchangeKeys() throws IOException {
        SSHClient connected = client();
        connected.connect(peer.host(), peer.address().getPort());
        connected.getTransport().reqService((Service) connected.getUserAuth());
    }

    /**
     * Logs in. Tries the second way to do that only if the host has not even looked at the first: guesses are counted.
     *
     * @throws SshFailure as {@link SshFailure.Kind#LOGIN_REFUSED}
     * @throws IOException if the connection fails
     */
    public void logIn(String user, Login login) throws IOException, SshFailure {
        SSHClient connected = client();
        UserAuthException last = null;
        for (AuthMethod method : login.methods()) {
            try {
                connected.auth(user, method);
                return;
            } catch (UserAuthException e) {
                last = e;
                if (!isConnected()
                        || connected.getUserAuth().getAllowedMethods().contains(method.getName())) {
                    break;
                }
            }
        }
        if (!isConnected()) {
            throw Objects.requireNonNull(last);
        }
        Collection<String> allowed = connected.getUserAuth().getAllowedMethods();
        String more = connected.getUserAuth().hadPartialSuccess()
                ? "accepts %s for user %s but wants more"
                : "does not accept %s for user %s";
        throw new SshFailure(
                SshFailure.Kind.LOGIN_REFUSED,
                "the host %s; it takes: %s"
                        .formatted(more.formatted(login, user), Escaped.text(String.join(", ", allowed), 256)),
                last);
    }

    /**
     * Puts a file in its place: by SFTP, or by SCP where the host has none.
     *
     * @param source what is uploaded
     * @param path where to; an absolute path
     * @param failing told why the upload fails before it tidies up, which a hostile host can make last
     * @throws SshFailure as {@link SshFailure.Kind#UPLOAD_REFUSED} or {@link SshFailure.Kind#SOURCE_UNREADABLE}
     * @throws IOException if it fails in another way
     */
    public void upload(UploadSource source, String path, Consumer<Exception> failing) throws IOException, SshFailure {
        new Upload(client(), source, path, this::isConnected, failing).run();
    }

    /**
     * Starts a program.
     *
     * @param program its path, which is quoted for the host's shell where it must be
     * @param maxStderr how many bytes it may write to stderr; more ends the connection
     * @throws IOException if it cannot be started
     */
    public RemoteCommand start(String program, int maxStderr) throws IOException {
        return CommandChannel.start(client(), ShellWord.quote(program), maxStderr);
    }

    /** Says goodbye, so that the host's log does not speak of a lost connection. */
    public void sayGoodbye() {
        try {
            client().disconnect();
        } catch (IOException e) {
            log.debug("saying goodbye to {}", peer.name(), Escaped.failure(e));
        }
    }

    /** Closes the connection, which ends every wait for the host. Does not wait. */
    public void close() {
        try {
            socket.close();
        } catch (IOException e) {
            log.debug("closing the connection to {}", peer.name(), Escaped.failure(e));
        }
    }

    /** Waits for the library's thread to end, for a while, once the connection is closed. */
    public void awaitReader(Duration patience) {
        socket.awaitReader(patience);
    }

    /** Returns the host key that was accepted; null before. */
    public @Nullable SshPublicKey hostKey() {
        return hostKeyCheck.accepted();
    }

    /** Returns what the host said while it was logged into, which is where PAM explains why it refuses an account. */
    public String banner() {
        SSHClient connected = client;
        return connected == null ? "" : connected.getUserAuth().getBanner().strip();
    }

    /** The library's own answer lags behind: it tells those who wait before it marks itself as closed. */
    private boolean isConnected() {
        synchronized (lock) {
            return !disconnected && socket.lost() == null && !socket.isClosed();
        }
    }

    private SSHClient client() {
        return Objects.requireNonNull(client, "not connected");
    }

    /**
     * Tells what the connection saw go wrong.
     *
     * @param cause what a step failed with
     */
    public SshTrouble trouble(Throwable cause) {
        if (socket.isFlooded()) {
            return new SshTrouble(Sort.PROTOCOL, "the host sends without end: " + words(cause));
        }
        String violation = hostKeyCheck.violation();
        if (violation != null) {
            return new SshTrouble(Sort.PROTOCOL, violation);
        }
        String mismatch = hostKeyCheck.mismatch();
        if (mismatch != null) {
            return new SshTrouble(Sort.OTHER_HOST_KEY, mismatch);
        }
        if (socket.isTalkative()) {
            return new SshTrouble(Sort.PROTOCOL, "the host does not speak SSH: it says " + quoted(socket.greeting()));
        }
        DisconnectReason reason;
        String message;
        synchronized (lock) {
            reason = disconnectReason;
            message = disconnectMessage;
        }
        if (reason != null && reason != DisconnectReason.UNKNOWN) {
            // The code that waited for the host may have wrapped the host's words in its own.
            String why = message == null ? words(cause) : Escaped.text(message, MAX_SAID);
            return new SshTrouble(sort(reason), "the connection ended with " + reason + ": " + why);
        }
        String lost = socket.lost();
        if (lost != null) {
            Sort sort =
                    socket.isSpeaking() ? Sort.TURNED_AWAY : socket.isClosedByHost() ? Sort.CLOSED_BY_HOST : Sort.LOST;
            String said = socket.greeting();
            return new SshTrouble(
                    sort,
                    "the connection was lost" + (socket.isIdentified() ? "" : " before the host identified itself")
                            + ": " + lost + (said.isEmpty() ? "" : "; the host said " + quoted(said)));
        }
        return new SshTrouble(Sort.NONE, words(cause));
    }

    private static Sort sort(DisconnectReason reason) {
        return switch (reason) {
            case TOO_MANY_CONNECTIONS, CONNECTION_LOST -> Sort.BUSY;
            case HOST_NOT_ALLOWED_TO_CONNECT, SERVICE_NOT_AVAILABLE, BY_APPLICATION -> Sort.UNWANTED;
            case AUTH_CANCELLED_BY_USER, NO_MORE_AUTH_METHODS_AVAILABLE, ILLEGAL_USER_NAME -> Sort.LOGIN_REFUSED;
            case PROTOCOL_ERROR -> Sort.PROTOCOL_ERROR;
            default -> Sort.PROTOCOL;
        };
    }

    private static String words(Throwable cause) {
        String message = Escaped.text(String.valueOf(cause.getMessage()), MAX_SAID);
        if (cause instanceof SFTPException sftp && sftp.getStatusCode() != Response.StatusCode.UNKNOWN) {
            return "SFTP status " + sftp.getStatusCode() + ", " + quoted(message);
        }
        return cause instanceof SSHException ? message : cause.getClass().getSimpleName() + ", " + message;
    }

    private static String quoted(String said) {
        return "\"" + Escaped.text(said, MAX_SAID) + "\"";
    }

    /** Hands the library a socket that is connected already, so that it neither connects nor looks up names. */
    private static final class Connected extends SocketFactory {

        private final Socket socket;

        private Connected(Socket socket) {
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
