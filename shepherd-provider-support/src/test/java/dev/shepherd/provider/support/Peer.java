package dev.shepherd.provider.support;

import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.core.ConditionTimeoutException;
import org.jspecify.annotations.Nullable;

/** The other side of a connection on loopback, which does with its bytes whatever a test wants. */
final class Peer implements AutoCloseable {

    /** What becomes of a request, whose head and body have been read. */
    interface Script {
        void answer(String request, OutputStream out, CountDownLatch closed) throws IOException, InterruptedException;
    }

    final List<String> requests = new CopyOnWriteArrayList<>();

    /** Opens when a request has arrived. */
    final CountDownLatch arrived = new CountDownLatch(1);

    private final AtomicInteger open = new AtomicInteger();
    private static final Pattern CONTENT_LENGTH = Pattern.compile("(?i)\r\ncontent-length: (\\d+)\r\n");

    private final CountDownLatch closed = new CountDownLatch(1);
    private final ServerSocket server;
    private final ExecutorService executor = Executors.newCachedThreadPool();
    private volatile Script script;

    private Peer(ServerSocket server, Script script) {
        this.server = server;
        this.script = script;
    }

    /** Starts one that reads requests, and answers each by the script. */
    static Peer start(Script script) throws IOException {
        return start(new ServerSocket(), script);
    }

    static Peer start(ServerSocket socket, Script script) throws IOException {
        socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 50);
        Peer peer = new Peer(socket, script);
        peer.executor.execute(peer::accept);
        return peer;
    }

    /** Starts one that answers every request with this text. */
    static Peer saying(String answer) throws IOException {
        return start((request, out, closed) -> out.write(answer.getBytes(StandardCharsets.UTF_8)));
    }

    /** An answer with a body, after which the connection may be used again. */
    static String answer(String statusAndHeaders, String body) {
        int length = body.getBytes(StandardCharsets.UTF_8).length;
        return "HTTP/1.1 " + statusAndHeaders + "\r\nContent-Length: " + length + "\r\n\r\n" + body;
    }

    /** Says one thing, and another one again and again until the client hangs up. */
    static Script forEver(String first, String again, int pauseMillis) {
        return (request, out, closed) -> {
            out.write(first.getBytes(StandardCharsets.UTF_8));
            byte[] bytes = again.getBytes(StandardCharsets.UTF_8);
            while (!closed.await(pauseMillis, TimeUnit.MILLISECONDS)) {
                out.write(bytes);
                out.flush();
            }
        };
    }

    void behave(Script next) {
        script = next;
    }

    URI uri(String path) {
        return URI.create("http://127.0.0.1:" + server.getLocalPort() + path);
    }

    int port() {
        return server.getLocalPort();
    }

    /** Tells whether no connection is open, or soon none is. On a slow machine there may have been none. */
    boolean isHungUpOn() {
        try {
            await().until(() -> open.get() == 0);
            return true;
        } catch (ConditionTimeoutException e) {
            return false;
        }
    }

    private void accept() {
        try {
            while (true) {
                Socket socket = server.accept();
                open.incrementAndGet();
                executor.execute(() -> serve(socket));
            }
        } catch (IOException e) {
            // Closed.
        }
    }

    /** Keeps reading while it answers: else a client that hangs up would show no sooner than at the next write. */
    private void serve(Socket socket) {
        try (socket) {
            for (String request = read(socket.getInputStream());
                    request != null;
                    request = read(socket.getInputStream())) {
                requests.add(request);
                arrived.countDown();
                String asked = request;
                executor.execute(() -> answer(asked, socket));
            }
        } catch (IOException e) {
            // A reset, such as of a client that still had something to read.
        } finally {
            open.decrementAndGet();
        }
    }

    private void answer(String request, Socket socket) {
        try {
            script.answer(request, socket.getOutputStream(), closed);
            socket.getOutputStream().flush();
        } catch (IOException e) {
            // The client has hung up.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Reads the head and the body of a request; null at the end of the connection. */
    private static @Nullable String read(InputStream in) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        while (!bytes.toString(StandardCharsets.ISO_8859_1).endsWith("\r\n\r\n")) {
            int read = in.read();
            if (read < 0) {
                return null;
            }
            bytes.write(read);
        }
        Matcher length = CONTENT_LENGTH.matcher(bytes.toString(StandardCharsets.ISO_8859_1));
        if (length.find()) {
            bytes.write(in.readNBytes(Integer.parseInt(length.group(1))));
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws IOException {
        closed.countDown();
        server.close();
        executor.shutdownNow();
    }
}
