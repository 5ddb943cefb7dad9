package dev.shepherd.manager.operator;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.listing.Listings;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Pause;
import dev.shepherd.bmdb.recovery.Recoveries;
import dev.shepherd.bmdb.recovery.RecoveryAttempt;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.internal.ProviderCalls;
import dev.shepherd.manager.recovery.MachineRecoverer;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reboots or reinstalls one machine because an operator wants it. The conditions of the {@link MachineRecoverer}, such
 * as silence, cooldown, limits, freezes and quarantine, do not apply here. What makes its attempts safe holds here as
 * well: the machine is held, under {@link WorkProcess#ACCESS}; the attempt is written immediately before the call, on
 * the same thread; and a call of unknown outcome is not repeated.
 */
public final class Intervention {

    private static final Logger log = LoggerFactory.getLogger(Intervention.class);

    private final Bmdb bmdb;
    private final ProviderCalls provider;
    private final Recoveries recoveries;
    private final Listings listings;
    private final String runtimeInfo;

    public Intervention(Bmdb bmdb, ProviderCalls provider, RecoveryPolicy policy, String runtimeInfo) {
        this.bmdb = bmdb;
        this.provider = provider;
        this.recoveries = Recoveries.of(bmdb, provider.type(), policy);
        this.listings = Listings.of(bmdb, provider.type());
        this.runtimeInfo = runtimeInfo;
    }

    /** See {@link Shepherd#reboot} and {@link Shepherd#reinstall}. */
    public void run(UUID machineId, ProviderID id, RecoveryAction action, String by, String reason)
            throws InterruptedException {
        if (!provider.canReboot()) {
            throw new InterventionException(
                    InterventionException.Reason.NOT_SUPPORTED,
                    machineId,
                    "provider " + provider.type() + " can neither reboot nor reinstall machines");
        }
        List<Pause> pauses = Operator.of(bmdb).pauses(provider.type());
        if (!pauses.isEmpty()) {
            Pause pause = pauses.get(0);
            throw new InterventionException(
                    InterventionException.Reason.PROVIDER_PAUSED,
                    machineId,
                    "provider %s is not to be called, %s paused it: %s; end pause %s first"
                            .formatted(provider.type(), pause.by(), pause.reason(), pause.id()));
        }
        String name = action.toString().toLowerCase(Locale.ROOT);
        String note = "%s on behalf of %s: %s".formatted(name, by, reason);
        try (BmdbSession session = bmdb.startSession("operator", runtimeInfo)) {
            Work work = session.claimMachine(WorkProcess.ACCESS, machineId, note)
                    .orElseThrow(() -> new InterventionException(
                            InterventionException.Reason.WORKED_ON,
                            machineId,
                            "is being worked on; try again when that has ended"));
            try (work) {
                act(work, id, action);
            }
        }
        log.warn(
                "Machine {} ({} {}): {}; accepted by the provider", machineId, provider.type(), id, Escaped.text(note));
    }

    private void act(Work work, ProviderID id, RecoveryAction action) throws InterruptedException {
        UUID machineId = work.machineId();
        AtomicReference<RecoveryAttempt> begun = new AtomicReference<>();
        ProviderCalls.LastCheck begin = () -> {
            begun.set(work.update(tx -> recoveries.beginIntervention(tx, machineId, action)));
            return true;
        };
        BmdbSession.LossGuard guard = work.session().interruptOnLoss();
        try (guard) {
            if (action == RecoveryAction.REINSTALL) {
                provider.reinstallMachine(id, begin);
            } else {
                provider.rebootMachine(id, begin);
            }
        } catch (ProviderException e) {
            failed(work, begun.get(), e);
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
            recoveries.restartTakeover(tx, machineId, action, false);
        });
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
