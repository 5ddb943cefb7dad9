package dev.shepherd.manager;

import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.ProviderCheck;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Mirrors what a provider says of its machines into the database: status, address, port, location, reservation. What it
 * no longer says is cleared; a machine that it no longer knows becomes {@link ProviderStatus#MISSING}.
 *
 * <p>Its cost follows what is due, not the fleet: each machine has a time at which it is looked at next, sooner while it
 * is in motion. A provider whose listing is cheap is listed once for all that is due, others are asked machine by machine.
 * Several processes share the machines; nothing is written of a machine that did not change but the time.
 *
 * <p>Safe for use by several threads; steps run one at a time.
 */
public final class Updater {

    private static final Logger log = LoggerFactory.getLogger(Updater.class);

    /** With a listing at hand a machine costs next to nothing. */
    private static final int LISTED_BATCH = 1000;

    /** How many machines are asked for one by one before the results are written. Fits into the lease on them. */
    private static final int ASKED_BATCH = 20;

    private final Bmdb bmdb;
    private final ProviderCalls provider;
    private final ProviderType type;
    private final UpdaterSettings settings;
    private final SessionSource sessions;
    private final LoopMonitor monitor;
    private final Runnable onChanged;
    private final Object stepping = new Object();

    Updater(
            Bmdb bmdb,
            ProviderCalls provider,
            UpdaterSettings settings,
            SessionSource sessions,
            LoopMonitor monitor,
            Runnable onChanged) {
        this.bmdb = bmdb;
        this.provider = provider;
        this.type = provider.type();
        this.settings = settings;
        this.sessions = sessions;
        this.monitor = monitor;
        this.onChanged = onChanged;
    }

    ControlLoop.Next run() throws InterruptedException {
        step();
        return new ControlLoop.Next(
                settings.pollInterval(), "a machine to be due; looks again in " + settings.pollInterval());
    }

    /**
     * Looks at all machines that are due.
     *
     * @return how many of them had changed
     * @throws ProviderException if the provider cannot be asked; machines that were not looked at are due again within a
     *     minute
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost
     * @throws dev.shepherd.bmdb.BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public int step() throws InterruptedException {
        synchronized (stepping) {
            if (!bmdb.operator().pauses(type).isEmpty()) {
                return 0;
            }
            BmdbSession session = sessions.current();
            try (var guard = session.interruptOnLoss()) {
                return new Round(session).update();
            }
        }
    }

    /** What was found out of one machine. */
    private record Found(
            ProviderCheck check, Look look, @Nullable MachineInfo info) {}

    private enum Look {
        SAME,
        CHANGED,
        MISSING,
        FAILED
    }

    /** One look at all that is due. */
    private final class Round {
        private final BmdbSession session;
        private @Nullable ProviderListing listing;
        private int changed;

        Round(BmdbSession session) {
            this.session = session;
        }

        int update() throws InterruptedException {
            int batch = provider.isListingCheap() ? LISTED_BATCH : ASKED_BATCH;
            List<ProviderCheck> due = take(batch);
            while (!due.isEmpty()) {
                List<Found> found = new ArrayList<>();
                try {
                    for (ProviderCheck check : due) {
                        found.add(look(check, due.size()));
                    }
                } finally {
                    write(found);
                }
                due = due.size() < batch ? List.of() : take(batch);
            }
            return changed;
        }

        private List<ProviderCheck> take(int limit) throws InterruptedException {
            return session.inTransaction(tx -> tx.takeProviderChecks(type, limit));
        }

        private Found look(ProviderCheck check, int due) throws InterruptedException {
            ProvidedMachine machine = check.machine();
            try {
                MachineInfo info = ask(machine.providerId(), due);
                return new Found(check, isSame(machine, info) ? Look.SAME : Look.CHANGED, info);
            } catch (ProviderException e) {
                if (e.reason() == Reason.NOT_FOUND) {
                    return new Found(check, missing(machine) ? Look.SAME : Look.MISSING, null);
                }
                if (e.reason() == Reason.RATE_LIMITED || e.reason() == Reason.UNAUTHENTICATED) {
                    throw e;
                }
                monitor.error(String.valueOf(e.getMessage()));
                log.warn(
                        "Machine {} ({} {}): provider cannot describe it, looking again in {}: {}",
                        machine.machineId(),
                        type,
                        machine.providerId(),
                        settings.motionInterval(),
                        e.getMessage());
                return new Found(check, Look.FAILED, null);
            }
        }

        /** One that is not listed may be in creation: only the provider's own word makes a machine a missing one. */
        private MachineInfo ask(ProviderID id, int due) throws InterruptedException {
            if (provider.isListingCheap() && due > 1 && listing == null) {
                listing = new ProviderListing(type, provider.listMachines());
            }
            Optional<MachineInfo> listed = listing == null ? Optional.empty() : listing.find(id);
            return listed.isPresent() ? listed.get() : describe(id);
        }

        private MachineInfo describe(ProviderID id) throws InterruptedException {
            Machine described = provider.getMachine(id);
            if (!described.id().equals(id)) {
                throw new ProviderException(
                        Reason.TRANSIENT,
                        "provider " + type + " was asked for machine " + id + " and described " + described.id());
            }
            return MachineInfo.copyOf(described);
        }

        private void write(List<Found> found) throws InterruptedException {
            if (found.isEmpty()) {
                return;
            }
            List<UUID> atRest = new ArrayList<>();
            List<UUID> inMotion = new ArrayList<>();
            for (Found one : found) {
                (isInMotion(one) ? inMotion : atRest).add(one.check().machine().machineId());
            }
            session.inTransaction(tx -> {
                for (Found one : found) {
                    if (one.look() == Look.MISSING) {
                        tx.markMissing(one.check().machine().machineId());
                    } else if (one.look() == Look.CHANGED && one.info() != null) {
                        tx.updateProvided(type, one.info());
                    }
                }
                if (!inMotion.isEmpty()) {
                    tx.checkProvidedAfter(inMotion, settings.motionInterval());
                }
                if (!atRest.isEmpty()) {
                    tx.checkProvidedAfter(atRest, spread(settings.restInterval()));
                }
                return true;
            });
            found.forEach(this::tell);
        }

        private void tell(Found one) {
            ProvidedMachine machine = one.check().machine();
            if (one.look() == Look.MISSING) {
                changed++;
                log.warn(
                        "Machine {} ({} {}): the provider no longer knows it",
                        machine.machineId(),
                        type,
                        machine.providerId());
            } else if (one.look() == Look.CHANGED) {
                changed++;
                onChanged.run();
                log.info("Machine {} ({} {}): is now {}", machine.machineId(), type, machine.providerId(), one.info());
            }
        }
    }

    private static boolean isInMotion(Found found) {
        return found.look() == Look.CHANGED
                || found.look() == Look.FAILED
                || (found.check().inRecovery() && !missing(found.check().machine()))
                || (found.info() != null && found.info().status().equals(Optional.of(ProviderStatus.PROVISIONING)));
    }

    private static boolean missing(ProvidedMachine machine) {
        return machine.status().equals(Optional.of(ProviderStatus.MISSING));
    }

    private static boolean isSame(ProvidedMachine machine, MachineInfo info) {
        OptionalInt port = info.sshPort();
        return machine.address().equals(info.address())
                && machine.sshPort().equals(port)
                && machine.location().equals(info.location())
                && machine.reservationId().equals(info.reservationId())
                && machine.status().equals(info.status());
    }

    private static Duration spread(Duration interval) {
        double factor = 0.9 + 0.2 * ThreadLocalRandom.current().nextDouble();
        return Duration.ofMillis(Math.round(interval.toMillis() * factor));
    }
}
