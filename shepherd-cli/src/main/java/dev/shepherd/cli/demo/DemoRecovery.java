package dev.shepherd.cli.demo;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Statistics;
import dev.shepherd.cli.internal.Shutdown;
import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.UUID;

/** The second half of a demo: breaks two machines, and watches what becomes of them. */
final class DemoRecovery {

    private static final Duration LOOK_INTERVAL = Duration.ofMillis(200);

    private final Bmdb bmdb;
    private final ProviderType type;
    private final List<SshHost> hosts;
    private long recovered;
    private long quarantined;

    DemoRecovery(Bmdb bmdb, ProviderType type, List<SshHost> hosts) {
        this.bmdb = bmdb;
        this.type = type;
        this.hosts = hosts;
    }

    int expectedToRecover() {
        return 1;
    }

    /** Of two agents that fall silent together, both are all of them: recovery would freeze. */
    int expectedInQuarantine() {
        return hosts.size() >= 3 ? 1 : 0;
    }

    long recovered() {
        return recovered;
    }

    long quarantined() {
        return quarantined;
    }

    /** Returns why it ended early, or nothing. */
    String run(DemoProgress progress, Duration limit, Shutdown shutdown) throws InterruptedException {
        long startedAt = System.nanoTime();
        String ended = awaitHeartbeats(limit, shutdown);
        if (!ended.isEmpty()) {
            return ended;
        }
        progress.stage("killing the agent of machine-0001: it falls silent, is rebooted and taken over again");
        hosts.get(0).killProcesses();
        if (expectedInQuarantine() > 0) {
            progress.stage("unplugging %s: reboots do not help, so it is quarantined".formatted(id(hosts.size() - 1)));
            SshHost dead = hosts.get(hosts.size() - 1);
            dead.setMood(Mood.REFUSE);
            dead.killProcesses();
        }
        String seen = "";
        while (true) {
            Statistics statistics = Operator.of(bmdb).statistics();
            recovered = statistics.recovered();
            quarantined = statistics.quarantined();
            seen = tell(progress, seen);
            if (recovered >= expectedToRecover() && quarantined >= expectedInQuarantine()) {
                return "";
            }
            if (System.nanoTime() - startedAt > limit.toNanos()) {
                return "the time limit is over";
            }
            if (shutdown.await(LOOK_INTERVAL.toMillis())) {
                return "it was interrupted";
            }
        }
    }

    /** Waits until every agent was heard: one that never was is silent for longer before anything is done. */
    private String awaitHeartbeats(Duration limit, Shutdown shutdown) throws InterruptedException {
        long startedAt = System.nanoTime();
        while (Operator.of(bmdb).statistics().heartbeating() < hosts.size()) {
            if (System.nanoTime() - startedAt > limit.toNanos()) {
                return "the time limit is over, and not every agent was heard";
            }
            if (shutdown.await(LOOK_INTERVAL.toMillis())) {
                return "it was interrupted";
            }
        }
        return "";
    }

    private String tell(DemoProgress progress, String before) throws InterruptedException {
        String now = state(0) + (expectedInQuarantine() > 0 ? "; " + state(hosts.size() - 1) : "");
        if (!now.equals(before)) {
            progress.stage("  " + now);
        }
        return now;
    }

    private String state(int index) throws InterruptedException {
        ProviderID id = id(index);
        UUID machineId = bmdb.findMachine(type, id).orElseThrow();
        if (Operator.of(bmdb).quarantine(machineId).isPresent()) {
            return id + " is quarantined";
        }
        RecoveryState recovery = Operator.of(bmdb).recovery(machineId).orElse(null);
        if (recovery == null) {
            return id + " is silent";
        }
        if (!recovery.isOpen()) {
            return id + " is back";
        }
        boolean started = bmdb.machine(machineId).orElseThrow().agentStarted().isPresent();
        String what = started ? "its agent is started again" : "not reached yet";
        return String.format(Locale.ROOT, "%s was rebooted (%d), %s", id, recovery.attempts(), what);
    }

    private static ProviderID id(int index) {
        return new ProviderID(String.format(Locale.ROOT, "machine-%04d", index + 1));
    }
}
