package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_OS_INSTALLATION_REPORT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_SSH_HOST_KEY;

import dev.shepherd.bmdb.internal.Handle;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jooq.Record;
import org.jooq.TableField;
import org.jooq.TableRecord;

/**
 * What is known about a machine's disks, and so ends with them: its agent, when that was heard, its SSH host key, and
 * the installation that was carried out. The request for the installation stays, and so do hardware report and history.
 *
 * @param rows what there was
 */
record WipedTags(List<TableRecord<?>> rows) {

    static final WipedTags NONE = new WipedTags(List.of());

    /** In this order: an agent is heard only while it is started. */
    private static final List<TableField<?, UUID>> TAGS = List.of(
            MACHINE_AGENT_STARTED.MACHINE_ID,
            MACHINE_AGENT_HEARTBEAT.MACHINE_ID,
            MACHINE_SSH_HOST_KEY.MACHINE_ID,
            MACHINE_OS_INSTALLATION_REPORT.MACHINE_ID);

    WipedTags {
        rows = List.copyOf(rows);
    }

    /** Deletes them. The caller holds the machine's row. */
    static WipedTags delete(Handle db, UUID machineId) {
        List<TableRecord<?>> rows = new ArrayList<>();
        TAGS.forEach(tag -> rows.addAll(delete(db, tag, machineId)));
        return new WipedTags(rows);
    }

    private static <R extends Record> List<TableRecord<?>> delete(Handle db, TableField<R, UUID> tag, UUID machineId) {
        List<TableRecord<?>> deleted = new ArrayList<>();
        for (R row : db.dsl()
                .deleteFrom(Objects.requireNonNull(tag.getTable()))
                .where(tag.eq(machineId))
                .returning()
                .fetch()) {
            deleted.add((TableRecord<?>) row);
        }
        return deleted;
    }

    /** Writes them again. A heartbeat that came too late to be refused is left as it is. */
    void putBack(Handle db) {
        for (TableRecord<?> row : rows) {
            putBack(db, row);
        }
    }

    private static void putBack(Handle db, TableRecord<?> row) {
        db.dsl()
                .insertInto(row.getTable())
                .set(row.intoMap())
                .onConflictDoNothing()
                .execute();
    }
}
