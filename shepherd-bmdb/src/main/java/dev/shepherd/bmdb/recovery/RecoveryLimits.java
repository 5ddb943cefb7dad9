package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.PAUSES;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.PlannedRecovery;
import dev.shepherd.bmdb.PlannedRecovery.Step;
import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryOutlook;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.ClockStep;
import dev.shepherd.bmdb.internal.DueQueue;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.ProviderRows;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.WorkQueries.Claim;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import dev.shepherd.bmdb.recovery.FreezeQueries.Verdict;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/**
 * What a recoverer claims: what is due under a policy, and how much of it the limits and the freezes leave room for.
 *
 * <p><strong>Why the limits hold for any number of recoverers.</strong> A claimer locks the provider's row in {@code
 * providers} until the commit, and under that lock counts what is in recovery: machines being worked on, and machines
 * with an attempt that have not been heard since. A machine moves from the first group to the second in the transaction
 * that ends the work, so it is never in neither. A person's reboot adds to the second group, under the same lock:
 * {@link #refusal}. Only one that is forced goes past the limits; it is counted all the same. Limits that go by labels are
 * counted over all providers, under a lock that these share: {@link LabelRoom}.
 *
 * <p><strong>Why no machine is rebooted twice.</strong> The attempt is written, as under way, under the work's claim
 * before the provider is called. Whatever happens to the process after that, no session makes another attempt before
 * the cooldown is over; and the session that claims the machine then finds the attempt under way and treats it as made,
 * instead of calling the provider again.
 */
public final class RecoveryLimits {

    /** How many of the machines that take up a limit are named. */
    private static final int MOST_NAMED = 5;

    private final Handle db;
    private final ProviderType provider;
    private final RecoveryPolicy policy;
    private final DueQueue.Part part;
    private final RecoveryRules rules;
    private final InRecovery counts;
    private final LabelRoom labels;

    public RecoveryLimits(Handle db, ProviderType provider, RecoveryPolicy policy) {
        this.db = db;
        this.provider = provider;
        this.policy = policy;
        this.part = new DueQueue.Part(WorkProcess.RECOVERY, provider.name());
        this.rules = new RecoveryRules(db.time(), policy);
        this.counts = new InRecovery(db, provider);
        this.labels = new LabelRoom(db, policy, counts.anywhere());
    }

    /** What was claimed, and what was looked at for it. */
    record Claimed(List<Claim> claims, RecoveryOutlook outlook) {

        /** Something else had to be committed first. */
        static final Claimed AGAIN = new Claimed(List.of(), RecoveryOutlook.QUIET);
    }

    /** Machines that are due, and either are in recovery already or not. */
    private record Group(String location, boolean inRecovery) {
        Condition condition() {
            Condition open = InRecovery.isOpen();
            return InRecovery.isAt(location).and(inRecovery ? open : not(open));
        }
    }

    /**
     * For how many machines of a group an attempt may begin now.
     *
     * @param chosen which ones, where limits go by labels and they are not in recovery already; null for any
     */
    private record Share(Group group, int places, @Nullable List<UUID> chosen) {
        Condition condition() {
            return chosen == null
                    ? group.condition()
                    : group.condition().and(MACHINES.MACHINE_ID.eq(DSL.any(chosen.toArray(UUID[]::new))));
        }
    }

    private record Room(List<Share> shares, RecoveryOutlook outlook) {}

    Claimed claim(UUID sessionId, int limit) {
        ClockStep.repairIfLookedLater(db, provider);
        RecoveryStates.proveHeard(db, provider, policy);
        if (new DueQueue(db).putOff(part, rules.soonest())) {
            return Claimed.AGAIN;
        }
        boolean looking = RecoveryLooks.look(db, provider, policy);
        if (!isThereAnything()) {
            return new Claimed(List.of(), quiet());
        }
        lock();
        Verdict verdict = new FreezeQueries(db, provider, policy).judge();
        verdict.changes().forEach(Runnable::run);
        SilenceEvents silences = new SilenceEvents(db, policy);
        if (looking) {
            silences.tell(DueQueue.isUp(db, part).and(rules.eligible(provider)));
        }
        Room room = looking ? room(verdict, limit) : noRoom(verdict);
        List<Claim> claims = new ArrayList<>();
        for (Share share : room.shares()) {
            Share fitting = share.chosen() == null
                    ? share
                    : new Share(share.group(), share.places(), labels.fitting(share.chosen()));
            List<Claim> some = new DueQueue(db)
                    .claim(sessionId, part, rules.eligible(provider).and(fitting.condition()), fitting.places());
            if (!share.group().inRecovery()) {
                silences.tellOfClaimed(some.stream().map(Claim::machineId).toList());
            }
            claims.addAll(some);
        }
        return new Claimed(claims, room.outlook());
    }

    /** Takes turns with all who count under the same limits, until the transaction ends. */
    void lock() {
        ProviderRows.lock(db, provider);
        labels.lock();
    }

    /**
     * Says what {@link #claim} would take if it were given no limit, and what would be done with it. Writes nothing.
     */
    public PlannedRecovery plan(boolean canReboot) {
        if (!isThereAnything()) {
            return new PlannedRecovery(List.of(), quiet());
        }
        Verdict verdict = new FreezeQueries(db, provider, policy).judge();
        Room room = RecoveryLooks.isLooking(db, provider, policy) ? room(verdict, Integer.MAX_VALUE) : noRoom(verdict);
        Instant now = MachineQueries.now(db);
        List<Step> steps = new ArrayList<>();
        room.shares()
                .forEach(share -> db.dsl()
                        .select(MACHINES.MACHINE_ID, MACHINE_PROVIDED.PROVIDER_ID)
                        .from(MACHINES)
                        .join(MACHINE_PROVIDED)
                        .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .where(due())
                        .and(share.condition())
                        .orderBy(MACHINES.MACHINE_CREATED_AT, MACHINES.MACHINE_ID)
                        .limit(share.places())
                        .forEach(row -> {
                            RecoveryState state = RecoveryStates.state(db, row.value1())
                                    .orElseGet(RecoveryState::none)
                                    .counted(policy, now);
                            steps.add(new Step(
                                    row.value1(),
                                    new ProviderID(row.value2()),
                                    state.isOpen() && state.underWay()
                                            ? RecoveryAction.AGENT_RESTART
                                            : state.next(policy, canReboot),
                                    state.attempts()));
                        }));
        return new PlannedRecovery(steps, room.outlook());
    }

    private Room noRoom(Verdict verdict) {
        int due = db.dsl().fetchCount(MACHINES, due());
        String why = String.format(
                Locale.ROOT,
                "%d machine(s): recovery has just begun to watch, or could not watch for a while; it waits %s for"
                        + " agents to be heard",
                due,
                Spans.text(policy.freezeReleaseAfter()));
        List<String> heldBack = new ArrayList<>(due == 0 ? List.of() : List.of(why));
        heldBack.addAll(DisruptionQueries.heldBack(db, provider));
        return new Room(
                List.of(),
                new RecoveryOutlook(due, InRecovery.sum(counts.byLocation()), 0, heldBack, verdict.freezes()));
    }

    private boolean isThereAnything() {
        // Of a machine that a pause covers is told, too.
        Condition isDue = DueQueue.isUp(db, part)
                .and(rules.eligible(provider))
                .and(not(WorkQueries.paused(db, WorkProcess.RECOVERY)).or(SilenceEvents.isUntold()));
        return db.dsl().fetchExists(MACHINES, isDue)
                || !FreezeQueries.inForce(db, provider).isEmpty();
    }

    private Condition due() {
        return DueQueue.isUp(db, part).and(WorkQueries.claimable(db, WorkProcess.RECOVERY, rules.eligible(provider)));
    }

    private RecoveryOutlook quiet() {
        return new RecoveryOutlook(
                0, InRecovery.sum(counts.byLocation()), 0, DisruptionQueries.heldBack(db, provider), List.of());
    }

    private Room room(Verdict verdict, int limit) {
        Map<String, Integer> sizes =
                counts.byLocation(MACHINE_PROVIDED.PROVIDER.eq(provider.name()).and(MachineConditions.present()));
        Condition due = due();
        Map<String, Integer> dueAgain = counts.byLocation(due.and(InRecovery.isOpen()));
        Map<String, Integer> dueNow = counts.byLocation(due.and(not(InRecovery.isOpen())));
        Map<String, Integer> inRecovery = counts.byLocation();
        int allInRecovery = InRecovery.sum(inRecovery);
        int cap = Thresholds.cap(policy, InRecovery.sum(sizes), policy.maxPerProvider());
        List<String> heldBack = new ArrayList<>();
        List<Share> room = new ArrayList<>();
        LabelPlaces byLabels = labels.places();
        LabelRoom.HeldBack heldByLabels = new LabelRoom.HeldBack();
        int places = limit;
        // Those already in recovery take no further place.
        for (Map.Entry<String, Integer> candidates : dueAgain.entrySet()) {
            if (!verdict.covers(candidates.getKey())) {
                places -= put(
                        room,
                        new Share(new Group(candidates.getKey(), true), Math.min(candidates.getValue(), places), null));
            }
        }
        int left = Math.max(0, cap - allInRecovery);
        for (Map.Entry<String, Integer> candidates : dueNow.entrySet()) {
            String location = candidates.getKey();
            if (verdict.covers(location)) {
                continue;
            }
            int here = candidates.getValue();
            if (!location.isEmpty()) {
                int size = sizes.getOrDefault(location, 0);
                int localCap = Thresholds.cap(policy, size, policy.maxPerLocation());
                int localInRecovery = inRecovery.getOrDefault(location, 0);
                int localLeft = Math.max(0, localCap - localInRecovery);
                if (localLeft < here) {
                    heldBack.add(String.format(
                            Locale.ROOT,
                            "%d machine(s) of location %s: %d of at most %d of its %d are in recovery",
                            here - localLeft,
                            Escaped.text(location),
                            localInRecovery,
                            localCap,
                            size));
                    here = localLeft;
                }
            }
            if (left < here) {
                heldBack.add(String.format(
                        Locale.ROOT,
                        "%d machine(s)%s: %d of at most %d of the provider's %d are in recovery",
                        here - left,
                        location.isEmpty() ? "" : " of location " + Escaped.text(location),
                        cap - left,
                        cap,
                        InRecovery.sum(sizes)));
                here = left;
            }
            Share share = new Share(new Group(location, false), Math.min(here, places), null);
            if (labels.isLimited() && share.places() > 0) {
                List<UUID> chosen = labels.choose(due.and(share.condition()), share.places(), byLabels, heldByLabels);
                share = new Share(share.group(), chosen.size(), chosen);
            }
            left -= share.places();
            places -= put(room, share);
        }
        heldBack.addAll(heldByLabels.texts());
        heldBack.addAll(DisruptionQueries.heldBack(db, provider));
        int all = InRecovery.sum(dueAgain) + InRecovery.sum(dueNow);
        return new Room(room, new RecoveryOutlook(all, allInRecovery, cap, heldBack, verdict.freezes()));
    }

    /** How many machines are in recovery, and how many of the provider's may be at once. */
    public record Occupancy(int inRecovery, int limit) {}

    /**
     * Counts both, without regard to what is due or frozen.
     *
     * @param present how many machines of the provider are neither quarantined nor missing
     */
    public Occupancy occupancy(int present) {
        return new Occupancy(
                InRecovery.sum(counts.byLocation()), Thresholds.cap(policy, present, policy.maxPerProvider()));
    }

    private static int put(List<Share> room, Share share) {
        if (share.places() > 0) {
            room.add(share);
        }
        return share.places();
    }

    /** Tells whether a machine that is held for recovery is still due. */
    boolean isStillDue(UUID machineId) {
        return db.dsl()
                .fetchExists(
                        MACHINES,
                        MACHINES.MACHINE_ID.eq(machineId).and(isStillDue(db, rules.eligibleWhileHeld(provider))));
    }

    /** The machine of {@code machines} that rules let be recovered is neither paused nor frozen. */
    static Condition isStillDue(Handle db, Condition eligibleWhileHeld) {
        return eligibleWhileHeld
                .and(not(WorkQueries.paused(db, WorkProcess.RECOVERY)))
                .and(not(FreezeQueries.frozen()));
    }

    /**
     * Tells what keeps an operator from rebooting or reinstalling a machine. For an answer that holds until the
     * transaction ends, the provider's row has to be locked.
     */
    Optional<Refusal> refusal(UUID machineId, RecoveryAction action) {
        return pause(machineId)
                .or(() -> freeze(machineId))
                .or(() -> takesNewPlace(machineId, action) ? limit(machineId) : Optional.empty());
    }

    private Optional<Refusal> pause(UUID machineId) {
        Field<String> its = inline(provider.name());
        Condition covers = WorkQueries.covers(inline(machineId), its, WorkProcess.RECOVERY)
                .or(WorkQueries.covers(inline(machineId), its, WorkProcess.ACCESS));
        return db.dsl()
                .selectFrom(PAUSES)
                .where(WorkQueries.isOn(db))
                .and(covers)
                .orderBy(PAUSES.PAUSED_AT, PAUSES.PAUSE_ID)
                .limit(1)
                .fetchOptional(row -> new Refusal(
                        Refusal.Kind.PAUSED,
                        "it is paused by %s: %s (pause %s)"
                                .formatted(
                                        Escaped.text(row.getPausedBy()),
                                        Escaped.text(row.getPauseReason()),
                                        row.getPauseId())));
    }

    private Optional<Refusal> freeze(UUID machineId) {
        String location = location(machineId).orElse("");
        return FreezeQueries.inForce(db, provider).stream()
                .filter(one -> one.covers(location))
                .findFirst()
                .map(one -> new Refusal(
                        Refusal.Kind.FROZEN,
                        "recovery of %s is frozen since %s: %s"
                                .formatted(
                                        one.scope(),
                                        one.at().truncatedTo(ChronoUnit.SECONDS),
                                        Escaped.text(one.evidence()))));
    }

    private Optional<String> location(UUID machineId) {
        return db.dsl()
                .select(MACHINE_PROVIDED.PROVIDER_LOCATION)
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(machineId))
                .fetchOptional(MACHINE_PROVIDED.PROVIDER_LOCATION);
    }

    /**
     * Tells whether an attempt makes the machine one more in recovery. One that is in recovery already has its place;
     * one that the loops leave alone, quarantined or installed, takes none. A reinstallation ends the installation.
     */
    private boolean takesNewPlace(UUID machineId, RecoveryAction action) {
        Condition counted = action == RecoveryAction.REINSTALL
                ? MachineConditions.present()
                : MachineConditions.present().and(not(MachineConditions.installationFulfilled()));
        return db.dsl()
                .fetchExists(
                        MACHINES, MACHINES.MACHINE_ID.eq(machineId).and(counted).and(not(InRecovery.isOpen())));
    }

    private Optional<Refusal> limit(UUID machineId) {
        Map<String, Integer> sizes =
                counts.byLocation(MACHINE_PROVIDED.PROVIDER.eq(provider.name()).and(MachineConditions.present()));
        Map<String, Integer> inRecovery = counts.byLocation();
        String location = location(machineId).orElse("");
        int here = inRecovery.getOrDefault(location, 0);
        int size = sizes.getOrDefault(location, 0);
        int localCap = Thresholds.cap(policy, size, policy.maxPerLocation());
        if (!location.isEmpty() && here >= localCap) {
            return Optional.of(atLimit(
                    String.format(
                            Locale.ROOT,
                            "%d of at most %d of the %d machines of location %s are in recovery",
                            here,
                            localCap,
                            size,
                            Escaped.text(location)),
                    InRecovery.isAt(location)));
        }
        int cap = Thresholds.cap(policy, InRecovery.sum(sizes), policy.maxPerProvider());
        return InRecovery.sum(inRecovery) < cap
                ? labels.full(machineId).map(this::atLimit)
                : Optional.of(atLimit(
                        String.format(
                                Locale.ROOT,
                                "%d of at most %d of the %d machines of provider %s are in recovery",
                                InRecovery.sum(inRecovery),
                                cap,
                                InRecovery.sum(sizes),
                                provider),
                        DSL.noCondition()));
    }

    private Refusal atLimit(LabelPlaces.Full full) {
        return atLimit(full.toString(), counts.anywhere(), LabelQueries.matches(MACHINES.MACHINE_ID, full.group()));
    }

    private Refusal atLimit(String limit, Condition which) {
        return atLimit(limit, counts.ofProvider(), which);
    }

    private Refusal atLimit(String limit, Condition inRecovery, Condition which) {
        List<String> names = db.dsl()
                .select(MACHINE_PROVIDED.PROVIDER_ID)
                .from(MACHINES)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .where(inRecovery)
                .and(which)
                .orderBy(MACHINE_PROVIDED.PROVIDER_ID)
                .limit(MOST_NAMED + 1)
                .fetch(row -> new ProviderID(row.value1()).toString());
        String named = String.join(", ", names.subList(0, Math.min(names.size(), MOST_NAMED)))
                + (names.size() > MOST_NAMED ? " and others" : "");
        return new Refusal(Refusal.Kind.AT_LIMIT, limit + ": " + named);
    }
}
