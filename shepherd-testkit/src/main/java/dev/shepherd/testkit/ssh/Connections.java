package dev.shepherd.testkit.ssh;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.CompletionHandler;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.apache.sshd.common.io.IoSession;
import org.apache.sshd.common.io.nio2.Nio2Session;
import org.apache.sshd.common.session.helpers.AbstractSession;
import org.apache.sshd.common.util.Readable;
import org.apache.sshd.common.util.buffer.ByteArrayBuffer;
import org.apache.sshd.server.ServerFactoryManager;
import org.apache.sshd.server.session.ServerSessionImpl;
import org.apache.sshd.server.session.SessionFactory;
import org.jspecify.annotations.Nullable;

/**
 * Meets every connection: makes it one of its host, and either lets Apache MINA speak SSH on it or, in the
 * moods that never get that far, does the little that is to be done itself.
 */
final class Connections extends SessionFactory {

    /** What a host calls itself, after {@code SSH-2.0-}. */
    static final String IDENTIFICATION = "shepherd-testkit";

    private final SshHosts hosts;

    Connections(ServerFactoryManager server, SshHosts hosts) {
        super(server);
        this.hosts = hosts;
    }

    @Override
    public void sessionCreated(IoSession connection) throws Exception {
        SshHost host = hosts.at(connection.getAcceptanceAddress());
        if (host == null || !host.opened(connection)) {
            connection.close(true);
            return;
        }
        switch (host.mood()) {
            case HANG_BEFORE_BANNER -> {}
            case HANG_AFTER_BANNER -> send(connection, "SSH-2.0-" + IDENTIFICATION + "\r\n");
            case DROP_BEFORE_AUTHENTICATION ->
                connection
                        .writeBuffer(bytes("Exceeded MaxStartups\r\n"))
                        .addListener(written -> connection.close(true));
            case GARBAGE -> connection.writeBuffer(new ByteArrayBuffer(garbage()));
            case REFUSE -> connection.close(true);
            default -> super.sessionCreated(connection);
        }
    }

    @Override
    protected ServerSessionImpl doCreateSession(IoSession connection) throws Exception {
        SshHost host = hosts.at(connection.getAcceptanceAddress());
        if (host == null) {
            throw new IOException("the host on " + connection.getAcceptanceAddress() + " is closed");
        }
        return new HostSession(getServer(), connection, host);
    }

    @Override
    public void messageReceived(IoSession connection, Readable message) throws Exception {
        if (AbstractSession.getSession(connection, true) != null) {
            super.messageReceived(connection, message);
        }
    }

    @Override
    public void exceptionCaught(IoSession connection, Throwable cause) throws Exception {
        if (AbstractSession.getSession(connection, true) != null) {
            super.exceptionCaught(connection, cause);
        }
    }

    @Override
    public void sessionClosed(IoSession connection) throws Exception {
        SshHost host = hosts.at(connection.getAcceptanceAddress());
        if (host != null) {
            host.closed(connection);
        }
        if (AbstractSession.getSession(connection, true) != null) {
            super.sessionClosed(connection);
        }
    }

    /**
     * Makes the kernel send a TCP RST. A socket channel of NIO.2 cannot linger for no time; but closing it
     * while bytes are there that were not read comes to the same. So one byte of the client's next packet is
     * read, and no more. Called on the thread that reads the connection.
     */
    static void reset(IoSession connection) {
        connection.suspendRead();
        AsynchronousSocketChannel socket = ((Nio2Session) connection).getSocket();
        socket.read(ByteBuffer.allocate(1), null, new CompletionHandler<Integer, @Nullable Void>() {
            @Override
            public void completed(Integer count, @Nullable Void attachment) {
                connection.close(true);
            }

            @Override
            public void failed(Throwable cause, @Nullable Void attachment) {
                connection.close(true);
            }
        });
    }

    private static void send(IoSession connection, String text) throws IOException {
        connection.writeBuffer(bytes(text));
    }

    private static ByteArrayBuffer bytes(String text) {
        return new ByteArrayBuffer(text.getBytes(StandardCharsets.US_ASCII));
    }

    /** The same bytes each time, none of which ends a line. */
    private static byte[] garbage() {
        byte[] garbage = new byte[4096];
        new Random(4096).nextBytes(garbage);
        for (int i = 0; i < garbage.length; i++) {
            if (garbage[i] == '\n' || garbage[i] == '\r' || garbage[i] == 'S') {
                garbage[i] = 0;
            }
        }
        return garbage;
    }
}
