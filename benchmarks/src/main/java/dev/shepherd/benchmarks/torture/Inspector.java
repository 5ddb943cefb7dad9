package dev.shepherd.benchmarks.torture;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.ShepherdException;
import dev.shepherd.benchmarks.torture.Effect.Kind;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A process of an embedder's own: counts in a machine's hardware report how often it was inspected, under a claim each
 * time, and logs each count that the database answered to be committed. So what was answered can be held against what
 * is there in the end. All managers inspect the same few machines.
 */
final class Inspector implements Runnable {

    private static final Logger log = LoggerFactory.getLogger(Inspector.class);

    private static final WorkProcess PROCESS = new WorkProcess(Plan.INSPECTION);
    private static final int MACHINES = 40;
    private static final double SLOW = 0.01;

    private final Bmdb bmdb;
    private final int manager;
    private final EffectLog effects;

    Inspector(Bmdb bmdb, int manager, EffectLog effects) {
        this.bmdb = bmdb;
        this.manager = manager;
        this.effects = effects;
    }

    @Override
    public void run() {
        while (!Thread.currentThread().isInterrupted()) {
            try (BmdbSession session = bmdb.startSession("inspector", Plan.runtimeInfo(manager))) {
                inspectWhileAlive(session);
            } catch (ShepherdException e) {
                log.info("the inspector starts again: {}", e.getMessage());
                pause();
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private static void pause() {
        try {
            Thread.sleep(200);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void inspectWhileAlive(BmdbSession session) throws InterruptedException {
        List<UUID> machines = List.of();
        while (session.isAlive()) {
            if (machines.size() < MACHINES) {
                machines = bmdb.providedMachines(new ProviderType(Plan.PROVIDER)).stream()
                        .limit(MACHINES)
                        .map(ProvidedMachine::machineId)
                        .toList();
            }
            if (machines.isEmpty()) {
                Thread.sleep(100);
                continue;
            }
            UUID machine = machines.get(ThreadLocalRandom.current().nextInt(machines.size()));
            Optional<Work> claimed = session.claimMachine(PROCESS, machine);
            if (claimed.isPresent()) {
                try (Work work = claimed.get();
                        var guard = session.interruptOnLoss()) {
                    inspect(work);
                }
            }
            Thread.sleep(ThreadLocalRandom.current().nextInt(40));
        }
    }

    private void inspect(Work work) throws InterruptedException {
        String machine = work.machineId().toString();
        String claim = work.claimId().toString();
        effects.add(Kind.INSPECT, "", machine, claim);
        int most = ThreadLocalRandom.current().nextDouble() < SLOW ? 6000 : 20;
        Thread.sleep(ThreadLocalRandom.current().nextInt(most));
        long count = work.finishReturning(tx -> {
            long next = tx.machine(work.machineId())
                            .flatMap(MachineRecord::hardwareReport)
                            .map(report -> ByteBuffer.wrap(report).getLong())
                            .orElse(0L)
                    + 1;
            tx.putHardwareReport(
                    work.machineId(), ByteBuffer.allocate(8).putLong(next).array());
            return next;
        });
        effects.add(Kind.INSPECTED, "", claim, Long.toString(count));
    }
}
