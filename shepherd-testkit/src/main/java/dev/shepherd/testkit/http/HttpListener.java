package dev.shepherd.testkit.http;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;

/**
 * Accepts connections on loopback, and reads requests of HTTP/1.1 from them, one after the other. What is answered, if
 * anything, is up to a {@link Handler}.
 *
 * <p>Each connection has a thread, and there are at most {@value #MOST_CONNECTIONS}: one more takes the place of the one
 * that has been idle for longest, or waits until one ends where none is idle. Safe for use by several threads.
 */
public final class HttpListener implements AutoCloseable {

    /** The most connections at a time. */
    public static final int MOST_CONNECTIONS = 256;

    private static final long CLOSE_SECONDS = 10;
    private static final int DRAIN_MILLIS = 1_000;

    /** Answers requests. */
    @FunctionalInterface
    public interface Handler {

        /**
         * Answers one, or does not. If this throws, the connection is closed.
         *
         * @return whether the connection may stay open for the next one
         */
        boolean handle(HttpMessage request, Connection connection) throws IOException, InterruptedException;
    }

    private final ServerSocket server;
    private final String scheme;
    private final @Nullable SSLContext tls;
    private final String[] protocols;
    private final ExecutorService executor;
    private final Object lock = new Object();
    private final Set<Connection> connections = new HashSet<>();
    private final long started = System.nanoTime();
    private boolean closed;

    /**
     * Takes a free port. Connections that come before it is started wait.
     *
     * @param threads what the names of threads start with
     * @param tls the certificate and key of HTTPS; null for HTTP
     * @param protocols the versions of TLS that are spoken, such as {@code TLSv1.2}; none for those of the JDK
     * @throws UncheckedIOException if there is no free port
     */
    public HttpListener(String threads, @Nullable SSLContext tls, String... protocols) {
        this.tls = tls;
        this.protocols = protocols.clone();
        scheme = tls == null ? "http" : "https";
        try {
            server = new ServerSocket();
            server.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), MOST_CONNECTIONS);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot listen on loopback", e);
        }
        executor = Executors.newCachedThreadPool(threads(threads));
    }

    /** Starts to accept connections, once. */
    public void start(Handler handler) {
        executor.execute(() -> accept(handler));
    }

    /** Makes daemon threads with numbered names. */
    static ThreadFactory threads(String prefix) {
        AtomicInteger count = new AtomicInteger();
        return task -> {
            Thread thread = new Thread(task, prefix + count.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        };
    }

    static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            // It is closed all the same.
        }
    }

    /** Returns where it listens, such as {@code http://127.0.0.1:4711}. */
    public String origin() {
        return scheme + "://127.0.0.1:" + server.getLocalPort();
    }

    private void accept(Handler handler) {
        try {
            boolean open = true;
            while (open) {
                Socket socket = server.accept();
                open = false;
                try {
                    open = begin(new Connection(socket), handler);
                } finally {
                    if (!open) {
                        close(socket);
                    }
                }
            }
        } catch (IOException e) {
            // The server socket was closed.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private boolean begin(Connection connection, Handler handler) throws InterruptedException {
        synchronized (lock) {
            while (connections.size() >= MOST_CONNECTIONS && !closed) {
                Optional<Connection> idle = connections.stream()
                        .filter(each -> each.idle)
                        .min(Comparator.comparingLong(each -> each.idleSince));
                if (idle.isPresent()) {
                    connections.remove(idle.get());
                    close(idle.get().socket);
                } else {
                    lock.wait();
                }
            }
            if (!closed) {
                connections.add(connection);
                executor.execute(() -> serve(connection, handler));
            }
            return !closed;
        }
    }

    private void serve(Connection connection, Handler handler) {
        try (Socket socket = connection.socket;
                Socket secured = secured(socket)) {
            socket.setTcpNoDelay(true);
            InputStream in = new BufferedInputStream(secured.getInputStream());
            connection.out = secured.getOutputStream();
            boolean open = true;
            while (open && connection.awaitRequest(in)) {
                open = serve(in, connection, handler);
            }
        } catch (IOException e) {
            // The client has gone, or was sent away.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            synchronized (lock) {
                connections.remove(connection);
                lock.notifyAll();
            }
        }
    }

    private boolean serve(InputStream in, Connection connection, Handler handler)
            throws IOException, InterruptedException {
        HttpMessage request;
        try {
            request = HttpMessage.readRequest(in, connection.out);
        } catch (HttpMessage.MalformedException e) {
            String error = String.valueOf(e.getMessage()).replaceAll("[^ -~]|[\"\\\\]", "?");
            HttpMessage answer = HttpMessage.answer(e.status(), "Refused", "{\"error\": \"" + error + "\"}")
                    .withLength()
                    .with("Connection", "close");
            connection.send(answer.head(), answer.body());
            connection.drain(in);
            return false;
        }
        return handler.handle(request, connection) && request.keepsAlive();
    }

    private Socket secured(Socket socket) throws IOException {
        if (tls == null) {
            return socket;
        }
        SSLSocket secured = (SSLSocket) tls.getSocketFactory()
                .createSocket(socket, socket.getInetAddress().getHostAddress(), socket.getPort(), true);
        secured.setUseClientMode(false);
        if (protocols.length > 0) {
            secured.setEnabledProtocols(protocols);
        }
        return secured;
    }

    /** Stops listening, ends all connections, and waits at most 10 s for the threads to end. Closing twice is allowed. */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
            connections.forEach(connection -> close(connection.socket));
            lock.notifyAll();
        }
        try {
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot stop listening on " + server, e);
        }
        executor.shutdownNow();
        try {
            executor.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A connection of a client. For the thread of its handler only. */
    public final class Connection {
        private final Socket socket;
        private OutputStream out = OutputStream.nullOutputStream();
        private boolean idle;
        private long idleSince;

        private Connection(Socket socket) {
            this.socket = socket;
        }

        private boolean awaitRequest(InputStream in) throws IOException {
            setIdle(true);
            in.mark(1);
            boolean comes = in.read() >= 0;
            in.reset();
            return setIdle(false) && comes;
        }

        /** Returns false if the connection was closed meanwhile to make room. */
        private boolean setIdle(boolean isIdle) {
            synchronized (lock) {
                idle = isIdle;
                idleSince = System.nanoTime() - started;
                lock.notifyAll();
                return connections.contains(this);
            }
        }

        /** Sends bytes at once, whatever they are. */
        public void send(byte[]... parts) throws IOException {
            for (byte[] part : parts) {
                out.write(part);
            }
            out.flush();
        }

        /** Ends the connection by a TCP RST, which its client sees as "Connection reset". */
        public void reset() throws IOException {
            socket.setSoLinger(true, 0);
            socket.close();
        }

        /** Reads on what is sent and not wanted: closed with bytes unread, the connection would be reset. */
        private void drain(InputStream in) throws IOException {
            socket.setSoTimeout(DRAIN_MILLIS);
            for (long left = HttpMessage.MAX_BODY; left > 0; ) {
                long skipped = in.readNBytes((int) Math.min(left, 1 << 16)).length;
                if (skipped == 0) {
                    return;
                }
                left -= skipped;
            }
        }
    }
}
