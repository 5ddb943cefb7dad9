package dev.shepherd.bmdb.fleet;

import static dev.shepherd.bmdb.internal.schema.Tables.FLEET_COUNTED;
import static dev.shepherd.bmdb.internal.schema.Tables.FLEET_COUNTS;
import static dev.shepherd.bmdb.internal.schema.Tables.FLEET_SAMPLES;
import static dev.shepherd.bmdb.internal.schema.Tables.FLEET_SILENT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.OPERATOR_ACTIONS;
import static dev.shepherd.bmdb.internal.schema.Tables.PAUSES;
import static dev.shepherd.bmdb.internal.schema.Tables.ROLLOUTS;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_HISTORY;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.sum;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.WorkEvent;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.fleet.FleetSummary.Count;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.schema.tables.records.FleetCountedRecord;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;
import org.jspecify.annotations.Nullable;

/** The statements that count the fleet now and then. */
final class CountQueries {

    /** Counting takes at most this part of the time. */
    private static final int SHARE = 20;

    /** More silent machines than this are so many that any page of the list has enough of them. */
    private static final int MOST_SILENT = 10_000;

    private final Handle db;
    private final RecoveryPolicies policies;
    private final MachineStates states;

    CountQueries(Handle db, RecoveryPolicies policies) {
        this.db = db;
        this.policies = policies;
        this.states = new MachineStates(db.time(), policies);
    }

    static Optional<FleetSummary> summary(Handle db) {
        FleetCountedRecord counted = db.dsl().selectFrom(FLEET_COUNTED).fetchOne();
        if (counted == null || counted.getCountedAt() == null) {
            return Optional.empty();
        }
        List<Count> counts = db.dsl()
                .selectFrom(FLEET_COUNTS)
                .orderBy(FLEET_COUNTS.PROVIDER, FLEET_COUNTS.LOCATION, FLEET_COUNTS.STATE)
                .fetch(row -> new Count(
                        new ProviderType(row.getProvider()),
                        row.getLocation(),
                        MachineState.valueOf(row.getState()),
                        row.getMachines()));
        Instant at = counted.getCountedAt().toInstant();
        Duration age = Duration.between(at, MachineQueries.now(db));
        return Optional.of(new FleetSummary(
                at,
                Duration.ofMillis(counted.getTookMs()),
                age.isNegative() ? Duration.ZERO : age,
                counts,
                FigureQueries.figures(db),
                HardwareSums.read(db)));
    }

    static String version(Handle db) {
        return db.dsl()
                .select(
                        DSL.field(select(DSL.max(WORK_HISTORY.HISTORY_ID)).from(WORK_HISTORY)),
                        DSL.field(select(DSL.max(OPERATOR_ACTIONS.ACTION_ID)).from(OPERATOR_ACTIONS)),
                        DSL.field(select(DSL.max(PAUSES.PAUSED_AT)).from(PAUSES)),
                        DSL.field(select(count()).from(PAUSES)),
                        DSL.field(select(DSL.listAgg(
                                                DSL.concat(
                                                        ROLLOUTS.ROLLOUT_ID,
                                                        inline(" "),
                                                        ROLLOUTS.ROLLOUT_STATE,
                                                        inline(" "),
                                                        ROLLOUTS.ROLLOUT_WAVE,
                                                        inline(" "),
                                                        ROLLOUTS.ROLLOUT_DONE),
                                                ",")
                                        .withinGroupOrderBy(ROLLOUTS.ROLLOUT_ID))
                                .from(ROLLOUTS)
                                .where(ROLLOUTS.ROLLOUT_ENDED_AT.isNull())),
                        DSL.field(select(DSL.max(FLEET_COUNTED.COUNTED_AT)).from(FLEET_COUNTED)))
                .fetchSingle()
                .valuesRow()
                .toString();
    }

    /** Counts, unless that was done or is being done. Returns whether it did. */
    boolean countIfDue(Duration interval) {
        db.dsl()
                .insertInto(FLEET_COUNTED)
                .set(FLEET_COUNTED.ONLY_ROW, true)
                .onConflictDoNothing()
                .execute();
        FleetCountedRecord before =
                db.dsl().selectFrom(FLEET_COUNTED).forUpdate().skipLocked().fetchOne();
        if (before == null) {
            return false;
        }
        Instant now = MachineQueries.now(db);
        Duration pause = Duration.ofMillis(Math.max(interval.toMillis(), before.getTookMs() * SHARE));
        OffsetDateTime last = before.getCountedAt();
        // One from the future was made before the database's clock went back.
        if (last != null
                && last.toInstant().plus(pause).isAfter(now)
                && !last.toInstant().isAfter(now)) {
            return false;
        }
        long start = System.nanoTime();
        recount();
        keepSilent();
        new FigureQueries(db, policies).recount();
        HardwareSums.recount(db);
        long took = Duration.ofNanos(System.nanoTime() - start).toMillis();
        OffsetDateTime sampled = before.getSampledAt();
        boolean samples = sampled == null
                || sampled.toInstant().isAfter(now)
                || !sampled.toInstant().plus(Fleet.SAMPLE_INTERVAL).isAfter(now);
        // An empty fleet leaves no sample, and the first one comes with its first machines.
        samples = samples && sample(sampled, now);
        db.dsl()
                .update(FLEET_COUNTED)
                .set(FLEET_COUNTED.COUNTED_AT, now.atOffset(ZoneOffset.UTC))
                .set(FLEET_COUNTED.TOOK_MS, took)
                .set(FLEET_COUNTED.SAMPLED_AT, samples ? now.atOffset(ZoneOffset.UTC) : sampled)
                .execute();
        return true;
    }

    private void recount() {
        Field<String> state = states.state();
        Field<String> location = coalesce(MACHINE_PROVIDED.PROVIDER_LOCATION, inline(""));
        db.dsl().deleteFrom(FLEET_COUNTS).execute();
        db.dsl()
                .insertInto(
                        FLEET_COUNTS,
                        FLEET_COUNTS.PROVIDER,
                        FLEET_COUNTS.LOCATION,
                        FLEET_COUNTS.STATE,
                        FLEET_COUNTS.MACHINES)
                .select(select(MACHINE_PROVIDED.PROVIDER, location, state, count().cast(SQLDataType.BIGINT))
                        .from(states.machines())
                        // By position: written twice, the expression would be two to the database.
                        .groupBy(inline(1), inline(2), inline(3)))
                .execute();
    }

    private void keepSilent() {
        db.dsl().deleteFrom(FLEET_SILENT).execute();
        db.dsl()
                .insertInto(FLEET_SILENT, FLEET_SILENT.MACHINE_ID)
                .select(select(MACHINE_PROVIDED.MACHINE_ID)
                        .from(states.machines())
                        .where(states.is(MachineState.SILENT))
                        .limit(inline(MOST_SILENT)))
                .execute();
    }

    /** Whether all machines that were silent when last counted are noted. */
    static boolean knowsAllSilent(Handle db) {
        int noted = db.dsl().fetchCount(FLEET_SILENT);
        return noted < MOST_SILENT && db.dsl().fetchExists(FLEET_COUNTED, FLEET_COUNTED.COUNTED_AT.isNotNull());
    }

    /** Keeps the counts, and what ended since the sample before, or within the usual time if that is long ago. Returns whether there was anything. */
    private boolean sample(@Nullable OffsetDateTime before, Instant now) {
        Instant usual = now.minus(Fleet.SAMPLE_INTERVAL);
        Instant longest = now.minus(Fleet.SAMPLE_INTERVAL.multipliedBy(12));
        Instant from = before == null || before.toInstant().isAfter(now)
                ? usual
                : before.toInstant().isBefore(longest) ? longest : before.toInstant();
        Condition since = WORK_HISTORY
                .TIMESTAMP
                .gt(from.atOffset(ZoneOffset.UTC))
                .and(WORK_HISTORY.TIMESTAMP.le(now.atOffset(ZoneOffset.UTC)))
                .and(WORK_HISTORY.PROVIDER.eq(FLEET_COUNTS.PROVIDER));
        int kept = db.dsl()
                .insertInto(
                        FLEET_SAMPLES,
                        FLEET_SAMPLES.SAMPLED_AT,
                        FLEET_SAMPLES.PROVIDER,
                        FLEET_SAMPLES.MACHINES,
                        FLEET_SAMPLES.UP,
                        FLEET_SAMPLES.RECOVERING,
                        FLEET_SAMPLES.QUARANTINED,
                        FLEET_SAMPLES.TAKEOVERS,
                        FLEET_SAMPLES.RECOVERIES,
                        FLEET_SAMPLES.FAILURES)
                .select(select(
                                DSL.val(now.atOffset(ZoneOffset.UTC)),
                                FLEET_COUNTS.PROVIDER,
                                machines(DSL.trueCondition()),
                                machines(FLEET_COUNTS.STATE.eq(inline(MachineState.UP.name()))),
                                machines(FLEET_COUNTS.STATE.eq(inline(MachineState.RECOVERING.name()))),
                                machines(FLEET_COUNTS.STATE.eq(inline(MachineState.QUARANTINED.name()))),
                                history(since, WorkProcess.AGENT_START, WorkEvent.FINISHED),
                                history(since, WorkProcess.RECOVERY, WorkEvent.FINISHED),
                                history(since, null, WorkEvent.FAILED))
                        .from(FLEET_COUNTS)
                        .groupBy(FLEET_COUNTS.PROVIDER))
                .onConflictDoNothing()
                .execute();
        db.dsl()
                .deleteFrom(FLEET_SAMPLES)
                .where(FLEET_SAMPLES.SAMPLED_AT.lt(now.minus(Fleet.SAMPLES_KEPT).atOffset(ZoneOffset.UTC)))
                .execute();
        return kept > 0;
    }

    static List<FleetSample> samples(Handle db, Instant since) {
        return db.dsl()
                .selectFrom(FLEET_SAMPLES)
                .where(FLEET_SAMPLES.SAMPLED_AT.ge(since.atOffset(ZoneOffset.UTC)))
                .orderBy(FLEET_SAMPLES.SAMPLED_AT, FLEET_SAMPLES.PROVIDER)
                .fetch(row -> new FleetSample(
                        row.getSampledAt().toInstant(),
                        new ProviderType(row.getProvider()),
                        row.getMachines(),
                        row.getUp(),
                        row.getRecovering(),
                        row.getQuarantined(),
                        row.getTakeovers(),
                        row.getRecoveries(),
                        row.getFailures()));
    }

    private static Field<Long> machines(Condition which) {
        return coalesce(sum(FLEET_COUNTS.MACHINES).filterWhere(which), inline(BigDecimal.ZERO))
                .cast(SQLDataType.BIGINT);
    }

    private static Field<Long> history(Condition since, @Nullable WorkProcess process, WorkEvent event) {
        Condition which = process == null
                ? WORK_HISTORY.PROCESS.in(inline(WorkProcess.AGENT_START.name()), inline(WorkProcess.RECOVERY.name()))
                : WORK_HISTORY.PROCESS.eq(inline(process.name()));
        return DSL.field(select(count().cast(SQLDataType.BIGINT))
                .from(WORK_HISTORY)
                .where(since)
                .and(which)
                .and(WORK_HISTORY.EVENT.eq(inline(event.databaseName()))));
    }
}
