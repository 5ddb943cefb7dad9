package dev.shepherd.benchmarks.torture;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.netcrusher.core.filter.TransformFilter;
import org.netcrusher.core.reactor.NioReactor;
import org.netcrusher.core.throttle.Throttler;
import org.netcrusher.tcp.TcpCrusher;
import org.netcrusher.tcp.TcpCrusherBuilder;

/** What lies between one manager and the database servers, and can be hurt. Safe for use by several threads. */
final class Wire implements AutoCloseable {

    /** How the server says that it has committed. */
    private static final byte[] COMMITTED = "COMMIT\0".getBytes(StandardCharsets.US_ASCII);

    private final NioReactor reactor;
    private final Executor closer;
    private final List<TcpCrusher> crushers = new ArrayList<>();
    private final List<Integer> ports = new ArrayList<>();
    private final AtomicInteger commitsToCut = new AtomicInteger();
    private final AtomicInteger commitsCut = new AtomicInteger();
    private volatile long delayNanos = Throttler.NO_DELAY_NS;

    /**
     * Lays the wire.
     *
     * @param servers the ports of the servers on 127.0.0.1
     * @param closer runs what must not run on the thread that carries the bytes
     */
    Wire(List<Integer> servers, Executor closer) throws IOException {
        this.closer = closer;
        this.reactor = new NioReactor();
        boolean laid = false;
        try {
            for (int server : servers) {
                int port = freePort();
                int index = crushers.size();
                TcpCrusher crusher = TcpCrusherBuilder.builder()
                        .withReactor(reactor)
                        .withBindAddress("127.0.0.1", port)
                        .withConnectAddress("127.0.0.1", server)
                        .withIncomingTransformFilterFactory(client -> cutter(index, client))
                        .withIncomingThrottlerFactory(client -> bytes -> delayNanos)
                        .buildAndOpen();
                crushers.add(crusher);
                ports.add(port);
            }
            laid = true;
        } finally {
            if (!laid) {
                close();
            }
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress("127.0.0.1", 0));
            return socket.getLocalPort();
        }
    }

    /** Drops the answer to a commit, and everything after it, and ends the connection: if that is asked for. */
    private TransformFilter cutter(int index, InetSocketAddress client) {
        return bytes -> {
            if (commitsToCut.get() > 0 && contains(bytes, COMMITTED) && commitsToCut.getAndUpdate(Wire::less) > 0) {
                bytes.position(bytes.limit());
                commitsCut.incrementAndGet();
                closer.execute(() -> crushers.get(index).closeClient(client));
            }
        };
    }

    private static int less(int count) {
        return Math.max(0, count - 1);
    }

    private static boolean contains(ByteBuffer bytes, byte[] wanted) {
        for (int from = bytes.position(); from <= bytes.limit() - wanted.length; from++) {
            int same = 0;
            while (same < wanted.length && bytes.get(from + same) == wanted[same]) {
                same++;
            }
            if (same == wanted.length) {
                return true;
            }
        }
        return false;
    }

    /** Returns the ports that lead to the servers, in their order. */
    List<Integer> ports() {
        return List.copyOf(ports);
    }

    /** Breaks all connections; new ones can be made at once. */
    void reset() {
        crushers.forEach(TcpCrusher::closeAllPairs);
    }

    /** Lets no byte pass and makes no connection, without a word to either side. */
    void freeze() {
        crushers.forEach(TcpCrusher::freeze);
    }

    private void unfreeze() {
        for (TcpCrusher crusher : crushers) {
            if (crusher.isFrozen()) {
                crusher.unfreeze();
            }
        }
    }

    /** Delays each answer. */
    void delay(long millis) {
        delayNanos = TimeUnit.MILLISECONDS.toNanos(millis);
    }

    /** Swallows the answers to the next commits, and breaks their connections. */
    void cutCommits(int count) {
        commitsToCut.set(count);
    }

    /** Returns the number of commits of which the answer was swallowed. */
    int commitsCut() {
        return commitsCut.get();
    }

    /** Lets everything pass. */
    void heal() {
        commitsToCut.set(0);
        delay(0);
        unfreeze();
    }

    @Override
    public void close() {
        crushers.forEach(TcpCrusher::close);
        reactor.close();
    }
}
