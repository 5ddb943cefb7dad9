package dev.shepherd.bmdb.feed;

import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.event.StoredEvent;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.event.FeedQueries;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Reads the feed under a name, and goes on where the last reader of this name was, in whatever process. One session holds
 * the name at a time; when it is closed or lost, another one can.
 *
 * <pre>{@code
 * EventReader reader = feed.reader(session, "tickets", EventReader.From.NOW);
 * List<StoredEvent> events = reader.next(100);     // again the same, until …
 * send(events);
 * reader.done(events.get(events.size() - 1));
 * }</pre>
 *
 * <p>Belongs to one thread at a time.
 */
public final class EventReader {

    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9.-]{0,62}");

    /** Where a reader begins that is new. */
    public enum From {
        /** With the first event that is kept. */
        START,

        /** With what happens from now on. */
        NOW
    }

    private final EventFeed feed;
    private final BmdbSession session;
    private final String name;
    private final From first;

    EventReader(EventFeed feed, BmdbSession session, String name, From first) {
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException("a reader's name is a lower case letter and up to 62 lower case letters,"
                    + " digits, dots and dashes, not '" + name + "'");
        }
        this.feed = feed;
        this.session = Objects.requireNonNull(session, "session");
        this.name = name;
        this.first = Objects.requireNonNull(first, "first");
    }

    /** Returns the reader's name. */
    public String name() {
        return name;
    }

    /**
     * Returns the events that come next: the same again until {@link #done} says that they are.
     *
     * @param limit how many at most, 1 to 10,000
     * @return empty if there is none yet, or another session holds the reader: {@link #isHeld} tells
     * @throws EventsPrunedException if events that this reader has not seen were deleted: {@link #skipTo} goes on
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost
     * @throws BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public List<StoredEvent> next(int limit) throws InterruptedException {
        Optional<Long> position = take();
        return position.isPresent() ? feed.after(position.get(), limit) : List.of();
    }

    /**
     * Tries to hold the reader, and tells whether this session does.
     *
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost
     * @throws BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public boolean isHeld() throws InterruptedException {
        return take().isPresent();
    }

    private Optional<Long> take() throws InterruptedException {
        FeedQueries.Taken taken = tryToTake();
        if (!taken.exists()) {
            long begin = first == From.NOW ? feed.last() : EventFeed.START;
            session.useTransaction(tx -> FeedQueries.make(handle(tx), name, begin));
            taken = tryToTake();
        }
        return taken.position();
    }

    private FeedQueries.Taken tryToTake() throws InterruptedException {
        return session.inTransaction(tx -> FeedQueries.take(handle(tx), session.id(), name));
    }

    /**
     * Notes that an event, and all before it, need not be read again.
     *
     * @throws IllegalStateException if this session does not hold the reader: another one reads on, from before this
     *     event
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost
     * @throws BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public void done(StoredEvent last) throws InterruptedException {
        skipTo(last.position());
    }

    /**
     * Notes that all up to a position need not be read again. Otherwise as {@link #done(StoredEvent)}. A position that is
     * done already changes nothing.
     */
    public void skipTo(long position) throws InterruptedException {
        session.useTransaction(tx -> done(tx, position));
    }

    /**
     * Notes the same in a transaction of the caller's, which does something because of the events: both are committed or
     * neither, so that it is done once for each event.
     *
     * @param tx a transaction of the session that the reader was made with
     * @throws IllegalStateException if this session does not hold the reader; nothing may be committed then
     */
    public void done(BmdbTransaction tx, long position) {
        if (!FeedQueries.advance(handle(tx), session.id(), name, position)) {
            throw new IllegalStateException("reader " + name + " is not held by session " + session.id());
        }
    }

    /**
     * Gives the reader up, so that another session can hold it before this one is closed.
     *
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost
     * @throws BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public void giveUp() throws InterruptedException {
        session.useTransaction(tx -> FeedQueries.giveUp(handle(tx), session.id(), name));
    }

    private static Handle handle(BmdbTransaction tx) {
        return Handle.of(tx.dsl());
    }
}
