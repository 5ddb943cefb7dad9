package dev.shepherd.benchmarks;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.fleet.Fleet;
import dev.shepherd.bmdb.fleet.FleetMetrics;
import dev.shepherd.bmdb.metrics.BmdbMetrics;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.ShepherdMetrics;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.web.WebConsole;
import dev.shepherd.web.WebServer;
import dev.shepherd.web.http.WebResponse;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * How fast the operator's page answers in a large fleet, over HTTP: the fleet, and pages of machines from the beginning, the
 * middle and the end, filtered by states that many, few and no machines are in, by location and by text; and how fast metrics are
 * read. Meanwhile open pages wait for changes.
 */
final class WebBenchmark implements Benchmark {

    /** Each machine of a thousand is something else than up, at most. */
    private static final int MACHINES_PER_RACK = 400;

    @Override
    public String name() {
        return "web";
    }

    @Override
    public String description() {
        return "The operator's page of a large fleet, with pages open that wait for changes.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("machines", 1_000_000L);
        options.put("rounds", 100L);
        options.put("sse", 500L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        int machines = Math.toIntExact(Benchmark.option(options, "machines"));
        int rounds = Math.toIntExact(Benchmark.option(options, "rounds"));
        int listeners = Math.toIntExact(Benchmark.option(options, "sse"));
        // As the command line has it: an answer's head and its body would wait for one another.
        System.setProperty("sun.net.httpserver.nodelay", "true");
        progress.stage("starting a PostgreSQL that keeps what it commits");
        try (BenchmarkDatabase database = BenchmarkDatabase.start("web");
                Bmdb bmdb = Bmdb.open(database.url())) {
            progress.stage("recording " + machines + " machines");
            record(database, machines);
            progress.stage("counting them");
            Fleet fleet = Fleet.of(bmdb, RecoveryPolicy.DEFAULT);
            long countedAt = System.nanoTime();
            fleet.count(Duration.ofSeconds(1));
            double countMillis = (System.nanoTime() - countedAt) / 1e6;
            PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
            FleetMetrics counts = FleetMetrics.create();
            counts.bindTo(registry);
            try (Shepherd shepherd = shepherd(bmdb);
                    ShepherdMetrics loops = ShepherdMetrics.of(shepherd);
                    BmdbMetrics transactions = BmdbMetrics.of(bmdb);
                    WebConsole console = WebConsole.builder()
                            .bmdb(bmdb)
                            .onCount(counts::update)
                            .metrics(accept -> metrics(registry))
                            .build();
                    WebServer server =
                            WebServer.bind(console, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), null)) {
                loops.bindTo(registry);
                transactions.bindTo(registry);
                console.start();
                server.start();
                return measure(server, machines, rounds, listeners, progress)
                        .put("count_ms", countMillis, 0)
                        .put("machines", machines)
                        .put("processors", Runtime.getRuntime().availableProcessors());
            }
        }
    }

    /** One that is not started: for its metrics, as many as those of a process with loops. */
    private static Shepherd shepherd(Bmdb bmdb) {
        return Shepherd.builder()
                .bmdb(bmdb)
                .provider(FakeProvider.create(new ProviderType("racks")))
                .takeover(target -> {
                    throw new IllegalStateException("no machine is taken over here");
                })
                .build();
    }

    private static WebResponse metrics(PrometheusMeterRegistry registry) {
        return WebResponse.of(
                200,
                "text/plain; version=0.0.4; charset=utf-8",
                registry.scrape().getBytes(StandardCharsets.UTF_8));
    }

    private static Figures measure(WebServer server, int machines, int rounds, int listeners, Progress progress)
            throws Exception {
        String root = "http://127.0.0.1:" + server.address().getPort() + "/";
        int threadsBefore = Thread.getAllStackTraces().size();
        progress.stage("opening " + listeners + " pages");
        List<Socket> open = new ArrayList<>();
        try {
            for (int i = 0; i < listeners; i++) {
                open.add(listen(server.address()));
            }
            int threadsOpen = Thread.getAllStackTraces().size();
            HttpClient client = HttpClient.newHttpClient();
            Map<String, Latencies> pages = new LinkedHashMap<>();
            paths(machines).keySet().forEach(name -> pages.put(name, new Latencies()));
            for (int round = -5; round < rounds; round++) {
                if (round == 0 || round == -5) {
                    progress.stage(
                            round < 0 ? "asking for each page 5 times, for nothing" : "asking " + rounds + " times");
                }
                for (Map.Entry<String, String> path : paths(machines).entrySet()) {
                    long askedAt = System.nanoTime();
                    get(client, root + path.getValue());
                    if (round >= 0) {
                        Objects.requireNonNull(pages.get(path.getKey())).add(System.nanoTime() - askedAt);
                    }
                }
            }
            return figures(pages, listeners, threadsOpen - threadsBefore);
        } finally {
            for (Socket socket : open) {
                socket.close();
            }
        }
    }

    private static Figures figures(Map<String, Latencies> pages, int listeners, int threads) {
        Figures figures = new Figures();
        double slowest = 0;
        for (Map.Entry<String, Latencies> page : pages.entrySet()) {
            double p99 = page.getValue().millis(0.99);
            if (page.getKey().equals("metrics")) {
                figures.put("metrics_ms", p99, 1);
                continue;
            }
            if (!page.getKey().equals("fleet")) {
                slowest = Math.max(slowest, p99);
            }
            figures.put(page.getKey() + "_p50_ms", page.getValue().millis(0.5), 1);
            figures.put(page.getKey() + "_p99_ms", p99, 1);
        }
        return figures.put("page_p99_ms", slowest, 1)
                .put("sse_clients", listeners)
                .put("sse_threads", threads);
    }

    private static Map<String, String> paths(int machines) {
        Map<String, String> paths = new LinkedHashMap<>();
        paths.put("fleet", "");
        paths.put("first", "machines");
        paths.put("middle", "machines?after=racks:" + host(machines / 2, 7));
        paths.put("last", "machines?after=racks:" + host(machines - 50, 7));
        paths.put("back", "machines?before=racks:" + host(machines / 2, 7));
        paths.put("up", "machines?state=up");
        paths.put("quarantined", "machines?state=quarantined");
        paths.put("failing", "machines?state=failing");
        paths.put("silent", "machines?state=silent");
        paths.put("missing", "machines?state=missing");
        paths.put("takeover", "machines?state=takeover");
        paths.put("location", "machines?location=rack+" + machines / MACHINES_PER_RACK / 2);
        paths.put("text", "machines?text=" + host(machines / 20, 6));
        paths.put("address", "machines?text=10.0.1.7");
        paths.put("metrics", "metrics");
        return paths;
    }

    private static String host(int number, int digits) {
        return String.format(Locale.ROOT, "host-%0" + digits + "d", number);
    }

    private static void get(HttpClient client, String url) throws IOException, InterruptedException {
        HttpResponse<byte[]> answer = client.send(
                HttpRequest.newBuilder(URI.create(url))
                        .timeout(Duration.ofSeconds(30))
                        .build(),
                BodyHandlers.ofByteArray());
        if (answer.statusCode() != 200 || answer.body().length < 1000) {
            throw new IllegalStateException(url + " was answered with " + answer.statusCode());
        }
    }

    /** Opens a page that waits, and has it told once. */
    private static Socket listen(InetSocketAddress address) throws IOException {
        Socket socket = new Socket(address.getAddress(), address.getPort());
        socket.setSoTimeout(60_000);
        socket.getOutputStream()
                .write("GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        InputStream in = socket.getInputStream();
        StringBuilder read = new StringBuilder();
        while (read.indexOf("retry:") < 0) {
            int next = in.read();
            if (next < 0) {
                throw new IOException("the stream ended after: " + read);
            }
            read.append((char) next);
        }
        return socket;
    }

    /** Without the triggers and the references, which would take an hour. */
    private static void record(BenchmarkDatabase database, int machines) throws Exception {
        database.script("set session_replication_role = replica; set synchronous_commit = off");
        String from = " from generate_series(1, " + machines + ") i";
        String id = "md5('machine ' || i)::uuid";
        database.execute("insert into machines (machine_id) select " + id + from);
        database.execute("insert into machine_provided (machine_id, provider, provider_id, provider_ip_address,"
                + " provider_location, provider_status) select " + id
                + ", case when i % 10 = 0 then 'cloud' else 'racks' end,"
                + " 'host-' || lpad(i::text, 7, '0'), '10.' || i / 65536 || '.' || i / 256 % 256 || '.' || i % 256,"
                + " 'rack ' || i / " + MACHINES_PER_RACK
                + ", case when i % 5000 = 1 then 'Missing' else 'Running' end" + from);
        database.execute("insert into machine_agent_started select " + id
                + ", now() - interval '5 days', decode(repeat('ab', 32), 'hex')" + from + " where i % 200 <> 3");
        // Heard in the future, so that none but the silent ones falls silent during the measurement.
        database.execute("insert into machine_agent_heartbeat select " + id
                + ", now() + case when i % 997 = 0 then interval '-1 day' else interval '1 day' end" + from
                + " where i % 200 <> 3");
        database.execute("insert into machine_quarantine select " + id
                + ", now(), 'recoverer', 'three reboots without a heartbeat'" + from + " where i % 3000 = 7");
        database.execute("insert into machine_recovery select " + id + ", 'Reboot', now(), false, 1, 0, 0, null" + from
                + " where i % 30000 = 11");
        database.execute("insert into work_backoff (machine_id, process, until, cause, last_interval_seconds, failures)"
                + " select " + id
                + ", 'ShepherdAgentStart', now() + interval '1 day', 'the SSH key was refused', 3600, 5"
                + from + " where i % 400 = 3");
        database.execute("insert into work_due (machine_id, process, provider, due_at) select " + id
                + ", case when i % 200 = 3 then 'ShepherdAgentStart' else 'ShepherdRecovery' end,"
                + " case when i % 10 = 0 then 'cloud' else 'racks' end, now() + interval '1 day'" + from);
        database.execute("insert into work_history (machine_id, provider, provider_id, process, event, \"timestamp\")"
                + " select " + id + ", 'racks', 'host-' || lpad(i::text, 7, '0'), 'ShepherdAgentStart',"
                + " case i % 2 when 0 then 'Started' else 'Finished' end, now() - (" + machines
                + " - i) * interval '0.1 seconds'" + from);
        database.script("set session_replication_role = origin");
        database.execute("vacuum analyze");
        database.execute("checkpoint");
    }
}
