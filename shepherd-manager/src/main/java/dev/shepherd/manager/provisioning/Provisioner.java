package dev.shepherd.manager.provisioning;

import dev.shepherd.api.AlreadyRecordedException;
import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.listing.Listings;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Pause;
import dev.shepherd.bmdb.provisioning.Intents;
import dev.shepherd.bmdb.provisioning.MachineIntent;
import dev.shepherd.manager.internal.ControlLoop;
import dev.shepherd.manager.internal.LoopContext;
import dev.shepherd.manager.internal.LoopMonitor;
import dev.shepherd.manager.internal.ProviderCalls;
import dev.shepherd.manager.internal.RateLimiter;
import dev.shepherd.manager.internal.SessionSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the machines of one provider into the database, up to a maximum.
 *
 * <p>Each {@link #step()} lists the provider and the database, refuses to act if they disagree about used machines,
 * finishes what earlier creations left undone, and creates a chunk of new machines. Any number of processes may do so
 * for one provider at once: together they keep to the maximum and make no machine twice. Both sides are read as they
 * come: a fleet of a million machines takes 32 MB while it is compared. A step that finds nothing to do writes nothing.
 *
 * <p><strong>Why nothing is leaked or made twice.</strong> An intent, unique for its candidate, is committed before the
 * provider is asked, and a machine's row is committed under the intent's id. At whatever instant a process dies, the
 * intent is either gone and the machine recorded, or still there: then the next reconciliation finds the machine that
 * carries it and adopts it, or asks the provider again for the same intent.
 *
 * <p>Safe for use by several threads; steps run one at a time.
 */
public final class Provisioner {

    private static final Logger log = LoggerFactory.getLogger(Provisioner.class);

    /** How long an intent whose creation failed waits before it is tried again. */
    private static final Backoff RETRY = Backoff.builder()
            .initial(Duration.ofMinutes(1))
            .exponent(2)
            .maximum(Duration.ofHours(1))
            .build();

    /** How many machines with a discrepancy an event names. */
    private static final int MOST_TOLD = 10;

    private final Bmdb bmdb;
    private final Intents intents;
    private final ProviderCalls provider;
    private final ProviderType type;
    private final ProvisionerSettings settings;
    private final ProvisionerSettings.Limits limits;
    private final SessionSource sessions;
    private final LoopMonitor monitor;
    private final Runnable onRecorded;
    private final RateLimiter creations;
    private final Object stepping = new Object();

    /** What the last reconciliation found. Immutable. */
    private volatile Discrepancies discrepancies = new Discrepancies();

    private volatile ProvisioningOutlook outlook = new ProvisioningOutlook(0, 0, List.of());

    /** Guarded by {@link #stepping}. */
    private int recordedLast;

    /** What has been warned of and still holds. Guarded by {@link #stepping}. */
    private Set<String> warnedOf = Set.of();

    /** Whether there is more to do at once. Guarded by {@link #stepping}. */
    private boolean more;

    public Provisioner(LoopContext context, ProvisionerSettings settings) {
        this.bmdb = context.bmdb();
        this.provider = context.provider();
        this.type = provider.type();
        this.intents = Intents.of(bmdb, type);
        this.settings = settings;
        this.sessions = context.sessions();
        this.monitor = context.monitor();
        this.onRecorded = context.wakeInitializer();
        this.limits = settings.limits(provider.isCreationCheap());
        this.creations = new RateLimiter(limits.creationInterval());
    }

    /**
     * Returns the machines on which the last reconciliation found a fatal discrepancy; empty if there was none. At most
     * 100 of each {@linkplain Discrepancy.Kind kind}: {@link #discrepancyCount()} tells how many there are.
     */
    public List<Discrepancy> discrepancies() {
        return discrepancies.named();
    }

    /** Returns on how many machines the last reconciliation found a fatal discrepancy. */
    public long discrepancyCount() {
        return discrepancies.count();
    }

    /** Returns on how many machines the last reconciliation found a fatal discrepancy of a kind. */
    public long discrepancyCount(Discrepancy.Kind kind) {
        return discrepancies.count(kind);
    }

    /** Returns what the last reconciliation left undone; all zero before the first. */
    public ProvisioningOutlook outlook() {
        return outlook;
    }

    public ControlLoop.Next run() throws InterruptedException {
        boolean goesOn;
        synchronized (stepping) {
            step();
            goesOn = more;
        }
        if (goesOn) {
            return new ControlLoop.Next(Duration.ZERO, "nothing: there are more machines to record");
        }
        String next = "the next reconciliation";
        return new ControlLoop.Next(
                settings.interval(), outlook.heldBack() == 0 ? next : next + "; " + heldBack(outlook.heldBack()));
    }

    private String heldBack(long count) {
        return String.format(
                Locale.ROOT, "the maximum of %d machine(s) holds back %d free one(s)", limits.maxCount(), count);
    }

    /**
     * Does one reconciliation, or none while the provider is paused.
     *
     * @return what it did
     * @throws FatalDiscrepancyException if provider and database disagree about used machines; nothing was done
     * @throws ProviderException if the provider cannot be listed, or lists what it must not
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost
     * @throws dev.shepherd.bmdb.BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public Reconciliation step() throws InterruptedException {
        synchronized (stepping) {
            List<Pause> pauses = Operator.of(bmdb).pauses(type);
            if (!pauses.isEmpty()) {
                Pause pause = pauses.get(0);
                log.debug(
                        "Provider {}: paused by {}: {}", type, Escaped.text(pause.by()), Escaped.text(pause.reason()));
                return new Reconciliation(0, 0, List.of(), List.of(), 0);
            }
            BmdbSession session = sessions.current();
            try (var guard = session.interruptOnLoss()) {
                return new Round(session).reconcile();
            }
        }
    }

    /**
     * Returns what {@link #step()} would do, and does nothing.
     *
     * @throws ProviderException if the provider cannot be listed, or lists what it must not
     * @throws dev.shepherd.bmdb.BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public ProvisioningPlan plan() throws InterruptedException {
        List<String> paused = Operator.of(bmdb).pauses(type).stream()
                .map(pause -> pause.by() + " paused it: " + pause.reason())
                .toList();
        Survey survey = Survey.of(bmdb, provider, limits, List.of(), 0);
        List<MachineIntent> open = intents.list();
        Set<UUID> ended = survey.adoptable().stream()
                .map(adoptable -> adoptable.intent().intentId())
                .collect(Collectors.toSet());
        List<String> resume = open.stream()
                .filter(intent -> !ended.contains(intent.intentId()))
                .map(MachineIntent::candidate)
                .toList();
        int taken = survey.recorded() + open.size();
        int room = limits.maxCount() == 0 ? Integer.MAX_VALUE : limits.maxCount() - taken;
        List<String> create = survey.free().stream()
                .limit(Math.max(0, Math.min(room, limits.chunkSize() - resume.size())))
                .toList();
        Discrepancies found = survey.discrepancies();
        return new ProvisioningPlan(
                survey.listed(),
                survey.recorded(),
                found.named(),
                found.count(),
                survey.adoptable().stream()
                        .map(adoptable -> adoptable.machine().id())
                        .toList(),
                resume,
                found.count() == 0 ? create : List.of(),
                survey.outlook(),
                paused);
    }

    /** One reconciliation. */
    private final class Round {
        private final BmdbSession session;
        private final List<ProviderID> created = new ArrayList<>();
        private final List<ProviderID> adopted = new ArrayList<>();
        private int failed;
        private boolean providerRefuses;

        Round(BmdbSession session) {
            this.session = session;
        }

        Reconciliation reconcile() throws InterruptedException {
            more = false;
            List<MachineIntent> resumable = intents.takeable(session, limits.chunkSize());
            Survey survey = Survey.of(
                    bmdb,
                    provider,
                    limits,
                    resumable.stream().map(MachineIntent::candidate).toList(),
                    recordedLast);
            recordedLast = survey.recorded();
            Discrepancies found = survey.discrepancies();
            tellOfChange(discrepancies.count(), found);
            discrepancies = found;
            tell(survey);
            if (found.count() > 0) {
                throw new FatalDiscrepancyException(type, found.named(), found.count());
            }
            adopt(survey.adoptable());
            List<MachineIntent> toDo = new ArrayList<>();
            if (!resumable.isEmpty()) {
                toDo.addAll(take(survey));
            }
            toDo.addAll(reserve(survey, limits.chunkSize() - toDo.size()));
            for (MachineIntent intent : toDo) {
                if (providerRefuses) {
                    break; // Its intents stay, and are tried at the next reconciliation.
                }
                carryOut(intent, survey.listed(intent.candidate()));
            }
            // Machines that are only recorded need no pace, but memory and transactions have limits.
            more = provider.isCreationCheap()
                    && settings.chunkSize().isEmpty()
                    && failed == 0
                    && !created.isEmpty()
                    && survey.candidates() - survey.heldBack() > toDo.size();
            Reconciliation result = new Reconciliation(survey.listed(), survey.recorded(), created, adopted, failed);
            if (!created.isEmpty() || !adopted.isEmpty() || failed > 0) {
                log.info(
                        "Provider {}: listed {} machine(s), had {}, created {}, adopted {}, {} failed",
                        type,
                        result.listed(),
                        result.recorded(),
                        created.size(),
                        adopted.size(),
                        failed);
            }
            return result;
        }

        /** Tells of discrepancies when they begin and when they end. */
        private void tellOfChange(long before, Discrepancies found) throws InterruptedException {
            if (before > 0 != found.count() > 0) {
                String named = found.named().stream()
                        .limit(MOST_TOLD)
                        .map(Discrepancy::toString)
                        .collect(Collectors.joining(", "));
                session.useTransaction(tx -> Listings.of(bmdb, type).tellOfDiscrepancy(tx, found.count(), named));
            }
        }

        /** Warns of what is passed over and held back, once for as long as it lasts. */
        private void tell(Survey survey) {
            ProvisioningOutlook before = outlook;
            outlook = survey.outlook();
            Map<String, String> lines = survey.passedOver().lines();
            lines.forEach((key, line) -> {
                if (!warnedOf.contains(key)) {
                    log.warn("Provider {}: passed over: {}", type, line);
                }
            });
            warnedOf = Set.copyOf(lines.keySet());
            if (before.heldBack() == 0 && outlook.heldBack() > 0) {
                log.warn("Provider {}: {}", type, heldBack(outlook.heldBack()));
            } else if (before.heldBack() > 0 && outlook.heldBack() == 0) {
                log.info("Provider {}: the maximum of {} machine(s) holds back none any more", type, limits.maxCount());
            }
        }

        /** Takes the intents that may be retried. Those that may be only since the listing wait for the next one. */
        private List<MachineIntent> take(Survey survey) throws InterruptedException {
            return intents.take(session, limits.chunkSize()).stream()
                    .filter(intent -> survey.looked(intent.candidate()))
                    .toList();
        }

        private List<MachineIntent> reserve(Survey survey, int room) throws InterruptedException {
            List<String> free = survey.free().stream().limit(Math.max(room, 0)).toList();
            return free.isEmpty() ? List.of() : intents.reserve(session, limits.maxCount(), free);
        }

        /** Records the machines that carry an intent which no session works on any more. */
        private void adopt(List<Survey.Adoptable> machines) throws InterruptedException {
            for (Survey.Adoptable adoptable : machines) {
                MachineInfo machine = adoptable.machine();
                MachineIntent intent = adoptable.intent();
                if (isHeldElsewhere(intent)) {
                    continue;
                }
                session.inTransaction(
                        tx -> tx.recordMachine(type, CreateMachineRequest.any(intent.intentId()), machine));
                adopted.add(machine.id());
                log.info(
                        "Provider {}: adopted machine {} as {}, which was created but never recorded",
                        type,
                        machine.id(),
                        intent.intentId());
                onRecorded.run();
            }
        }

        private boolean isHeldElsewhere(MachineIntent intent) {
            return intent.sessionId().isPresent() && !intent.sessionId().get().equals(session.id());
        }

        private void carryOut(MachineIntent intent, Optional<MachineInfo> candidate) throws InterruptedException {
            CreateMachineRequest request =
                    CreateMachineRequest.of(intent.intentId(), candidate.orElseGet(() -> vanished(intent)));
            creations.acquire();
            if (!intents.attempt(session, intent.intentId())) {
                return; // Another session ended it.
            }
            monitor.machineBegins();
            try {
                ProviderID id = provider.createMachine(session.forProviders(), request);
                requireRecorded(intent, id);
                created.add(id);
                monitor.machineSucceeded();
                log.info("Provider {}: recorded machine {} as {}", type, id, intent.intentId());
                onRecorded.run();
            } catch (ProviderException e) {
                failed(intent, e);
            } catch (AlreadyRecordedException e) {
                drop(intent, e.getMessage());
            } catch (RuntimeException | InterruptedException e) {
                monitor.machineGivenUp();
                throw e;
            }
        }

        /** The provider no longer lists the candidate, perhaps because an earlier try is creating it just now. */
        private MachineInfo vanished(MachineIntent intent) {
            return MachineInfo.builder(new ProviderID(intent.candidate()), Availability.KNOWN_UNUSED)
                    .reservationId(intent.candidate())
                    .build();
        }

        private void requireRecorded(MachineIntent intent, ProviderID id) throws InterruptedException {
            Optional<UUID> recorded = session.inTransaction(tx -> tx.findMachine(type, id));
            if (!recorded.equals(Optional.of(intent.intentId()))) {
                throw new ProviderException(
                        Reason.TRANSIENT,
                        "provider %s created machine %s for intent %s but recorded %s in its place"
                                .formatted(
                                        type,
                                        id,
                                        intent.intentId(),
                                        recorded.map(UUID::toString).orElse("nothing")));
            }
        }

        private void failed(MachineIntent intent, ProviderException e) throws InterruptedException {
            providerRefuses |= e.scope() == Scope.PROVIDER;
            switch (e.reason()) {
                case NO_CAPACITY, NOT_FOUND, NOT_SUPPORTED -> drop(intent, e.getMessage());
                case UNAUTHENTICATED, RATE_LIMITED, CONFLICT, TRANSIENT, PERMANENT -> postpone(intent, e);
            }
        }

        /** Nothing was created, and nothing will be: the candidate may be chosen again if it is ever listed again. */
        private void drop(MachineIntent intent, @org.jspecify.annotations.Nullable String why)
                throws InterruptedException {
            failed++;
            monitor.machineFailed(String.valueOf(why));
            log.warn(
                    "Provider {}: candidate {} was not created and is given up: {}",
                    type,
                    Escaped.text(intent.candidate()),
                    Escaped.text(why));
            intents.drop(session, intent.intentId());
        }

        private void postpone(MachineIntent intent, ProviderException e) throws InterruptedException {
            failed++;
            monitor.machineFailed(String.valueOf(e.getMessage()));
            Duration delay = retryDelay(intent.attempts());
            if (e.retryAfter().isPresent() && e.retryAfter().get().compareTo(delay) > 0) {
                delay = e.retryAfter().get();
            }
            Duration wait = delay;
            log.warn(
                    "Provider {}: creating candidate {} failed ({}), trying again in {}: {}",
                    type,
                    Escaped.text(intent.candidate()),
                    e.reason(),
                    Spans.text(wait),
                    Escaped.text(e.getMessage()));
            intents.postpone(session, intent.intentId(), wait, String.valueOf(e.getMessage()));
        }
    }

    private static Duration retryDelay(int earlierAttempts) {
        Duration delay = RETRY.next(null);
        for (int i = 0; i < Math.min(earlierAttempts, 20); i++) {
            delay = RETRY.next(delay);
        }
        return delay;
    }
}
