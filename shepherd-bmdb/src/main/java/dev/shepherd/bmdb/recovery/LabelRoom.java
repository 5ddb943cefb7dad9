package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.RECOVERY_TURN;
import static org.jooq.impl.DSL.any;

import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import dev.shepherd.bmdb.labels.LabelLimit;
import dev.shepherd.bmdb.recovery.LabelPlaces.Full;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.Cursor;
import org.jooq.Field;
import org.jooq.Record2;

/**
 * What the limits of recovery that go by labels leave room for. Machines are counted over all providers.
 *
 * <p><strong>Why the limits hold.</strong> Claimers, and operators who have a machine rebooted, count under {@link #lock},
 * which recoverers of all providers with such limits share, and keep it until the commit; and a machine's labels are read
 * under its own lock, which every change of them holds as well ({@link #fitting}).
 */
final class LabelRoom {

    private static final int FETCH_SIZE = 500;

    private final Handle db;
    private final List<LabelLimit> limits;
    private final Condition inRecovery;

    /** @param inRecovery which machines take up a place, of all providers */
    LabelRoom(Handle db, RecoveryPolicy policy, Condition inRecovery) {
        this.db = db;
        this.limits = policy.labelLimits();
        this.inRecovery = inRecovery;
    }

    /** Tells whether there is any such limit. */
    boolean isLimited() {
        return !limits.isEmpty();
    }

    /**
     * Takes turns with the recoverers of all providers until the transaction ends. To be taken after the lock on the
     * provider's row, and before those on machines, except for one that the caller works on.
     */
    void lock() {
        if (isLimited()) {
            takeTurn(db);
        }
    }

    /** The lock itself. */
    static void takeTurn(Handle db) {
        // There is a row unless the table was emptied.
        db.dsl().insertInto(RECOVERY_TURN).defaultValues().onConflictDoNothing().execute();
        db.dsl().selectFrom(RECOVERY_TURN).forUpdate().fetch();
    }

    /** Counts. It stays true only under the lock. */
    LabelPlaces places() {
        List<Map<String, String>> labels = isLimited()
                ? db.dsl()
                        .select(LabelQueries.textOf(MACHINES.MACHINE_ID))
                        .from(MACHINES)
                        .join(MACHINE_PROVIDED)
                        .on(MACHINE_PROVIDED.MACHINE_ID.eq(MACHINES.MACHINE_ID))
                        .where(inRecovery)
                        .fetch(row -> LabelQueries.labels(row.value1()))
                : List.of();
        return new LabelPlaces(limits, labels);
    }

    /** Machines that were held back, and by what. */
    static final class HeldBack {

        /** How many groups are named one by one. */
        private static final int MOST_NAMED = 5;

        private final Map<Selector, Full> why = new LinkedHashMap<>();
        private final Map<Selector, Integer> machines = new LinkedHashMap<>();

        private void add(Full full) {
            why.put(full.group(), full);
            machines.merge(full.group(), 1, Integer::sum);
        }

        /** Says it in words. */
        List<String> texts() {
            List<String> texts = new ArrayList<>();
            int others = 0;
            for (Map.Entry<Selector, Integer> held : machines.entrySet()) {
                if (texts.size() < MOST_NAMED) {
                    texts.add(String.format(
                            Locale.ROOT,
                            "%d machine(s): %s",
                            held.getValue(),
                            Objects.requireNonNull(why.get(held.getKey()))));
                } else {
                    others += held.getValue();
                }
            }
            if (others > 0) {
                texts.add(String.format(Locale.ROOT, "%d machine(s) of other groups, for the same reason", others));
            }
            return texts;
        }
    }

    /**
     * Chooses machines in the order in which they are claimed, leaving out those that have no room.
     *
     * @param which which machines are candidates
     * @param places takes note of those that are chosen
     */
    List<UUID> choose(Condition which, int most, LabelPlaces places, HeldBack heldBack) {
        Field<String> labels = LabelQueries.textOf(MACHINES.MACHINE_ID);
        List<UUID> chosen = new ArrayList<>();
        try (Cursor<Record2<UUID, String>> rows = db.dsl()
                .select(MACHINES.MACHINE_ID, labels)
                .from(MACHINES)
                .where(which)
                .orderBy(MACHINES.MACHINE_CREATED_AT, MACHINES.MACHINE_ID)
                .fetchSize(FETCH_SIZE)
                .fetchLazy()) {
            for (Record2<UUID, String> row = rows.fetchNext();
                    row != null && chosen.size() < most;
                    row = rows.fetchNext()) {
                UUID machineId = row.value1();
                places.take(LabelQueries.labels(row.value2()))
                        .ifPresentOrElse(heldBack::add, () -> chosen.add(machineId));
            }
        }
        return chosen;
    }

    /**
     * Locks chosen machines, except those that another transaction has locked, and returns those that still have room: their
     * labels cannot change any more.
     */
    List<UUID> fitting(List<UUID> chosen) {
        List<UUID> locked = db.dsl()
                .select(MACHINES.MACHINE_ID)
                .from(MACHINES)
                .where(MACHINES.MACHINE_ID.eq(any(chosen.toArray(UUID[]::new))))
                .orderBy(MACHINES.MACHINE_CREATED_AT, MACHINES.MACHINE_ID)
                .forNoKeyUpdate()
                .skipLocked()
                .fetch(MACHINES.MACHINE_ID);
        // Statements of their own, whose snapshots are taken under the locks.
        Map<UUID, Map<String, String>> labels = LabelQueries.of(db, locked);
        LabelPlaces places = places();
        return locked.stream()
                .filter(id -> places.take(labels.getOrDefault(id, Map.of())).isEmpty())
                .toList();
    }

    /** Returns what leaves no room for a machine; empty if there is room. */
    Optional<Full> full(UUID machineId) {
        return isLimited()
                ? places().full(LabelQueries.of(db, List.of(machineId)).getOrDefault(machineId, Map.of()))
                : Optional.empty();
    }
}
