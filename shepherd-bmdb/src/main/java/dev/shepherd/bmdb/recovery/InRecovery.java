package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_DISRUPTION;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import dev.shepherd.bmdb.internal.WorkQueries;
import java.util.Map;
import org.jooq.Condition;
import org.jooq.Field;

/** Which machines take up a place within the limits of recovery, and how many there are at each location. */
final class InRecovery {

    private static final Field<String> LOCATION = coalesce(MACHINE_PROVIDED.PROVIDER_LOCATION, inline(""));

    private final Handle db;
    private final ProviderType provider;

    InRecovery(Handle db, ProviderType provider) {
        this.db = db;
        this.provider = provider;
    }

    /**
     * Counts by location the machines being worked on or drained, and those with an attempt that have not been heard since. A
     * paused machine takes no place: no attempt is made on it, and others must not wait for that.
     */
    Map<String, Integer> byLocation() {
        return byLocation(ofProvider());
    }

    /** The same machines, of the provider. */
    Condition ofProvider() {
        return anywhere().and(MACHINE_PROVIDED.PROVIDER.eq(provider.name()));
    }

    /** The same machines, of all providers. */
    Condition anywhere() {
        Condition isWorkedOn = WORK.PROCESS.eq(WorkProcess.RECOVERY.name());
        // Only the few candidates, which an index finds: two conditions joined by an OR would be evaluated for all
        // machines of the fleet.
        return MACHINES.MACHINE_ID
                .in(select(WORK.MACHINE_ID)
                        .from(WORK)
                        .where(isWorkedOn)
                        .union(select(MACHINE_RECOVERY.MACHINE_ID)
                                .from(MACHINE_RECOVERY)
                                .where(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull()))
                        .union(select(MACHINE_DISRUPTION.MACHINE_ID)
                                .from(MACHINE_DISRUPTION)
                                .where(DisruptionQueries.isDrainedForRecovery())))
                .and(exists(selectOne()
                                .from(WORK)
                                .where(WORK.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                                .and(isWorkedOn))
                        .or(not(WorkQueries.paused(db, WorkProcess.RECOVERY))))
                .and(MachineConditions.present())
                .and(not(MachineConditions.installationFulfilled()));
    }

    /** Counts machines by location; those that have none under the empty text. */
    Map<String, Integer> byLocation(Condition which) {
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

    static int sum(Map<String, Integer> counts) {
        return counts.values().stream().mapToInt(Integer::intValue).sum();
    }

    /** With an attempt to recover it and not heard since, or being drained for one. It has its place already. */
    static Condition isOpen() {
        return exists(selectOne()
                        .from(MACHINE_RECOVERY)
                        .where(MACHINE_RECOVERY.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .and(MACHINE_RECOVERY.RECOVERY_PROVED_AT.isNull()))
                .or(exists(selectOne()
                        .from(MACHINE_DISRUPTION)
                        .where(MACHINE_DISRUPTION.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .and(DisruptionQueries.isDrainedForRecovery())));
    }

    /** At a location; the empty text stands for none. */
    static Condition isAt(String location) {
        return exists(selectOne()
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .and(LOCATION.eq(location)));
    }
}
