package dev.shepherd.benchmarks;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointStatus;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/**
 * One machine floods the agents' endpoint with reports and heartbeats, others keep idle connections open, and some
 * dawdle, from a process of their own. Meanwhile the rest of the fleet sends heartbeats, each by a connection of its
 * own.
 */
final class FloodBenchmark implements Benchmark {

    private static final int VICTIMS = 200;
    private static final int VICTIM_THREADS = 8;
    private static final int BEATS_PER_SECOND = 80;
    private static final long CALM_SECONDS = 5;

    @Override
    public String name() {
        return "flood";
    }

    @Override
    public String description() {
        return "Heartbeats by HTTP while one machine and many connections do their worst: who is heard, and how soon.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("seconds", 60L);
        options.put("connections", 32L);
        options.put("idle", 10_000L);
        options.put("slow-per-second", 100L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        long seconds = Benchmark.option(options, "seconds");
        progress.stage("starting a PostgreSQL that keeps what it commits");
        try (BenchmarkDatabase database = BenchmarkDatabase.start("flood");
                Bmdb bmdb = Bmdb.open(
                        BmdbConfig.builder().jdbcUrl(database.url()).poolSize(8).build());
                AgentCallback callback = AgentCallback.of(bmdb);
                AgentEndpoint endpoint = AgentEndpoint.builder()
                        .callback(callback)
                        .address(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                        .build()) {
            SigningAgent hostile = record(database);
            List<SigningAgent> victims = new ArrayList<>();
            for (int i = 0; i < VICTIMS; i++) {
                victims.add(record(database));
            }
            callback.start();
            endpoint.start();
            int port = endpoint.address().getPort();
            progress.stage("warming up for " + CALM_SECONDS + " s");
            Beats unused = beat(victims, port, CALM_SECONDS);
            progress.stage("calm, for " + CALM_SECONDS + " s");
            Beats before = beat(victims, port, CALM_SECONDS);
            database.execute("checkpoint");
            long sizeBefore = size(database);
            long walBefore = wal(database);
            progress.stage("attacking for " + seconds + " s");
            Process attack = attack(port, hostile, options);
            Beats during = beat(victims, port, seconds);
            AgentEndpointStatus status = endpoint.status();
            long walAfter = wal(database);
            long sizeAfter = size(database);
            String[] fate = new String(attack.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                    .strip()
                    .split(" ");
            if (attack.waitFor() != 0 || fate.length != 6) {
                throw new IllegalStateException("the attack failed: " + String.join(" ", fate));
            }
            progress.stage("calm again, for " + CALM_SECONDS + " s");
            Beats after = beat(victims, port, CALM_SECONDS);
            Figures figures = new Figures();
            before.put(figures, "before");
            during.put(figures, "during");
            after.put(figures, "after");
            return figures.put("connections", status.connections())
                    .put("evicted", status.evicted())
                    .put("too_slow", status.tooSlow())
                    .put("flood_taken", Long.parseLong(fate[0]))
                    .put("flood_too_many", Long.parseLong(fate[1]))
                    .put("flood_other", Long.parseLong(fate[2]))
                    .put("attack_broken", Long.parseLong(fate[3]))
                    .put("idle_open", Long.parseLong(fate[4]))
                    .put("slow_opened", Long.parseLong(fate[5]))
                    .put("database_mb", (sizeAfter - sizeBefore) / 1e6, 2)
                    .put("wal_mb", (walAfter - walBefore) / 1e6, 2)
                    .put("seconds", seconds)
                    .put("processors", Runtime.getRuntime().availableProcessors());
        }
    }

    private static SigningAgent record(BenchmarkDatabase database) throws Exception {
        SigningAgent agent = SigningAgent.create();
        database.execute("insert into machines (machine_id) values (?)", agent.machine());
        database.execute("insert into machine_agent_started values (?, now(), ?)", agent.machine(), agent.publicKey());
        return agent;
    }

    private static long size(BenchmarkDatabase database) throws Exception {
        return database.number("select pg_database_size(current_database())");
    }

    private static long wal(BenchmarkDatabase database) throws Exception {
        return database.number("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint");
    }

    private static Process attack(int port, SigningAgent agent, Map<String, Long> options) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx256m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        FloodAttack.class.getName(),
                        String.valueOf(port),
                        agent.text(),
                        String.valueOf(Benchmark.option(options, "seconds")),
                        String.valueOf(Benchmark.option(options, "connections")),
                        String.valueOf(Benchmark.option(options, "idle")),
                        String.valueOf(Benchmark.option(options, "slow-per-second")))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    /** What became of heartbeats. */
    private static final class Beats {
        private final Latencies latencies = new Latencies();
        private final LongAdder sent = new LongAdder();
        private final LongAdder taken = new LongAdder();

        void put(Figures figures, String when) {
            figures.put(when + "_sent", sent.sum())
                    .put(when + "_taken", taken.sum())
                    .put(when + "_p50_ms", latencies.millis(0.5), 2)
                    .put(when + "_p99_ms", latencies.millis(0.99), 2)
                    .put(when + "_max_ms", latencies.millis(1), 2);
        }
    }

    private static Beats beat(List<SigningAgent> victims, int port, long seconds) throws InterruptedException {
        Beats beats = new Beats();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < VICTIM_THREADS; i++) {
            int first = i;
            threads.add(new Thread(() -> beat(victims, first, port, end, beats), "victims-" + i));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        return beats;
    }

    private static void beat(List<SigningAgent> victims, int first, int port, long end, Beats beats) {
        long pause = TimeUnit.SECONDS.toNanos(VICTIM_THREADS) / BEATS_PER_SECOND;
        long next = System.nanoTime();
        try {
            for (int i = first; System.nanoTime() < end; i += VICTIM_THREADS) {
                byte[] request = victims.get(i % victims.size()).request(new byte[0]);
                beats.sent.increment();
                long since = System.nanoTime();
                try (Socket socket = SigningAgent.connect("127.0.0.1", port)) {
                    socket.getOutputStream().write(request);
                    if (SigningAgent.status(new BufferedInputStream(socket.getInputStream())) == 200) {
                        beats.taken.increment();
                    }
                } catch (IOException e) {
                    // Counted as sent and not taken.
                }
                beats.latencies.add(System.nanoTime() - since);
                next = Math.max(next + pause, System.nanoTime());
                TimeUnit.NANOSECONDS.sleep(next - System.nanoTime());
            }
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
