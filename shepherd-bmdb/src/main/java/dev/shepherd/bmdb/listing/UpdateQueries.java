package dev.shepherd.bmdb.listing;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static org.jooq.impl.DSL.any;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.PreparedSql;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.SelectFieldOrAsterisk;
import org.jooq.SelectJoinStep;

/** The statements behind the updater. */
public final class UpdateQueries {

    /** How long a machine that was claimed for a check is left to the updater that claimed it. */
    private static final Duration LEASE = Duration.ofMinutes(1);

    /** The check time of a machine at rest: an updater that compares whole listings needs none. */
    public static final OffsetDateTime AT_REST = OffsetDateTime.of(9999, 1, 1, 0, 0, 0, 0, ZoneOffset.UTC);

    private static final String IN_RECOVERY = "in_recovery";
    private static final String DUE = "due";

    private UpdateQueries() {}

    /**
     * Takes the machines that are due for a look, those that have waited longest first. Concurrent updaters get
     * different ones. If the updater dies, its machines are only postponed.
     */
    static List<ProviderCheck> take(Handle db, ProviderType provider, int limit) {
        List<UUID> due = db.dsl()
                .select(MACHINE_PROVIDED.MACHINE_ID)
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(MACHINE_PROVIDED.PROVIDER_CHECK_AT.le(db.time().now()))
                .orderBy(MACHINE_PROVIDED.PROVIDER_CHECK_AT)
                .limit(limit)
                .forNoKeyUpdate()
                .skipLocked()
                .fetch(MACHINE_PROVIDED.MACHINE_ID);
        if (due.isEmpty()) {
            return List.of();
        }
        postpone(db, due, LEASE, MACHINE_PROVIDED.PROVIDER_CHECK_FAILURES);
        return select(db, inline(true))
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(any(due.toArray(UUID[]::new))))
                .orderBy(MACHINE_PROVIDED.PROVIDER_ID)
                .fetch(UpdateQueries::check);
    }

    /**
     * Shows the ids of all machines of a provider to a visitor, as the server sends them. Reads the driver's rows: to
     * make jOOQ's records of them would cost as much again.
     */
    static <T> T scanIds(Handle db, ProviderType provider, Supplier<T> begin, Listings.IdVisitor<? super T> visitor)
            throws InterruptedException {
        T into = begin.get();
        new PreparedSql<>(
                        "select provider_id, provider_failed or provider_status is not distinct from ?"
                                + " from machine_provided where provider = ?",
                        row -> true,
                        ProviderStatus.PROVISIONING.databaseName(),
                        provider.name())
                .forEach(
                        db,
                        MachineQueries.FETCH_SIZE,
                        row -> visitor.visit(into, new ProviderID(row.getString(1)), row.getBoolean(2)));
        return into;
    }

    /** Shows the machines of a provider to a visitor, as the server sends them and without ever holding them all. */
    static <T> T scan(Handle db, ProviderType provider, Supplier<T> begin, BiConsumer<? super T, ProviderCheck> visitor)
            throws InterruptedException {
        T into = begin.get();
        try (var rows = select(db, isDue(db))
                .where(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .fetchSize(MachineQueries.FETCH_SIZE)
                .fetchLazy()) {
            while (rows.hasNext()) {
                if (Thread.interrupted()) {
                    throw new InterruptedException("interrupted while machines were read");
                }
                rows.fetchNext(MachineQueries.FETCH_SIZE).forEach(row -> visitor.accept(into, check(row)));
            }
        }
        return into;
    }

    /**
     * Reads some machines of a provider and locks them, in the order of their ids, against concurrent updaters. The
     * machine is locked before its description, as in every transaction that may write both.
     */
    static List<ProviderCheck> lock(Handle db, ProviderType provider, Collection<ProviderID> ids) {
        return db.dsl()
                .select(columns(isDue(db)))
                .from(MACHINES)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .where(MachineQueries.isOneOf(provider, ids))
                .orderBy(MACHINE_PROVIDED.PROVIDER_ID)
                .forNoKeyUpdate()
                .fetch(UpdateQueries::check);
    }

    private static Field<Boolean> isDue(Handle db) {
        return field(MACHINE_PROVIDED.PROVIDER_CHECK_AT.le(db.time().now()));
    }

    private static SelectJoinStep<?> select(Handle db, Field<Boolean> due) {
        return db.dsl().select(columns(due)).from(MACHINE_PROVIDED);
    }

    private static List<SelectFieldOrAsterisk> columns(Field<Boolean> due) {
        Field<Boolean> inRecovery = field(exists(selectOne()
                .from(MACHINE_RECOVERY)
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .and(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull())));
        List<SelectFieldOrAsterisk> columns = new ArrayList<>(List.of(MACHINE_PROVIDED.fields()));
        columns.add(inRecovery.as(IN_RECOVERY));
        columns.add(due.as(DUE));
        return columns;
    }

    private static ProviderCheck check(Record row) {
        return new ProviderCheck(
                MachineQueries.provided(row.into(MACHINE_PROVIDED)),
                row.get(IN_RECOVERY, Boolean.class),
                row.get(DUE, Boolean.class),
                row.get(MACHINE_PROVIDED.PROVIDER_CHECK_FAILURES));
    }

    /** Sets when machines that the provider has described are looked at again. */
    static void checkAfter(Handle db, Collection<UUID> machineIds, Duration delay) {
        postpone(db, machineIds, delay, inline(0));
    }

    /** Sets when machines that the provider could not describe are looked at again, and counts the failure. */
    static void checkFailed(Handle db, Collection<UUID> machineIds, Duration delay) {
        postpone(db, machineIds, delay, MACHINE_PROVIDED.PROVIDER_CHECK_FAILURES.plus(1));
    }

    private static void postpone(Handle db, Collection<UUID> machineIds, Duration delay, Field<Integer> failures) {
        db.dsl()
                .update(MACHINE_PROVIDED)
                .set(MACHINE_PROVIDED.PROVIDER_CHECK_AT, db.time().nowPlus(delay))
                .set(MACHINE_PROVIDED.PROVIDER_CHECK_FAILURES, failures)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(any(machineIds.toArray(UUID[]::new))))
                .execute();
    }

    /** Leaves machines alone until something new is recorded about them. */
    static void rest(Handle db, Collection<UUID> machineIds) {
        db.dsl()
                .update(MACHINE_PROVIDED)
                .set(MACHINE_PROVIDED.PROVIDER_CHECK_AT, AT_REST)
                .set(MACHINE_PROVIDED.PROVIDER_CHECK_FAILURES, 0)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(any(machineIds.toArray(UUID[]::new))))
                .execute();
    }

    /** Gives machines at rest a time again. Returns how many; fewer than the limit if there are no more. */
    static int recall(Handle db, ProviderType provider, Duration delay, int limit) {
        List<UUID> atRest = db.dsl()
                .select(MACHINE_PROVIDED.MACHINE_ID)
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(MACHINE_PROVIDED.PROVIDER_CHECK_AT.ge(AT_REST))
                .limit(limit)
                .forNoKeyUpdate()
                .skipLocked()
                .fetch(MACHINE_PROVIDED.MACHINE_ID);
        if (!atRest.isEmpty()) {
            checkAfter(db, atRest, delay);
        }
        return atRest.size();
    }

    public static void checkSoon(Handle db, UUID machineId) {
        postpone(db, List.of(machineId), LEASE, MACHINE_PROVIDED.PROVIDER_CHECK_FAILURES);
    }

    /** The last description of a machine that the provider no longer knows is kept, for operators who look for it. */
    static void markMissing(Handle db, UUID machineId) {
        int marked = db.dsl()
                .update(MACHINE_PROVIDED)
                .set(MACHINE_PROVIDED.PROVIDER_STATUS, ProviderStatus.MISSING.databaseName())
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(machineId))
                .and(MACHINE_PROVIDED.PROVIDER_STATUS.isDistinctFrom(ProviderStatus.MISSING.databaseName()))
                .execute();
        if (marked == 1) {
            db.tell(EventKind.MISSING, machineId, Map.of());
        }
    }
}
