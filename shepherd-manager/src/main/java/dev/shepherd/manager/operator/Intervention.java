package dev.shepherd.manager.operator;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.listing.Listings;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.Verb;
import dev.shepherd.bmdb.recovery.Recoveries;
import dev.shepherd.bmdb.recovery.Recoveries.Begun;
import dev.shepherd.bmdb.recovery.RecoveryAttempt;
import dev.shepherd.bmdb.recovery.Refusal;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.internal.Approvals;
import dev.shepherd.manager.internal.ProviderCalls;
import dev.shepherd.manager.internal.WorkContext;
import dev.shepherd.manager.recovery.MachineRecoverer;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reboots or reinstalls one machine because an operator wants it. Of the conditions of the {@link MachineRecoverer},
 * silence, cooldown and quarantine do not apply here; pauses, freezes, limits and gates do unless it is forced. What makes its
 * attempts safe holds here as well: the machine is held, under {@link WorkProcess#ACCESS}; the attempt is written
 * immediately before the call, on the same thread; and a call of unknown outcome is not repeated.
 */
public final class Intervention {

    private static final Logger log = LoggerFactory.getLogger(Intervention.class);

    private final Bmdb bmdb;
    private final ProviderCalls provider;
    private final Approvals approvals;
    private final Recoveries recoveries;
    private final Listings listings;
    private final String runtimeInfo;

    public Intervention(
            Bmdb bmdb, ProviderCalls provider, Approvals approvals, RecoveryPolicy policy, String runtimeInfo) {
        this.bmdb = bmdb;
        this.provider = provider;
        this.approvals = approvals;
        this.recoveries = Recoveries.of(bmdb, provider.type(), policy);
        this.listings = Listings.of(bmdb, provider.type());
        this.runtimeInfo = runtimeInfo;
    }

    /**
     * What a person wants.
     *
     * @param action {@link RecoveryAction#REBOOT} or {@link RecoveryAction#REINSTALL}
     * @param force whether to act though a pause, a freeze, a limit or a gate is in the way
     */
    public record Wish(
            UUID machineId, ProviderID id, RecoveryAction action, Actor actor, String reason, boolean force) {

        Verb verb() {
            return action == RecoveryAction.REINSTALL ? Verb.REINSTALL : Verb.REBOOT;
        }
    }

    /** See {@link Shepherd#reboot} and {@link Shepherd#reinstall}. */
    public void run(Wish wish) throws InterruptedException {
        UUID machineId = wish.machineId();
        if (!provider.canReboot()) {
            throw new InterventionException(
                    InterventionException.Reason.NOT_SUPPORTED,
                    machineId,
                    "provider " + provider.type() + " can neither reboot nor reinstall machines");
        }
        // What is certain to be refused need not wait for the machine, nor for the provider's turn.
        if (!wish.force()) {
            recoveries.refusal(machineId, wish.action()).ifPresent(refusal -> {
                throw refused(machineId, refusal);
            });
        }
        String note =
                "%s on behalf of %s: %s".formatted(wish.verb(), wish.actor().name(), wish.reason());
        try (BmdbSession session = bmdb.startSession("operator", runtimeInfo)) {
            Work work = session.claimMachine(WorkProcess.ACCESS, machineId, note)
                    .orElseThrow(() -> new InterventionException(
                            InterventionException.Reason.WORKED_ON,
                            machineId,
                            "is being worked on; try again when that has ended"));
            try (WorkContext about = WorkContext.of(bmdb.tracer(), provider.type(), work);
                    work) {
                act(work, wish);
            }
        }
        log.warn("{}: {}; accepted by the provider", provider.describe(machineId, wish.id()), Escaped.text(note));
    }

    private static InterventionException refused(UUID machineId, Refusal refusal) {
        return new InterventionException(
                switch (refusal.kind()) {
                    case PAUSED -> InterventionException.Reason.PAUSED;
                    case FROZEN -> InterventionException.Reason.FROZEN;
                    case AT_LIMIT -> InterventionException.Reason.AT_LIMIT;
                    case HELD_BACK -> InterventionException.Reason.HELD_BACK;
                },
                machineId,
                refusal.why());
    }

    private void act(Work work, Wish wish) throws InterruptedException {
        UUID machineId = work.machineId();
        AtomicReference<RecoveryAttempt> attempt = new AtomicReference<>();
        Optional<UUID> approval = wish.force() ? Optional.empty() : approval(work, wish);
        ProviderCalls.LastCheck begin = () -> {
            Begun begun = work.update(tx -> begin(tx, wish, approval));
            begun.refusal().ifPresent(refusal -> {
                throw refused(machineId, refusal);
            });
            attempt.set(begun.attempt().orElseThrow());
            return true;
        };
        BmdbSession.LossGuard guard = work.session().interruptOnLoss();
        try (guard) {
            if (wish.action() == RecoveryAction.REINSTALL) {
                provider.reinstallMachine(wish.id(), begin);
            } else {
                provider.rebootMachine(wish.id(), begin);
            }
        } catch (ProviderException e) {
            failed(work, attempt.get(), e);
            throw e;
        } catch (InterruptedException e) {
            if (guard.isLost()) {
                throw new SessionExpiredException(
                        work.session().id(),
                        "machine " + machineId + ": the session was lost during the call; its outcome is unknown",
                        e);
            }
            throw e;
        }
        work.finish(tx -> {
            recoveries.restartTakeover(tx, machineId, wish.action(), false);
        });
    }

    /** Asks the gates, and waits until work has been moved away. */
    private Optional<UUID> approval(Work work, Wish wish) throws InterruptedException {
        DisruptionKind kind =
                wish.action() == RecoveryAction.REINSTALL ? DisruptionKind.REINSTALL : DisruptionKind.REBOOT;
        Approvals.Outcome outcome = approvals.askAndWait(
                work, new Approvals.Wish(wish.id(), kind, wish.reason(), Optional.of(wish.actor())));
        if (!outcome.mayGoOn()) {
            String obstacle = outcome.obstacle().orElseThrow();
            work.giveUp(obstacle, tx -> {
                outcome.write().run(tx);
            });
            throw refused(work.machineId(), new Refusal(Refusal.Kind.HELD_BACK, obstacle));
        }
        return outcome.approval();
    }

    /** The attempt and its record are one transaction: whatever becomes of the call, it is known who asked for it. */
    private Begun begin(BmdbTransaction tx, Wish wish, Optional<UUID> approval) {
        Begun begun = recoveries.beginIntervention(tx, wish.machineId(), wish.action(), wish.force(), approval);
        if (begun.attempt().isPresent()) {
            OperatorActions.of(bmdb, wish.actor())
                    .record(tx, wish.verb(), wish.machineId(), wish.reason(), wish.force() ? "forced" : null);
        }
        return begun;
    }

    private void failed(Work work, @Nullable RecoveryAttempt attempt, ProviderException e) throws InterruptedException {
        work.fail(String.valueOf(e.getMessage()), tx -> {
            if (attempt != null && e.reason().isWithoutEffect()) {
                recoveries.notTried(tx, attempt);
            } else if (attempt != null) {
                // It may have had its effect: whether it had is seen by SSH.
                recoveries.restartTakeover(tx, attempt.machineId(), attempt.action(), true);
            }
            if (e.reason() == Reason.NOT_FOUND) {
                listings.markMissing(tx, work.machineId());
            }
        });
    }
}
