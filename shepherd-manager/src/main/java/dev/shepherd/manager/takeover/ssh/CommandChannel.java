package dev.shepherd.manager.takeover.ssh;

import dev.shepherd.api.internal.Escaped;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import net.schmizz.sshj.SSHClient;
import net.schmizz.sshj.common.SSHException;
import net.schmizz.sshj.common.SSHPacket;
import net.schmizz.sshj.common.SSHRuntimeException;
import net.schmizz.sshj.connection.Connection;
import net.schmizz.sshj.connection.ConnectionException;
import net.schmizz.sshj.connection.channel.OpenFailException;
import net.schmizz.sshj.connection.channel.direct.SessionChannel;
import net.schmizz.sshj.transport.TransportException;
import org.jspecify.annotations.Nullable;

/**
 * A command that runs on the host. Its stderr shares the window of its stdout, so both must be read at once, or a
 * command that writes much to one of them stalls the other. This one reads stderr as it comes, in the library's own
 * thread, and keeps its end.
 */
final class CommandChannel extends SessionChannel implements RemoteCommand {

    private static final int KEPT = 4 * 1024;

    /**
     * OpenSSH may count a session for a moment after it has closed it, so that one after another is too many where it
     * allows just one. Each attempt takes it a turn further.
     */
    private static final int OPEN_ATTEMPTS = 10;

    private final int maxStderr;
    private final byte[] tail = new byte[KEPT];
    private long written;
    private volatile boolean overflow;
    private boolean confirmed;

    /** How long a program may take to say its last words and end. */
    private static final long LAST_WORDS_MILLIS = 5_000;

    /** How long a host may take to end what has nothing more to read, and to confirm that a channel is closed. */
    private static final long CLOSE_MILLIS = 2_000;

    /** The library never comes to an end of writing to a host that takes packets of no byte. */
    private static final int MIN_PACKET = 1024;

    private CommandChannel(Connection connection, int maxStderr) {
        super(connection);
        this.maxStderr = maxStderr;
    }

    /** Opens a channel and starts a command in it. */
    static CommandChannel start(SSHClient client, String command, int maxStderr) throws SSHException {
        CommandChannel channel = open(client, maxStderr);
        channel.exec(command);
        return channel;
    }

    /** Opens a channel and starts one of the server's subsystems in it. */
    static CommandChannel startSubsystem(SSHClient client, String name, int maxStderr) throws SSHException {
        CommandChannel channel = open(client, maxStderr);
        try {
            channel.startSubsystem(name);
            return channel;
        } catch (SSHException e) {
            channel.close();
            throw e;
        }
    }

    private static CommandChannel open(SSHClient client, int maxStderr) throws SSHException {
        for (int attempt = 1; ; attempt++) {
            CommandChannel channel = new CommandChannel(client.getConnection(), maxStderr);
            try {
                channel.open();
                return channel;
            } catch (OpenFailException e) {
                if (attempt == OPEN_ATTEMPTS) {
                    throw e;
                }
            }
        }
    }

    /** Takes the host's word for how much it takes at a time, once and if that is something. */
    @Override
    protected void init(int recipient, long remoteWindow, long remoteMaxPacket) {
        if (confirmed || remoteMaxPacket < MIN_PACKET) {
            throw new SSHRuntimeException(
                    confirmed
                            ? "the host opened a channel twice"
                            : "the host takes packets of " + remoteMaxPacket + " bytes, under " + MIN_PACKET);
        }
        confirmed = true;
        super.init(recipient, remoteWindow, remoteMaxPacket);
    }

    /** Waits for a moment for the program to end; what it writes meanwhile is kept as far as the window reaches. */
    void awaitEnd() {
        awaitEnd(CLOSE_MILLIS);
    }

    private void awaitEnd(long millis) {
        try {
            join(millis, TimeUnit.MILLISECONDS);
        } catch (ConnectionException e) {
            log.debug("the program does not end, or was cut off", e);
        }
    }

    /**
     * Returns what a program writes to its standard output that is about to end, without waiting for one that is not.
     */
    byte[] lastWords(int maxLength) throws IOException {
        awaitEnd(LAST_WORDS_MILLIS);
        return read(Math.min(getInputStream().available(), maxLength));
    }

    /**
     * Reads from the program's standard output: so many bytes, or fewer if it ends before. The stream's own method for
     * that asks for no byte after the last one, and the library lets it wait for that.
     */
    byte[] read(int length) throws IOException {
        byte[] bytes = new byte[length];
        int count = getInputStream().readNBytes(bytes, 0, length);
        return count == length ? bytes : Arrays.copyOf(bytes, count);
    }

    /** Closes the channel. A host that does not confirm it, as OpenSSH while the command hangs, is not waited for. */
    @Override
    public void close() throws TransportException {
        if (isOpen()) {
            sendClose();
            awaitEnd();
        }
    }

    @Override
    public @Nullable String end() throws SSHException {
        join();
        if (getExitSignal() != null) {
            return "was killed by signal " + getExitSignal();
        }
        Integer status = getExitStatus();
        if (status == null) {
            return "ended without an exit status";
        }
        return status == 0 ? null : "ended with exit status " + status;
    }

    @Override
    protected void gotExtendedData(SSHPacket packet) throws SSHException {
        super.gotExtendedData(packet);
        byte[] chunk = new byte[KEPT];
        try {
            InputStream stderr = getErrorStream();
            while (stderr.available() > 0) {
                keep(chunk, stderr.read(chunk, 0, chunk.length));
            }
        } catch (IOException e) {
            throw SSHException.chainer.chain(e);
        }
        if (overflow) {
            throw new ConnectionException("too much on stderr");
        }
    }

    private synchronized void keep(byte[] chunk, int count) {
        for (int i = 0; i < count; i++) {
            tail[(int) (written++ % KEPT)] = chunk[i];
        }
        overflow = written > maxStderr;
    }

    @Override
    public boolean hasOverflow() {
        return overflow;
    }

    @Override
    public synchronized @Nullable String stderr() {
        if (written == 0) {
            return null;
        }
        int length = (int) Math.min(written, KEPT);
        byte[] ordered = new byte[length];
        for (int i = 0; i < length; i++) {
            ordered[i] = tail[(int) ((written - length + i) % KEPT)];
        }
        String text = Escaped.text(new String(ordered, StandardCharsets.UTF_8).strip(), KEPT);
        return written > KEPT ? "…" + text : text;
    }
}
