package dev.shepherd.benchmarks.failover;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;

/**
 * The way to the host of one server. The host can die: no packet is answered then, neither of a connection that there is
 * nor of one that is to be made. Safe for use by several threads.
 */
final class HostWire implements AutoCloseable {

    private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();
    private static final int FIRST_PORT = 15_000;
    private static final int LAST_PORT = 30_000;
    private static final int ATTEMPTS = 40;
    private static final int BACKLOG = 50;
    private static final int LONGEST_CONNECT_MILLIS = 200;

    /** More than a queue of one takes. */
    private static final int MOST_TO_FILL = 10;

    private final int server;
    private final int port;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final List<Socket> filling = new ArrayList<>();
    private volatile ServerSocket listening;
    private volatile boolean dead;

    HostWire(int server) throws IOException {
        this.server = server;
        // Below the ports that systems give to outgoing connections, one of which could take this while it is let go
        // of.
        port = ThreadLocalRandom.current().nextInt(FIRST_PORT, LAST_PORT);
        listening = listen(BACKLOG);
        start(() -> accept(listening));
    }

    private ServerSocket listen(int backlog) throws IOException {
        for (int attempt = 1; ; attempt++) {
            ServerSocket socket = new ServerSocket();
            try {
                socket.setReuseAddress(true);
                socket.bind(new InetSocketAddress(LOOPBACK, port), backlog);
                return socket;
            } catch (BindException e) {
                socket.close(); // The one before may take a moment to be gone.
                if (attempt == ATTEMPTS) {
                    throw e;
                }
                LockSupport.parkNanos(50_000_000);
            }
        }
    }

    int port() {
        return port;
    }

    /** Nothing passes any more. Connections are not accepted, and the system drops who asks, since its queue is full. */
    void die() throws IOException {
        dead = true;
        listening.close();
        listening = listen(1);
        for (int i = 0; i < MOST_TO_FILL; i++) {
            Socket socket = new Socket();
            filling.add(socket);
            try {
                socket.connect(new InetSocketAddress(LOOPBACK, port), LONGEST_CONNECT_MILLIS);
            } catch (SocketTimeoutException e) {
                return;
            }
        }
        throw new IOException("this system answers connections to a queue that is full, which no dead host does");
    }

    /** The host is back, and knows nothing of the connections of before. */
    void revive() throws IOException {
        sockets.forEach(HostWire::reset);
        filling.forEach(HostWire::reset);
        filling.clear();
        listening.close();
        dead = false;
        ServerSocket again = listen(BACKLOG);
        listening = again;
        start(() -> accept(again));
    }

    private void accept(ServerSocket on) {
        try {
            while (true) {
                Socket client = on.accept();
                Socket to = new Socket();
                sockets.add(client);
                sockets.add(to);
                try {
                    to.connect(new InetSocketAddress(LOOPBACK, server));
                    client.setTcpNoDelay(true);
                    to.setTcpNoDelay(true);
                    start(() -> pump(client, to));
                    start(() -> pump(to, client));
                } catch (IOException e) {
                    end(client, to);
                }
            }
        } catch (IOException e) {
            // It is dead, or closed.
        }
    }

    private void pump(Socket from, Socket to) {
        byte[] buffer = new byte[16_384];
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                if (dead) {
                    return; // Neither side is told: both stay open.
                }
                out.write(buffer, 0, read);
            }
        } catch (IOException e) {
            // One of the two is gone, and so is the other.
        }
        if (!dead) {
            end(from, to);
        }
    }

    private void end(Socket one, Socket other) {
        sockets.remove(one);
        sockets.remove(other);
        reset(one);
        reset(other);
    }

    private static void reset(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            // It is gone already.
        }
    }

    private static void start(Runnable task) {
        Thread thread = new Thread(task, "failover-wire");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void close() throws IOException {
        listening.close();
        sockets.forEach(HostWire::reset);
        filling.forEach(HostWire::reset);
    }
}
