package dev.shepherd.bmdb.internal.event;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.event.ShepherdListener;
import dev.shepherd.bmdb.threads.LastingThread;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * The events that wait for one listener, and the thread that delivers them. Nothing waits for either: what does not fit
 * is dropped, and counted. Safe for use by several threads.
 */
public final class ListenerQueue {

    private static final Logger log = LoggerFactory.getLogger(ListenerQueue.class);

    /** How many events may wait. */
    static final int CAPACITY = 10_000;

    /** How long a listener has to take what waits, once the database is closed; and as long again to end after that. */
    static final Duration LONGEST_STOP = Duration.ofSeconds(5);

    /** A commit ends sooner, or its connection is broken. */
    private static final Duration LONGEST_COMMIT = Duration.ofMinutes(1);

    private static final String MACHINE = "machine";
    private static final String PROVIDER = "provider";

    private static final String CLOSED = "the database was closed before it took them";
    private static final Duration REST = Duration.ofMillis(100);
    private static final long LOG_PAUSE_NANOS = Duration.ofMinutes(1).toNanos();

    private final String name;
    private final ShepherdListener listener;
    private final LongAdder delivered = new LongAdder();
    private final LongAdder failed = new LongAdder();
    private final LongAdder dropped = new LongAdder();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition change = lock.newCondition();
    private final Deque<Announcement> waiting = new ArrayDeque<>();
    private int size;
    private boolean closed;
    private volatile boolean abandoned;
    private @Nullable LastingThread thread;
    private @Nullable Long loggedAt;

    ListenerQueue(String name, ShepherdListener listener) {
        this.name = name;
        this.listener = listener;
    }

    /** Adds events, unless they do not fit. */
    void add(Announcement announcement) {
        int count = announcement.events().size();
        lock.lock();
        try {
            if (closed || size + count > CAPACITY) {
                drop(count, closed ? CLOSED : CAPACITY + " wait for it");
                return;
            }
            waiting.add(announcement);
            size += count;
            change.signal();
            if (thread == null) {
                thread = LastingThread.start(name, this::isOver, REST, this::deliverNext);
            }
        } finally {
            lock.unlock();
        }
    }

    private boolean isOver() {
        lock.lock();
        try {
            return closed && waiting.isEmpty();
        } finally {
            lock.unlock();
        }
    }

    private void deliverNext() throws InterruptedException {
        Announcement next;
        lock.lockInterruptibly();
        try {
            while (waiting.isEmpty()) {
                if (closed) {
                    return;
                }
                change.await();
            }
            next = waiting.element();
        } finally {
            lock.unlock();
        }
        Announcement.Outcome outcome = next.await(LONGEST_COMMIT);
        lock.lock();
        try {
            // Unless closing has taken them away meanwhile.
            if (waiting.peek() != next) {
                return;
            }
            waiting.remove();
            size -= next.events().size();
        } finally {
            lock.unlock();
        }
        switch (outcome) {
            case COMMITTED -> deliver(next.events());
            case ROLLED_BACK -> {}
            case UNKNOWN -> drop(next.events().size(), "it is not known whether they were committed");
        }
    }

    private void deliver(List<ShepherdEvent> events) {
        int done = 0;
        while (done < events.size() && !abandoned) {
            deliver(events.get(done));
            done++;
        }
        if (done < events.size()) {
            drop(events.size() - done, CLOSED);
        }
    }

    /** Delivers it with what it is about in the context of the log, as the loops' lines have it. */
    private void deliver(ShepherdEvent event) {
        event.machineId().ifPresent(id -> MDC.put(MACHINE, id.toString()));
        event.provider().ifPresent(provider -> MDC.put(PROVIDER, provider.name()));
        try {
            listener.onEvent(event);
            delivered.increment();
        } catch (InterruptedException e) {
            // Its own, or that of closing: then there is nothing left to deliver.
            failed(event, e);
        } catch (Exception | Error e) {
            failed(event, e);
        } finally {
            MDC.remove(MACHINE);
            MDC.remove(PROVIDER);
        }
    }

    private void failed(ShepherdEvent event, Throwable e) {
        failed.increment();
        if (mayLog()) {
            log.warn(
                    "A listener ({}, {}) failed at {}; it is told of the next event: {}",
                    name,
                    listener.getClass().getName(),
                    event.kind().databaseName(),
                    e.toString(),
                    Escaped.failure(e));
        }
    }

    private void drop(int count, String why) {
        dropped.add(count);
        if (mayLog()) {
            log.warn(
                    "A listener ({}, {}) is not told of {} event(s): {}",
                    name,
                    listener.getClass().getName(),
                    count,
                    why);
        }
    }

    /** Tells whether a minute has passed since the last line. */
    private boolean mayLog() {
        lock.lock();
        try {
            long now = System.nanoTime();
            if (loggedAt != null && now - loggedAt < LOG_PAUSE_NANOS) {
                return false;
            }
            loggedAt = now;
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Returns the name of its thread, which is that of the listener in metrics. */
    public String name() {
        return name;
    }

    /** Returns how many events wait. */
    public int waiting() {
        lock.lock();
        try {
            return size;
        } finally {
            lock.unlock();
        }
    }

    /** Returns how many events the listener has taken. */
    public long delivered() {
        return delivered.sum();
    }

    /** Returns how many events the listener threw something at. */
    public long failed() {
        return failed.sum();
    }

    /** Returns of how many events the listener was not told. */
    public long dropped() {
        return dropped.sum();
    }

    void close() {
        lock.lock();
        try {
            closed = true;
            change.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** @param end by when it should have taken what waits, as of {@link System#nanoTime()} */
    boolean awaitEnd(long end) throws InterruptedException {
        LastingThread ending;
        lock.lock();
        try {
            ending = thread;
        } finally {
            lock.unlock();
        }
        if (ending == null || ending.awaitEnd(Duration.ofNanos(Math.max(1, end - System.nanoTime())))) {
            return true;
        }
        int left;
        lock.lock();
        try {
            left = size;
            waiting.clear();
            size = 0;
        } finally {
            lock.unlock();
        }
        if (left > 0) {
            drop(left, CLOSED);
        }
        abandoned = true;
        ending.interrupt();
        return ending.awaitEnd(LONGEST_STOP);
    }
}
