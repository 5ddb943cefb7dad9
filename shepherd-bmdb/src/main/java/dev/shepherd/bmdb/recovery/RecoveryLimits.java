package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.PAUSES;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;

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
import dev.shepherd.bmdb.recovery.FreezeQueries.Verdict;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.impl.DSL;

/**
 * What a recoverer claims: what is due under a policy, and how much of it the limits and the freezes leave room for.
 *
 * <p><strong>Why the limits hold for any number of recoverers.</strong> A claimer locks the provider's row in {@code
 * providers} until the commit, and under that lock counts what is in recovery: machines being worked on, and machines
 * with an attempt that have not been heard since. A machine moves from the first group to the second in the transaction
 * that ends the work, so it is never in neither. A person's reboot adds to the second group, under the same lock:
 * {@link #refusal}. Only one that is forced goes past the limits; it is counted all the same.
 *
 * <p><strong>Why no machine is rebooted twice.</strong> The attempt is written, as under way, under the work's claim
 * before the provider is called. Whatever happens to the process after that, no session makes another attempt before
 * the cooldown is over; and the session that claims the machine then finds the attempt under way and treats it as made,
 * instead of calling the provider again.
 */
public final class RecoveryLimits {

    /** How many of the machines that take up a limit are named. */
    private static final int MOST_NAMED = 5;

    private static final Field<String> LOCATION = coalesce(MACHINE_PROVIDED.PROVIDER_LOCATION, inline(""));

    private final Handle db;
    private final ProviderType provider;
    private final RecoveryPolicy policy;
    private final DueQueue.Part part;
    private final RecoveryRules rules;

    public RecoveryLimits(Handle db, ProviderType provider, RecoveryPolicy policy) {
        this.db = db;
        this.provider = provider;
        this.policy = policy;
        this.part = new DueQueue.Part(WorkProcess.RECOVERY, provider.name());
        this.rules = new RecoveryRules(db.time(), policy);
    }

    /** What was claimed, and what was looked at for it. */
    record Claimed(List<Claim> claims, RecoveryOutlook outlook) {

        /** Something else had to be committed first. */
        static final Claimed AGAIN = new Claimed(List.of(), RecoveryOutlook.QUIET);
    }

    /** Machines that are due, and either are in recovery already or not. */
    private record Group(String location, boolean inRecovery) {
        Condition condition() {
            Condition open = isOpen();
            return isAt(location).and(inRecovery ? open : not(open));
        }
    }

    /** For how many machines of each group an attempt may begin now. */
    private record Room(Map<Group, Integer> places, RecoveryOutlook outlook) {}

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
        ProviderRows.lock(db, provider);
        Verdict verdict = new FreezeQueries(db, provider, policy).judge();
        verdict.changes().forEach(Runnable::run);
        Room room = looking ? room(verdict, limit) : noRoom(verdict);
        List<Claim> claims = new ArrayList<>();
        room.places()
                .forEach((group, places) -> claims.addAll(new DueQueue(db)
                        .claim(sessionId, part, rules.eligible(provider).and(group.condition()), places)));
        return new Claimed(claims, room.outlook());
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
        room.places()
                .forEach((group, places) -> db.dsl()
                        .select(MACHINES.MACHINE_ID, MACHINE_PROVIDED.PROVIDER_ID)
                        .from(MACHINES)
                        .join(MACHINE_PROVIDED)
                        .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .where(due())
                        .and(group.condition())
                        .orderBy(MACHINES.MACHINE_CREATED_AT, MACHINES.MACHINE_ID)
                        .limit(places)
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
        List<String> heldBack = due == 0 ? List.of() : List.of(why);
        return new Room(Map.of(), new RecoveryOutlook(due, sum(inRecovery()), 0, heldBack, verdict.freezes()));
    }

    private boolean isThereAnything() {
        return db.dsl().fetchExists(MACHINES, due())
                || !FreezeQueries.inForce(db, provider).isEmpty();
    }

    private Condition due() {
        return DueQueue.isUp(db, part).and(WorkQueries.claimable(db, WorkProcess.RECOVERY, rules.eligible(provider)));
    }

    private RecoveryOutlook quiet() {
        return new RecoveryOutlook(0, sum(inRecovery()), 0, List.of(), List.of());
    }

    private Room room(Verdict verdict, int limit) {
        Map<String, Integer> sizes =
                byLocation(MACHINE_PROVIDED.PROVIDER.eq(provider.name()).and(MachineConditions.present()));
        Condition due = due();
        Map<String, Integer> dueAgain = byLocation(due.and(isOpen()));
        Map<String, Integer> dueNow = byLocation(due.and(not(isOpen())));
        Map<String, Integer> inRecovery = inRecovery();
        int allInRecovery = sum(inRecovery);
        int cap = Thresholds.cap(policy, sum(sizes), policy.maxPerProvider());
        List<String> heldBack = new ArrayList<>();
        Map<Group, Integer> room = new LinkedHashMap<>();
        int places = limit;
        // Those already in recovery take no further place.
        for (Map.Entry<String, Integer> candidates : dueAgain.entrySet()) {
            if (!verdict.covers(candidates.getKey())) {
                places -= put(room, new Group(candidates.getKey(), true), Math.min(candidates.getValue(), places));
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
                        sum(sizes)));
                here = left;
            }
            here = Math.min(here, places);
            left -= here;
            places -= put(room, new Group(location, false), here);
        }
        int all = sum(dueAgain) + sum(dueNow);
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
        return new Occupancy(sum(inRecovery()), Thresholds.cap(policy, present, policy.maxPerProvider()));
    }

    private static int put(Map<Group, Integer> room, Group group, int places) {
        if (places > 0) {
            room.put(group, places);
        }
        return places;
    }

    private static int sum(Map<String, Integer> counts) {
        return counts.values().stream().mapToInt(Integer::intValue).sum();
    }

    private Map<String, Integer> byLocation(Condition which) {
        return db.dsl()
                .select(LOCATION, count())
                .from(MACHINES)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .where(which)
                .groupBy(LOCATION)
                .orderBy(LOCATION)
                .fetchMap(LOCATION, count());
    }

    /** With an attempt to recover it, and not heard since. */
    private static Condition isOpen() {
        return exists(selectOne()
                .from(MACHINE_RECOVERY)
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull()));
    }

    private static Condition isAt(String location) {
        return exists(selectOne()
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(LOCATION.eq(location)));
    }

    /**
     * Counts by location the machines being worked on, and those with an attempt that have not been heard since. A
     * paused machine takes no place: no attempt is made on it, and others must not wait for that.
     */
    Map<String, Integer> inRecovery() {
        return byLocation(isInRecovery());
    }

    private Condition isInRecovery() {
        Condition isWorkedOn = WORK.PROCESS.eq(WorkProcess.RECOVERY.name());
        // Only the few candidates, which an index finds: two conditions joined by an OR would be evaluated for all
        // machines of the fleet.
        return MACHINES.MACHINE_ID
                .in(select(WORK.MACHINE_ID)
                        .from(WORK)
                        .where(isWorkedOn)
                        .union(select(MACHINE_RECOVERY.MACHINE_ID)
                                .from(MACHINE_RECOVERY)
                                .where(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull())))
                .and(exists(selectOne()
                                .from(WORK)
                                .where(WORK.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                                .and(isWorkedOn))
                        .or(not(WorkQueries.paused(db, WorkProcess.RECOVERY))))
                .and(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(MachineConditions.present())
                .and(not(MachineConditions.installationFulfilled()));
    }

    /** Tells whether a machine that is held for recovery is still due. */
    boolean isStillDue(UUID machineId) {
        return db.dsl()
                .fetchExists(
                        MACHINES,
                        MACHINES.MACHINE_ID
                                .eq(machineId)
                                .and(rules.eligibleWhileHeld(provider))
                                .and(not(WorkQueries.paused(db, WorkProcess.RECOVERY)))
                                .and(not(FreezeQueries.frozen())));
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
        Optional<String> location = location(machineId);
        return FreezeQueries.inForce(db, provider).stream()
                .filter(one -> one.location().isEmpty() || one.location().equals(location))
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
                        MACHINES, MACHINES.MACHINE_ID.eq(machineId).and(counted).and(not(isOpen())));
    }

    private Optional<Refusal> limit(UUID machineId) {
        Map<String, Integer> sizes =
                byLocation(MACHINE_PROVIDED.PROVIDER.eq(provider.name()).and(MachineConditions.present()));
        Map<String, Integer> inRecovery = inRecovery();
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
                    isAt(location)));
        }
        int cap = Thresholds.cap(policy, sum(sizes), policy.maxPerProvider());
        return sum(inRecovery) < cap
                ? Optional.empty()
                : Optional.of(atLimit(
                        String.format(
                                Locale.ROOT,
                                "%d of at most %d of the %d machines of provider %s are in recovery",
                                sum(inRecovery),
                                cap,
                                sum(sizes),
                                provider),
                        DSL.noCondition()));
    }

    private Refusal atLimit(String limit, Condition which) {
        List<String> names = db.dsl()
                .select(MACHINE_PROVIDED.PROVIDER_ID)
                .from(MACHINES)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .where(isInRecovery())
                .and(which)
                .orderBy(MACHINE_PROVIDED.PROVIDER_ID)
                .limit(MOST_NAMED + 1)
                .fetch(row -> new ProviderID(row.value1()).toString());
        String named = String.join(", ", names.subList(0, Math.min(names.size(), MOST_NAMED)))
                + (names.size() > MOST_NAMED ? " and others" : "");
        return new Refusal(Refusal.Kind.AT_LIMIT, limit + ": " + named);
    }
}
