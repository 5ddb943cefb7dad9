package dev.shepherd.cli.demo;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Quarantine;
import dev.shepherd.bmdb.operator.Statistics;
import dev.shepherd.cli.internal.Shutdown;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;

/** The second half of a demo: breaks two machines, and watches what becomes of them. */
final class DemoRecovery {

    private static final Duration LOOK_INTERVAL = Duration.ofMillis(200);

    private final Bmdb bmdb;
    private final ProviderType type;
    private final DemoMachines fleet;
    private final int last;
    private long recovered;
    private long quarantined;
    private double secondsToHeard;
    private String quarantineCause = "";

    DemoRecovery(Bmdb bmdb, DemoMachines fleet) {
        this.bmdb = bmdb;
        this.type = fleet.provider().type();
        this.fleet = fleet;
        this.last = fleet.count() - 1;
    }

    int expectedToRecover() {
        return 1;
    }

    /** Of two agents that fall silent together, both are all of them: recovery would freeze. */
    int expectedInQuarantine() {
        return fleet.count() >= 3 ? 1 : 0;
    }

    long recovered() {
        return recovered;
    }

    long quarantined() {
        return quarantined;
    }

    /** Returns how long it took from the silence of an agent until it was heard again; zero if it was not. */
    double secondsToHeard() {
        return secondsToHeard;
    }

    /** Returns why a machine is quarantined; empty if none is. */
    String quarantineCause() {
        return quarantineCause;
    }

    /** Returns why it ended early, or nothing. */
    String run(DemoProgress progress, Duration limit, Shutdown shutdown) throws InterruptedException {
        long startedAt = System.nanoTime();
        String ended = awaitHeartbeats(limit, shutdown);
        if (!ended.isEmpty()) {
            return ended;
        }
        long silentAt = System.nanoTime();
        progress.stage(fleet.breakUntilReboot(0));
        if (expectedInQuarantine() > 0) {
            progress.stage(fleet.breakForGood(last));
        }
        String seen = "";
        while (true) {
            Statistics statistics = Operator.of(bmdb).statistics();
            recovered = statistics.recovered();
            quarantined = statistics.quarantined();
            if (recovered > 0 && secondsToHeard == 0) {
                secondsToHeard = (System.nanoTime() - silentAt) / 1e9;
            }
            if (quarantined > 0 && quarantineCause.isEmpty()) {
                quarantineCause = quarantine(last).map(Quarantine::cause).orElse("");
            }
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
        while (Operator.of(bmdb).statistics().heartbeating() < fleet.count()) {
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
        String now = state(0) + (expectedInQuarantine() > 0 ? "; " + state(last) : "");
        if (!now.equals(before)) {
            progress.stage("  " + now);
        }
        return now;
    }

    private String state(int index) throws InterruptedException {
        ProviderID id = fleet.id(index);
        UUID machineId = machineId(index);
        if (quarantine(index).isPresent()) {
            return id + " is quarantined";
        }
        RecoveryState recovery = Operator.of(bmdb).recovery(machineId).orElse(null);
        if (recovery == null) {
            return id + " is silent";
        }
        if (!recovery.isOpen()) {
            return id + " is back";
        }
        if (recovery.failedCalls() > 0) {
            return String.format(Locale.ROOT, "%s is silent, its reboot was refused (%d)", id, recovery.failedCalls());
        }
        if (recovery.underWay()) {
            return id + " is being rebooted";
        }
        boolean started = bmdb.machine(machineId).orElseThrow().agentStarted().isPresent();
        String what = started ? "its agent is started again" : "not reached yet";
        return String.format(Locale.ROOT, "%s was rebooted (%d), %s", id, recovery.attempts(), what);
    }

    private Optional<Quarantine> quarantine(int index) throws InterruptedException {
        return Operator.of(bmdb).quarantine(machineId(index));
    }

    private UUID machineId(int index) throws InterruptedException {
        return bmdb.findMachine(type, fleet.id(index)).orElseThrow();
    }
}
