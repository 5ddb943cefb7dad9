package dev.shepherd.bmdb;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_UNREACHABLE;
import static dev.shepherd.bmdb.internal.schema.Tables.PROVIDERS;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
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
import dev.shepherd.bmdb.FreezeQueries.Verdict;
import dev.shepherd.bmdb.PlannedRecovery.Step;
import dev.shepherd.bmdb.WorkQueries.Claim;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.DSLContext;
import org.jooq.Field;
import org.jooq.impl.DSL;

/**
 * The statements behind recovery.
 *
 * <p><strong>Why the limits hold for any number of recoverers.</strong> Who claims holds the provider's row in
 * {@code providers} until the commit, and counts under it what is in recovery: machines that are worked on, and machines
 * that were acted on and not heard since. A machine passes from the first to the second in the transaction that ends
 * the work, so it is never in neither. Nothing else adds to either but a person's word, which the limits do not hold back.
 *
 * <p><strong>Why no machine is acted on twice.</strong> The attempt is written, as under way, under the work's claim
 * before the provider is asked. Whatever becomes of the process after that, nobody acts on the machine before its
 * cooldown is over; and whoever claims it then finds the attempt under way and does not call the provider again, but
 * takes the machine for one that was acted on.
 */
final class RecoveryQueries {

    private static final Field<String> LOCATION = coalesce(MACHINE_PROVIDED.PROVIDER_LOCATION, inline(""));

    private RecoveryQueries() {}

    /** What was claimed, and what was looked at for it. */
    record Claimed(List<Claim> claims, RecoveryOutlook outlook) {

        /** There was something else to commit first. */
        static final Claimed AGAIN = new Claimed(List.of(), RecoveryOutlook.QUIET);
    }

    /** Machines that are due, and either are in recovery already or not. */
    private record Group(String location, boolean inRecovery) {
        Condition condition() {
            Condition open = isOpen();
            return isAt(location).and(inRecovery ? open : not(open));
        }
    }

    /** How many machines of each group may be acted on now. */
    private record Room(Map<Group, Integer> places, RecoveryOutlook outlook) {}

    static Claimed claim(
            DSLContext dsl,
            DatabaseTime time,
            UUID sessionId,
            ProviderType provider,
            RecoveryPolicy policy,
            int limit) {
        ClockStep.repairIfLookedLater(dsl, time, provider);
        prove(dsl, time, provider, policy);
        if (new DueQueue(dsl, time).putOffRecovery(provider, policy)) {
            return Claimed.AGAIN;
        }
        boolean looking = look(dsl, time, provider, policy);
        if (!isThereAnything(dsl, time, provider, policy)) {
            return new Claimed(List.of(), quiet(dsl, time, provider));
        }
        ProviderRows.lock(dsl, provider);
        Verdict verdict = new FreezeQueries(dsl, time, provider, policy).judge();
        verdict.changes().forEach(Runnable::run);
        Room room = looking
                ? room(dsl, time, provider, policy, verdict, limit)
                : noRoom(dsl, time, provider, policy, verdict);
        List<Claim> claims = new ArrayList<>();
        room.places()
                .forEach((group, places) -> claims.addAll(new DueQueue(dsl, time)
                        .claimRecovery(
                                sessionId,
                                new DueQueue.Part(WorkProcess.RECOVERY, provider.name()),
                                Eligibility.recovery(provider, policy).and(group.condition()),
                                places)));
        return new Claimed(claims, room.outlook());
    }

    /** Says what {@link #claim} would take if it were given no limit, and what would be done with it. Writes nothing. */
    static PlannedRecovery plan(
            DSLContext dsl, DatabaseTime time, ProviderType provider, RecoveryPolicy policy, boolean canReboot) {
        if (!isThereAnything(dsl, time, provider, policy)) {
            return new PlannedRecovery(List.of(), quiet(dsl, time, provider));
        }
        Verdict verdict = new FreezeQueries(dsl, time, provider, policy).judge();
        Room room = isLooking(dsl, time, provider, policy)
                ? room(dsl, time, provider, policy, verdict, Integer.MAX_VALUE)
                : noRoom(dsl, time, provider, policy, verdict);
        Instant now = MachineQueries.now(dsl, time);
        List<Step> steps = new ArrayList<>();
        room.places()
                .forEach((group, places) -> dsl.select(MACHINES.MACHINE_ID, MACHINE_PROVIDED.PROVIDER_ID)
                        .from(MACHINES)
                        .join(MACHINE_PROVIDED)
                        .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .where(due(time, provider, policy))
                        .and(group.condition())
                        .orderBy(MACHINES.MACHINE_CREATED_AT, MACHINES.MACHINE_ID)
                        .limit(places)
                        .forEach(row -> {
                            RecoveryState state = state(dsl, row.value1())
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

    /**
     * Notes that somebody looks, and tells whether that has gone on for long enough to act. After a gap, in which nobody
     * may have been able to record heartbeats either, agents need some time to be heard again.
     */
    private static boolean look(DSLContext dsl, DatabaseTime time, ProviderType provider, RecoveryPolicy policy) {
        noteLook(dsl, time, provider, policy);
        return looksForLongEnough(dsl, time, provider, policy).orElseGet(() -> {
            ProviderRows.ensure(dsl, provider);
            noteLook(dsl, time, provider, policy);
            return isLooking(dsl, time, provider, policy);
        });
    }

    private static void noteLook(DSLContext dsl, DatabaseTime time, ProviderType provider, RecoveryPolicy policy) {
        Condition gap = PROVIDERS
                .RECOVERY_LOOKED_AT
                .isNull()
                .or(PROVIDERS.RECOVERY_LOOKED_AT.lt(time.nowMinus(policy.longestLookGap())));
        dsl.update(PROVIDERS)
                .set(
                        PROVIDERS.RECOVERY_LOOKING_SINCE,
                        DSL.when(gap, time.now()).otherwise(PROVIDERS.RECOVERY_LOOKING_SINCE))
                .set(PROVIDERS.RECOVERY_LOOKED_AT, time.now())
                .where(PROVIDERS.PROVIDER.eq(provider.name()))
                // Not at each look, since each would write.
                .and(gap.or(PROVIDERS.RECOVERY_LOOKED_AT.lt(
                        time.nowMinus(policy.longestLookGap().dividedBy(4)))))
                .execute();
    }

    /** Tells whether the provider's machines were queued under a policy with these spans. */
    static boolean isQueuedBy(DSLContext dsl, ProviderType provider, String spans) {
        return dsl.fetchExists(
                PROVIDERS, PROVIDERS.PROVIDER.eq(provider.name()).and(PROVIDERS.RECOVERY_SPANS.eq(spans)));
    }

    static boolean queuedBy(DSLContext dsl, ProviderType provider, String spans) {
        ProviderRows.ensure(dsl, provider);
        return dsl.update(PROVIDERS)
                        .set(PROVIDERS.RECOVERY_SPANS, spans)
                        .where(PROVIDERS.PROVIDER.eq(provider.name()))
                        .execute()
                == 1;
    }

    static boolean isLooking(DSLContext dsl, DatabaseTime time, ProviderType provider, RecoveryPolicy policy) {
        return looksForLongEnough(dsl, time, provider, policy).orElse(false);
    }

    /** Empty if there is no row of the provider. */
    private static Optional<Boolean> looksForLongEnough(
            DSLContext dsl, DatabaseTime time, ProviderType provider, RecoveryPolicy policy) {
        Field<Boolean> longEnough = DSL.coalesce(
                DSL.field(PROVIDERS.RECOVERY_LOOKING_SINCE.le(time.nowMinus(policy.freezeReleaseAfter()))), false);
        return dsl.select(longEnough)
                .from(PROVIDERS)
                .where(PROVIDERS.PROVIDER.eq(provider.name()))
                .fetchOptional(longEnough);
    }

    private static Room noRoom(
            DSLContext dsl, DatabaseTime time, ProviderType provider, RecoveryPolicy policy, Verdict verdict) {
        int due = dsl.fetchCount(MACHINES, due(time, provider, policy));
        String why = String.format(
                Locale.ROOT,
                "%d machine(s): recovery has just begun to look, or could not for a while, and waits for %s for"
                        + " agents to be heard",
                due,
                Spans.text(policy.freezeReleaseAfter()));
        List<String> heldBack = due == 0 ? List.of() : List.of(why);
        return new Room(
                Map.of(),
                new RecoveryOutlook(due, sum(inRecovery(dsl, time, provider)), 0, heldBack, verdict.freezes()));
    }

    private static boolean isThereAnything(
            DSLContext dsl, DatabaseTime time, ProviderType provider, RecoveryPolicy policy) {
        return dsl.fetchExists(MACHINES, due(time, provider, policy))
                || !FreezeQueries.inForce(dsl, provider).isEmpty();
    }

    private static Condition due(DatabaseTime time, ProviderType provider, RecoveryPolicy policy) {
        return DueQueue.isUp(time, new DueQueue.Part(WorkProcess.RECOVERY, provider.name()))
                .and(WorkQueries.claimable(time, WorkProcess.RECOVERY, Eligibility.recovery(provider, policy)));
    }

    private static RecoveryOutlook quiet(DSLContext dsl, DatabaseTime time, ProviderType provider) {
        return new RecoveryOutlook(0, sum(inRecovery(dsl, time, provider)), 0, List.of(), List.of());
    }

    private static Room room(
            DSLContext dsl,
            DatabaseTime time,
            ProviderType provider,
            RecoveryPolicy policy,
            Verdict verdict,
            int limit) {
        Map<String, Integer> sizes =
                byLocation(dsl, MACHINE_PROVIDED.PROVIDER.eq(provider.name()).and(Eligibility.present()));
        Condition due = due(time, provider, policy);
        Map<String, Integer> dueAgain = byLocation(dsl, due.and(isOpen()));
        Map<String, Integer> dueNow = byLocation(dsl, due.and(not(isOpen())));
        Map<String, Integer> inRecovery = inRecovery(dsl, time, provider);
        int allInRecovery = sum(inRecovery);
        int cap = policy.cap(sum(sizes), policy.maxPerProvider());
        List<String> heldBack = new ArrayList<>();
        Map<Group, Integer> room = new LinkedHashMap<>();
        int places = limit;
        // Those that are in recovery take no further place in it.
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
                int localCap = policy.cap(size, policy.maxPerLocation());
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

    private static int put(Map<Group, Integer> room, Group group, int places) {
        if (places > 0) {
            room.put(group, places);
        }
        return places;
    }

    private static int sum(Map<String, Integer> counts) {
        return counts.values().stream().mapToInt(Integer::intValue).sum();
    }

    private static Map<String, Integer> byLocation(DSLContext dsl, Condition which) {
        return dsl.select(LOCATION, count())
                .from(MACHINES)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .where(which)
                .groupBy(LOCATION)
                .orderBy(LOCATION)
                .fetchMap(LOCATION, count());
    }

    /** Acted on, and not heard since. */
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
     * Counts by location the machines that are worked on, or were acted on and not heard since. One that is paused takes
     * no place: nobody acts on it, and others must not wait for that.
     */
    private static Map<String, Integer> inRecovery(DSLContext dsl, DatabaseTime time, ProviderType provider) {
        Condition isWorkedOn = WORK.PROCESS.eq(WorkProcess.RECOVERY.name());
        return byLocation(
                dsl,
                // The few that come into question at all: of the rest, an index tells. Two questions with an or between
                // them would be asked of the whole fleet.
                MACHINES.MACHINE_ID
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
                                .or(not(WorkQueries.paused(time, WorkProcess.RECOVERY))))
                        .and(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                        .and(Eligibility.present())
                        .and(not(Eligibility.installationFulfilled())));
    }

    /**
     * Notes which machines are back: their agent was started and heard since the last attempt. Only that ends a recovery,
     * and lifts its backoff.
     *
     * <p>A heartbeat that an agent sent while its machine was being rebooted is no proof. The end of the work that
     * rebooted it clears both tags, and from then on the old agent's key is no longer that of the machine; what counts
     * is a heartbeat together with a started agent while nobody works on the machine.
     */
    private static void prove(DSLContext dsl, DatabaseTime time, ProviderType provider, RecoveryPolicy policy) {
        // An attempt that was cut short may yet have its effect: then the agent was heard on its way down.
        Condition settled = MACHINE_RECOVERY
                .RECOVERY_UNDER_WAY
                .isFalse()
                .or(MACHINE_AGENT_STARTED.AGENT_STARTED_AT.gt(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT))
                .or(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT.gt(
                        DatabaseTime.shifted(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT, policy.cooldown())));
        List<UUID> open = dsl.select(MACHINE_RECOVERY.MACHINE_ID)
                .from(MACHINE_RECOVERY)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINE_RECOVERY.MACHINE_ID))
                .join(MACHINE_AGENT_STARTED)
                .on(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINE_RECOVERY.MACHINE_ID))
                .join(MACHINE_AGENT_HEARTBEAT)
                .on(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINE_RECOVERY.MACHINE_ID))
                .where(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull())
                .and(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT.gt(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT))
                .and(settled)
                .and(not(exists(selectOne()
                        .from(WORK)
                        .where(WORK.MACHINE_ID.eq(MACHINE_RECOVERY.MACHINE_ID))
                        .and(WORK.PROCESS.eq(WorkProcess.RECOVERY.name())))))
                .orderBy(MACHINE_RECOVERY.MACHINE_ID)
                .forUpdate()
                .of(MACHINE_RECOVERY)
                .skipLocked()
                .fetch(MACHINE_RECOVERY.MACHINE_ID);
        if (open.isEmpty()) {
            return;
        }
        UUID[] proved = open.toArray(UUID[]::new);
        dsl.update(MACHINE_RECOVERY)
                .set(MACHINE_RECOVERY.RECOVERY_PROVED_AT, time.now())
                .set(MACHINE_RECOVERY.RECOVERY_UNDER_WAY, false)
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(DSL.any(proved)))
                .and(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull())
                .execute();
        dsl.deleteFrom(WORK_BACKOFF)
                .where(WORK_BACKOFF.MACHINE_ID.eq(DSL.any(proved)))
                .and(WORK_BACKOFF.PROCESS.eq(WorkProcess.RECOVERY.name()))
                .execute();
    }

    static Optional<RecoveryState> state(DSLContext dsl, UUID machineId) {
        return dsl.selectFrom(MACHINE_RECOVERY)
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(machineId))
                .fetchOptional(row -> new RecoveryState(
                        RecoveryAction.ofDatabaseName(row.getRecoveryAction()),
                        row.getRecoveryAttemptedAt().toInstant(),
                        row.getRecoveryUnderWay(),
                        row.getRecoveryAttempts(),
                        row.getRecoveryReinstalls(),
                        row.getRecoveryFailedCalls(),
                        Optional.ofNullable(row.getRecoveryProvedAt()).map(OffsetDateTime::toInstant)));
    }

    /** Tells whether a machine that is held for recovery is still to be acted on. */
    static boolean isStillDue(
            DSLContext dsl, DatabaseTime time, ProviderType provider, RecoveryPolicy policy, UUID machineId) {
        return dsl.fetchExists(
                MACHINES,
                MACHINES.MACHINE_ID
                        .eq(machineId)
                        .and(Eligibility.recoveryOfHeld(provider, policy).condition(time))
                        .and(not(WorkQueries.paused(time, WorkProcess.RECOVERY)))
                        .and(not(FreezeQueries.frozen())));
    }

    /** Writes an attempt that begins now. */
    static void begin(DSLContext dsl, DatabaseTime time, UUID machineId, RecoveryState state) {
        dsl.insertInto(MACHINE_RECOVERY)
                .set(MACHINE_RECOVERY.MACHINE_ID, machineId)
                .set(MACHINE_RECOVERY.RECOVERY_ACTION, state.action().databaseName())
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT, time.now())
                .set(MACHINE_RECOVERY.RECOVERY_UNDER_WAY, true)
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTS, state.attempts())
                .set(MACHINE_RECOVERY.RECOVERY_REINSTALLS, state.reinstalls())
                .set(MACHINE_RECOVERY.RECOVERY_FAILED_CALLS, state.failedCalls())
                .onConflict(MACHINE_RECOVERY.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_RECOVERY.RECOVERY_ACTION, state.action().databaseName())
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT, time.now())
                .set(MACHINE_RECOVERY.RECOVERY_UNDER_WAY, true)
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTS, state.attempts())
                .set(MACHINE_RECOVERY.RECOVERY_REINSTALLS, state.reinstalls())
                .set(MACHINE_RECOVERY.RECOVERY_FAILED_CALLS, state.failedCalls())
                .setNull(MACHINE_RECOVERY.RECOVERY_PROVED_AT)
                .execute();
    }

    /** Puts back what was there before an attempt of which the provider said that it would not even look at it. */
    static void restore(DSLContext dsl, UUID machineId, Optional<RecoveryState> before) {
        if (before.isEmpty()) {
            forget(dsl, machineId);
            return;
        }
        RecoveryState state = before.get();
        dsl.update(MACHINE_RECOVERY)
                .set(MACHINE_RECOVERY.RECOVERY_ACTION, state.action().databaseName())
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT, at(state.attemptedAt()))
                .set(MACHINE_RECOVERY.RECOVERY_UNDER_WAY, state.underWay())
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTS, state.attempts())
                .set(MACHINE_RECOVERY.RECOVERY_REINSTALLS, state.reinstalls())
                .set(MACHINE_RECOVERY.RECOVERY_FAILED_CALLS, state.failedCalls())
                .set(
                        MACHINE_RECOVERY.RECOVERY_PROVED_AT,
                        state.provedAt().map(RecoveryQueries::at).orElse(null))
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(machineId))
                .execute();
    }

    private static OffsetDateTime at(Instant instant) {
        return instant.atOffset(ZoneOffset.UTC);
    }

    /** Takes an attempt back that had no effect, and counts the call as failed. The cooldown stays. */
    static void uncount(DSLContext dsl, UUID machineId, RecoveryState counted) {
        dsl.update(MACHINE_RECOVERY)
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTS, counted.attempts())
                .set(MACHINE_RECOVERY.RECOVERY_REINSTALLS, counted.reinstalls())
                .set(MACHINE_RECOVERY.RECOVERY_FAILED_CALLS, MACHINE_RECOVERY.RECOVERY_FAILED_CALLS.plus(1))
                .set(MACHINE_RECOVERY.RECOVERY_UNDER_WAY, false)
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(machineId))
                .execute();
    }

    /** Ends an attempt that had its effect, or of which nobody knows whether it had. The cooldown begins anew. */
    static void end(DSLContext dsl, DatabaseTime time, UUID machineId, boolean callFailed) {
        dsl.update(MACHINE_RECOVERY)
                .set(MACHINE_RECOVERY.RECOVERY_UNDER_WAY, false)
                .set(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT, time.now())
                .setNull(MACHINE_RECOVERY.RECOVERY_PROVED_AT)
                .set(
                        MACHINE_RECOVERY.RECOVERY_FAILED_CALLS,
                        callFailed ? MACHINE_RECOVERY.RECOVERY_FAILED_CALLS.plus(1) : inline(0))
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(machineId))
                .execute();
    }

    /** Ends the recovery of a machine of which nothing has to be heard. */
    static void prove(DSLContext dsl, DatabaseTime time, UUID machineId) {
        dsl.update(MACHINE_RECOVERY)
                .set(MACHINE_RECOVERY.RECOVERY_PROVED_AT, time.now())
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(machineId))
                .execute();
    }

    static void forget(DSLContext dsl, UUID machineId) {
        dsl.deleteFrom(MACHINE_RECOVERY)
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(machineId))
                .execute();
    }

    static void forgetUnreachable(DSLContext dsl, UUID machineId) {
        dsl.deleteFrom(MACHINE_UNREACHABLE)
                .where(MACHINE_UNREACHABLE.MACHINE_ID.eq(machineId))
                .execute();
    }

    static void countUnreachable(DSLContext dsl, DatabaseTime time, UUID machineId) {
        dsl.insertInto(MACHINE_UNREACHABLE)
                .set(MACHINE_UNREACHABLE.MACHINE_ID, machineId)
                .set(MACHINE_UNREACHABLE.UNREACHABLE_SINCE, time.now())
                .set(MACHINE_UNREACHABLE.UNREACHABLE_ATTEMPTS, 1)
                .onConflict(MACHINE_UNREACHABLE.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_UNREACHABLE.UNREACHABLE_ATTEMPTS, MACHINE_UNREACHABLE.UNREACHABLE_ATTEMPTS.plus(1))
                .execute();
    }

    static void quarantine(DSLContext dsl, DatabaseTime time, UUID machineId, String by, String cause) {
        dsl.insertInto(MACHINE_QUARANTINE)
                .set(MACHINE_QUARANTINE.MACHINE_ID, machineId)
                .set(MACHINE_QUARANTINE.QUARANTINED_AT, time.now())
                .set(MACHINE_QUARANTINE.QUARANTINED_BY, by)
                .set(MACHINE_QUARANTINE.QUARANTINE_CAUSE, cause)
                .onConflictDoNothing()
                .execute();
        forget(dsl, machineId);
        forgetUnreachable(dsl, machineId);
    }
}
