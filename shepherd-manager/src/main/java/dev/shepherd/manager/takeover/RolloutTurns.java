package dev.shepherd.manager.takeover;

import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.rollout.RolloutTakeovers;
import dev.shepherd.bmdb.rollout.RolloutTakeovers.Assignment;
import dev.shepherd.manager.internal.Approvals;
import dev.shepherd.manager.internal.Approvals.Outcome;
import dev.shepherd.manager.internal.LoopContext;
import dev.shepherd.manager.internal.LoopMonitor;
import dev.shepherd.manager.internal.ProviderCalls;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Begins takeovers: finds out which executable to put on a machine, and asks the gates where that stops an agent. */
final class RolloutTurns {

    private static final Logger log = LoggerFactory.getLogger(RolloutTurns.class);

    private final ProviderCalls provider;
    private final Approvals approvals;
    private final LoopMonitor monitor;

    RolloutTurns(LoopContext context) {
        this.provider = context.provider();
        this.approvals = context.approvals();
        this.monitor = context.monitor();
    }

    /** Returns nothing if the work has been ended, since the machine must be left alone. */
    Optional<Assignment> begin(Work claimed, MachineRecord machine) throws InterruptedException {
        UUID machineId = claimed.machineId();
        ProvidedMachine provided = machine.provided().orElseThrow();
        Optional<UUID> approval = Optional.empty();
        if (approvals.areNeeded()
                && claimed.update(tx -> RolloutTakeovers.isDisruption(tx, machineId, provider.type()))) {
            Outcome outcome = approvals.ask(
                    claimed,
                    new Approvals.Wish(
                            provided.providerId(),
                            DisruptionKind.ROLLOUT,
                            "a rollout puts another agent on it",
                            Optional.empty()));
            if (!outcome.mayGoOn()) {
                heldBack(claimed, provided, outcome);
                return Optional.empty();
            }
            approval = outcome.approval();
        }
        Optional<UUID> given = approval;
        Optional<Assignment> assigned =
                claimed.update(tx -> RolloutTakeovers.begin(tx, machineId, provider.type(), given));
        if (assigned.isEmpty()) {
            claimed.close();
            monitor.machineGivenUp();
            log.info(
                    "{}: left alone, since its rollout has ended, or its approval was withdrawn or has lapsed",
                    provider.describe(machineId, provided.providerId()));
        }
        return assigned;
    }

    /** It is no failure of the machine, nor of its takeover. */
    private void heldBack(Work claimed, ProvidedMachine provided, Outcome outcome) throws InterruptedException {
        UUID machineId = claimed.machineId();
        String obstacle = outcome.obstacle().orElseThrow();
        boolean isNews = claimed.giveUpQuietly(obstacle, tx -> {
            boolean isOther = outcome.write().run(tx);
            if (outcome.drainedBy().isPresent()) {
                RolloutTakeovers.extend(
                        tx, machineId, provider.type(), outcome.drainedBy().get());
            } else {
                RolloutTakeovers.holdBack(
                        tx, machineId, provider.type(), outcome.isForGood() ? Optional.of(obstacle) : Optional.empty());
            }
            return isOther;
        });
        monitor.machineGivenUp();
        if (isNews) {
            log.info("{}: the rollout has to wait: {}", provider.describe(machineId, provided.providerId()), obstacle);
        }
    }
}
