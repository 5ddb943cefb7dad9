package dev.shepherd.benchmarks;

import com.sun.management.UnixOperatingSystemMXBean;
import dev.shepherd.benchmarks.wire.ClientTls;
import dev.shepherd.benchmarks.wire.EndpointProcess;
import dev.shepherd.benchmarks.wire.WireClients;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Agents that keep their connections with TLS, as Shepherd's do: with a certificate, each request signed, at their interval.
 * The endpoint is a process of its own.
 */
final class ConnectionsBenchmark implements Benchmark {

    /** Below what the endpoint takes from one address. */
    private static final int BY_ADDRESS = 48;

    private static final int CONNECTING = 48;
    private static final Duration CONNECT = Duration.ofMinutes(30);

    /** Of a process that has connections, for all else. */
    private static final int OTHER_FILES = 640;

    @Override
    public String name() {
        return "connections";
    }

    @Override
    public String description() {
        return "Agents that keep their connections, with TLS: the memory that the endpoint takes for them, and how long a"
                + " heartbeat takes.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("connections", 20_000L);
        options.put("interval", 60L);
        options.put("seconds", 180L);
        options.put("heap-mb", 512L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        int connections = Math.toIntExact(Benchmark.option(options, "connections"));
        long interval = TimeUnit.SECONDS.toNanos(Benchmark.option(options, "interval"));
        long seconds = Benchmark.option(options, "seconds");
        requireFiles(connections + OTHER_FILES);
        Path folder = Files.createTempDirectory("shepherd-benchmark-tls");
        progress.stage("starting a PostgreSQL that keeps what it commits");
        try (BenchmarkDatabase database = BenchmarkDatabase.start("connections");
                EndpointProcess endpoint = new EndpointProcess(
                        folder.resolve("ca"), database.url(), Benchmark.option(options, "heap-mb"), connections)) {
            progress.stage("recording " + connections + " machines with an agent each");
            ClientTls tls = new ClientTls(endpoint.authority());
            List<WireClients.Agent> agents = new ArrayList<>();
            for (SigningAgent agent : record(database, connections)) {
                agents.add(new WireClients.Agent(
                        new InetSocketAddress(address(agents.size() / BY_ADDRESS), 0),
                        tls.of(agent.machine().toString(), agent.keys()),
                        agent::heartbeat));
            }
            EndpointProcess.Measures before = endpoint.measure();
            try (WireClients clients = new WireClients(endpoint.address(), agents)) {
                progress.stage("opening " + connections + " connections");
                long startedAt = System.nanoTime();
                Beats beats = new Beats(clients, Duration.ofNanos(interval));
                clients.connect(CONNECTING, CONNECT, beats::begin);
                double connected = (System.nanoTime() - startedAt) / 1e9;
                progress.stage("all are open; each beats every " + TimeUnit.NANOSECONDS.toSeconds(interval) + " s, for "
                        + seconds + " s");
                long cpuBefore = endpoint.measure().cpuNanos();
                startedAt = System.nanoTime();
                Latencies latencies = beats.during(seconds);
                double took = (System.nanoTime() - startedAt) / 1e9;
                EndpointProcess.Measures after = endpoint.measure();
                int open = clients.open();
                if (open != connections || after.connections() != connections || after.evicted() > 0) {
                    throw new IllegalStateException(open + " of " + connections + " connections are open in the end, "
                            + after.connections() + " by the endpoint, which has closed " + after.evicted());
                }
                return new Figures()
                        .put("connections", after.connections())
                        .put("heartbeats", latencies.count())
                        .put("per_s", latencies.count() / took, 1)
                        .put("p50_ms", latencies.millis(0.5), 2)
                        .put("p99_ms", latencies.millis(0.99), 2)
                        .put("max_ms", latencies.millis(1), 2)
                        .put("connect_s", connected, 1)
                        .put("connect_retries", clients.retries())
                        .put("heap_mb", megabytes(after.heap()), 1)
                        .put("heap_peak_mb", megabytes(after.heapPeak()), 1)
                        .put("direct_mb", megabytes(after.direct()), 1)
                        .put("rss_mb", megabytes(after.resident()), 1)
                        .put("rss_peak_mb", megabytes(after.residentPeak()), 1)
                        .put("heap_kb_each", (after.heap() - before.heap()) / 1024.0 / connections, 1)
                        .put("cpu_share", (after.cpuNanos() - cpuBefore) / 1e9 / took, 3)
                        .put("threads", after.threads())
                        .put("interval", TimeUnit.NANOSECONDS.toSeconds(interval))
                        .put("heap_limit_mb", Benchmark.option(options, "heap-mb"))
                        .put("processors", Runtime.getRuntime().availableProcessors());
            }
        } finally {
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    private static double megabytes(long bytes) {
        return bytes / 1048576.0;
    }

    private static void requireFiles(long needed) {
        if (ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system
                && system.getMaxFileDescriptorCount() < needed) {
            throw new IllegalStateException("a process may open " + system.getMaxFileDescriptorCount()
                    + " files here, and each of the two needs " + needed + ": 'ulimit -n " + needed + "'");
        }
    }

    /** Returns one of the loopback addresses, which Linux has all of. */
    private static InetAddress address(int number) throws UnknownHostException {
        return InetAddress.getByAddress(new byte[] {127, 1, (byte) (number / 250), (byte) (1 + number % 250)});
    }

    private static List<SigningAgent> record(BenchmarkDatabase database, int count)
            throws SQLException, GeneralSecurityException {
        List<SigningAgent> agents = new ArrayList<>();
        try (PreparedStatement machines =
                        database.connection().prepareStatement("insert into machines (machine_id) values (?)");
                PreparedStatement keys = database.connection()
                        .prepareStatement("insert into machine_agent_started values (?, now(), ?)")) {
            for (int i = 0; i < count; i++) {
                SigningAgent agent = SigningAgent.create();
                agents.add(agent);
                machines.setObject(1, agent.machine());
                machines.addBatch();
                keys.setObject(1, agent.machine());
                keys.setBytes(2, agent.publicKey());
                keys.addBatch();
            }
            machines.executeBatch();
            keys.executeBatch();
        }
        database.execute("analyze");
        return agents;
    }

    /** Heartbeats at an interval. Each must be answered with 200. */
    private static final class Beats {
        private final WireClients clients;
        private final Duration interval;
        private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        private volatile Latencies latencies = new Latencies();

        Beats(WireClients clients, Duration interval) {
            this.clients = clients;
            this.interval = interval;
        }

        void begin(int agent) {
            clients.beat(agent, interval, (nanos, status, error) -> {
                latencies.add(nanos);
                if (status != 200) {
                    failure.compareAndSet(null, error == null ? new IOException("status " + status) : error);
                }
            });
        }

        /** Returns how long those took that were answered in the next seconds. */
        Latencies during(long seconds) throws InterruptedException {
            latencies = new Latencies();
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
            while (System.nanoTime() < end && failure.get() == null) {
                TimeUnit.MILLISECONDS.sleep(100);
            }
            Throwable failed = failure.get();
            if (failed != null) {
                throw new IllegalStateException("a heartbeat failed", failed);
            }
            return latencies;
        }
    }
}
