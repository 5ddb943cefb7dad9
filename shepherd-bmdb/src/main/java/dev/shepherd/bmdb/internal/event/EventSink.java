package dev.shepherd.bmdb.internal.event;

import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.event.ShepherdListener;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.PreparedSql;
import java.util.ArrayList;
import java.util.List;

/**
 * What becomes of the events that transactions tell of: rows of the feed, written by the same transaction, and calls of
 * this process's listeners, once it is committed.
 *
 * <p><strong>Why the events of a machine come to a listener in their order.</strong> A transaction announces its events
 * before it commits, while it has the machine locked, and a listener's queue keeps that order: of two transactions on
 * one machine the second cannot announce anything before the first has committed. The listener's thread waits for the
 * outcome of the first announcement before it looks at the second.
 *
 * <p>Safe for use by several threads.
 */
public final class EventSink implements AutoCloseable {

    private final boolean keeps;
    private final List<ListenerQueue> queues;

    /**
     * Makes a sink. Its threads start with the first event.
     *
     * @param keeps whether events are written to the feed
     */
    public EventSink(boolean keeps, List<ShepherdListener> listeners) {
        this.keeps = keeps;
        List<ListenerQueue> made = new ArrayList<>();
        for (ShepherdListener listener : listeners) {
            made.add(new ListenerQueue("shepherd-listener-" + (made.size() + 1), listener));
        }
        this.queues = List.copyOf(made);
    }

    /**
     * Runs the last statement of a transaction, and writes with it, in the same round trip, what the transaction has told
     * so far. What it tells after that costs a round trip more.
     */
    public <T> List<T> writeWith(Handle db, PreparedSql<T> last) {
        List<Told> told = db.unwritten();
        if (told.isEmpty() || !isOn()) {
            return last.fetch(db);
        }
        PreparedSql.Both<T, EventQueries.Named> both = last.fetchWith(db, writing(db, told));
        written(db, told, both.second());
        return both.first();
    }

    /**
     * Writes what a transaction tells of and is not written yet, as its last statement, and announces all to the
     * listeners. To be settled once the outcome of the commit is known.
     */
    public Announcement announce(Handle db) {
        if (!isOn()) {
            return Announcement.NOTHING;
        }
        List<Told> told = db.unwritten();
        if (!told.isEmpty()) {
            written(db, told, writing(db, told).fetch(db));
        }
        if (queues.isEmpty() || db.written().isEmpty()) {
            return Announcement.NOTHING;
        }
        Announcement announcement = new Announcement(db.written());
        queues.forEach(queue -> queue.add(announcement));
        return announcement;
    }

    private boolean isOn() {
        return keeps || !queues.isEmpty();
    }

    private PreparedSql<EventQueries.Named> writing(Handle db, List<Told> told) {
        return queues.isEmpty() ? EventQueries.write(db, told) : EventQueries.name(db, told, keeps);
    }

    private void written(Handle db, List<Told> told, List<EventQueries.Named> named) {
        List<ShepherdEvent> events = new ArrayList<>();
        for (int i = 0; i < told.size() && !queues.isEmpty(); i++) {
            events.add(named.get(i).event(told.get(i)));
        }
        db.wrote(told.size(), events);
    }

    /** The queues of the listeners, in the order in which the listeners were given. */
    public List<ListenerQueue> queues() {
        return queues;
    }

    /** Leaves the listeners some time for what waits, and ends their threads. */
    @Override
    public void close() {
        queues.forEach(ListenerQueue::close);
    }

    /** Waits until the threads have ended, after {@link #close}. Returns false if one has not by then. */
    public boolean awaitEnd() throws InterruptedException {
        boolean ended = true;
        long end = System.nanoTime() + ListenerQueue.LONGEST_STOP.toNanos();
        for (ListenerQueue queue : queues) {
            ended &= queue.awaitEnd(end);
        }
        return ended;
    }
}
