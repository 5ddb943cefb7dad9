package dev.shepherd.manager.takeover;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/** A wire to a server, on which something happens when the server has sent so many bytes in one connection. */
final class Wire implements AutoCloseable {

    /** What can happen. */
    enum Mishap {
        /** The connection is closed. */
        CLOSE,
        /** The connection is reset. */
        RESET,
        /** Nothing more arrives in either direction. */
        SILENCE,
        /** A byte arrives as another. */
        FLIP
    }

    private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final int server;
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private final AtomicLong passed = new AtomicLong();
    private volatile Mishap mishap = Mishap.CLOSE;
    private volatile long after = Long.MAX_VALUE;

    Wire(int server) throws IOException {
        this.server = server;
        start(this::accept);
    }

    TakeoverTarget target() {
        return TakeoverFixture.target(listener.getInetAddress(), listener.getLocalPort())
                .build();
    }

    /** Lets something happen to each connection from now on. */
    void spoil(Mishap how, long afterBytes) {
        mishap = how;
        after = afterBytes;
    }

    /** Returns how many bytes the server has sent in the last connection. */
    long passed() {
        return passed.get();
    }

    private static void start(Runnable task) {
        Thread thread = new Thread(task, "wire");
        thread.setDaemon(true);
        thread.start();
    }

    private void accept() {
        try {
            while (true) {
                Socket client = listener.accept();
                Socket host = new Socket();
                sockets.addAll(List.of(client, host));
                host.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server));
                client.setTcpNoDelay(true);
                host.setTcpNoDelay(true);
                passed.set(0);
                start(() -> copy(client, host, false));
                start(() -> copy(host, client, true));
            }
        } catch (IOException e) {
            // Closed.
        }
    }

    private void copy(Socket from, Socket to, boolean counted) {
        byte[] buffer = new byte[8192];
        try (from;
                to) {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            for (int count; (count = in.read(buffer)) >= 0; ) {
                if (!counted) {
                    out.write(buffer, 0, count);
                    continue;
                }
                long left = after - passed.getAndAdd(count);
                if (left < 0 || left >= count) {
                    out.write(buffer, 0, count);
                } else if (mishap == Mishap.FLIP) {
                    buffer[(int) left] ^= 0x20;
                    out.write(buffer, 0, count);
                } else {
                    out.write(buffer, 0, (int) left);
                    if (mishap == Mishap.SILENCE) {
                        // The client hears nothing more, and is the one to hang up.
                        while (in.read(buffer) >= 0) {}
                    } else if (mishap == Mishap.RESET) {
                        to.setSoLinger(true, 0);
                    }
                    return;
                }
            }
        } catch (IOException e) {
            // One of them is gone, and so the other goes.
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        for (Socket socket : sockets) {
            socket.close();
        }
    }
}
