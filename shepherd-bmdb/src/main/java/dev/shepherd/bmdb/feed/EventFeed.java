package dev.shepherd.bmdb.feed;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.event.StoredEvent;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Transactions;
import dev.shepherd.bmdb.internal.event.FeedQueries;
import dev.shepherd.bmdb.internal.event.FeedQueries.Page;
import java.util.List;

/**
 * What happens to the fleet, in all processes, for as long as {@link dev.shepherd.bmdb.BmdbConfig.Builder#eventRetention}.
 *
 * <p>An event is written in the transaction that does what it tells of: it is there exactly if that was done. Any number
 * of programs may read; each remembers the position of the last event that it is done with, and reads on from there. So
 * each sees every event at least once, and those of a machine in their order. Events of different machines come in an
 * order in which they may have happened. Positions count up and are never given twice, but one may be missing.
 *
 * <pre>{@code
 * EventFeed feed = EventFeed.of(bmdb);
 * long position = feed.last();
 * while (running) {
 *     for (StoredEvent stored : feed.after(position, 1000)) {
 *         handle(stored.event());
 *         position = stored.position();
 *     }
 *     Thread.sleep(1000);
 * }
 * }</pre>
 *
 * <p>{@link EventReader} keeps the position in the database, and lets one of several processes read. Safe for use by
 * several threads. {@code docs/events.md} lists the kinds; {@code docs/decisions/0039-events.md} has the argument that
 * none is missed.
 */
public final class EventFeed {

    /** The position before the first event. */
    public static final long START = 0;

    /** How many events are read at once at most. */
    public static final int MOST = 10_000;

    private final Transactions transactions;

    private EventFeed(Transactions transactions) {
        this.transactions = transactions;
    }

    /** Returns the feed of a fleet. */
    public static EventFeed of(Bmdb bmdb) {
        return new EventFeed(bmdb.unwrap(Database.class).transactions());
    }

    /**
     * Reads the events behind a position, in the order of their positions. Kinds that this version of the library does
     * not know are left out.
     *
     * @param position of the last event that the caller is done with; {@link #START} for all that are kept
     * @param limit how many at most, 1 to 10,000
     * @return the events; empty if there is none yet
     * @throws EventsPrunedException if events behind this position were deleted for their age
     * @throws BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public List<StoredEvent> after(long position, int limit) throws InterruptedException {
        if (position < 0) {
            throw new IllegalArgumentException("a position is not negative, and this is " + position);
        }
        if (limit < 1 || limit > MOST) {
            throw new IllegalArgumentException("the limit is 1 to " + MOST + ", not " + limit);
        }
        long from = position;
        while (true) {
            Page page = page(from, limit);
            if (page.events().isEmpty() && page.last() > from) {
                from = page.last(); // All of them are of kinds that are not known here.
            } else {
                return page.events();
            }
        }
    }

    private Page page(long position, int limit) throws InterruptedException {
        Page page = read(position, limit);
        if (page.events().size() < limit && page.isMore()) {
            transactions.runAlone("placing events", FeedQueries::place);
            page = read(position, limit);
        }
        if (position != START && position < page.pruned()) {
            throw new EventsPrunedException(position, page.pruned());
        }
        return page;
    }

    private Page read(long position, int limit) throws InterruptedException {
        return transactions.ask("reading events", db -> FeedQueries.read(db, position, limit));
    }

    /**
     * Returns the position of the last event, for a program that wants only what comes from now on.
     *
     * @throws BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public long last() throws InterruptedException {
        int placed;
        do {
            placed = transactions.runAlone("placing events", FeedQueries::place);
        } while (placed == FeedQueries.BATCH);
        return transactions.ask("asking for the last event", FeedQueries::last);
    }

    /**
     * Returns a reader whose position is kept in the database, and which one session holds at a time.
     *
     * @param session under which it reads; to be alive for as long as it does
     * @param name of the reader: a lower case letter, then up to 62 lower case letters, digits, dots and dashes
     * @param first where it begins if there is no reader of that name yet
     * @throws IllegalArgumentException if the name is another
     */
    public EventReader reader(BmdbSession session, String name, EventReader.From first) {
        return new EventReader(this, session, name, first);
    }

    /**
     * Forgets how far a reader has come, which no session holds.
     *
     * @return false if there is no such reader, or a session holds it
     * @throws BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public boolean forgetReader(String name) throws InterruptedException {
        return transactions.runAlone("forgetting reader " + name, db -> FeedQueries.forget(db, name));
    }
}
