package dev.shepherd.cli.demo;

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
import dev.shepherd.callback.AgentTls;
import dev.shepherd.cli.internal.AgentListener;
import dev.shepherd.cli.internal.Shutdown;
import dev.shepherd.cli.internal.WebPage;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.testkit.agent.TestAgent;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.UUID;

/** The manager that runs the machines of a demo. */
final class DemoFleet implements AutoCloseable {

    private static final Duration LOOK_INTERVAL = Duration.ofMillis(200);

    private final Deque<AutoCloseable> owned = new ArrayDeque<>();
    private final DemoMachines fleet;
    private final int machines;
    private final Bmdb bmdb;
    private final AgentListener listener;
    private final Shepherd shepherd;

    private DemoFleet(Path folder, DemoMachines fleet, String databaseUrl) {
        this.fleet = fleet;
        this.machines = fleet.count();
        try {
            int parallelism = Math.max(4, 2 * Runtime.getRuntime().availableProcessors());
            bmdb = own(Bmdb.open(BmdbConfig.builder()
                    .jdbcUrl(databaseUrl)
                    .poolSize(parallelism + 4 + AgentListener.CONNECTIONS + WebPage.CONNECTIONS)
                    .build()));
            AgentTls tls =
                    AgentTls.builder().folder(folder.resolve("agent-tls")).build();
            listener = own(AgentListener.start(
                    bmdb, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), tls, limits(machines)));

            Path agent = TestAgent.write(folder.resolve("agent"));

            AgentTakeover takeover = AgentTakeover.builder()
                    .executable(agent)
                    .credentials(fleet.credentials())
                    .endpoint(listener.url())
                    .caCertificate(tls.caCertificate().orElseThrow())
                    .totalTimeout(Duration.ofMinutes(2))
                    .build();
            shepherd = own(Shepherd.builder()
                    .bmdb(bmdb)
                    .provider(fleet.provider())
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
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /** Makes the manager of running machines, and does not start it yet. */
    static DemoFleet of(Path folder, DemoMachines fleet, String databaseUrl) {
        return new DemoFleet(folder, fleet, databaseUrl);
    }

    /** Serves the page of this fleet. Returns where. */
    String servePage(int port) {
        return own(WebPage.ofDemo(bmdb, shepherd, listener, policy(machines), port))
                .url();
    }

    /** Often enough to watch, and seldom enough for this many agents on one machine. */
    static Duration heartbeatInterval(int machines) {
        return Duration.ofMillis(1000 + machines * 20L);
    }

    /** All machines of the demo have one address, and beat more often than those of others. */
    private static AgentEndpointLimits limits(int machines) {
        return AgentEndpointLimits.builder()
                .maxConnectionsPerAddress(machines + 64)
                .heartbeatsPerMinute(600)
                .strangerCallsPerMinute(1_200 + 60 * machines)
                .handshakesPerMinute(1_200 + 60 * machines)
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
                .maxFailedCalls(3)
                .backoff(Backoff.constant(Duration.ofSeconds(1)))
                .freezeReleaseAfter(Duration.ofSeconds(2))
                .build();
    }

    /**
     * Runs the manager until every agent is started and, after two of the machines have been broken, all is in order
     * again; or until the time is over, or the process is asked to end.
     */
    DemoSummary run(DemoProgress progress, Duration limit, Shutdown shutdown) throws InterruptedException {
        progress.stage("running the manager: provider '" + fleet.provider().type() + "' lists the machines");
        long startedAt = System.nanoTime();
        double toProvided = 0;
        double toStarted = 0;
        long provided = 0;
        long agents = 0;
        String ended = "";
        // Where the machine that runs it is busy, agents may be silent for long before all of them run.
        OperatorActions demo = OperatorActions.of(bmdb, Actor.program("the demo"));
        UUID pause = demo.pause(null, fleet.provider().type(), WorkProcess.RECOVERY, "until every agent runs", null)
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
        DemoRecovery recovery = new DemoRecovery(bmdb, fleet);
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
                ended.isEmpty() ? List.of() : errors(),
                fleet.bmcs(recovery.secondsToHeard(), recovery.quarantineCause()));
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

    /** Stops the manager and its parts, in the reverse order of their start. */
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
