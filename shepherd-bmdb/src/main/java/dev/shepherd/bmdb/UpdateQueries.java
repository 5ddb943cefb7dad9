package dev.shepherd.bmdb;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static org.jooq.impl.DSL.any;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import org.jooq.DSLContext;
import org.jooq.Field;

/** The statements behind the updater. */
final class UpdateQueries {

    /** How long a machine that was taken to be looked at is left to whoever took it. */
    private static final Duration LEASE = Duration.ofMinutes(1);

    private UpdateQueries() {}

    /**
     * Takes the machines that are due to be looked at, the longest waiting ones first. Others that ask at the same time
     * get different ones. Whoever takes them and dies has only put them off.
     */
    static List<ProviderCheck> take(DSLContext dsl, DatabaseTime time, ProviderType provider, int limit) {
        List<UUID> due = dsl.select(MACHINE_PROVIDED.MACHINE_ID)
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(MACHINE_PROVIDED.PROVIDER_CHECK_AT.le(time.now()))
                .orderBy(MACHINE_PROVIDED.PROVIDER_CHECK_AT)
                .limit(limit)
                .forNoKeyUpdate()
                .skipLocked()
                .fetch(MACHINE_PROVIDED.MACHINE_ID);
        if (due.isEmpty()) {
            return List.of();
        }
        checkAfter(dsl, time, due, LEASE);
        Field<Boolean> inRecovery = field(exists(selectOne()
                .from(MACHINE_RECOVERY)
                .where(MACHINE_RECOVERY.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                .and(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull())));
        return dsl.select(MACHINE_PROVIDED.fields())
                .select(inRecovery)
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(any(due.toArray(UUID[]::new))))
                .orderBy(MACHINE_PROVIDED.PROVIDER_ID)
                .fetch(row ->
                        new ProviderCheck(MachineQueries.provided(row.into(MACHINE_PROVIDED)), row.get(inRecovery)));
    }

    static void checkAfter(DSLContext dsl, DatabaseTime time, Collection<UUID> machineIds, Duration delay) {
        dsl.update(MACHINE_PROVIDED)
                .set(MACHINE_PROVIDED.PROVIDER_CHECK_AT, time.nowPlus(delay))
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(any(machineIds.toArray(UUID[]::new))))
                .execute();
    }

    static void checkSoon(DSLContext dsl, DatabaseTime time, UUID machineId) {
        checkAfter(dsl, time, List.of(machineId), LEASE);
    }

    /** What the provider once said of a machine that it no longer knows is left as it is, for whoever looks for it. */
    static void markMissing(DSLContext dsl, UUID machineId) {
        dsl.update(MACHINE_PROVIDED)
                .set(MACHINE_PROVIDED.PROVIDER_STATUS, ProviderStatus.MISSING.databaseName())
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(machineId))
                .execute();
    }
}
