package dev.shepherd.benchmarks;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/**
 * The hostile side of {@link FloodBenchmark}, in a process of its own, since it needs as many descriptors as the
 * endpoint. It ends when its time is over, and prints what became of it, as one line of numbers.
 */
final class FloodAttack {

    private static final String FLOODING = "127.0.0.2";
    private static final String SLOW = "127.0.0.3";
    private static final int IDLE_PER_ADDRESS = 50;
    private static final int REPORT_BYTES = 1_000_000;

    private final int port;
    private final long end;
    private final LongAdder taken = new LongAdder();
    private final LongAdder tooMany = new LongAdder();
    private final LongAdder others = new LongAdder();
    private final LongAdder failed = new LongAdder();
    private volatile int idleOpen;
    private volatile long slowOpened;

    private FloodAttack(int port, long seconds) {
        this.port = port;
        this.end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    }

    /** Arguments: port, agent, seconds, flooding connections, idle connections, slow connections a second. */
    public static void main(String[] args) throws Exception {
        FloodAttack attack = new FloodAttack(Integer.parseInt(args[0]), Long.parseLong(args[2]));
        SigningAgent agent = SigningAgent.of(args[1]);
        List<Thread> threads = new ArrayList<>();
        int flooding = Integer.parseInt(args[3]);
        for (int i = 0; i < flooding; i++) {
            boolean reports = i % 2 == 0;
            threads.add(new Thread(() -> attack.flood(agent, reports), "flood-" + i));
        }
        int idle = Integer.parseInt(args[4]);
        threads.add(new Thread(() -> attack.idle(idle), "idle"));
        int slow = Integer.parseInt(args[5]);
        threads.add(new Thread(() -> attack.slow(slow), "slow"));
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        System.out.println(attack.taken + " " + attack.tooMany + " " + attack.others + " " + attack.failed + " "
                + attack.idleOpen + " " + attack.slowOpened);
    }

    private boolean isOver() {
        return System.nanoTime() > end;
    }

    private void flood(SigningAgent agent, boolean reports) {
        Random random = new Random();
        while (!isOver()) {
            try (Socket socket = SigningAgent.connect(FLOODING, port)) {
                InputStream in = new BufferedInputStream(socket.getInputStream());
                while (!isOver()) {
                    socket.getOutputStream().write(agent.request(reports ? report(random) : new byte[0]));
                    int status = SigningAgent.status(in);
                    (status == 200 ? taken : status == 429 ? tooMany : others).increment();
                }
            } catch (IOException e) {
                failed.increment();
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** An AgentRequest with a hardware report that no other resembles. */
    private static byte[] report(Random random) {
        byte[] body = new byte[REPORT_BYTES];
        random.nextBytes(body);
        int length = REPORT_BYTES - 4;
        body[0] = 0x0a;
        body[1] = (byte) (length & 0x7f | 0x80);
        body[2] = (byte) (length >> 7 & 0x7f | 0x80);
        body[3] = (byte) (length >> 14);
        return body;
    }

    private SocketChannel open(String from) throws IOException {
        SocketChannel channel = SocketChannel.open();
        channel.bind(new InetSocketAddress(InetAddress.getByName(from), 0));
        channel.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        channel.configureBlocking(false);
        return channel;
    }

    private static boolean isOpen(SocketChannel channel, ByteBuffer buffer) {
        try {
            buffer.clear();
            if (channel.read(buffer) >= 0) {
                return true;
            }
            channel.close();
        } catch (IOException e) {
            closeQuietly(channel);
        }
        return false;
    }

    private static void closeQuietly(SocketChannel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            // It is gone either way.
        }
    }

    /** Keeps so many connections open that send nothing; those that are closed are opened again. */
    private void idle(int count) {
        SocketChannel[] channels = new SocketChannel[count];
        ByteBuffer buffer = ByteBuffer.allocate(64);
        while (!isOver()) {
            int open = 0;
            for (int i = 0; i < count && !isOver(); i++) {
                try {
                    if (channels[i] == null || !isOpen(channels[i], buffer)) {
                        channels[i] = open(
                                "127.0." + (1 + i / IDLE_PER_ADDRESS / 250) + "." + (1 + i / IDLE_PER_ADDRESS % 250));
                    }
                    open++;
                } catch (IOException e) {
                    failed.increment();
                }
            }
            idleOpen = open;
        }
    }

    /** Opens so many connections a second that send the beginning of a request and no more. */
    private void slow(int perSecond) {
        Deque<SocketChannel> channels = new ArrayDeque<>();
        ByteBuffer begin = ByteBuffer.wrap("POST /v1/ag".getBytes(StandardCharsets.US_ASCII));
        long next = System.nanoTime();
        try {
            while (!isOver()) {
                try {
                    SocketChannel channel = open(SLOW);
                    channels.add(channel);
                    channel.write(begin.duplicate());
                    slowOpened++;
                } catch (IOException e) {
                    failed.increment();
                }
                if (channels.size() > 10 * perSecond) {
                    closeQuietly(channels.remove());
                }
                next += TimeUnit.SECONDS.toNanos(1) / perSecond;
                TimeUnit.NANOSECONDS.sleep(next - System.nanoTime());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
