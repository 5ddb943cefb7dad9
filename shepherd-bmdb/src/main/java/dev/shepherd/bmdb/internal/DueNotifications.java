package dev.shepherd.bmdb.internal;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.threads.LastingThread;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens, on a separate connection, for notifications that a machine has become due, and wakes subscribers.
 *
 * <p>A notification saves time and carries no data: a woken subscriber queries the database, and does so from time to
 * time without being woken as well. So nothing depends on notifications, and where they do not arrive (through
 * PgBouncer in transaction mode, on a database without them) loops only begin later. After each connect all subscribers
 * are woken once, for notifications missed meanwhile.
 *
 * <p>The thread starts with the first subscription.
 */
public final class DueNotifications implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(DueNotifications.class);

    private static final String CHANNEL = "shepherd_due";

    /** How long a connection may be silent before it is checked. */
    private static final Duration SILENCE = Duration.ofSeconds(30);

    private static final Duration ANSWER = Duration.ofSeconds(5);

    /** For how long it waits for notifications before it looks whether it is closed. Costs the database nothing. */
    private static final Duration LOOK = Duration.ofMillis(250);

    /** How long the thread has to hand its connection back before that is cut off. */
    private static final Duration GRACE = Duration.ofSeconds(1);

    private static final Duration PAUSE_WHILE_AWAY = Duration.ofMillis(250);
    private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);

    private final DataSource dataSource;
    private final Set<Subscriber> subscribers = ConcurrentHashMap.newKeySet();

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition closing = lock.newCondition();
    private @Nullable LastingThread thread;

    /** How long to wait after the next failure. Only used by the thread. */
    private Duration pause = FIRST_PAUSE;

    /** Whether the lack of a connection has been logged. Only used by the thread. */
    private boolean isTold;

    private @Nullable Connection listening;
    private boolean hears;
    private boolean closed;

    public DueNotifications(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    /** The subscribers. Compared by identity: one may subscribe twice to the same. */
    private static final class Subscriber {
        private final DueQueue.Part part;
        private final Runnable wake;

        Subscriber(DueQueue.Part part, Runnable wake) {
            this.part = part;
            this.wake = wake;
        }

        /** Stars stand for all. */
        boolean waitsFor(String provider, String process) {
            return (provider.equals("*") || provider.equals(part.provider()))
                    && (process.equals("*") || process.equals(part.process().name()));
        }

        void wake() {
            try {
                wake.run();
            } catch (RuntimeException | Error e) {
                log.error(
                        "A subscriber to {} of provider {} could not be woken",
                        part.process(),
                        part.provider(),
                        Escaped.failure(e));
            }
        }
    }

    public Bmdb.Subscription subscribe(DueQueue.Part part, Runnable wake) {
        Subscriber subscriber = new Subscriber(part, wake);
        lock.lock();
        try {
            if (closed) {
                throw new IllegalStateException("the database is closed");
            }
            subscribers.add(subscriber);
            if (thread == null) {
                thread = LastingThread.start("shepherd-bmdb-wake-ups", this::isClosed, FIRST_PAUSE, this::listenOnce);
            }
        } finally {
            lock.unlock();
        }
        return () -> subscribers.remove(subscriber);
    }

    /** Listens until the connection breaks, or there is none. */
    private void listenOnce() {
        try (Connection connection = dataSource.getConnection()) {
            if (!listenOn(connection)) {
                return;
            }
            PGConnection notifications = listen(connection);
            isTold = false;
            pause = FIRST_PAUSE;
            wakeByThem(connection, notifications);
        } catch (SQLException | RuntimeException e) {
            // An embedder's source of connections may throw either.
            if (isClosed()) {
                return;
            }
            if (!isTold) {
                log.info("No notifications arrive from the database: {}. Loops poll it instead", e.getMessage());
            }
            isTold = true;
            // An unreachable database may be back at any moment; one without notifications will not get them soon.
            await(SqlStates.isConnectionFailure(SqlStates.of(e)) ? PAUSE_WHILE_AWAY : pause);
            Duration longer = pause.multipliedBy(2);
            pause = longer.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : longer;
        } finally {
            forget();
        }
    }

    /** Registers the connection, so that closing this can cut it off. Returns false if this is closed already. */
    private boolean listenOn(Connection connection) {
        lock.lock();
        try {
            listening = connection;
            return !closed;
        } finally {
            lock.unlock();
        }
    }

    private void forget() {
        lock.lock();
        try {
            listening = null;
            hears = false;
        } finally {
            lock.unlock();
        }
    }

    private PGConnection listen(Connection connection) throws SQLException {
        PGConnection notifications = connection.unwrap(PGConnection.class);
        connection.setAutoCommit(true);
        try (Statement statement = connection.createStatement()) {
            statement.execute("listen " + CHANNEL);
        }
        log.debug("Listening for notifications");
        lock.lock();
        try {
            hears = true;
        } finally {
            lock.unlock();
        }
        subscribers.forEach(Subscriber::wake);
        return notifications;
    }

    private void wakeByThem(Connection connection, PGConnection notifications) throws SQLException {
        long heardAt = System.nanoTime();
        while (!isClosed()) {
            PGNotification[] arrived = notifications.getNotifications(Math.toIntExact(LOOK.toMillis()));
            if (arrived != null && arrived.length > 0) {
                for (PGNotification notification : arrived) {
                    wake(notification.getParameter());
                }
                heardAt = System.nanoTime();
            } else if (System.nanoTime() - heardAt > SILENCE.toNanos()) {
                if (!connection.isValid(Math.toIntExact(ANSWER.toSeconds()))) {
                    throw new SQLException("the connection has gone silent");
                }
                heardAt = System.nanoTime();
            }
        }
        // It may go back to an embedder's pool.
        try (Statement statement = connection.createStatement()) {
            statement.execute("unlisten " + CHANNEL);
        }
    }

    private void wake(String due) {
        int slash = due.indexOf('/');
        if (slash < 0) {
            log.debug("Not a notification of ours: {}", Escaped.text(due));
            return;
        }
        String provider = due.substring(0, slash);
        String process = due.substring(slash + 1);
        for (Subscriber subscriber : subscribers) {
            if (subscriber.waitsFor(provider, process)) {
                subscriber.wake();
            }
        }
    }

    /** Tells whether notifications arrive; empty if none was subscribed to. */
    public Optional<Boolean> isListening() {
        lock.lock();
        try {
            return thread == null ? Optional.empty() : Optional.of(hears);
        } finally {
            lock.unlock();
        }
    }

    private boolean isClosed() {
        lock.lock();
        try {
            return closed;
        } finally {
            lock.unlock();
        }
    }

    private void await(Duration span) {
        lock.lock();
        try {
            long left = span.toNanos();
            while (!closed && left > 0) {
                left = closing.awaitNanos(left);
            }
        } catch (InterruptedException e) {
            closed = true; // Nothing else interrupts this thread.
        } finally {
            lock.unlock();
        }
    }

    /** Has the thread hand its connection back and end; does not wait for that. */
    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            closing.signalAll();
        } finally {
            lock.unlock();
        }
        subscribers.clear();
    }

    /**
     * Waits until the thread has ended, after {@link #close}, and cuts its connection off if it does not: it may wait for
     * a database that does not answer. Returns false if it has not ended by then.
     */
    public boolean awaitEnd(Duration limit) throws InterruptedException {
        LastingThread ending;
        lock.lock();
        try {
            ending = thread;
        } finally {
            lock.unlock();
        }
        if (ending == null || ending.awaitEnd(GRACE.compareTo(limit) < 0 ? GRACE : limit)) {
            return true;
        }
        cutOff();
        return ending.awaitEnd(limit);
    }

    private void cutOff() {
        Connection ending;
        lock.lock();
        try {
            ending = listening;
        } finally {
            lock.unlock();
        }
        if (ending != null) {
            try {
                // Not close(), which would wait for the thread that is reading.
                ending.abort(Runnable::run);
            } catch (SQLException e) {
                log.debug("the connection for notifications could not be cut off", Escaped.failure(e));
            }
        }
    }
}
