package dev.shepherd.manager.takeover;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.shepherd.api.internal.Ed25519Point;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.manager.takeover.TakeoverException.Kind;
import dev.shepherd.manager.takeover.proto.TakeoverInit;
import dev.shepherd.manager.takeover.proto.TakeoverResponse;
import dev.shepherd.manager.takeover.proto.TakeoverSuccess;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import javax.net.SocketFactory;
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
 * One takeover of one machine.
 *
 * <p>The steps run in a thread of their own while the caller's thread watches. So whatever a step is blocked in (a
 * socket, one of the library's locks that take no interrupt, the disk that the executable is read from), the caller
 * is back in time: at the deadline, or when it is interrupted, it closes the socket, which ends whatever waits for
 * the host, and interrupts the steps, which ends whatever else they wait for.
 */
final class Attempt {

    private static final Logger log = LoggerFactory.getLogger(Attempt.class);

    /**
     * How long the steps may take to notice by themselves that the connection is gone. They nearly always do at once;
     * but the library does not wake a writer that waits for the host's window.
     */
    private static final long NOTICE_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** How long the steps may ask why they failed and tidy up. */
    private static final long TIDY_NANOS = TimeUnit.SECONDS.toNanos(10);

    /** How long threads may take to end whose socket is closed. They need some milliseconds. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    /** What a host may send us on a channel before we have read it. The library's 2 MiB are for downloads. */
    private static final int WINDOW = 256 * 1024;

    /** How much is shown of what a host says, in characters. */
    private static final int MAX_SAID = 1024;

    /** How much is shown of a warning, in characters. */
    private static final int MAX_WARNING = 512;

    /** What a host may send beyond what the agent may write and what confirms the upload. */
    private static final long MAX_OVERHEAD = 4 * 1024 * 1024;

    /** How much is shown of an output that should have been an answer, in characters. */
    private static final int MAX_OUTPUT = 200;

    private final AgentTakeover settings;
    private final TakeoverTarget target;
    private final TakeoverInit init;
    private final HostKeyCheck hostKeyCheck;
    private final MonitoredSocket socket = new MonitoredSocket();
    private final long startedAt = System.nanoTime();
    private final Map<TakeoverStep, Duration> durations = new EnumMap<>(TakeoverStep.class);
    private volatile TakeoverStep step = TakeoverStep.CONNECT;
    private volatile @Nullable CommandChannel agent;
    private volatile @Nullable SSHClient ssh;
    private long stepStartedAt = startedAt;

    private final Object lock = new Object();
    private @Nullable TakeoverResult result;
    private @Nullable Throwable failure;
    private boolean ended;
    private boolean disconnected;
    private @Nullable DisconnectReason disconnectReason;
    private @Nullable String disconnectMessage;
    private long disconnectedAt;
    private @Nullable Exception known;
    private long knownAt;
    private boolean cut;

    Attempt(AgentTakeover settings, TakeoverTarget target) {
        this.settings = settings;
        this.target = target;
        this.hostKeyCheck = new HostKeyCheck(target, settings.hostKeyPolicy);
        this.init = TakeoverInit.newBuilder()
                .setMachineId(target.machineId().toString())
                .setBmaasEndpoint(settings.endpoint)
                .setCaCertificate(ByteString.copyFrom(settings.caCertificate))
                .build();
    }

    TakeoverResult run() throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException("interrupted before taking over " + target);
        }
        Thread worker = newThread();
        worker.start();
        boolean inTime = true;
        boolean interrupted = false;
        try {
            inTime = awaitEnd(worker, startedAt + settings.totalTimeout.toNanos());
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (!inTime || interrupted) {
            cut(worker);
        }
        if (!Threads.awaitEnd(worker, PATIENCE)) {
            log.warn("the thread {} that was taking over {} does not end", worker.getName(), target);
        }
        synchronized (lock) {
            if (result != null) {
                // It is done, so the agent's key must not get lost: the interrupt is for whatever comes next.
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
                return result;
            }
            if (interrupted) {
                throw new InterruptedException("interrupted at %s while taking over %s".formatted(step, target));
            }
            if (failure instanceof Error error) {
                throw error;
            }
            if (!inTime && known != null) {
                throw explain(known);
            }
            throw inTime
                    ? explain(Objects.requireNonNull(failure))
                    : failed(Kind.TIMEOUT, "it was not done within " + Spans.text(settings.totalTimeout), failure);
        }
    }

    private Thread newThread() {
        if (settings.threadFactory != null) {
            return settings.threadFactory.newThread(this::work);
        }
        Thread thread = new Thread(this::work, "shepherd-takeover-" + target.machineId());
        thread.setDaemon(true);
        return thread;
    }

    /** Waits for the steps to end; false if the deadline comes first. */
    private boolean awaitEnd(Thread worker, long deadline) throws InterruptedException {
        synchronized (lock) {
            boolean pushed = false;
            while (!ended) {
                long now = System.nanoTime();
                long remaining = (known == null ? deadline : Math.min(deadline, knownAt + TIDY_NANOS)) - now;
                if (remaining <= 0) {
                    return false;
                }
                if (disconnected && !pushed) {
                    long notice = disconnectedAt + NOTICE_NANOS - now;
                    if (notice <= 0) {
                        worker.interrupt();
                        pushed = true;
                        continue;
                    }
                    remaining = Math.min(remaining, notice);
                }
                TimeUnit.NANOSECONDS.timedWait(lock, Math.max(remaining, 1_000_000));
            }
            return true;
        }
    }

    private void cut(Thread worker) {
        synchronized (lock) {
            // What fails from now on fails because of this.
            cut = true;
        }
        closeSocket();
        worker.interrupt();
    }

    private void closeSocket() {
        try {
            socket.close();
        } catch (IOException e) {
            log.debug("closing the connection to {}", target, Escaped.failure(e));
        }
    }

    private void work() {
        TakeoverResult done = null;
        Throwable failed = null;
        try {
            done = takeOver();
        } catch (Throwable e) {
            failed = e;
        }
        closeSocket();
        socket.awaitReader(PATIENCE);
        synchronized (lock) {
            result = done;
            failure = failed;
            ended = true;
            lock.notifyAll();
        }
    }

    /**
     * Takes down why the steps fail before they tidy up, which can take a hostile host as long as it likes: they are cut off
     * after a while, and the reason is not lost.
     */
    private void known(Exception reason) {
        synchronized (lock) {
            if (known == null && !cut) {
                known = reason;
                knownAt = System.nanoTime();
                lock.notifyAll();
            }
        }
    }

    private TakeoverResult takeOver() throws IOException, StepFailure {
        long length = executableLength();
        // In packets of 1 KiB, the smallest, each confirmed, an upload makes the host send an eighth of its length.
        socket.limit(MAX_OVERHEAD + settings.maxStdout + settings.maxStderr + length / 4);
        connect();
        SSHClient client = client();
        enter(TakeoverStep.KEY_EXCHANGE);
        ssh = client;
        client.connect(target.host(), target.port());
        client.getTransport().reqService((Service) client.getUserAuth());
        enter(TakeoverStep.AUTHENTICATE);
        authenticate(client);
        enter(TakeoverStep.UPLOAD);
        new Upload(client, settings.executable, length, settings.remotePath, this::isConnected, this::known).run();
        enter(TakeoverStep.EXECUTE);
        byte[] stdout = execute(client);
        enter(TakeoverStep.ANSWER);
        Answer answer = check(stdout);
        TakeoverSuccess success = answer.response().getSuccess();
        leave();
        SshPublicKey hostKey = Objects.requireNonNull(hostKeyCheck.accepted(), "no host key was shown");
        TakeoverResult taken = new TakeoverResult(
                target.machineId(), success.getKey().toByteArray(), hostKey.text(), warnings(answer), durations);
        sayGoodbye(client);
        return taken;
    }

    private void enter(TakeoverStep next) {
        leave();
        step = next;
    }

    private void leave() {
        long now = System.nanoTime();
        durations.put(step, Duration.ofNanos(now - stepStartedAt));
        stepStartedAt = now;
    }

    private long executableLength() throws StepFailure {
        try {
            long length = settings.executable.length();
            if (length <= 0) {
                throw new IOException("it is empty");
            }
            return length;
        } catch (IOException | RuntimeException e) {
            step = TakeoverStep.UPLOAD;
            throw new StepFailure(
                    Kind.EXECUTABLE_UNREADABLE,
                    "the agent executable " + settings.executable + " cannot be read: " + e,
                    e);
        }
    }

    private void connect() throws StepFailure {
        try {
            socket.setTcpNoDelay(true);
            socket.connect(
                    new InetSocketAddress(target.address(), target.port()),
                    Math.toIntExact(settings.connectTimeout.toMillis()));
        } catch (SocketTimeoutException e) {
            throw new StepFailure(Kind.UNREACHABLE, "no answer within " + Spans.text(settings.connectTimeout), e);
        } catch (IOException e) {
            throw new StepFailure(Kind.UNREACHABLE, "no connection: " + e.getMessage(), e);
        }
    }

    private SSHClient client() {
        SSHClient client = new SSHClient(settings.sshConfig);
        client.setSocketFactory(new Connected(socket));
        client.addHostKeyVerifier(hostKeyCheck);
        // The deadline is watched by the caller's thread; what the library watches must not come first.
        int never = Math.toIntExact(settings.totalTimeout.plusSeconds(60).toMillis());
        client.getTransport().setTimeoutMs(never);
        client.getConnection().setTimeoutMs(never);
        client.getConnection().setWindowSize(WINDOW);
        client.getTransport().setDisconnectListener(this::disconnected);
        return client;
    }

    private void disconnected(DisconnectReason reason, @Nullable String message) {
        synchronized (lock) {
            if (!disconnected) {
                disconnected = true;
                disconnectReason = reason;
                disconnectMessage = message;
                disconnectedAt = System.nanoTime();
                lock.notifyAll();
            }
        }
    }

    /** The library's own answer lags behind: it tells those who wait before it marks itself as closed. */
    private boolean isConnected() {
        synchronized (lock) {
            return !disconnected && socket.lost() == null && !socket.isClosed();
        }
    }

    /** Tries the second way to log in only if the host has not even looked at the first: guesses are counted. */
    private void authenticate(SSHClient client) throws IOException, StepFailure {
        UserAuthException last = null;
        for (AuthMethod method : settings.credentials.authMethods()) {
            try {
                client.auth(settings.user, method);
                return;
            } catch (UserAuthException e) {
                last = e;
                if (!isConnected() || client.getUserAuth().getAllowedMethods().contains(method.getName())) {
                    break;
                }
            }
        }
        if (!isConnected()) {
            throw Objects.requireNonNull(last);
        }
        Collection<String> allowed = client.getUserAuth().getAllowedMethods();
        String more = client.getUserAuth().hadPartialSuccess()
                ? "accepts %s for user %s but wants more"
                : "does not accept %s for user %s";
        throw new StepFailure(
                Kind.AUTHENTICATION_FAILED,
                "the host %s; it takes: %s"
                        .formatted(
                                more.formatted(settings.credentials, settings.user),
                                Escaped.text(String.join(", ", allowed), 256)),
                last);
    }

    private byte[] execute(SSHClient client) throws IOException, StepFailure {
        CommandChannel channel = CommandChannel.start(client, ShellWord.quote(settings.remotePath), settings.maxStderr);
        agent = channel;
        IOException deaf = null;
        try (OutputStream stdin = channel.getOutputStream()) {
            init.writeTo(stdin);
            stdin.flush();
        } catch (IOException e) {
            // An agent that fails early may not have listened; why it failed matters more.
            deaf = e;
        }
        try {
            byte[] stdout = readAnswer(channel);
            String problem = channel.end();
            if (problem == null) {
                return stdout;
            }
            String said = error(stdout);
            throw new StepFailure(
                    Kind.AGENT_FAILED, "the agent " + problem + (said == null ? output(stdout) : " and says: " + said));
        } catch (IOException | StepFailure e) {
            if (deaf != null && deaf != e) {
                e.addSuppressed(deaf);
            }
            throw e;
        }
    }

    private byte[] readAnswer(CommandChannel channel) throws IOException, StepFailure {
        InputStream stdout = channel.getInputStream();
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        byte[] chunk = new byte[8 * 1024];
        for (int count; (count = stdout.read(chunk)) >= 0; ) {
            if (answer.size() + count > settings.maxStdout) {
                throw new StepFailure(
                        Kind.BAD_ANSWER, "the agent wrote more than " + settings.maxStdout + " bytes to stdout");
            }
            answer.write(chunk, 0, count);
        }
        return answer.toByteArray();
    }

    private static @Nullable String error(byte[] stdout) {
        try {
            TakeoverResponse response = Answer.read(stdout).response();
            return response.hasError() ? quoted(response.getError().getMessage()) : null;
        } catch (InvalidProtocolBufferException e) {
            return null;
        }
    }

    /** What is on standard output that is no answer: of a shell that lets nobody in, say. */
    private static String output(byte[] stdout) {
        return stdout.length == 0 ? "" : "; its output begins with \"" + Escaped.bytes(stdout, MAX_OUTPUT) + "\"";
    }

    private static String quoted(String said) {
        return "\"" + Escaped.text(said, MAX_SAID) + "\"";
    }

    private static List<String> warnings(Answer answer) {
        List<String> warnings = new ArrayList<>();
        for (String warning : answer.response().getSuccess().getWarningList()) {
            warnings.add(Escaped.text(warning, MAX_WARNING));
        }
        if (answer.moreWarnings() > 0) {
            warnings.add("and " + answer.moreWarnings() + " more");
        }
        return warnings;
    }

    private Answer check(byte[] answer) throws StepFailure {
        Answer read;
        try {
            read = Answer.read(answer);
        } catch (InvalidProtocolBufferException e) {
            throw new StepFailure(
                    Kind.BAD_ANSWER,
                    "the agent's answer of " + answer.length + " bytes is no TakeoverResponse: " + e.getMessage()
                            + output(answer),
                    e);
        }
        TakeoverResponse response = read.response();
        switch (response.getResultCase()) {
            case SUCCESS -> {}
            case ERROR ->
                throw new StepFailure(
                        Kind.AGENT_FAILED,
                        "the agent says: " + quoted(response.getError().getMessage()));
            case RESULT_NOT_SET ->
                throw new StepFailure(
                        Kind.BAD_ANSWER,
                        "the agent's answer of " + answer.length + " bytes is neither success nor error"
                                + output(answer));
        }
        TakeoverSuccess success = response.getSuccess();
        if (!success.getInitMessage().equals(init)) {
            throw new StepFailure(
                    Kind.BAD_ANSWER,
                    "the agent's answer is to another init message: it was told machine %s and endpoint %s, and repeats machine %s and endpoint %s%s"
                            .formatted(
                                    init.getMachineId(),
                                    quoted(init.getBmaasEndpoint()),
                                    quoted(success.getInitMessage().getMachineId()),
                                    quoted(success.getInitMessage().getBmaasEndpoint()),
                                    success.getInitMessage().getCaCertificate().equals(init.getCaCertificate())
                                            ? ""
                                            : " with another CA certificate"));
        }
        try {
            Ed25519Point.check(success.getKey().toByteArray());
        } catch (GeneralSecurityException e) {
            throw new StepFailure(Kind.BAD_ANSWER, "the agent's key is no ed25519 key: " + e.getMessage(), e);
        }
        return read;
    }

    /** Says goodbye, so that the host's log does not speak of a lost connection. */
    private void sayGoodbye(SSHClient client) {
        try {
            client.disconnect();
        } catch (IOException e) {
            log.debug("saying goodbye to {}", target, Escaped.failure(e));
        }
    }

    private TakeoverException explain(Throwable cause) {
        if (cause instanceof StepFailure known) {
            return failed(known.kind(), known.reason(), known.getCause() == null ? known : known.getCause());
        }
        CommandChannel channel = agent;
        if (channel != null && channel.hasOverflow()) {
            return failed(
                    Kind.AGENT_FAILED, "the agent wrote more than " + settings.maxStderr + " bytes to stderr", cause);
        }
        if (socket.isFlooded()) {
            return failed(Kind.PROTOCOL, "the host sends without end: " + words(cause), cause);
        }
        String violation = hostKeyCheck.violation();
        if (violation != null) {
            return failed(Kind.PROTOCOL, violation, cause);
        }
        String mismatch = hostKeyCheck.mismatch();
        if (mismatch != null) {
            return failed(Kind.HOST_KEY_MISMATCH, mismatch, cause);
        }
        if (socket.isTalkative()) {
            return failed(Kind.PROTOCOL, "the host does not speak SSH: it says " + quoted(socket.greeting()), cause);
        }
        DisconnectReason reason;
        String message;
        synchronized (lock) {
            reason = disconnectReason;
            message = disconnectMessage;
        }
        if (reason != null && reason != DisconnectReason.UNKNOWN) {
            // What waited for the host may have wrapped the host's words in some of its own.
            String why = message == null ? words(cause) : Escaped.text(message, MAX_SAID);
            return failed(kind(reason), "the connection ended with " + reason + ": " + why, cause);
        }
        String lost = socket.lost();
        if (lost != null && step == TakeoverStep.AUTHENTICATE && socket.isClosedByHost()) {
            return failed(
                    Kind.AUTHENTICATION_FAILED,
                    "the host closed the connection instead of letting user " + settings.user + " in with "
                            + settings.credentials,
                    cause);
        }
        if (lost != null) {
            String said = socket.greeting();
            return failed(
                    socket.isSpeaking() ? Kind.TURNED_AWAY : Kind.CONNECTION_LOST,
                    "the connection was lost" + (socket.isIdentified() ? "" : " before the host identified itself")
                            + ": " + lost + (said.isEmpty() ? "" : "; the host said " + quoted(said)),
                    cause);
        }
        return switch (step) {
            case CONNECT, KEY_EXCHANGE, AUTHENTICATE -> failed(Kind.PROTOCOL, words(cause), cause);
            case UPLOAD ->
                failed(
                        Kind.UPLOAD_FAILED,
                        "the agent executable cannot be put at " + quoted(settings.remotePath) + ": " + words(cause),
                        cause);
            case EXECUTE -> failed(Kind.AGENT_FAILED, "the agent cannot be run: " + words(cause), cause);
            case ANSWER -> failed(Kind.BAD_ANSWER, words(cause), cause);
        };
    }

    /** What an SSH server says when it hangs up. It is there, so none of it is a machine that is out of reach. */
    private Kind kind(DisconnectReason reason) {
        return switch (reason) {
            case TOO_MANY_CONNECTIONS, CONNECTION_LOST -> isLoggedIn() ? Kind.CONNECTION_LOST : Kind.TURNED_AWAY;
            case HOST_NOT_ALLOWED_TO_CONNECT, SERVICE_NOT_AVAILABLE, BY_APPLICATION ->
                isLoggedIn()
                        ? Kind.CONNECTION_LOST
                        : step == TakeoverStep.AUTHENTICATE ? Kind.AUTHENTICATION_FAILED : Kind.TURNED_AWAY;
            case AUTH_CANCELLED_BY_USER, NO_MORE_AUTH_METHODS_AVAILABLE, ILLEGAL_USER_NAME ->
                Kind.AUTHENTICATION_FAILED;
            // What OpenSSH says after too many failed logins.
            case PROTOCOL_ERROR -> step == TakeoverStep.AUTHENTICATE ? Kind.AUTHENTICATION_FAILED : Kind.PROTOCOL;
            default -> Kind.PROTOCOL;
        };
    }

    private boolean isLoggedIn() {
        return step.compareTo(TakeoverStep.AUTHENTICATE) > 0;
    }

    /** Returns what the host said while it was logged into, which is where PAM says why it refuses an account. */
    private String saidAtLogin() {
        SSHClient client = ssh;
        if (client == null || step != TakeoverStep.AUTHENTICATE) {
            return "";
        }
        String banner = client.getUserAuth().getBanner().strip();
        return banner.isEmpty() ? "" : "; it says: " + quoted(banner);
    }

    private static String words(Throwable cause) {
        String message = Escaped.text(String.valueOf(cause.getMessage()), MAX_SAID);
        if (cause instanceof SFTPException sftp && sftp.getStatusCode() != Response.StatusCode.UNKNOWN) {
            return "SFTP status " + sftp.getStatusCode() + ", " + quoted(message);
        }
        return cause instanceof SSHException ? message : cause.getClass().getSimpleName() + ", " + message;
    }

    private TakeoverException failed(Kind kind, String reason, @Nullable Throwable cause) {
        CommandChannel channel = agent;
        Duration elapsed = Duration.ofNanos(System.nanoTime() - startedAt);
        return new TakeoverException(
                kind, step, target, elapsed, reason + saidAtLogin(), channel == null ? null : channel.stderr(), cause);
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
