package dev.shepherd.callback;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.testkit.database.BmdbExtension;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Whatever a machine sends without end, an endpoint with little memory goes on with the others. */
@Tag("slow")
class EndlessRequestsTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private static final int GOOD = 20;
    private static final int CONNECTIONS = 8;
    private static final Duration EACH = Duration.ofSeconds(3);
    private static final Duration ALL = Duration.ofSeconds(20);
    private static final String POST = "POST /v1/agent HTTP/1.1\r\n";

    /** What is sent: a beginning, and then the same again and again. */
    private enum Attack {
        LINE("POST /", "a"),
        NAME_OF_A_HEADER(POST, "a"),
        VALUE_OF_A_HEADER(POST + "X-A: ", "b"),
        HEADERS(POST, "X-A: b\r\n"),
        FOLDED_HEADER(POST + "X-A: b\r\n", " c\r\n"),
        EMPTY_LINES("", "\r\n"),
        LENGTH(POST + "Content-Length: ", "9"),
        BODY("", "x", "Content-Length: 1099511627776\r\n\r\n"),
        SIZE_OF_A_CHUNK("", "0", "Transfer-Encoding: chunked\r\n\r\n"),
        EXTENSION_OF_A_CHUNK("", "a", "Transfer-Encoding: chunked\r\n\r\n1;"),
        CHUNKS("", "1\r\na\r\n", "Transfer-Encoding: chunked\r\n\r\n"),
        TRAILERS("", "X-A: b\r\n", "Transfer-Encoding: chunked\r\n\r\n0\r\n"),
        REQUESTS("", "GET / HTTP/1.1\r\n\r\n"),
        HTTP_2("", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        TLS("", "\u0016\u0003\u0001\u00ff\u00ff"),
        ZEROS("", "\0"),
        HEARTBEATS(new byte[0]),
        REPORTS_OF_ALL_THE_SIZE("\n\u00fb\u00ff\u003f" + "x".repeat((1 << 20) - 5)),
        FIELDS("\u00f8\u0001\u0001".repeat(300_000)),
        GROUPS("\u000b".repeat(1_000_000)),
        FIELD_THAT_CLAIMS_TO_BE_LONG("\n\u00ff\u00ff\u00ff\u00ff\u0007");

        private final String begin;
        private final String again;
        private final String signedHead;
        private final byte[] body;

        Attack(String begin, String again, String signedHead) {
            this(begin, again, signedHead, new byte[0]);
        }

        Attack(String begin, String again) {
            this(begin, again, "", new byte[0]);
        }

        Attack(String body) {
            this(body.getBytes(ISO_8859_1));
        }

        Attack(byte[] body) {
            this("", "", "", body);
        }

        Attack(String begin, String again, String signedHead, byte[] body) {
            this.begin = begin;
            this.again = again;
            this.signedHead = signedHead;
            this.body = body;
        }

        byte[] first(TestMachine machine) throws Exception {
            String signed = signedHead.isEmpty() ? "" : POST + machine.headers(new byte[0]) + signedHead;
            return (begin + signed).getBytes(ISO_8859_1);
        }

        /** Returns some kilobytes of what follows; of whole requests one, signed just now. */
        byte[] next(TestMachine machine) throws Exception {
            return again.isEmpty()
                    ? machine.request(body)
                    : again.repeat(8192 / again.length()).getBytes(ISO_8859_1);
        }
    }

    private final AtomicLong beats = new AtomicLong();
    private final List<Long> millis = Collections.synchronizedList(new ArrayList<>());
    private final List<String> failures = Collections.synchronizedList(new ArrayList<>());
    private volatile boolean ended;

    @Test
    @Timeout(value = 5, unit = TimeUnit.MINUTES)
    void whateverAMachineSendsWithoutAnEndTwentyOthersAreHeardMeanwhileWithin128Mebibytes() throws Exception {
        List<TestMachine> good = new ArrayList<>();
        for (int i = 0; i < GOOD; i++) {
            good.add(TestMachine.recorded(database, "127.0.1." + (i + 1)));
        }
        List<TestMachine> hostile = new ArrayList<>();
        for (int i = 0; i < Attack.values().length; i++) {
            hostile.add(TestMachine.recorded(database, "127.0.2." + (i + 1)));
        }
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-Xmx128m",
                        "-XX:+ExitOnOutOfMemoryError",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Endpoint.class.getName(),
                        database.jdbcUrl())
                .redirectErrorStream(true)
                .start();
        ExecutorService threads = Executors.newCachedThreadPool();
        try {
            BufferedReader output = process.inputReader();
            int port = Integer.parseInt(lineThatBegins("port ", output).substring(5));
            Future<String> end = threads.submit(() -> lineThatBegins("heap: ", output));
            InetSocketAddress endpoint = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
            good.forEach(machine -> threads.execute(() -> beat(machine, endpoint)));
            await().until(() -> beats.get() >= 2 * GOOD);
            millis.clear(); // Those of a JVM that has only just started.

            for (Attack attack : Attack.values()) {
                long before = beats.get();
                List<Attack> one = Collections.nCopies(CONNECTIONS, attack);
                String sent = attack(one, hostile, endpoint, EACH, threads);
                System.out.println(attack + ": " + sent + "; heartbeats meanwhile: " + (beats.get() - before));
            }
            long before = beats.get();
            String sent = attack(Arrays.asList(Attack.values()), hostile, endpoint, ALL, threads);
            System.out.println("all at once: " + sent + "; heartbeats meanwhile: " + (beats.get() - before));
            ended = true;
            process.getOutputStream().close();

            String heap = end.get(1, TimeUnit.MINUTES);
            assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
            Collections.sort(millis);
            System.out.printf(
                    "%s; %d heartbeats of %d machines, p50 %d ms, p99 %d ms, the slowest %d ms%n",
                    heap,
                    millis.size(),
                    GOOD,
                    millis.get(millis.size() / 2),
                    millis.get(millis.size() * 99 / 100),
                    millis.get(millis.size() - 1));
            assertThat(process.exitValue()).isZero();
            assertThat(failures).isEmpty();
            assertThat(beats.get()).isGreaterThan(20L * GOOD);
        } finally {
            ended = true;
            process.destroyForcibly();
            threads.shutdownNow();
            assertThat(threads.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
        }
    }

    private static String lineThatBegins(String with, BufferedReader output) throws IOException {
        StringBuilder others = new StringBuilder();
        for (String line = output.readLine(); line != null; line = output.readLine()) {
            if (line.startsWith(with)) {
                return line;
            }
            others.append(line).append('\n');
        }
        throw new IOException("the endpoint ended and said:\n" + others);
    }

    private void beat(TestMachine machine, InetSocketAddress endpoint) {
        try {
            while (!ended) {
                long since = System.nanoTime();
                try (TestMachine.Connection connection = machine.connect(endpoint)) {
                    TestMachine.Reply reply =
                            connection.send(machine.request(new byte[0])).read();
                    if (reply.status() != 200) {
                        failures.add(reply.status() + " " + reply.reason());
                    }
                }
                long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - since);
                millis.add(took);
                beats.incrementAndGet();
                // Once a minute is what agents do; a second is the most that none is told to come later.
                Thread.sleep(Math.max(0, 1_010 - took));
            }
        } catch (Exception e) {
            if (!ended) {
                failures.add(e.toString());
            }
        }
    }

    private static String attack(
            List<Attack> attacks,
            List<TestMachine> machines,
            InetSocketAddress endpoint,
            Duration span,
            ExecutorService threads)
            throws Exception {
        AtomicLong bytes = new AtomicLong();
        AtomicLong connections = new AtomicLong();
        long until = System.nanoTime() + span.toNanos();
        List<Future<?>> running = new ArrayList<>();
        for (Attack attack : attacks) {
            TestMachine machine = machines.get(attack.ordinal());
            running.add(threads.submit(() -> {
                while (System.nanoTime() < until) {
                    connections.incrementAndGet();
                    try (TestMachine.Connection connection = machine.connect(endpoint)) {
                        // No answer is read, so sending may wait: until the endpoint closes.
                        connection.send(attack.first(machine));
                        byte[] next = attack.next(machine);
                        while (System.nanoTime() < until) {
                            connection.send(next);
                            bytes.addAndGet(next.length);
                            next = attack.next(machine);
                        }
                    } catch (IOException e) {
                        Thread.sleep(10); // It was closed, and comes again.
                    }
                }
                return null;
            }));
        }
        for (Future<?> each : running) {
            each.get(span.toSeconds() + 30, TimeUnit.SECONDS);
        }
        return "%d connections, %.1f MB".formatted(connections.get(), bytes.get() / 1e6);
    }

    /** The endpoint that is attacked: serves until its standard input is closed. */
    static final class Endpoint {

        private Endpoint() {}

        public static void main(String[] arguments) throws Exception {
            try (Bmdb bmdb = Bmdb.open(arguments[0]);
                    AgentCallback callback = AgentCallback.of(bmdb);
                    AgentEndpoint endpoint = AgentEndpoint.builder()
                            .callback(callback)
                            .address(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                            .build()) {
                callback.start();
                endpoint.start();
                System.out.println("port " + endpoint.address().getPort());
                while (System.in.read() >= 0) {}
                long peak = ManagementFactory.getMemoryPoolMXBeans().stream()
                        .filter(pool -> pool.getType() == MemoryType.HEAP)
                        .map(MemoryPoolMXBean::getPeakUsage)
                        .mapToLong(usage -> usage.getUsed())
                        .sum();
                System.gc();
                long left =
                        ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
                System.out.println("heap: %d MiB at most, %d MiB in the end, direct memory: %d MiB; %s"
                        .formatted(
                                peak >> 20,
                                left >> 20,
                                ManagementFactory.getPlatformMXBeans(java.lang.management.BufferPoolMXBean.class)
                                                .stream()
                                                .mapToLong(pool -> pool.getMemoryUsed())
                                                .sum()
                                        >> 20,
                                endpoint.status().requests()));
            }
        }
    }
}
