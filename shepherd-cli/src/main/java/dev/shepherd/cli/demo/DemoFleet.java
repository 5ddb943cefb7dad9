package dev.shepherd.cli.demo;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.Statistics;
import dev.shepherd.callback.AgentEndpointLimits;
import dev.shepherd.cli.internal.AgentListener;
import dev.shepherd.cli.internal.Shutdown;
import dev.shepherd.cli.internal.WebPage;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.provider.staticlist.StaticProviderFactory;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.ssh.SshHost;
import dev.shepherd.testkit.ssh.SshHosts;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;

/** The machines of a demo and the manager that runs them. */
final class DemoFleet implements AutoCloseable {

    private static final ProviderType TYPE = new ProviderType("static");

    private static final Duration LOOK_INTERVAL = Duration.ofMillis(200);

    private final Deque<AutoCloseable> owned = new ArrayDeque<>();
    private final int machines;
    private final List<SshHost> hosts = new ArrayList<>();
    private final Bmdb bmdb;
    private final Shepherd shepherd;

    private DemoFleet(Path folder, int machines, String databaseUrl, DemoProgress progress)
            throws IOException, InterruptedException {
        this.machines = machines;
        try {
            int parallelism = Math.max(4, 2 * Runtime.getRuntime().availableProcessors());
            bmdb = own(Bmdb.open(BmdbConfig.builder()
                    .jdbcUrl(databaseUrl)
                    .poolSize(parallelism + 4 + AgentListener.CONNECTIONS + WebPage.CONNECTIONS)
                    .build()));
            AgentListener listener = own(AgentListener.start(
                    bmdb, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), limits(machines)));

            progress.stage("starting " + machines + " machines: SSH servers on loopback, one port each");
            Path key = folder.resolve("id_ed25519");
            SshCredentials credentials = SshCredentials.generateIfAbsent(key);
            SshHosts shared = own(SshHosts.start());
            for (int i = 0; i < machines; i++) {
                hosts.add(SshHost.builder()
                        .hosts(shared)
                        .authorizedKey(credentials.publicKey().orElseThrow())
                        .agentInterval(heartbeatInterval(machines))
                        .start());
            }
            Path list = folder.resolve("machines.json");
            Files.writeString(list, list());
            Path agent = TestAgent.write(folder.resolve("agent"));

            AgentTakeover takeover = AgentTakeover.builder()
                    .executable(agent)
                    .credentials(credentials)
                    .endpoint(listener.url())
                    .totalTimeout(Duration.ofMinutes(2))
                    .build();
            ProviderFactory factory = new StaticProviderFactory();
            Provider listed = own(factory.create(
                    ProviderConfig.of(factory, TYPE, Map.of("list", list.toUri().toString()))));
            Map<ProviderID, SshHost> byId = new HashMap<>();
            for (int i = 0; i < machines; i++) {
                byId.put(providerId(i), hosts.get(i));
            }
            shepherd = own(Shepherd.builder()
                    .bmdb(bmdb)
                    .provider(new DemoProvider(listed, byId))
                    .takeover(takeover)
                    .provisioner(ProvisionerSettings.builder()
                            .maxCount(machines)
                            .interval(Duration.ofMillis(500))
                            .creationInterval(Duration.ZERO)
                            .build())
                    .initializer(InitializerSettings.builder()
                            .parallelism(parallelism)
                            .pollInterval(Duration.ofSeconds(1))
                            .backoff(Backoff.builder()
                                    .initial(Duration.ofSeconds(2))
                                    .exponent(1.5)
                                    .maximum(Duration.ofSeconds(30))
                                    .build())
                            .build())
                    .recoverer(RecovererSettings.builder()
                            .policy(policy(machines))
                            .pollInterval(Duration.ofMillis(500))
                            .build())
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

    /** Serves the page of this fleet. Returns where. */
    String servePage(int port) {
        return own(WebPage.ofDemo(bmdb, shepherd, policy(machines), port)).url();
    }

    /** Often enough to watch, and seldom enough for this many agents on one machine. */
    private static Duration heartbeatInterval(int machines) {
        return Duration.ofMillis(1000 + machines * 20L);
    }

    /** All machines of the demo have one address, and beat more often than those of others. */
    private static AgentEndpointLimits limits(int machines) {
        return AgentEndpointLimits.builder()
                .maxConnectionsPerAddress(machines + 64)
                .heartbeatsPerMinute(600)
                .strangerCallsPerMinute(1_200 + 60 * machines)
                .build();
    }

    /** Spans that are short enough to watch, and long enough for this many agents on one machine. */
    private static RecoveryPolicy policy(int machines) {
        return RecoveryPolicy.builder()
                .heartbeatInterval(heartbeatInterval(machines))
                .silentAfterHeartbeat(Duration.ofSeconds(6L + machines / 10))
                .silentAfterStart(Duration.ofMinutes(1))
                .unreachableAttempts(2)
                .cooldown(Duration.ofSeconds(3))
                .bootTime(Duration.ofSeconds(1))
                .maxReboots(2)
                .backoff(Backoff.constant(Duration.ofSeconds(1)))
                .freezeReleaseAfter(Duration.ofSeconds(2))
                .build();
    }

    private static ProviderID providerId(int index) {
        return new ProviderID(String.format(Locale.ROOT, "machine-%04d", index + 1));
    }

    private String list() {
        List<String> entries = new ArrayList<>();
        for (int i = 0; i < hosts.size(); i++) {
            SshHost host = hosts.get(i);
            entries.add(String.format(
                    Locale.ROOT,
                    "  {\"ID\": \"%s\", \"Addr\": \"%s\", \"SSHPort\": %d, \"Location\": \"rack-%d\"}",
                    providerId(i),
                    host.address().getHostAddress(),
                    host.port(),
                    i / 20 + 1));
        }
        return "[\n" + String.join(",\n", entries) + "\n]\n";
    }

    /**
     * Runs the manager until every agent is started and, after two of the machines have been broken, all is in order
     * again; or until the time is over, or the process is asked to end.
     */
    DemoSummary run(DemoProgress progress, Duration limit, Shutdown shutdown) throws InterruptedException {
        progress.stage("running the manager: provider 'static' lists the machines");
        long startedAt = System.nanoTime();
        double toProvided = 0;
        double toStarted = 0;
        long provided = 0;
        long agents = 0;
        String ended = "";
        // Where the machine that runs it is busy, agents may be silent for long before all of them run.
        OperatorActions demo = OperatorActions.of(bmdb, Actor.program("the demo"));
        UUID pause = demo.pause(null, TYPE, WorkProcess.RECOVERY, "until every agent runs", null)
                .id();
        shepherd.start();
        while (true) {
            Statistics statistics = Operator.of(bmdb).statistics();
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
        DemoRecovery recovery = new DemoRecovery(bmdb, TYPE, hosts);
        if (ended.isEmpty()) {
            demo.resume(pause, "every agent runs");
            Duration left = limit.minusNanos(System.nanoTime() - startedAt);
            ended = recovery.run(progress, left, shutdown);
        }
        double seconds = (System.nanoTime() - startedAt) / 1e9;
        return new DemoSummary(
                machines,
                provided,
                agents,
                failedTakeovers(),
                recovery.expectedToRecover(),
                recovery.recovered(),
                recovery.expectedInQuarantine(),
                recovery.quarantined(),
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
