package dev.shepherd.benchmarks;

import dev.shepherd.benchmarks.wire.ClientTls;
import dev.shepherd.benchmarks.wire.WireClients;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.agent.AgentReply;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointLimits;
import dev.shepherd.callback.AgentTls;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Heartbeats of a fleet. Every machine has beaten once before the measurement begins; then they beat with so many calls under
 * way at any moment, in each way by which a heartbeat can come, in turns. The load comes from the same process, and the
 * database from the same machine.
 */
final class HeartbeatBenchmark implements Benchmark {

    private static final long WARM_UP_SECONDS = 20;
    private static final long LAST_ANSWER_SECONDS = 30;
    private static final Duration CONNECT = Duration.ofMinutes(2);
    private static final int CONNECTING = 64;
    private static final int NO_LIMIT = 1_000_000;

    /** A way by which heartbeats come. */
    private interface Way extends AutoCloseable {

        /** Beats for so long. Every beat must be answered. */
        Latencies beat(long seconds) throws InterruptedException;

        @Override
        void close();
    }

    @Override
    public String name() {
        return "heartbeats";
    }

    @Override
    public String description() {
        return "Heartbeats through AgentCallback, and over the wire: how many a second, how long one takes, what it does to"
                + " the table.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("machines", 100_000L);
        options.put("seconds", 10L);
        options.put("rounds", 3L);
        options.put("in-flight", 1_000L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        int machines = Math.toIntExact(Benchmark.option(options, "machines"));
        int inFlight = Math.toIntExact(Benchmark.option(options, "in-flight"));
        long seconds = Benchmark.option(options, "seconds");
        long rounds = Benchmark.option(options, "rounds");
        progress.stage("starting a PostgreSQL that keeps what it commits");
        Path tls = Files.createTempDirectory("shepherd-benchmark-tls");
        List<Measured> ways = new ArrayList<>();
        try (BenchmarkDatabase database = BenchmarkDatabase.start("heartbeats");
                Bmdb bmdb = Bmdb.open(
                        BmdbConfig.builder().jdbcUrl(database.url()).poolSize(8).build());
                AgentCallback callback = AgentCallback.of(bmdb);
                Endpoints endpoints = new Endpoints(callback, tls)) {
            progress.stage("recording " + machines + " machines with an agent each");
            List<SigningAgent> agents = agents(Math.min(inFlight, machines));
            List<AgentCall> calls = fill(database, machines, agents);
            callback.start();
            endpoints.start();
            Load load = new Load(callback, calls, inFlight);
            progress.stage("every machine beats once");
            load.beat(machines, Long.MAX_VALUE);
            database.execute("vacuum analyze machine_agent_heartbeat");
            double before = tableMegabytes(database);
            Measured alone = new Measured("", load);
            ways.add(alone);
            progress.stage("opening " + agents.size() + " connections of each kind");
            for (String name : endpoints.names()) {
                ways.add(new Measured(name + "_", endpoints.open(name, agents)));
            }
            for (Measured way : ways) {
                progress.stage("warming up " + way + " for " + WARM_UP_SECONDS + " s");
                way.way.beat(WARM_UP_SECONDS);
            }
            for (int round = 1; round <= rounds; round++) {
                for (Measured way : ways) {
                    progress.stage("round " + round + ": " + way + " for " + seconds + " s");
                    way.run(seconds);
                }
            }
            double after = tableMegabytes(database);
            ways.forEach(way -> way.way.close());
            endpoints.close();
            callback.close();
            bmdb.close();
            database.awaitCounts();
            Figures figures = new Figures();
            ways.forEach(way -> way.put(figures, alone));
            return figures.put("machines", machines)
                    .put("in_flight", inFlight)
                    .put("seconds", seconds)
                    .put("rounds", rounds)
                    .put("table_mb_before", before, 2)
                    .put("table_mb_after", after, 2)
                    .put("bloat_ratio", after / before, 2)
                    .put("live_tuples", database.number("select count(*) from machine_agent_heartbeat"))
                    .put("dead_tuples", counted(database, "n_dead_tup"))
                    .put("hot_updates_share", hotUpdatesShare(database), 4)
                    .put("autovacuums", counted(database, "autovacuum_count"))
                    .put("processors", Runtime.getRuntime().availableProcessors());
        } finally {
            ways.forEach(way -> way.way.close());
            try (Stream<Path> files = Files.walk(tls)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    /** What the rounds of one way have shown; of several, the medians. */
    private static final class Measured {
        private final List<Double> rates = new ArrayList<>();
        private final List<Double> p50s = new ArrayList<>();
        private final List<Double> p99s = new ArrayList<>();
        private final List<Double> cpus = new ArrayList<>();
        private final String prefix;
        private final Way way;
        private double max;
        private long beats;

        Measured(String prefix, Way way) {
            this.prefix = prefix;
            this.way = way;
        }

        @Override
        public String toString() {
            return prefix.isEmpty() ? "the callback alone" : prefix.substring(0, prefix.length() - 1);
        }

        void run(long seconds) throws InterruptedException {
            long startedAt = System.nanoTime();
            long cpuBefore = cpuNanos();
            Latencies latencies = way.beat(seconds);
            cpus.add((cpuNanos() - cpuBefore) / 1e3 / latencies.count());
            rates.add(latencies.count() / ((System.nanoTime() - startedAt) / 1e9));
            p50s.add(latencies.millis(0.5));
            p99s.add(latencies.millis(0.99));
            max = Math.max(max, latencies.millis(1));
            beats += latencies.count();
        }

        /** Returns the processor time of this process and of what it has started, which is PostgreSQL. */
        private static long cpuNanos() {
            return Stream.concat(
                            Stream.of(ProcessHandle.current()),
                            ProcessHandle.current().descendants())
                    .mapToLong(process -> process.info()
                            .totalCpuDuration()
                            .map(Duration::toNanos)
                            .orElse(0L))
                    .sum();
        }

        private static double median(List<Double> numbers) {
            return numbers.stream().sorted().toList().get(numbers.size() / 2);
        }

        void put(Figures figures, Measured callback) {
            figures.put(prefix + "per_s", Math.round(median(rates)))
                    .put(prefix + "cpu_us", median(cpus), 1)
                    .put(prefix + "p50_ms", median(p50s), 2)
                    .put(prefix + "p99_ms", median(p99s), 2)
                    .put(prefix + "max_ms", max, 2)
                    .put(prefix + "heartbeats", beats);
            if (this != callback) {
                List<Double> ratios = new ArrayList<>();
                for (int i = 0; i < rates.size(); i++) {
                    ratios.add(rates.get(i) / callback.rates.get(i));
                }
                figures.put(prefix + "ratio", median(ratios), 2);
            }
        }
    }

    private static List<SigningAgent> agents(int count) throws GeneralSecurityException {
        List<SigningAgent> agents = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            agents.add(SigningAgent.create());
        }
        return agents;
    }

    private static List<AgentCall> fill(BenchmarkDatabase database, int machines, List<SigningAgent> agents)
            throws SQLException {
        for (SigningAgent agent : agents) {
            database.execute("insert into machines (machine_id) values (?)", agent.machine());
            database.execute(
                    "insert into machine_agent_started values (?, now(), ?)", agent.machine(), agent.publicKey());
        }
        int others = machines - agents.size();
        database.execute("with made as (insert into machines select gen_random_uuid() from generate_series(1, " + others
                + ") returning machine_id) insert into machine_agent_started"
                + " select machine_id, now(), sha256(machine_id::text::bytea) from made");
        database.execute("analyze");
        List<AgentCall> calls = new ArrayList<>(machines);
        try (Statement statement = database.connection().createStatement();
                ResultSet rows = statement.executeQuery("select machine_id, agent_public_key from machine_agent_started"
                        + " order by agent_public_key")) {
            while (rows.next()) {
                calls.add(AgentCall.of(rows.getObject(1, UUID.class), rows.getBytes(2)));
            }
        }
        return calls;
    }

    private static double tableMegabytes(BenchmarkDatabase database) throws SQLException {
        return database.number("select pg_total_relation_size('machine_agent_heartbeat')") / 1048576.0;
    }

    private static long counted(BenchmarkDatabase database, String column) throws SQLException {
        return database.number(
                "select " + column + " from pg_stat_user_tables where relname = 'machine_agent_heartbeat'");
    }

    private static double hotUpdatesShare(BenchmarkDatabase database) throws SQLException {
        return database.number("select round(n_tup_hot_upd * 10000.0 / greatest(n_tup_upd, 1)) from pg_stat_user_tables"
                        + " where relname = 'machine_agent_heartbeat'")
                / 10_000.0;
    }

    /** The machines, beating in turns without a wire. */
    private static final class Load implements Way {
        private final AgentCallback callback;
        private final List<AgentCall> calls;
        private final int inFlight;
        private int next;

        Load(AgentCallback callback, List<AgentCall> calls, int inFlight) {
            this.callback = callback;
            this.calls = calls;
            this.inFlight = inFlight;
        }

        @Override
        public Latencies beat(long seconds) throws InterruptedException {
            return beat(Long.MAX_VALUE, seconds);
        }

        /** Beats so often, or for so long, whatever ends sooner. */
        Latencies beat(long beats, long seconds) throws InterruptedException {
            Latencies latencies = new Latencies();
            AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
            Semaphore permits = new Semaphore(inFlight);
            long startedAt = System.nanoTime();
            for (long i = 0; i < beats; i++) {
                if (seconds < Long.MAX_VALUE && System.nanoTime() - startedAt > TimeUnit.SECONDS.toNanos(seconds)) {
                    break;
                }
                permits.acquire();
                AgentCall call = calls.get(next);
                next = (next + 1) % calls.size();
                long calledAt = System.nanoTime();
                CompletableFuture<AgentReply> unused = callback.callAsync(call).whenComplete((reply, error) -> {
                    latencies.add(System.nanoTime() - calledAt);
                    if (error != null) {
                        failure.set(error);
                    }
                    permits.release();
                });
                Throwable failed = failure.get();
                if (failed != null) {
                    throw new IllegalStateException("a heartbeat failed", failed);
                }
            }
            if (!permits.tryAcquire(inFlight, LAST_ANSWER_SECONDS, TimeUnit.SECONDS) || failure.get() != null) {
                throw new IllegalStateException("not every heartbeat was answered", failure.get());
            }
            return latencies;
        }

        @Override
        public void close() {
            // It has nothing of its own.
        }
    }

    /** The endpoints that heartbeats are sent to, and the ways to send them. */
    private static final class Endpoints implements AutoCloseable {
        private final AgentEndpoint plain;
        private final AgentEndpoint secure;
        private final byte[] authority;

        Endpoints(AgentCallback callback, Path folder) {
            AgentTls tls = AgentTls.builder().folder(folder.resolve("ca")).build();
            authority = tls.caCertificate().orElseThrow();
            plain = endpoint(callback).build();
            secure = endpoint(callback)
                    .tls(tls)
                    .grpcAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                    .build();
        }

        /** Limits that are far away: these agents beat some thousand times as often as real ones. */
        private static AgentEndpoint.Builder endpoint(AgentCallback callback) {
            return AgentEndpoint.builder()
                    .callback(callback)
                    .address(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                    .limits(AgentEndpointLimits.builder()
                            .maxConnectionsPerAddress(NO_LIMIT)
                            .handshakesPerMinute(NO_LIMIT)
                            .strangerCallsPerMinute(NO_LIMIT)
                            .heartbeatsPerMinute(NO_LIMIT)
                            .maxRequestsPerConnection(NO_LIMIT)
                            .idleTimeout(Duration.ofMinutes(30))
                            .maxWaiting(100_000)
                            .build());
        }

        void start() {
            plain.start();
            secure.start();
        }

        /** Returns what ways there are. */
        List<String> names() {
            return List.of("http", "https", "https_signed", "grpc");
        }

        /** Opens a connection for each of the agents. */
        Way open(String name, List<SigningAgent> agents)
                throws IOException, InterruptedException, GeneralSecurityException {
            AgentEndpoint endpoint = name.equals("http") ? plain : secure;
            ClientTls tls = new ClientTls(authority);
            List<WireClients.Agent> clients = new ArrayList<>();
            boolean isGrpc = name.equals("grpc");
            boolean showsCertificate = isGrpc || name.equals("https");
            for (SigningAgent agent : agents) {
                String id = agent.machine().toString();
                byte[] unsigned = isGrpc ? WireClients.grpcCall(id) : WireClients.request(id);
                clients.add(new WireClients.Agent(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                        endpoint == plain ? null : tls.of(id, showsCertificate ? agent.keys() : null),
                        isGrpc,
                        showsCertificate ? () -> unsigned : agent::heartbeat));
            }
            WireWay way = new WireWay(
                    new WireClients(isGrpc ? endpoint.grpcAddress() : endpoint.address(), clients), clients.size());
            try {
                way.clients.connect(CONNECTING, CONNECT, agent -> {});
                return way;
            } catch (IOException | InterruptedException e) {
                way.close();
                throw e;
            }
        }

        @Override
        public void close() {
            plain.close();
            secure.close();
        }
    }

    /** Agents that beat again as soon as they are answered, each on its connection. */
    private record WireWay(WireClients clients, int count) implements Way {

        @Override
        public Latencies beat(long seconds) throws InterruptedException {
            Latencies latencies = new Latencies();
            AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
            CountDownLatch ended = new CountDownLatch(count);
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
            for (int i = 0; i < count; i++) {
                send(i, end, latencies, failure, ended);
            }
            if (!ended.await(seconds + LAST_ANSWER_SECONDS, TimeUnit.SECONDS) || failure.get() != null) {
                throw new IllegalStateException("not every heartbeat was answered", failure.get());
            }
            return latencies;
        }

        private void send(
                int agent,
                long end,
                Latencies latencies,
                AtomicReference<@Nullable Throwable> failure,
                CountDownLatch ended) {
            long sentAt = System.nanoTime();
            clients.send(agent, (status, error) -> {
                long now = System.nanoTime();
                latencies.add(now - sentAt);
                if (status != 200) {
                    failure.compareAndSet(null, error == null ? new IOException("status " + status) : error);
                }
                if (status == 200 && now < end) {
                    send(agent, end, latencies, failure, ended);
                } else {
                    ended.countDown();
                }
            });
        }

        @Override
        public void close() {
            clients.close();
        }
    }
}
