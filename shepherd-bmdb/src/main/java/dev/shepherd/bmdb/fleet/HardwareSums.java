package dev.shepherd.bmdb.fleet;

import static dev.shepherd.bmdb.internal.schema.Tables.FLEET_HARDWARE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_HARDWARE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.sum;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.fleet.FleetSummary.HardwareSum;
import dev.shepherd.bmdb.internal.Handle;
import java.math.BigDecimal;
import java.util.List;
import org.jooq.Field;
import org.jooq.impl.SQLDataType;

/** The statements that sum up what a fleet is made of. They read what was taken from the reports, and no report. */
final class HardwareSums {

    private HardwareSums() {}

    static void recount(Handle db) {
        db.dsl().deleteFrom(FLEET_HARDWARE).execute();
        db.dsl()
                .insertInto(
                        FLEET_HARDWARE,
                        FLEET_HARDWARE.PROVIDER,
                        FLEET_HARDWARE.LOCATION,
                        FLEET_HARDWARE.MACHINES,
                        FLEET_HARDWARE.UNREADABLE,
                        FLEET_HARDWARE.CPUS,
                        FLEET_HARDWARE.CORES,
                        FLEET_HARDWARE.THREADS,
                        FLEET_HARDWARE.MEMORY_BYTES,
                        FLEET_HARDWARE.DISKS,
                        FLEET_HARDWARE.DISK_BYTES,
                        FLEET_HARDWARE.FAILING_DISKS)
                .select(select(
                                MACHINE_PROVIDED.PROVIDER,
                                coalesce(MACHINE_PROVIDED.PROVIDER_LOCATION, inline("")),
                                count().cast(SQLDataType.BIGINT),
                                count().filterWhere(not(MACHINE_HARDWARE.HARDWARE_READABLE))
                                        .cast(SQLDataType.BIGINT),
                                whole(MACHINE_HARDWARE.HARDWARE_CPUS),
                                whole(MACHINE_HARDWARE.HARDWARE_CORES),
                                whole(MACHINE_HARDWARE.HARDWARE_THREADS),
                                sum(MACHINE_HARDWARE.HARDWARE_MEMORY_BYTES),
                                whole(MACHINE_HARDWARE.HARDWARE_DISKS),
                                sum(MACHINE_HARDWARE.HARDWARE_DISK_BYTES),
                                whole(MACHINE_HARDWARE.HARDWARE_FAILING_DISKS))
                        .from(MACHINE_HARDWARE)
                        .join(MACHINE_PROVIDED)
                        .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINE_HARDWARE.MACHINE_ID))
                        // By position: written twice, the expression would be two to the database.
                        .groupBy(inline(1), inline(2)))
                .execute();
    }

    private static Field<Long> whole(Field<? extends Number> column) {
        Field<BigDecimal> sum = sum(column);
        return sum.cast(SQLDataType.BIGINT);
    }

    static List<HardwareSum> read(Handle db) {
        return db.dsl()
                .selectFrom(FLEET_HARDWARE)
                .orderBy(FLEET_HARDWARE.PROVIDER, FLEET_HARDWARE.LOCATION)
                .fetch(row -> new HardwareSum(
                        new ProviderType(row.getProvider()),
                        row.getLocation(),
                        row.getMachines(),
                        row.getUnreadable(),
                        row.getCpus(),
                        row.getCores(),
                        row.getThreads(),
                        row.getMemoryBytes().toBigInteger(),
                        row.getDisks(),
                        row.getDiskBytes().toBigInteger(),
                        row.getFailingDisks()));
    }
}
