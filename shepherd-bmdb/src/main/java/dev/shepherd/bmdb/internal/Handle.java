package dev.shepherd.bmdb.internal;

import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jooq.DSLContext;

/**
 * What the statements of a transaction run on: jOOQ's view of it, the clock of tags, and the machines that it has
 * locked. Used by one thread, until the transaction ends.
 */
public final class Handle {

    private static final String KEY = Handle.class.getName();

    private final DSLContext dsl;
    private final DatabaseTime time;
    private final Set<UUID> locked = new HashSet<>();

    private Handle(DSLContext dsl, DatabaseTime time) {
        this.dsl = dsl;
        this.time = time;
    }

    /** Makes the handle of a transaction, which {@link #of} finds from there on. */
    public static Handle begin(DSLContext dsl, DatabaseTime time) {
        Handle handle = new Handle(dsl, time);
        dsl.configuration().data(KEY, handle);
        return handle;
    }

    /** Returns the handle of the transaction that jOOQ's view belongs to. */
    public static Handle of(DSLContext dsl) {
        return (Handle) Objects.requireNonNull(dsl.configuration().data(KEY), "this is no transaction of a Bmdb");
    }

    public DSLContext dsl() {
        return dsl;
    }

    public DatabaseTime time() {
        return time;
    }

    /**
     * Locks a machine until the transaction ends, unless it is locked already: no other transaction changes what it is
     * due for. The database takes this lock when a tag was written and it brings the queue up to date. Taken before the
     * tag's row, it cannot be taken crosswise with the end of work on the machine.
     */
    public void lock(UUID machineId) {
        lock(List.of(machineId));
    }

    /** Locks several machines, see {@link #lock(UUID)}. */
    public void lock(Collection<UUID> machineIds) {
        UUID[] free = machineIds.stream().filter(locked::add).toArray(UUID[]::new);
        if (free.length > 0) {
            WorkQueries.lockMachines(this, free);
        }
    }

    /** Notes that the machine is locked already. */
    public void holds(UUID machineId) {
        locked.add(machineId);
    }
}
