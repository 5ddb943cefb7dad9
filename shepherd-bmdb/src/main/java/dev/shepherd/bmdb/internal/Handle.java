package dev.shepherd.bmdb.internal;

import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.internal.event.EventSink;
import dev.shepherd.bmdb.internal.event.Told;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jooq.Configuration;
import org.jooq.DSLContext;
import org.jspecify.annotations.Nullable;

/**
 * What the statements of a transaction run on: jOOQ's view of it, the clock of tags, and the machines that it has
 * locked. Used by one thread, until the transaction ends.
 */
public final class Handle {

    private static final String KEY = Handle.class.getName();

    private final DSLContext dsl;
    private final DatabaseTime time;
    private final Set<UUID> locked = new HashSet<>();
    private final List<Told> told = new ArrayList<>();
    private final List<ShepherdEvent> written = new ArrayList<>();
    private final EventSink sink;
    private int toldAndWritten;

    private Handle(DSLContext dsl, DatabaseTime time, EventSink sink) {
        this.dsl = dsl;
        this.time = time;
        this.sink = sink;
    }

    /** Makes the handle of a transaction, which {@link #of} finds from there on. */
    public static Handle begin(DSLContext dsl, DatabaseTime time, EventSink sink) {
        Handle handle = new Handle(dsl, time, sink);
        dsl.configuration().data(KEY, handle);
        return handle;
    }

    /** Returns the handle of the transaction that jOOQ's view belongs to. */
    public static Handle of(DSLContext dsl) {
        return of(dsl.configuration());
    }

    static Handle of(Configuration configuration) {
        return (Handle) Objects.requireNonNull(configuration.data(KEY), "this is no transaction of a Bmdb");
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

    /**
     * Tells of something that this transaction does to a machine, for the feed of events and the listeners. Called when
     * the machine is locked, or is as soon as a statement has written it: that keeps the events of a machine in order.
     *
     * @param details what else is known of it, see {@code docs/events.md}
     */
    public void tell(EventKind kind, UUID machineId, Map<String, String> details) {
        told.add(new Told(kind, machineId, null, details));
    }

    /**
     * Tells of something that this transaction does to no machine in particular.
     *
     * @param provider whose it is; null if it is no provider's
     */
    public void tellOfFleet(EventKind kind, @Nullable String provider, Map<String, String> details) {
        told.add(new Told(kind, null, provider, details));
    }

    /** Tells of something, see {@link #tell(EventKind, UUID, Map)}. */
    public void tell(Told one) {
        told.add(one);
    }

    /** Returns what was told and is not written yet, in this order. */
    public List<Told> unwritten() {
        return List.copyOf(told.subList(toldAndWritten, told.size()));
    }

    /**
     * Notes that what was told is written.
     *
     * @param count how much of it, the first that was not
     * @param events what listeners are to be told of it
     */
    public void wrote(int count, List<ShepherdEvent> events) {
        toldAndWritten += count;
        written.addAll(events);
    }

    /** Returns what listeners are to be told of what is written, in this order. */
    public List<ShepherdEvent> written() {
        return List.copyOf(written);
    }

    /** Returns how much was told, for {@link #untell}. */
    int toldSoFar() {
        return told.size();
    }

    /** Takes back what was told since: it was rolled back, with what was written of it. */
    void untell(int soFar) {
        told.subList(soFar, told.size()).clear();
        if (toldAndWritten > soFar) {
            toldAndWritten = soFar;
            written.subList(Math.min(soFar, written.size()), written.size()).clear();
        }
    }

    /**
     * Runs a statement after which the transaction tells nothing more, as a rule: what it has told is written in the same
     * round trip. Not to be used within a savepoint.
     */
    public <T> List<T> last(PreparedSql<T> statement) {
        return sink.writeWith(this, statement);
    }

    /** Notes that the machine is locked already. */
    public void holds(UUID machineId) {
        locked.add(machineId);
    }
}
