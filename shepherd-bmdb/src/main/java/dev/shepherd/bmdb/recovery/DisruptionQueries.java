package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_DISRUPTION;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.min;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.disruption.DisruptionState;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.internal.DatabaseTime;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import dev.shepherd.bmdb.internal.schema.tables.records.MachineDisruptionRecord;
import dev.shepherd.bmdb.listing.UpdateQueries;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;
import org.jspecify.annotations.Nullable;

/** The statements on {@code machine_disruption}. Each that writes expects that the machine is locked. */
public final class DisruptionQueries {

    /** How many reasons for holding machines back are named one by one. */
    private static final int MOST_NAMED = 5;

    /** A time that never comes. */
    static final OffsetDateTime NEVER = UpdateQueries.AT_REST;

    /** Why a machine waits whose gates are to be asked again: they, or a person, took back what they had said. */
    private static final String ASKED_AGAIN = "the gates are asked again";

    private DisruptionQueries() {}

    /** Tells whether what gates said of a machine was taken back since it was read, and they have not said anything since. */
    static boolean isTakenBack(MachineDisruption now, Optional<MachineDisruption> read) {
        return now.state() == DisruptionState.HELD_BACK
                && now.gate().isEmpty()
                && now.why().equals(ASKED_AGAIN)
                && read.filter(before ->
                                before.state() == now.state() && before.since().equals(now.since()))
                        .isEmpty();
    }

    static Condition is(DisruptionState state) {
        return MACHINE_DISRUPTION.DISRUPTION_STATE.eq(inline(state.databaseName()));
    }

    static Condition isOneOf(DisruptionState... states) {
        List<Field<String>> names = new ArrayList<>();
        for (DisruptionState state : states) {
            names.add(inline(state.databaseName()));
        }
        return MACHINE_DISRUPTION.DISRUPTION_STATE.in(names);
    }

    /** A row is of what recoverers or persons do; otherwise it is of a rollout. */
    static Condition isOfRecovery() {
        return MACHINE_DISRUPTION.DISRUPTION_KIND.ne(inline(DisruptionKind.ROLLOUT.databaseName()));
    }

    /** A row is of what a rollout does. */
    public static Condition isOfRollout() {
        return not(isOfRecovery());
    }

    /** A row takes a place within the limits of recovery, though its machine is not worked on. */
    static Condition isDrainedForRecovery() {
        return isOfRecovery().and(is(DisruptionState.DRAINING));
    }

    /** A gate keeps recovery from the machine of a row. */
    public static Condition holdsRecoveryBack() {
        return isOfRecovery()
                .and(isOneOf(DisruptionState.HELD_BACK, DisruptionState.REFUSED, DisruptionState.DRAINING));
    }

    public static Optional<MachineDisruption> of(Handle db, UUID machineId) {
        return db.dsl()
                .selectFrom(MACHINE_DISRUPTION)
                .where(MACHINE_DISRUPTION.MACHINE_ID.eq(machineId))
                .fetchOptional(DisruptionQueries::disruption);
    }

    /** Reads a row. */
    public static MachineDisruption disruption(MachineDisruptionRecord row) {
        return new MachineDisruption(
                row.getDisruptionId(),
                row.getMachineId(),
                DisruptionKind.ofDatabaseName(row.getDisruptionKind()),
                DisruptionState.ofDatabaseName(row.getDisruptionState()),
                row.getDisruptionAt().toInstant(),
                row.getDisruptionAskedAt().toInstant(),
                Optional.ofNullable(row.getDisruptionUntil()).map(DisruptionQueries::instant),
                Optional.ofNullable(row.getDisruptionDeadline()).map(OffsetDateTime::toInstant),
                row.getDisruptionDrained(),
                row.getDisruptionDone(),
                Optional.ofNullable(row.getDisruptionGate()),
                row.getDisruptionWhy());
    }

    private static Instant instant(OffsetDateTime time) {
        return time.isBefore(NEVER) ? time.toInstant() : Instant.MAX;
    }

    /**
     * What is to be known of a machine from now on.
     *
     * @param id its id from now on
     * @param until a time that never comes for null, where the state has one
     * @param drained whether hooks were told; null to leave that as it is
     * @param since since when it is in this state; null for now
     */
    record Change(
            UUID id,
            DisruptionKind kind,
            DisruptionState state,
            @Nullable Instant until,
            @Nullable Instant deadline,
            @Nullable Boolean drained,
            @Nullable UUID claimId,
            @Nullable String gate,
            String why,
            @Nullable Instant since) {}

    static void write(Handle db, UUID machineId, Change change) {
        Field<OffsetDateTime> until = switch (change.state()) {
            case HELD_BACK, DRAINING, REFUSED -> value(change.until() == null ? NEVER.toInstant() : change.until());
            case APPROVED, UNDER_WAY -> value(null);
        };
        Field<OffsetDateTime> since = change.since() == null ? db.time().now() : value(change.since());
        db.dsl()
                .insertInto(MACHINE_DISRUPTION)
                .set(MACHINE_DISRUPTION.MACHINE_ID, machineId)
                .set(MACHINE_DISRUPTION.DISRUPTION_ID, change.id())
                .set(MACHINE_DISRUPTION.DISRUPTION_KIND, change.kind().databaseName())
                .set(MACHINE_DISRUPTION.DISRUPTION_STATE, change.state().databaseName())
                .set(MACHINE_DISRUPTION.DISRUPTION_AT, since)
                .set(MACHINE_DISRUPTION.DISRUPTION_ASKED_AT, db.time().now())
                .set(MACHINE_DISRUPTION.DISRUPTION_UNTIL, until)
                .set(MACHINE_DISRUPTION.DISRUPTION_DEADLINE, value(change.deadline()))
                .set(MACHINE_DISRUPTION.DISRUPTION_DRAINED, Boolean.TRUE.equals(change.drained()))
                .set(MACHINE_DISRUPTION.DISRUPTION_CLAIM, change.claimId())
                .set(MACHINE_DISRUPTION.DISRUPTION_GATE, change.gate())
                .set(MACHINE_DISRUPTION.DISRUPTION_WHY, change.why())
                .onConflict(MACHINE_DISRUPTION.MACHINE_ID)
                .doUpdate()
                .set(MACHINE_DISRUPTION.DISRUPTION_ID, change.id())
                .set(MACHINE_DISRUPTION.DISRUPTION_KIND, change.kind().databaseName())
                .set(MACHINE_DISRUPTION.DISRUPTION_STATE, change.state().databaseName())
                .set(MACHINE_DISRUPTION.DISRUPTION_AT, since)
                .set(MACHINE_DISRUPTION.DISRUPTION_ASKED_AT, db.time().now())
                .set(MACHINE_DISRUPTION.DISRUPTION_UNTIL, until)
                .set(MACHINE_DISRUPTION.DISRUPTION_DEADLINE, value(change.deadline()))
                .set(
                        MACHINE_DISRUPTION.DISRUPTION_DRAINED,
                        change.drained() == null ? MACHINE_DISRUPTION.DISRUPTION_DRAINED : inline(change.drained()))
                .set(
                        MACHINE_DISRUPTION.DISRUPTION_DONE,
                        change.drained() == null ? MACHINE_DISRUPTION.DISRUPTION_DONE : inline(false))
                .set(MACHINE_DISRUPTION.DISRUPTION_CLAIM, change.claimId())
                .set(MACHINE_DISRUPTION.DISRUPTION_GATE, change.gate())
                .set(MACHINE_DISRUPTION.DISRUPTION_WHY, change.why())
                .execute();
    }

    private static Field<OffsetDateTime> value(@Nullable Instant time) {
        return DSL.val(time == null ? null : time.atOffset(ZoneOffset.UTC), SQLDataType.TIMESTAMPWITHTIMEZONE);
    }

    /**
     * Takes an approval up: from here on, what was approved is under way. Only the work that got the approval can, once, and
     * only as long as the approval is good.
     */
    static boolean use(Handle db, UUID machineId, DisruptionKind kind, UUID claimId) {
        return db.dsl()
                        .update(MACHINE_DISRUPTION)
                        .set(MACHINE_DISRUPTION.DISRUPTION_STATE, DisruptionState.UNDER_WAY.databaseName())
                        .set(MACHINE_DISRUPTION.DISRUPTION_AT, db.time().now())
                        .setNull(MACHINE_DISRUPTION.DISRUPTION_DEADLINE)
                        .setNull(MACHINE_DISRUPTION.DISRUPTION_CLAIM)
                        .where(MACHINE_DISRUPTION.MACHINE_ID.eq(machineId))
                        .and(MACHINE_DISRUPTION.DISRUPTION_KIND.eq(kind.databaseName()))
                        .and(is(DisruptionState.APPROVED))
                        .and(MACHINE_DISRUPTION.DISRUPTION_CLAIM.eq(claimId))
                        .and(MACHINE_DISRUPTION.DISRUPTION_DEADLINE.gt(db.time().moment()))
                        .execute()
                == 1;
    }

    /**
     * Has an approval of some work wait until work was moved away from the machine. The place that it takes stays taken.
     * Returns false, and does nothing, if the approval was withdrawn.
     */
    static boolean drain(Handle db, UUID machineId, UUID claimId, Instant deadline, Instant until) {
        return db.dsl()
                        .update(MACHINE_DISRUPTION)
                        .set(MACHINE_DISRUPTION.DISRUPTION_STATE, DisruptionState.DRAINING.databaseName())
                        .set(MACHINE_DISRUPTION.DISRUPTION_AT, db.time().now())
                        .set(MACHINE_DISRUPTION.DISRUPTION_ASKED_AT, db.time().now())
                        .set(MACHINE_DISRUPTION.DISRUPTION_UNTIL, value(until))
                        .set(MACHINE_DISRUPTION.DISRUPTION_DEADLINE, value(deadline))
                        .setNull(MACHINE_DISRUPTION.DISRUPTION_CLAIM)
                        .where(MACHINE_DISRUPTION.MACHINE_ID.eq(machineId))
                        .and(is(DisruptionState.APPROVED))
                        .and(MACHINE_DISRUPTION.DISRUPTION_CLAIM.eq(claimId))
                        .execute()
                == 1;
    }

    /** Has a machine be drained for longer, but not past the deadline. */
    static void drainOn(Handle db, UUID machineId, Instant until) {
        db.dsl()
                .update(MACHINE_DISRUPTION)
                .set(MACHINE_DISRUPTION.DISRUPTION_ASKED_AT, db.time().now())
                .set(
                        MACHINE_DISRUPTION.DISRUPTION_UNTIL,
                        DSL.least(value(until), MACHINE_DISRUPTION.DISRUPTION_DEADLINE))
                .where(MACHINE_DISRUPTION.MACHINE_ID.eq(machineId))
                .and(is(DisruptionState.DRAINING))
                .execute();
    }

    /** Counts machines of a group that are being taken down, or are down, up to a number of them. */
    static int down(Handle db, RecoveryPolicy policy, Selector group, UUID except, boolean isUp, int most) {
        var disrupted = select(MACHINE_RECOVERY.MACHINE_ID)
                .from(MACHINE_RECOVERY)
                .where(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull())
                .union(select(MACHINE_ROLLOUT.MACHINE_ID)
                        .from(MACHINE_ROLLOUT)
                        .where(MACHINE_ROLLOUT.ROLLOUT_UNTIL.isNotNull())
                        .and(MACHINE_ROLLOUT.ROLLOUT_STEP.ne(inline("Chosen"))))
                // An approval that is no longer good counts until it is gone: it may be taken up at this moment.
                .union(select(MACHINE_DISRUPTION.MACHINE_ID)
                        .from(MACHINE_DISRUPTION)
                        .where(isOneOf(DisruptionState.DRAINING, DisruptionState.APPROVED, DisruptionState.UNDER_WAY)));
        Condition down = MACHINES.MACHINE_ID.in(disrupted);
        return db.dsl()
                .fetchCount(selectOne()
                        .from(MACHINES)
                        .where(LabelQueries.matches(MACHINES.MACHINE_ID, group))
                        .and(MACHINES.MACHINE_ID.ne(except))
                        .and(isUp ? down.or(isDown(db.time(), policy)) : down)
                        .limit(most));
    }

    /** The machine of {@code machines} is quarantined, or its agent is silent. */
    private static Condition isDown(DatabaseTime time, RecoveryPolicy policy) {
        return exists(selectOne().from(MACHINE_QUARANTINE).where(MACHINE_QUARANTINE.MACHINE_ID.eq(MACHINES.MACHINE_ID)))
                .or(exists(selectOne()
                                .from(MACHINE_AGENT_STARTED)
                                .leftJoin(MACHINE_AGENT_HEARTBEAT)
                                .on(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINE_AGENT_STARTED.MACHINE_ID))
                                .where(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                                .and(lastSign().lt(time.nowMinus(policy.silentAfterHeartbeat()))))
                        .and(MachineConditions.present())
                        .and(not(MachineConditions.installationFulfilled())));
    }

    private static Field<OffsetDateTime> lastSign() {
        return coalesce(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT, MACHINE_AGENT_STARTED.AGENT_STARTED_AT);
    }

    /** Tells whether a machine has an agent that is not silent. */
    static boolean isUp(Handle db, RecoveryPolicy policy, UUID machineId) {
        return db.dsl()
                .fetchExists(selectOne()
                        .from(MACHINE_AGENT_STARTED)
                        .leftJoin(MACHINE_AGENT_HEARTBEAT)
                        .on(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINE_AGENT_STARTED.MACHINE_ID))
                        .where(MACHINE_AGENT_STARTED.MACHINE_ID.eq(machineId))
                        .and(lastSign().ge(db.time().nowMinus(policy.silentAfterHeartbeat()))));
    }

    /** Returns for how long the machine is in a state already that is in it the longest, by provider. */
    public static Map<String, Duration> longestHeldBack(Handle db, DisruptionState state) {
        Instant now = MachineQueries.now(db);
        Field<OffsetDateTime> since = min(MACHINE_DISRUPTION.DISRUPTION_AT);
        return db.dsl()
                .select(MACHINE_PROVIDED.PROVIDER, since)
                .from(MACHINE_DISRUPTION)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINE_DISRUPTION.MACHINE_ID))
                .where(isOfRecovery().and(is(state)))
                .groupBy(MACHINE_PROVIDED.PROVIDER)
                .fetchMap(
                        MACHINE_PROVIDED.PROVIDER,
                        row -> Duration.between(row.value2().toInstant(), now));
    }

    /** Says in words what gates hold back from recovery of a provider, and why; empty if they hold nothing back. */
    static List<String> heldBack(Handle db, ProviderType provider) {
        List<String> texts = new ArrayList<>();
        Field<OffsetDateTime> soonest = min(MACHINE_DISRUPTION.DISRUPTION_UNTIL);
        List<Integer> others = new ArrayList<>();
        db.dsl()
                .select(
                        MACHINE_DISRUPTION.DISRUPTION_STATE,
                        MACHINE_DISRUPTION.DISRUPTION_GATE,
                        MACHINE_DISRUPTION.DISRUPTION_WHY,
                        count(),
                        soonest)
                .from(MACHINE_DISRUPTION)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINE_DISRUPTION.MACHINE_ID))
                .where(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(holdsRecoveryBack())
                .and(MACHINE_DISRUPTION.DISRUPTION_UNTIL.gt(db.time().now()))
                .groupBy(
                        MACHINE_DISRUPTION.DISRUPTION_STATE,
                        MACHINE_DISRUPTION.DISRUPTION_GATE,
                        MACHINE_DISRUPTION.DISRUPTION_WHY)
                .orderBy(count().desc(), MACHINE_DISRUPTION.DISRUPTION_GATE, MACHINE_DISRUPTION.DISRUPTION_WHY)
                .forEach(row -> {
                    if (texts.size() < MOST_NAMED) {
                        texts.add(heldBack(
                                DisruptionState.ofDatabaseName(row.value1()),
                                row.value2(),
                                row.value3(),
                                row.value4(),
                                instant(row.value5())));
                    } else {
                        others.add(row.value4());
                    }
                });
        if (!others.isEmpty()) {
            texts.add(String.format(
                    Locale.ROOT,
                    "%d machine(s) for %d other reasons that gates have",
                    others.stream().mapToInt(Integer::intValue).sum(),
                    others.size()));
        }
        return texts;
    }

    private static String heldBack(
            DisruptionState state, @Nullable String gate, String why, int machines, Instant soonest) {
        return switch (state) {
            case REFUSED ->
                String.format(
                        Locale.ROOT,
                        "%d machine(s): gate %s refuses for good: %s",
                        machines,
                        Escaped.text(gate),
                        Escaped.text(why));
            case DRAINING ->
                String.format(Locale.ROOT, "%d machine(s): work is moved away from them until %s", machines, soonest);
            default ->
                String.format(
                        Locale.ROOT,
                        "%d machine(s): gate %s holds them back, and is asked again from %s on: %s",
                        machines,
                        Escaped.text(gate),
                        soonest,
                        Escaped.text(why));
        };
    }

    /**
     * Has the gates asked again before anything is done to a machine: an approval that was not taken up is none any more.
     * Returns what was known; empty if there was nothing, or it is under way.
     */
    public static Optional<MachineDisruption> askAgain(Handle db, UUID machineId) {
        Optional<MachineDisruption> before = of(db, machineId).filter(MachineDisruption::mayBeTakenBack);
        before.ifPresent(disruption -> write(
                db,
                machineId,
                new Change(
                        disruption.id(),
                        disruption.kind(),
                        DisruptionState.HELD_BACK,
                        MachineQueries.now(db),
                        null,
                        null,
                        null,
                        null,
                        ASKED_AGAIN,
                        null)));
        return before;
    }
}
