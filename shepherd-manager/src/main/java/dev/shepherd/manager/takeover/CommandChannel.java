package dev.shepherd.manager.takeover;

import dev.shepherd.api.internal.Escaped;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import net.schmizz.sshj.SSHClient;
import net.schmizz.sshj.common.SSHException;
import net.schmizz.sshj.common.SSHPacket;
import net.schmizz.sshj.connection.Connection;
import net.schmizz.sshj.connection.ConnectionException;
import net.schmizz.sshj.connection.channel.OpenFailException;
import net.schmizz.sshj.connection.channel.direct.SessionChannel;
import org.jspecify.annotations.Nullable;

/**
 * A command that runs on the host. Its stderr shares the window of its stdout, so both must be read at once, or a
 * command that writes much to one of them stalls the other. This one reads stderr as it comes, in the library's own
 * thread, and keeps its end.
 */
final class CommandChannel extends SessionChannel {

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

    private CommandChannel(Connection connection, int maxStderr) {
        super(connection);
        this.maxStderr = maxStderr;
    }

    /** Opens a channel and starts a command in it. */
    static CommandChannel start(SSHClient client, String command, int maxStderr) throws SSHException {
        for (int attempt = 1; ; attempt++) {
            CommandChannel channel = new CommandChannel(client.getConnection(), maxStderr);
            try {
                channel.open();
                channel.exec(command);
                return channel;
            } catch (OpenFailException e) {
                if (attempt == OPEN_ATTEMPTS) {
                    throw e;
                }
            }
        }
    }

    /** Waits until the host has closed the channel, and tells how the command ended; null if well. */
    @Nullable
    String end() throws SSHException {
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

    boolean hasOverflow() {
        return overflow;
    }

    /** Returns the last 4 KiB of stderr with control characters escaped, or null if there was nothing. */
    synchronized @Nullable String stderr() {
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
