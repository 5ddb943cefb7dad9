package dev.shepherd.cli;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.Statistics;
import dev.shepherd.manager.InitializerSettings;
import dev.shepherd.manager.LoopStatus;
import dev.shepherd.manager.ProvisionerSettings;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.testkit.SshHost;
import dev.shepherd.testkit.SshHosts;
import dev.shepherd.testkit.TestAgent;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;

/** The machines of a demo and the manager that runs them. */
final class DemoFleet implements AutoCloseable {

    private static final Duration LOOK_INTERVAL = Duration.ofMillis(200);

    private static final Duration HEARTBEAT_INTERVAL = Duration.ofSeconds(1);

    private final Deque<AutoCloseable> owned = new ArrayDeque<>();
    private final int machines;
    private final Bmdb bmdb;
    private final Shepherd shepherd;

    private DemoFleet(Path folder, int machines, String databaseUrl, DemoProgress progress)
            throws IOException, InterruptedException {
        this.machines = machines;
        try {
            int parallelism = Math.max(4, 2 * Runtime.getRuntime().availableProcessors());
            bmdb = own(Bmdb.open(BmdbConfig.builder()
                    .jdbcUrl(databaseUrl)
                    .poolSize(parallelism + 4 + AgentListener.CONNECTIONS)
                    .build()));
            AgentListener listener =
                    own(AgentListener.start(bmdb, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)));

            progress.stage("starting " + machines + " machines: SSH servers on loopback, one port each");
            Path key = folder.resolve("id_ed25519");
            SshCredentials credentials = SshCredentials.generateIfAbsent(key);
            SshHosts hosts = own(SshHosts.start());
            List<SshHost> started = new ArrayList<>();
            for (int i = 0; i < machines; i++) {
                started.add(SshHost.builder()
                        .hosts(hosts)
                        .authorizedKey(credentials.publicKey().orElseThrow())
                        .agentInterval(HEARTBEAT_INTERVAL)
                        .start());
            }
            Path list = folder.resolve("machines.json");
            Files.writeString(list, list(started));
            Path agent = TestAgent.write(folder.resolve("agent"));

            AgentTakeover takeover = AgentTakeover.builder()
                    .executable(agent)
                    .credentials(credentials)
                    .endpoint(listener.url())
                    .totalTimeout(Duration.ofMinutes(2))
                    .build();
            ProviderFactory factory = ProviderFactories.find("static");
            Provider provider = own(factory.create(ProviderConfig.of(
                    factory,
                    new ProviderType("static"),
                    Map.of("list", list.toUri().toString()))));
            shepherd = own(Shepherd.builder()
                    .bmdb(bmdb)
                    .provider(provider)
                    .takeover(takeover)
                    .provisioner(ProvisionerSettings.DEFAULT
                            .withMaxCount(machines)
                            .withInterval(Duration.ofMillis(500))
                            .withCreationInterval(Duration.ZERO))
                    .initializer(InitializerSettings.DEFAULT
                            .withParallelism(parallelism)
                            .withPollInterval(Duration.ofSeconds(1))
                            .withBackoff(Backoff.builder()
                                    .initial(Duration.ofSeconds(2))
                                    .exponent(1.5)
                                    .maximum(Duration.ofSeconds(30))
                                    .build()))
                    .build());
        } catch (IOException | InterruptedException | RuntimeException e) {
            close();
            throw e;
        }
    }

    /** Starts the machines, but not yet the manager. */
    static DemoFleet start(Path folder, int machines, String databaseUrl, DemoProgress progress)
            throws IOException, InterruptedException {
        return new DemoFleet(folder, machines, databaseUrl, progress);
    }

    private static String list(List<SshHost> hosts) {
        List<String> entries = new ArrayList<>();
        for (int i = 0; i < hosts.size(); i++) {
            SshHost host = hosts.get(i);
            entries.add("  {\"ID\": \"machine-%04d\", \"Addr\": \"%s\", \"SSHPort\": %d, \"Location\": \"rack-%d\"}"
                    .formatted(i + 1, host.address().getHostAddress(), host.port(), i / 20 + 1));
        }
        return "[\n" + String.join(",\n", entries) + "\n]\n";
    }

    /** Runs the manager until every agent is started, the time is over, or the process is asked to end. */
    DemoSummary run(DemoProgress progress, Duration limit, Shutdown shutdown) throws InterruptedException {
        progress.stage("running the manager: provider 'static' lists the machines");
        long startedAt = System.nanoTime();
        double toProvided = 0;
        double toStarted = 0;
        long provided = 0;
        long agents = 0;
        String ended = "";
        shepherd.start();
        while (true) {
            Statistics statistics = bmdb.statistics();
            double now = (System.nanoTime() - startedAt) / 1e9;
            if (statistics.provided() > provided) {
                toProvided = now;
            }
            if (statistics.agentStarted() > agents) {
                toStarted = now;
            }
            provided = statistics.provided();
            agents = statistics.agentStarted();
            progress.counts(provided, inProgress(), agents, statistics.heartbeating(), failedTakeovers());
            if (agents == machines) {
                break;
            }
            if (now > limit.toSeconds()) {
                ended = "the time limit of " + limit.toSeconds() + " s is over";
                break;
            }
            if (shutdown.await(LOOK_INTERVAL.toMillis())) {
                ended = "it was interrupted";
                break;
            }
        }
        double seconds = (System.nanoTime() - startedAt) / 1e9;
        return new DemoSummary(
                machines,
                provided,
                agents,
                failedTakeovers(),
                seconds,
                toProvided,
                toStarted,
                ended,
                ended.isEmpty() ? List.of() : errors());
    }

    private int inProgress() {
        return initializer().inProgress();
    }

    private long failedTakeovers() {
        return initializer().failed();
    }

    private LoopStatus initializer() {
        return shepherd.status().loops().stream()
                .filter(loop -> loop.name().equals("initializer"))
                .findFirst()
                .orElseThrow();
    }

    private List<String> errors() {
        return shepherd.status().loops().stream()
                .flatMap(loop ->
                        loop.lastError().stream().map(error -> loop.name() + ", last error: " + error.message()))
                .toList();
    }

    private <T extends AutoCloseable> T own(T part) {
        owned.push(part);
        return part;
    }

    /** Stops the manager, then the machines, in the reverse order of their start. */
    @Override
    public void close() {
        while (!owned.isEmpty()) {
            try {
                owned.pop().close();
            } catch (Exception e) {
                System.err.println("shepherd: a part of the demo could not be closed: " + e);
            }
        }
    }
}
