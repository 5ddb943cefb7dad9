package dev.shepherd.bmdb.internal.event;

import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.event.ShepherdListener;
import dev.shepherd.bmdb.internal.Handle;
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
     * Writes what a transaction tells of, as its last statement, and announces it to the listeners. To be settled once
     * the outcome of the commit is known.
     */
    public Announcement announce(Handle db) {
        List<Told> told = db.told();
        if (told.isEmpty() || !keeps && queues.isEmpty()) {
            return Announcement.NOTHING;
        }
        if (queues.isEmpty()) {
            EventQueries.write(db, told);
            return Announcement.NOTHING;
        }
        List<ShepherdEvent> events = EventQueries.complete(db, told, keeps);
        Announcement announcement = new Announcement(events);
        queues.forEach(queue -> queue.add(announcement));
        return announcement;
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
