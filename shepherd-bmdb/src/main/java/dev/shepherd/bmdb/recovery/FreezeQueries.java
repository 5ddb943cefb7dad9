package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_UNREACHABLE;
import static dev.shepherd.bmdb.internal.schema.Tables.RECOVERY_FREEZE;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.greatest;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.name;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;
import static org.jooq.impl.DSL.when;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import dev.shepherd.bmdb.internal.schema.tables.records.RecoveryFreezeRecord;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.Record3;
import org.jooq.Table;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/**
 * Finds out where recovery has to freeze.
 *
 * <p>Agents that should be heard are watched, and machines that SSH should reach. One is late if its last sign of life
 * is too old. If many of them stopped within a short span, however long ago, the fault is more likely on this side: in
 * what records heartbeats, in the network between, or in the clock. Machines that died one after the other are not
 * evidence of that, nor are those with an attempt to recover them, nor those that a rollout has just put an agent on.
 */
public final class FreezeQueries {

    private static final Field<String> PROVIDER = field(name("w", "provider"), String.class);
    private static final Field<String> LOCATION = field(name("w", "location"), String.class);
    private static final Field<OffsetDateTime> SIGN = field(name("w", "sign"), OffsetDateTime.class);
    private static final Condition LATE = DSL.condition(field(name("w", "late"), Boolean.class));
    private static final Condition HEARD = DSL.condition(field(name("w", "heard"), Boolean.class));

    /** A span that everything lies within. */
    private static final Duration ALL = Duration.ofDays(36_500);

    private final Handle db;
    private final ProviderType provider;
    private final RecoveryPolicy policy;

    FreezeQueries(Handle db, ProviderType provider, RecoveryPolicy policy) {
        this.db = db;
        this.provider = provider;
        this.policy = policy;
    }

    /** What a freeze may cover. Empty stands for all. */
    private record Scope(String provider, String location) {
        static final Scope FLEET = new Scope("", "");

        Condition condition() {
            Condition whose = provider.isEmpty() ? DSL.noCondition() : PROVIDER.eq(provider);
            return location.isEmpty() ? whose : whose.and(LOCATION.eq(location));
        }
    }

    /** How many are watched in a scope, how many of them are late, and how many were heard lately. */
    private record Census(int watched, int late, int heard) {
        static final Census NONE = new Census(0, 0, 0);

        Census plus(Census other) {
            return new Census(watched + other.watched, late + other.late, heard + other.heard);
        }
    }

    /** The most agents whose last signs of life lie within one span. */
    private record Cluster(int size, OffsetDateTime first, OffsetDateTime last) {}

    /** What is frozen now, and what has to be written so that all processes know. */
    record Verdict(List<Freeze> freezes, List<Runnable> changes) {
        boolean covers(String location) {
            return freezes.stream().anyMatch(freeze -> freeze.covers(location));
        }
    }

    /** Returns the freezes in force that concern a provider. */
    static List<Freeze> inForce(Handle db, ProviderType provider) {
        return db.dsl()
                .selectFrom(RECOVERY_FREEZE)
                .where(RECOVERY_FREEZE.PROVIDER.in("", provider.name()))
                .and(RECOVERY_FREEZE.RELEASED_AT.isNull())
                .orderBy(RECOVERY_FREEZE.PROVIDER, RECOVERY_FREEZE.LOCATION)
                .fetch(FreezeQueries::freeze);
    }

    /** Returns all freezes in force. */
    public static List<Freeze> inForce(Handle db) {
        return db.dsl()
                .selectFrom(RECOVERY_FREEZE)
                .where(RECOVERY_FREEZE.RELEASED_AT.isNull())
                .orderBy(RECOVERY_FREEZE.PROVIDER, RECOVERY_FREEZE.LOCATION)
                .fetch(FreezeQueries::freeze);
    }

    /** Asks whether a freeze keeps recovery away from a machine. */
    static Condition frozen() {
        return exists(selectOne()
                .from(RECOVERY_FREEZE)
                .where(RECOVERY_FREEZE.RELEASED_AT.isNull())
                .and(RECOVERY_FREEZE
                        .PROVIDER
                        .eq("")
                        .or(exists(selectOne()
                                .from(MACHINE_PROVIDED)
                                .where(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                                .and(MACHINE_PROVIDED.PROVIDER.eq(RECOVERY_FREEZE.PROVIDER))
                                .and(RECOVERY_FREEZE
                                        .LOCATION
                                        .eq("")
                                        .or(RECOVERY_FREEZE.LOCATION.eq(MACHINE_PROVIDED.PROVIDER_LOCATION)))))));
    }

    /** Looks at the whole fleet. Its cost grows with the fleet: call it only when there is a reason. */
    Verdict judge() {
        Map<Scope, Census> census = census();
        Map<Scope, RecoveryFreezeRecord> rows = new LinkedHashMap<>();
        db.dsl()
                .selectFrom(RECOVERY_FREEZE)
                .where(RECOVERY_FREEZE.PROVIDER.in("", provider.name()))
                .orderBy(RECOVERY_FREEZE.PROVIDER, RECOVERY_FREEZE.LOCATION)
                .forEach(row -> rows.put(new Scope(row.getProvider(), row.getLocation()), row));
        rows.keySet().forEach(scope -> census.putIfAbsent(scope, Census.NONE));

        OffsetDateTime now = db.dsl().select(db.time().now()).fetchSingle().value1();
        List<Freeze> freezes = new ArrayList<>();
        List<Runnable> changes = new ArrayList<>();
        census.forEach((scope, counts) -> {
            RecoveryFreezeRecord row = rows.get(scope);
            if (row == null || row.getReleasedAt() != null) {
                freeze(scope, counts, row, now, freezes, changes);
            } else {
                release(scope, counts, row, now, freezes, changes);
            }
        });
        return new Verdict(freezes, changes);
    }

    private void freeze(
            Scope scope,
            Census counts,
            @Nullable RecoveryFreezeRecord released,
            OffsetDateTime now,
            List<Freeze> freezes,
            List<Runnable> changes) {
        int threshold = Thresholds.freeze(policy, counts.watched());
        if (counts.late() < threshold) {
            return; // Not even all of them together would be enough.
        }
        OffsetDateTime ignoredUntil = released == null ? null : released.getIgnoredUntil();
        Cluster cluster = nobodyIsHeard(scope, counts)
                ? cluster(scope, ignoredUntil, ALL)
                : cluster(scope, ignoredUntil, policy.freezeSpan());
        if (cluster.size() < threshold) {
            return;
        }
        RecoveryFreezeRecord row = new RecoveryFreezeRecord();
        row.setProvider(scope.provider());
        row.setLocation(scope.location());
        row.setFrozenAt(now);
        row.setSilentSince(cluster.first());
        row.setFreezeEvidence(String.format(
                Locale.ROOT,
                "%d of %d agents fell silent together: they were last heard, or reached, between %s and %s",
                cluster.size(),
                counts.watched(),
                cluster.first().truncatedTo(ChronoUnit.SECONDS).toInstant(),
                cluster.last().truncatedTo(ChronoUnit.SECONDS).toInstant()));
        freezes.add(freeze(row));
        changes.add(() -> write(scope, row));
    }

    private void write(Scope scope, RecoveryFreezeRecord row) {
        int written = db.dsl()
                .insertInto(RECOVERY_FREEZE)
                .set(row)
                .onConflict(RECOVERY_FREEZE.PROVIDER, RECOVERY_FREEZE.LOCATION)
                .doUpdate()
                .set(RECOVERY_FREEZE.FROZEN_AT, row.getFrozenAt())
                .set(RECOVERY_FREEZE.SILENT_SINCE, row.getSilentSince())
                .set(RECOVERY_FREEZE.FREEZE_EVIDENCE, row.getFreezeEvidence())
                .setNull(RECOVERY_FREEZE.CALM_SINCE)
                .setNull(RECOVERY_FREEZE.RELEASED_AT)
                .setNull(RECOVERY_FREEZE.RELEASED_BY)
                .setNull(RECOVERY_FREEZE.IGNORED_UNTIL)
                // Another provider's recoverer may have frozen the fleet a moment ago.
                .where(RECOVERY_FREEZE.RELEASED_AT.isNotNull())
                .execute();
        if (written == 1) {
            tell(db, EventKind.FREEZE_BEGAN, scope.provider(), scope.location(), "evidence", row.getFreezeEvidence());
        }
    }

    private static void tell(Handle db, EventKind kind, String provider, String location, String name, String value) {
        Map<String, String> details = new HashMap<>(Map.of(name, value));
        if (!location.isEmpty()) {
            details.put("location", location);
        }
        db.tellOfFleet(kind, provider.isEmpty() ? null : provider, details);
    }

    /**
     * If not one agent of the fleet or of a provider is heard, that is no coincidence, however long it took them to
     * fall silent: agents that are started one after the other and never heard have nowhere to report to.
     */
    private static boolean nobodyIsHeard(Scope scope, Census counts) {
        return scope.location().isEmpty() && counts.heard() == 0;
    }

    private void release(
            Scope scope,
            Census counts,
            RecoveryFreezeRecord row,
            OffsetDateTime now,
            List<Freeze> freezes,
            List<Runnable> changes) {
        int late = lateSince(scope, row.getSilentSince());
        boolean calm = 2L * late <= Thresholds.freeze(policy, counts.watched());
        OffsetDateTime calmSince = row.getCalmSince();
        if (!calm) {
            row.setCalmSince(null);
        } else if (calmSince == null) {
            row.setCalmSince(now);
        } else if (!now.isBefore(calmSince.plus(policy.freezeReleaseAfter()))) {
            // Only agents that are late by now are excluded as evidence: those heard since may already be falling
            // silent again.
            changes.add(
                    () -> release(db, scope.provider(), scope.location(), "resumed heartbeats", policy.lateAfter()));
            return;
        }
        freezes.add(freeze(row));
        OffsetDateTime newCalmSince = row.getCalmSince();
        if (calmSince == null ? newCalmSince != null : !calmSince.equals(newCalmSince)) {
            changes.add(() -> db.dsl()
                    .update(RECOVERY_FREEZE)
                    .set(RECOVERY_FREEZE.CALM_SINCE, newCalmSince)
                    .where(RECOVERY_FREEZE.PROVIDER.eq(scope.provider()))
                    .and(RECOVERY_FREEZE.LOCATION.eq(scope.location()))
                    .and(RECOVERY_FREEZE.RELEASED_AT.isNull())
                    .execute());
        }
    }

    /**
     * Ends a freeze. Agents last heard longer ago than that are no evidence for the next one. Returns false if there is
     * none.
     */
    public static boolean release(Handle db, String provider, String location, String by, Duration ignoredBefore) {
        boolean released = db.dsl()
                        .update(RECOVERY_FREEZE)
                        .set(RECOVERY_FREEZE.RELEASED_AT, db.time().now())
                        .set(RECOVERY_FREEZE.RELEASED_BY, by)
                        .set(RECOVERY_FREEZE.IGNORED_UNTIL, db.time().nowMinus(ignoredBefore))
                        .where(RECOVERY_FREEZE.PROVIDER.eq(provider))
                        .and(RECOVERY_FREEZE.LOCATION.eq(location))
                        .and(RECOVERY_FREEZE.RELEASED_AT.isNull())
                        .execute()
                == 1;
        if (released) {
            tell(db, EventKind.FREEZE_ENDED, provider, location, "by", by);
        }
        return released;
    }

    /** Counts for the fleet, the provider and each of its locations, in this order. */
    private Map<Scope, Census> census() {
        Map<Scope, Census> census = new LinkedHashMap<>();
        census.put(Scope.FLEET, Census.NONE);
        census.put(new Scope(provider.name(), ""), Census.NONE);
        Table<?> watched = watched();
        db.dsl()
                .select(PROVIDER, LOCATION, count(), count().filterWhere(LATE), count().filterWhere(HEARD))
                .from(watched)
                .groupBy(PROVIDER, LOCATION)
                .orderBy(PROVIDER, LOCATION)
                .forEach(row -> {
                    Census counts = new Census(row.value3(), row.value4(), row.value5());
                    census.merge(Scope.FLEET, counts, Census::plus);
                    if (row.value1().equals(provider.name())) {
                        census.merge(new Scope(row.value1(), ""), counts, Census::plus);
                        if (!row.value2().isEmpty()) {
                            census.put(new Scope(row.value1(), row.value2()), counts);
                        }
                    }
                });
        return census;
    }

    /** Finds the most late agents whose last signs of life lie within a span. */
    private Cluster cluster(Scope scope, @Nullable OffsetDateTime ignoredUntil, Duration span) {
        Condition late = LATE.and(scope.condition());
        if (ignoredUntil != null) {
            late = late.and(SIGN.gt(ignoredUntil));
        }
        Field<Integer> size = field(name("c", "size"), Integer.class);
        Field<OffsetDateTime> first = field(name("c", "first"), OffsetDateTime.class);
        Field<OffsetDateTime> last = field(name("c", "last"), OffsetDateTime.class);
        String window = String.format(
                Locale.ROOT,
                "over (order by {0} range between %d * interval '1 millisecond' preceding and current row)",
                span.toMillis());
        Table<?> clusters = select(
                        field("count(*) " + window, Integer.class, SIGN).as("size"),
                        field("min({0}) " + window, OffsetDateTime.class, SIGN).as("first"),
                        SIGN.as("last"))
                .from(watched())
                .where(late)
                .asTable("c");
        Record3<Integer, OffsetDateTime, OffsetDateTime> largest = db.dsl()
                .select(size, first, last)
                .from(clusters)
                .orderBy(size.desc(), last.desc())
                .limit(1)
                .fetchOne();
        return largest == null
                ? new Cluster(0, OffsetDateTime.MIN, OffsetDateTime.MIN)
                : new Cluster(largest.value1(), largest.value2(), largest.value3());
    }

    private int lateSince(Scope scope, OffsetDateTime since) {
        return db.dsl()
                .select(count())
                .from(watched())
                .where(LATE.and(scope.condition()).and(SIGN.ge(since)))
                .fetchSingle()
                .value1();
    }

    /** The machines that should give signs of life, and when each gave its last. */
    private Table<?> watched() {
        Field<OffsetDateTime> heard = greatest(
                coalesce(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT, MACHINE_AGENT_STARTED.AGENT_STARTED_AT),
                MACHINE_AGENT_STARTED.AGENT_STARTED_AT);
        Condition isStarted = MACHINE_AGENT_STARTED.MACHINE_ID.isNotNull();
        Condition isUnreachable = MACHINE_UNREACHABLE.MACHINE_ID.isNotNull().and(MACHINE_RECOVERY.MACHINE_ID.isNull());
        Duration lateAfter = policy.lateAfter();
        return select(
                        MACHINE_PROVIDED.PROVIDER.as("provider"),
                        coalesce(MACHINE_PROVIDED.PROVIDER_LOCATION, inline("")).as("location"),
                        when(isStarted, heard)
                                .otherwise(MACHINE_UNREACHABLE.UNREACHABLE_SINCE)
                                .as("sign"),
                        field(isStarted
                                        .and(heard.ge(db.time().nowMinus(lateAfter)))
                                        .not())
                                .as("late"),
                        field(MACHINE_AGENT_HEARTBEAT
                                        .MACHINE_ID
                                        .isNotNull()
                                        .and(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT.ge(
                                                db.time().nowMinus(lateAfter))))
                                .as("heard"))
                .from(MACHINES)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_AGENT_STARTED)
                .on(MACHINE_AGENT_STARTED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_AGENT_HEARTBEAT)
                .on(MACHINE_AGENT_HEARTBEAT.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .leftJoin(MACHINE_UNREACHABLE)
                .on(MACHINE_UNREACHABLE.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_UNREACHABLE.UNREACHABLE_ATTEMPTS.ge(policy.unreachableAttempts()))
                .leftJoin(MACHINE_RECOVERY)
                .on(MACHINE_RECOVERY.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull())
                .leftJoin(MACHINE_ROLLOUT)
                .on(MACHINE_ROLLOUT.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(MACHINE_ROLLOUT.ROLLOUT_UNTIL.isNotNull())
                .where(isStarted.or(isUnreachable))
                .and(MACHINE_RECOVERY.MACHINE_ID.isNull())
                .and(MACHINE_ROLLOUT.MACHINE_ID.isNull())
                .and(not(MachineConditions.installationFulfilled()))
                .and(MachineConditions.present())
                .asTable("w");
    }

    static Freeze freeze(RecoveryFreezeRecord row) {
        return new Freeze(
                Optional.of(row.getProvider()).filter(name -> !name.isEmpty()).map(ProviderType::new),
                Optional.of(row.getLocation()).filter(name -> !name.isEmpty()),
                row.getFrozenAt().toInstant(),
                row.getSilentSince().toInstant(),
                row.getFreezeEvidence(),
                Optional.ofNullable(row.getCalmSince()).map(OffsetDateTime::toInstant));
    }
}
