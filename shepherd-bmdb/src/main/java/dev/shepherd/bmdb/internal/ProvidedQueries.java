package dev.shepherd.bmdb.internal;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_INTENT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static org.jooq.impl.DSL.field;

import dev.shepherd.api.AlreadyRecordedException;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import java.net.InetAddress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Field;
import org.jooq.Record2;
import org.jooq.TableField;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/** The statements that write the MachineProvided tag. */
public final class ProvidedQueries {

    private ProvidedQueries() {}

    /**
     * Makes an intent a machine with its MachineProvided tag. Doing it again with the same machine does nothing.
     *
     * @throws AlreadyRecordedException if the machine is recorded under another id, or the intent has become another
     *     machine; nothing of it is left in the transaction
     */
    public static void record(Handle db, UUID machineId, ProviderType provider, MachineInfo machine) {
        boolean created = TagQueries.insertMachine(db, machineId);
        if (insert(db, machineId, provider, machine)) {
            db.tell(EventKind.MACHINE_RECORDED, machineId, Map.of());
            if (isMissing(machine)) {
                db.tell(EventKind.MISSING, machineId, Map.of());
            }
        } else {
            try {
                requireSame(db, machineId, provider, machine.id());
            } catch (AlreadyRecordedException e) {
                if (created) {
                    // Also if the caller goes on with the transaction, there must be no trace of the machine.
                    TagQueries.clear(db, MACHINES.MACHINE_ID, machineId);
                }
                throw e;
            }
        }
        db.dsl()
                .deleteFrom(MACHINE_INTENT)
                .where(MACHINE_INTENT.INTENT_ID.eq(machineId))
                .execute();
    }

    private static boolean insert(Handle db, UUID machineId, ProviderType provider, MachineInfo machine) {
        return db.dsl()
                        .insertInto(MACHINE_PROVIDED)
                        .set(MACHINE_PROVIDED.MACHINE_ID, machineId)
                        .set(MACHINE_PROVIDED.PROVIDER, provider.name())
                        .set(MACHINE_PROVIDED.PROVIDER_ID, machine.id().value())
                        .set(columns(machine))
                        .onConflictDoNothing()
                        .execute()
                == 1;
    }

    private static void requireSame(Handle db, UUID machineId, ProviderType provider, ProviderID id) {
        Optional<UUID> owner = MachineQueries.find(db, provider, id);
        if (owner.isEmpty()) {
            throw new AlreadyRecordedException("intent " + machineId + " has already become another machine than " + id
                    + " of provider " + provider);
        }
        if (!owner.get().equals(machineId)) {
            throw new AlreadyRecordedException("machine " + id + " of provider " + provider + " is already recorded as "
                    + owner.get() + " and cannot become " + machineId);
        }
    }

    /** Overwrites what a provider says of one of its machines. Returns false if there is no such machine. */
    public static boolean update(Handle db, ProviderType provider, MachineInfo machine) {
        // With its description: what it was before this update has to be what the last one has left.
        var locked = DSL.select(MACHINES.MACHINE_ID, MACHINE_PROVIDED.PROVIDER_STATUS.as("status_before"))
                .from(MACHINES)
                .join(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                .where(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(MACHINE_PROVIDED.PROVIDER_ID.eq(machine.id().value()))
                .forNoKeyUpdate()
                .of(MACHINES, MACHINE_PROVIDED)
                .asTable("locked");
        Field<Boolean> wasMissing = field(DSL.field(DSL.name("locked", "status_before"), String.class)
                .isNotDistinctFrom(ProviderStatus.MISSING.databaseName()));
        Record2<UUID, Boolean> updated = db.dsl()
                .update(MACHINE_PROVIDED)
                .set(columns(machine))
                .from(locked)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(locked.field(MACHINES.MACHINE_ID)))
                .and(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(MACHINE_PROVIDED.PROVIDER_ID.eq(machine.id().value()))
                .returningResult(MACHINE_PROVIDED.MACHINE_ID, wasMissing)
                .fetchOne();
        if (updated != null && isMissing(machine) && !updated.value2()) {
            db.tell(EventKind.MISSING, updated.value1(), Map.of());
        }
        return updated != null;
    }

    /** The provider lists a machine that it says it no longer has. */
    private static boolean isMissing(MachineInfo machine) {
        return machine.status().equals(Optional.of(ProviderStatus.MISSING));
    }

    /** The columns that a provider may change. */
    private static Map<TableField<?, ?>, @Nullable Object> columns(MachineInfo machine) {
        Map<TableField<?, ?>, @Nullable Object> columns = new LinkedHashMap<>();
        columns.put(
                MACHINE_PROVIDED.PROVIDER_RESERVATION_ID,
                machine.reservationId().orElse(null));
        columns.put(
                MACHINE_PROVIDED.PROVIDER_IP_ADDRESS,
                machine.address().map(ProvidedQueries::literal).orElse(null));
        columns.put(
                MACHINE_PROVIDED.PROVIDER_SSH_PORT,
                machine.sshPort().isPresent() ? machine.sshPort().getAsInt() : null);
        columns.put(MACHINE_PROVIDED.PROVIDER_LOCATION, machine.location().orElse(null));
        columns.put(
                MACHINE_PROVIDED.PROVIDER_STATUS,
                machine.status().map(ProviderStatus::databaseName).orElse(null));
        columns.put(MACHINE_PROVIDED.PROVIDER_FAILED, ProvidedMachine.isFailed(machine));
        // The database has them in force: see machine_labels_mirror.
        columns.put(MACHINE_PROVIDED.PROVIDER_LABELS, LabelQueries.text(machine.labels()));
        return columns;
    }

    /** The address without the name of a network interface, which no other host would understand. */
    private static String literal(InetAddress address) {
        String literal = address.getHostAddress();
        int scope = literal.indexOf('%');
        return scope < 0 ? literal : literal.substring(0, scope);
    }
}
