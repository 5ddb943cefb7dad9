package dev.shepherd.bmdb.internal.hardware;

import static dev.shepherd.bmdb.internal.schema.Tables.HARDWARE_HISTORY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_HARDWARE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_HARDWARE_REPORT;

import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.hardware.Hardware;
import dev.shepherd.bmdb.hardware.HardwareChange;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.TagQueries;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.schema.tables.records.MachineHardwareReportRecord;
import java.math.BigDecimal;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jooq.Result;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;

/**
 * The statements that keep a machine's hardware report, and with it what is summed over a fleet and what changed.
 * Decision 34 says what they cost and why they are safe against one another.
 */
public final class HardwareQueries {

    /** How many changes of a machine are kept: what flaps pushes out what was before. */
    static final int MOST_CHANGES = 200;

    /**
     * How many reports are read at a time where that was not done when they were written. Each has up to a MiB or more.
     */
    static final int BATCH = 32;

    private static final String SUMS =
            "insert into machine_hardware as h (machine_id, hardware_readable, hardware_cpus, hardware_cores,"
                    + " hardware_threads, hardware_memory_bytes, hardware_disks, hardware_disk_bytes,"
                    + " hardware_failing_disks) select {0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}";

    private static final String ON_CONFLICT = " on conflict (machine_id) do update set"
            + " hardware_readable = excluded.hardware_readable, hardware_cpus = excluded.hardware_cpus,"
            + " hardware_cores = excluded.hardware_cores, hardware_threads = excluded.hardware_threads,"
            + " hardware_memory_bytes = excluded.hardware_memory_bytes, hardware_disks = excluded.hardware_disks,"
            + " hardware_disk_bytes = excluded.hardware_disk_bytes,"
            + " hardware_failing_disks = excluded.hardware_failing_disks"
            // Most reports that differ have the same sums.
            + " where (h.*) is distinct from (excluded.*)";

    private HardwareQueries() {}

    /** Keeps a report, its sums, and what it says differently from the one before. Does nothing if that is the same. */
    public static void put(Handle db, UUID machineId, byte[] raw) {
        // An update to the same content would write all of it again, to the table and to the log.
        if (db.dsl()
                .fetchExists(
                        MACHINE_HARDWARE_REPORT,
                        MACHINE_HARDWARE_REPORT.MACHINE_ID.eq(machineId),
                        TagQueries.holds(MACHINE_HARDWARE_REPORT.HARDWARE_REPORT_RAW, raw))) {
            return;
        }
        Hardware hardware = Hardware.read(raw);
        // One statement: what changed costs a further one only if something did. It locks the row before it reads it,
        // so that of two reports that come at once each is compared with the one that it replaces.
        byte[] before = db.dsl()
                .resultQuery(
                        "with before as materialized (select hardware_report_raw from machine_hardware_report"
                                + " where machine_id = {0} for no key update),"
                                + " report as (insert into machine_hardware_report"
                                + " (machine_id, hardware_report_raw, hardware_report_at, hardware_read_at)"
                                + " select {0}, {9}, {10}, {10} from (values (1)) as one left join before on true"
                                + " where before.hardware_report_raw is distinct from {9}"
                                + " on conflict (machine_id) do update set"
                                + " hardware_report_raw = excluded.hardware_report_raw,"
                                + " hardware_report_at = excluded.hardware_report_at,"
                                + " hardware_read_at = excluded.hardware_read_at returning 1),"
                                + " sums as (" + SUMS + " from report" + ON_CONFLICT + ")"
                                + " select hardware_report_raw from before",
                        parameters(
                                machineId,
                                hardware,
                                DSL.val(raw, SQLDataType.BLOB),
                                db.time().now()))
                .fetchOptional(0, byte[].class)
                .orElse(null);
        if (before != null && !Arrays.equals(before, raw)) {
            List<HardwareChange> changes = HardwareChange.between(Hardware.read(before), hardware);
            if (!changes.isEmpty()) {
                db.lock(machineId);
                keep(db, machineId, changes);
                db.tell(EventKind.HARDWARE_CHANGED, machineId, told(changes));
            }
        }
    }

    private static Object[] parameters(UUID machineId, Hardware hardware, Object... more) {
        Object[] sums = {
            DSL.val(machineId),
            DSL.val(hardware.unreadable().isEmpty()),
            DSL.val(hardware.cpus().size()),
            DSL.val(hardware.cores()),
            DSL.val(hardware.threads()),
            DSL.val(hardware.memoryBytes().orElse(0)),
            DSL.val(hardware.blockDevices().size()),
            // 4,096 devices of an EiB do not fit into 64 bits.
            DSL.val(hardware.blockDevices().stream()
                    .map(device -> BigDecimal.valueOf(device.capacityBytes().orElse(0)))
                    .reduce(BigDecimal.ZERO, BigDecimal::add)),
            DSL.val((int) hardware.failingDevices())
        };
        Object[] all = Arrays.copyOf(sums, sums.length + more.length);
        System.arraycopy(more, 0, all, sums.length, more.length);
        return all;
    }

    private static void keep(Handle db, UUID machineId, List<HardwareChange> changes) {
        db.dsl()
                .execute(
                        "insert into hardware_history (machine_id, provider, provider_id, changed_at, kind, change)"
                                + " select {0}, p.provider, p.provider_id, {1}, c.kind, left(c.change, 2000)"
                                + " from unnest({2}, {3}) with ordinality as c (kind, change, position)"
                                + " left join machine_provided p on p.machine_id = {0} order by c.position",
                        DSL.val(machineId),
                        db.time().moment(),
                        texts(changes.stream()
                                .map(change -> change.kind().name())
                                .toArray(String[]::new)),
                        texts(changes.stream().map(HardwareChange::text).toArray(String[]::new)));
        db.dsl()
                .deleteFrom(HARDWARE_HISTORY)
                .where(HARDWARE_HISTORY.MACHINE_ID.eq(machineId))
                .and(HARDWARE_HISTORY.CHANGE_ID.le(DSL.field(DSL.select(HARDWARE_HISTORY.CHANGE_ID)
                        .from(HARDWARE_HISTORY)
                        .where(HARDWARE_HISTORY.MACHINE_ID.eq(machineId))
                        .orderBy(HARDWARE_HISTORY.CHANGE_ID.desc())
                        .limit(DSL.inline(1))
                        .offset(DSL.inline(MOST_CHANGES)))))
                .execute();
    }

    private static Map<String, String> told(List<HardwareChange> changes) {
        String first = WorkQueries.shorten(changes.get(0).text());
        return Map.of("changes", String.valueOf(changes.size()), "first", first);
    }

    private static Object texts(String[] texts) {
        return DSL.val(texts, SQLDataType.CLOB.getArrayDataType());
    }

    /**
     * Reads a few reports that came from a writer that makes no sums, and makes them. Those that another process is
     * at are left out.
     *
     * @return whether there may be more
     */
    public static boolean readUnread(Handle db) {
        Result<MachineHardwareReportRecord> unread = db.dsl()
                .selectFrom(MACHINE_HARDWARE_REPORT)
                .where(MACHINE_HARDWARE_REPORT.HARDWARE_READ_AT.isNull())
                .orderBy(MACHINE_HARDWARE_REPORT.MACHINE_ID)
                .limit(DSL.inline(BATCH))
                .forNoKeyUpdate()
                .skipLocked()
                .fetch();
        for (MachineHardwareReportRecord report : unread) {
            db.dsl()
                    .execute(
                            SUMS + ON_CONFLICT,
                            parameters(report.getMachineId(), Hardware.read(report.getHardwareReportRaw())));
        }
        db.dsl()
                .update(MACHINE_HARDWARE_REPORT)
                .set(MACHINE_HARDWARE_REPORT.HARDWARE_READ_AT, db.time().now())
                .where(MACHINE_HARDWARE_REPORT.MACHINE_ID.eq(DSL.any(
                        unread.getValues(MACHINE_HARDWARE_REPORT.MACHINE_ID).toArray(UUID[]::new))))
                .execute();
        return unread.size() == BATCH;
    }

    /** Returns the machines that have a disk that says that it will fail, in the order of their ids. */
    public static List<UUID> failing(Handle db, int limit) {
        return db.dsl()
                .select(MACHINE_HARDWARE.MACHINE_ID)
                .from(MACHINE_HARDWARE)
                .where(MACHINE_HARDWARE.HARDWARE_FAILING_DISKS.gt(DSL.inline(0)))
                .orderBy(MACHINE_HARDWARE.MACHINE_ID)
                .limit(limit)
                .fetch(MACHINE_HARDWARE.MACHINE_ID);
    }
}
