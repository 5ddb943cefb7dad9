package dev.shepherd.bmdb;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** A wire to the database that can be cut, frozen and healed. */
public final class TcpProxy implements AutoCloseable {

    private enum State {
        /** Bytes pass. */
        HEALTHY,
        /** Bytes wait, as behind a firewall that drops packets. New connections are accepted, and wait too. */
        FROZEN,
        /** Connections are reset, new ones as soon as they are made. */
        CUT,
        /** The next answer of the server is seen and dropped, and its connection reset. */
        SWALLOWING,
        /** What clients send is dropped, and their side reset, but the server's side stays open. */
        HALF_CUT
    }

    private final InetSocketAddress target;
    private final ServerSocket listening;
    private final Set<Wire> wires = ConcurrentHashMap.newKeySet();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final AtomicInteger refused = new AtomicInteger();
    private State state = State.HEALTHY;

    /** Stands before the server of a JDBC URL. */
    public TcpProxy(String url) throws IOException {
        URI uri = URI.create(url.substring("jdbc:".length()));
        target = new InetSocketAddress(uri.getHost(), uri.getPort());
        listening = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        daemon("accept", this::accept);
    }

    /** Returns the URL with this proxy in the place of the server. */
    public String url(String url) {
        return url.replaceFirst("//[^/]+/", "//127.0.0.1:" + listening.getLocalPort() + "/");
    }

    public void freeze() {
        become(State.FROZEN);
    }

    public void cut() {
        become(State.CUT);
        wires.forEach(Wire::reset);
    }

    /** Returns how many connections were reset as soon as they were made. */
    int refused() {
        return refused.get();
    }

    public void heal() {
        become(State.HEALTHY);
    }

    /** Lets the next request through, drops its answer, resets that connection, and is healthy again. */
    public void swallowNextAnswer() {
        become(State.SWALLOWING);
    }

    /** Drops the next request and resets the client's side; the server sees nothing of it. Then healthy again. */
    void loseNextRequest() {
        become(State.HALF_CUT);
    }

    private void become(State next) {
        lock.lock();
        try {
            state = next;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Waits while frozen. Returns the state then. */
    private State state() throws InterruptedException {
        lock.lock();
        try {
            while (state == State.FROZEN) {
                changed.await();
            }
            return state;
        } finally {
            lock.unlock();
        }
    }

    private void accept() {
        while (!listening.isClosed()) {
            try {
                Socket client = listening.accept();
                daemon("connect", () -> connect(client));
            } catch (IOException e) {
                return;
            }
        }
    }

    private void connect(Socket client) {
        try {
            if (state() == State.CUT) {
                refused.incrementAndGet();
                reset(client);
                return;
            }
            Socket server = new Socket();
            server.connect(target);
            server.setTcpNoDelay(true);
            client.setTcpNoDelay(true);
            Wire wire = new Wire(client, server);
            wires.add(wire);
            // A cut may have come while the server was being connected to, and have missed this one.
            if (state() == State.CUT) {
                wire.reset();
                return;
            }
            daemon("to server", () -> wire.pump(client, server, true));
            daemon("to client", () -> wire.pump(server, client, false));
        } catch (IOException | InterruptedException e) {
            reset(client);
        }
    }

    private final class Wire {
        private final Socket client;
        private final Socket server;

        Wire(Socket client, Socket server) {
            this.client = client;
            this.server = server;
        }

        void pump(Socket from, Socket to, boolean toServer) {
            byte[] buffer = new byte[16_384];
            try {
                InputStream in = from.getInputStream();
                OutputStream out = to.getOutputStream();
                for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                    State now = state();
                    if (now == State.SWALLOWING && !toServer) {
                        heal();
                        break;
                    }
                    if (now == State.HALF_CUT && toServer) {
                        heal();
                        TcpProxy.reset(client);
                        return; // The server's side stays, as after a cable was cut.
                    }
                    out.write(buffer, 0, read);
                }
            } catch (IOException | InterruptedException e) {
                // The wire is cut.
            }
            reset();
        }

        void reset() {
            wires.remove(this);
            TcpProxy.reset(client);
            TcpProxy.reset(server);
        }
    }

    private static void reset(Socket socket) {
        try {
            socket.setSoLinger(true, 0);
            socket.close();
        } catch (IOException e) {
            // It is gone already.
        }
    }

    private static void daemon(String name, Runnable task) {
        Thread thread = new Thread(task, "proxy " + name);
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void close() throws IOException {
        listening.close();
        cut();
    }
}
