package dev.shepherd.benchmarks.torture;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.event.StoredEvent;
import dev.shepherd.bmdb.feed.EventFeed;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** A program that reads the feed of events while all the rest happens, from one position to the next. A thread of its own. */
final class Follower implements AutoCloseable {

    private static final int LIMIT = 50;
    private static final long LOOK_MILLIS = 100;
    private static final int END_SECONDS = 60;

    private final EventFeed feed;
    private final Thread thread = new Thread(this::run, "torture-follower");
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private final List<StoredEvent> read = new ArrayList<>();
    private volatile boolean ending;

    Follower(Bmdb bmdb) {
        this.feed = EventFeed.of(bmdb);
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    private void run() {
        try {
            boolean last;
            do {
                last = ending;
                readAll();
                Thread.sleep(LOOK_MILLIS);
            } while (!last);
        } catch (InterruptedException e) {
            // That is the end.
        } catch (RuntimeException e) {
            failure.set(e);
        }
    }

    private void readAll() throws InterruptedException {
        List<StoredEvent> next;
        do {
            long position =
                    read.isEmpty() ? EventFeed.START : read.get(read.size() - 1).position();
            try {
                next = feed.after(position, LIMIT);
            } catch (BmdbException e) {
                return; // It fails over just now.
            }
            read.addAll(next);
        } while (!next.isEmpty());
    }

    /** Returns all that it has read, once nothing more happens. */
    List<StoredEvent> end() throws InterruptedException {
        ending = true;
        thread.join(END_SECONDS * 1000L);
        Throwable failed = failure.get();
        if (failed != null || thread.isAlive()) {
            throw new IllegalStateException("the reader of events failed, or does not end", failed);
        }
        return List.copyOf(read);
    }

    /** Returns what a reader finds that begins when all is over. */
    List<StoredEvent> readAgain() throws InterruptedException {
        List<StoredEvent> all = new ArrayList<>();
        List<StoredEvent> next;
        do {
            next = feed.after(
                    all.isEmpty() ? EventFeed.START : all.get(all.size() - 1).position(), EventFeed.MOST);
            all.addAll(next);
        } while (!next.isEmpty());
        return all;
    }

    @Override
    public void close() {
        thread.interrupt();
    }
}
