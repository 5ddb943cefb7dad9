package dev.shepherd.manager;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.Eligibility;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.manager.takeover.TakeoverException;
import dev.shepherd.manager.takeover.TakeoverResult;
import dev.shepherd.manager.takeover.TakeoverTarget;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes over the machines of one provider that have no agent yet: starts the agent by SSH and records its key.
 *
 * <p><strong>Why a crash strands no machine.</strong> AgentStarted is written in the transaction that ends the
 * work. If it cannot be committed, the machine is still without a started agent, and is taken over again: the new
 * agent's key replaces the old one's.
 *
 * <p>Safe for use by several threads; steps run one at a time.
 */
public final class Initializer {

    private static final Logger log = LoggerFactory.getLogger(Initializer.class);

    private final Bmdb bmdb;
    private final InitializerSettings settings;
    private final MachineTakeover takeover;
    private final LoopMonitor monitor;
    private final WorkLoop work;
    private final Object stepping = new Object();

    Initializer(
            Bmdb bmdb,
            ProviderType provider,
            InitializerSettings settings,
            MachineTakeover takeover,
            SessionSource sessions,
            LoopMonitor monitor,
            Executor executor,
            Runnable wake) {
        this.bmdb = bmdb;
        this.settings = settings;
        this.takeover = takeover;
        this.monitor = monitor;
        this.work = new WorkLoop(
                "shepherd-initializer-" + provider,
                limit -> sessions.current().claim(WorkProcess.AGENT_START, Eligibility.agentStart(provider), limit),
                () -> bmdb.untilNextDue(WorkProcess.AGENT_START, provider),
                settings.parallelism(),
                settings.pollInterval(),
                settings.backoff(),
                monitor,
                executor,
                wake,
                this::takeOver);
    }

    ControlLoop.Next run() throws InterruptedException {
        return work.run();
    }

    WorkLoop work() {
        return work;
    }

    /**
     * Claims up to {@link InitializerSettings#parallelism()} machines, takes them over at the same time, and waits
     * until all are done.
     *
     * @return how many machines were claimed
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost
     * @throws dev.shepherd.bmdb.BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public int step() throws InterruptedException {
        synchronized (stepping) {
            return work.step();
        }
    }

    private void takeOver(Work claimed) throws InterruptedException {
        UUID machineId = claimed.machineId();
        MachineRecord machine = bmdb.machine(machineId).orElseThrow();
        Optional<InetAddress> address = machine.provided().flatMap(ProvidedMachine::address);
        if (address.isEmpty()) {
            fail(claimed, describe(machine), "the provider gives no address to reach it by SSH", false);
            return;
        }
        // The session may have been lost while the database was asked; not every takeover looks.
        if (Thread.interrupted()) {
            throw new InterruptedException("interrupted before taking over machine " + machineId);
        }
        try {
            TakeoverResult result = takeover.takeover(target(machine, address.get()));
            record(claimed, machine, result);
        } catch (TakeoverException e) {
            fail(claimed, describe(machine), String.valueOf(e.getMessage()), e.isOutOfReach());
        }
    }

    private TakeoverTarget target(MachineRecord machine, InetAddress address) {
        ProvidedMachine provided = machine.provided().orElseThrow();
        TakeoverTarget.Builder target = TakeoverTarget.builder(machine.machineId(), address)
                .port(provided.sshPort().orElse(settings.sshPort()))
                .name(provided.providerId().value());
        machine.sshHostKey().ifPresent(target::pinnedHostKey);
        return target.build();
    }

    private void record(Work claimed, MachineRecord machine, TakeoverResult result) throws InterruptedException {
        UUID machineId = claimed.machineId();
        claimed.finish(tx -> {
            tx.putAgentStarted(machineId, result.agentKey());
            // Whatever was heard before came from another agent; this one has yet to be heard.
            tx.clearAgentHeartbeat(machineId);
            tx.clearUnreachable(machineId);
            if (machine.sshHostKey().isEmpty()) {
                tx.putSshHostKey(machineId, result.hostKey());
            }
            return true;
        });
        monitor.machineSucceeded();
        log.info(
                "{}: agent started in {} ms",
                describe(machine),
                result.elapsed().toMillis());
        result.warnings().forEach(warning -> log.warn("{}: the agent warns: {}", describe(machine), warning));
    }

    private void fail(Work claimed, String machine, String cause, boolean outOfReach) throws InterruptedException {
        Duration period = claimed.fail(settings.backoff(), cause, tx -> {
            if (outOfReach) {
                tx.countUnreachable(claimed.machineId());
            } else {
                tx.clearUnreachable(claimed.machineId());
            }
            return true;
        });
        monitor.machineFailed(cause);
        log.warn("{}: takeover failed, trying again in {}: {}", machine, period, cause);
    }

    private static String describe(MachineRecord machine) {
        return "Machine " + machine.machineId()
                + machine.provided()
                        .map(provided -> " (" + provided.provider() + " " + provided.providerId() + ")")
                        .orElse("");
    }
}
