package dev.shepherd.bmdb.internal;

import dev.shepherd.api.internal.Escaped;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Knows which server was the primary last, and ends the connections to the previous one as soon as there is another.
 *
 * <p>A connection to a host that is gone, or to a server that is frozen, says nothing: a caller would wait there until
 * its timeout, though the next primary has long been at work. So when a call to the database takes longer than {@link
 * #SLOW}, a thread looks for the primary on separate connections, and what it finds ends the wait. That costs nothing
 * while the database answers, and no more than a connection now and then while it is slow.
 *
 * <p>A primary that was demoted and does not know it would take connections and answer. Its timeline tells it from its
 * successor, which each promotion raises, and is refused: see {@code docs/decisions/0020-finding-the-primary.md}. Safe
 * for use by several threads.
 */
public final class Servers implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(Servers.class);

    /** After how long a call to the database is reason to check whether the primary has moved. */
    static final Duration SLOW = Duration.ofSeconds(1);

    private static final Duration LOOK = Duration.ofMillis(250);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);

    /** Which server it is that a connection leads to. The functions may all be called by any role, by default. */
    private static final String WHICH = "select system_identifier, pg_catalog.pg_postmaster_start_time(),"
            + " case when not pg_catalog.pg_is_in_recovery()"
            + " then substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) end"
            + " from pg_catalog.pg_control_system()";

    private final Object lock = new Object();
    private final Set<Call> calls = ConcurrentHashMap.newKeySet();
    private final CountDownLatch closing = new CountDownLatch(1);
    private final AtomicLong looks = new AtomicLong();
    private final List<Made> made = new ArrayList<>();
    private final Set<Thread> attempts = ConcurrentHashMap.newKeySet();
    private @Nullable Server current;
    private @Nullable Thread thread;
    private volatile @Nullable SQLException lastFailure;
    private volatile int preferred;
    private volatile Runnable whenMoved = () -> {};

    /**
     * A server, as long as it runs.
     *
     * @param system what is the same for a primary and its standbys
     * @param startedAt when it was started, in milliseconds since 1970
     * @param timeline how often one of them has been promoted
     */
    public record Server(String system, long startedAt, long timeline) {

        /** Tells whether the other one was the primary before this one was. */
        public boolean follows(Server other) {
            return system.equals(other.system)
                    && (timeline > other.timeline || timeline == other.timeline && startedAt > other.startedAt);
        }
    }

    /** A connection and where it leads. */
    private record Made(Connection connection, Server server) {}

    /** A call to the database, until it is closed. Compared by identity. */
    final class Call implements AutoCloseable {
        private final long startedAt = System.nanoTime();

        @Override
        public void close() {
            calls.remove(this);
        }
    }

    /** Registers the beginning of a call to the database. */
    Call begin() {
        Call call = new Call();
        calls.add(call);
        return call;
    }

    /**
     * Sets what to do when another server has become the primary, before the connections to the one before are ended.
     * It runs on a thread that connects, and must not wait.
     */
    public void whenMoved(Runnable action) {
        whenMoved = action;
    }

    /** Begins to look for the primary whenever something takes long. */
    public void watch(PrimarySource source) {
        Thread watching = new Thread(() -> lookWhileSlow(source), "shepherd-bmdb-primary");
        watching.setDaemon(true);
        synchronized (lock) {
            thread = watching;
        }
        watching.start();
    }

    private void lookWhileSlow(PrimarySource source) {
        Duration pause = SLOW;
        long next = System.nanoTime();
        try {
            while (!closing.await(LOOK.toNanos(), TimeUnit.NANOSECONDS)) {
                long now = System.nanoTime();
                boolean isSlow = calls.stream().anyMatch(call -> now - call.startedAt > SLOW.toNanos());
                if (!isSlow) {
                    pause = SLOW;
                } else if (now - next >= 0) {
                    look(source);
                    next = System.nanoTime() + pause.toNanos();
                    pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause.multipliedBy(2);
                }
            }
        } catch (InterruptedException e) {
            log.debug("interrupted; only closing does that", Escaped.failure(e));
        }
    }

    /** Connects to the primary, wherever it is by now: {@link #admit} does the rest. */
    private void look(PrimarySource source) {
        looks.incrementAndGet();
        try (Connection connection = source.getConnection()) {
            log.debug("The delay is not caused by a missing primary: {}", connection);
        } catch (SQLException e) {
            // Closing ends the search, with an exception that is no news.
            if (!isClosed()) {
                log.debug("There is no primary as yet", Escaped.failure(e));
            }
        } catch (RuntimeException | Error e) {
            log.error("Looking for the primary failed and is retried", Escaped.failure(e));
        }
    }

    /** Returns how often the primary was looked for since something took long. */
    public long looks() {
        return looks.get();
    }

    /** Runs an attempt to connect on a separate thread. */
    void attempt(int host, Runnable task) {
        Thread attempting = new Thread(
                () -> {
                    try {
                        task.run();
                    } finally {
                        attempts.remove(Thread.currentThread());
                    }
                },
                "shepherd-bmdb-connect-" + host);
        attempting.setDaemon(true);
        attempts.add(attempting);
        attempting.start();
    }

    /** Returns which of several hosts was the primary's last, by its index. */
    public int preferred() {
        return preferred;
    }

    /** Remembers why there is no connection, or that there is one. */
    void failed(@Nullable SQLException failure) {
        lastFailure = failure;
    }

    /** Returns why there was no connection when one was last tried to make; null if there was one. */
    @Nullable
    public SQLException lastFailure() {
        return lastFailure;
    }

    /**
     * Registers a new connection to a primary. If it leads to another server than the last one did, connections to that
     * are ended.
     *
     * @param host the index of its host
     * @throws SQLException if it leads to a primary that has been followed by another, or is broken
     */
    void admit(Connection connection, int host) throws SQLException {
        Server server = ask(connection);
        if (server == null) {
            preferred = host;
            return;
        }
        List<Made> ending = new ArrayList<>();
        synchronized (lock) {
            Server last = current;
            if (last != null && last.system.equals(server.system) && server.timeline < last.timeline) {
                throw new SQLException(
                        "this server considers itself the primary, but is on timeline " + server.timeline
                                + ", and there has been a primary on timeline " + last.timeline + " since",
                        SqlStates.READ_ONLY);
            }
            for (Iterator<Made> all = made.iterator(); all.hasNext(); ) {
                Made one = all.next();
                if (one.connection.isClosed()) {
                    all.remove();
                } else if (server.follows(one.server)) {
                    all.remove();
                    ending.add(one);
                }
            }
            made.add(new Made(connection, server));
            current = server;
            preferred = host;
        }
        if (!ending.isEmpty()) {
            log.info("The primary is another server now: ending {} connection(s) to the previous one", ending.size());
            whenMoved.run();
            for (Made one : ending) {
                // Each on its own thread: closing an encrypted connection may wait for its host.
                one.connection.abort(Servers::runBeside);
            }
        }
    }

    private static void runBeside(Runnable task) {
        Thread thread = new Thread(task, "shepherd-bmdb-abort");
        thread.setDaemon(true);
        thread.start();
    }

    /** Returns null if a database does not say. */
    private static @Nullable Server ask(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(WHICH)) {
            row.next();
            String timeline = row.getString(3);
            return timeline == null
                    ? null
                    : new Server(row.getString(1), row.getTimestamp(2).getTime(), Long.parseLong(timeline, 16));
        } catch (SQLException e) {
            if (SqlStates.isConnectionFailure(e.getSQLState())) {
                throw e;
            }
            log.debug("This database does not say which of its servers a connection leads to", Escaped.failure(e));
            return null;
        }
    }

    @Override
    public void close() {
        closing.countDown();
    }

    boolean isClosed() {
        return closing.getCount() == 0;
    }

    /**
     * Waits until the threads have ended, after {@link #close}. Returns false if one has not by then; it does when its
     * host has answered or its time is over.
     */
    public boolean awaitEnd(Duration limit) throws InterruptedException {
        List<Thread> ending = new ArrayList<>(attempts);
        synchronized (lock) {
            if (thread != null) {
                ending.add(thread);
            }
        }
        long end = System.nanoTime() + limit.toNanos();
        for (Thread one : ending) {
            TimeUnit.NANOSECONDS.timedJoin(one, Math.max(1, end - System.nanoTime()));
        }
        return ending.stream().noneMatch(Thread::isAlive);
    }
}
