package dev.shepherd.bmdb.internal;

import dev.shepherd.api.ShepherdException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.CommitOutcomeUnknownException;
import dev.shepherd.bmdb.internal.event.Announcement;
import dev.shepherd.bmdb.internal.event.EventSink;
import dev.shepherd.bmdb.meters.DatabaseEvents;
import dev.shepherd.bmdb.meters.DatabaseEvents.Kind;
import dev.shepherd.bmdb.meters.DatabaseEvents.Outcome;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import javax.sql.DataSource;
import org.jooq.DSLContext;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.SQLDialect;
import org.jooq.conf.Settings;
import org.jooq.exception.DataAccessException;
import org.jooq.impl.DSL;
import org.jooq.impl.DefaultConfiguration;
import org.jspecify.annotations.Nullable;
import org.postgresql.core.BaseConnection;
import org.postgresql.core.TransactionState;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs transactions and repeats those that the database asks to be repeated.
 *
 * <p>A transaction that writes runs at READ COMMITTED: what must not change under it, it locks (see
 * {@code docs/decisions/0003-read-committed-and-locks.md}). It is tried again after a serialization failure, a
 * deadlock, or a connection that broke before the commit was sent or leads to a server that only reads; the last two
 * only for so long. A connection that breaks during the commit leaves the outcome unknown, and is reported as just
 * that.
 *
 * <p>Transactions do not nest: a second one on the same thread would take a second connection while it holds
 * the first, and could wait for locks that only its own thread can release.
 */
public final class Transactions {

    private static final Logger log = LoggerFactory.getLogger(Transactions.class);

    static {
        // jOOQ logs a banner and a tip of the day when it is first used. Embedders who want them say so.
        for (String banner : List.of("org.jooq.no-logo", "org.jooq.no-tips")) {
            if (System.getProperty(banner) == null) {
                System.setProperty(banner, "true");
            }
        }
    }

    private static final Duration FIRST_PAUSE = Duration.ofMillis(5);
    private static final Duration LONGEST_PAUSE = Duration.ofMillis(500);

    /** How long a transaction waits for a lock while others wait for it. */
    static final Duration PATIENCE = Duration.ofSeconds(1);

    /** What a transaction selects to fail, from there on, rather than to wait for a lock for longer than that. */
    public static final Field<String> IN_A_HURRY =
            DSL.field("set_config('lock_timeout', {0}, true)", String.class, DSL.inline(PATIENCE.toMillis() + "ms"));

    private static final Field<String> ISOLATION = DSL.field("current_setting('transaction_isolation')", String.class);

    private final DataSource dataSource;
    private final Servers servers;
    private final Limits limits;
    private final DatabaseTime time;
    private final DatabaseEvents events;
    private final EventSink sink;
    private final Settings settings = new Settings().withRenderSchema(false).withExecuteLogging(false);
    private final ThreadLocal<Open> open = new ThreadLocal<>();

    /** Set when the database or the DataSource turned out to have another isolation level by default. */
    private volatile boolean setsIsolation;

    /**
     * Makes what runs them.
     *
     * @param servers what is to know of each transaction that is under way
     * @param sink what becomes of what they tell
     */
    public Transactions(
            DataSource dataSource,
            Servers servers,
            Limits limits,
            DatabaseTime time,
            DatabaseEvents events,
            EventSink sink) {
        this.dataSource = dataSource;
        this.servers = servers;
        this.limits = limits;
        this.time = time;
        this.events = events;
        this.sink = sink;
    }

    /**
     * How long and how often.
     *
     * @param maxAttempts how often a transaction is tried
     * @param reconnecting how long a transaction is tried again after broken connections
     * @param idle how long the database lets a transaction sit idle before it ends it
     * @param answer how long to wait for one answer; null leaves it to the connection
     */
    public record Limits(
            int maxAttempts,
            Duration reconnecting,
            Duration idle,
            @Nullable Duration answer) {}

    /**
     * The transaction that a thread is in.
     *
     * @param what what it is for
     * @param setsIsolation whether it was told which isolation level to run at
     */
    private record Open(String what, boolean setsIsolation) {}

    /** What to do in a transaction; may run several times. */
    @FunctionalInterface
    public interface Body<T extends @Nullable Object> {
        public T run(Handle db) throws InterruptedException;
    }

    /**
     * Runs a transaction until it commits, fails for good, or has been tried often enough.
     *
     * @param what what it is for, in error messages
     */
    public <T extends @Nullable Object> T run(String what, Body<T> body) throws InterruptedException {
        return run(what, () -> {}, body);
    }

    /**
     * Runs a transaction for as long as it makes sense.
     *
     * @param what what it is for, in error messages
     * @param beforeEachAttempt throws if there is no sense in trying (again)
     */
    public <T extends @Nullable Object> T run(String what, Runnable beforeEachAttempt, Body<T> body)
            throws InterruptedException {
        return repeat(what, Kind.WRITE, beforeEachAttempt, db -> {
            if (open.get().setsIsolation()) {
                db.dsl().execute("set transaction isolation level read committed");
            }
            return body.run(db);
        });
    }

    /**
     * Runs a transaction whose first statement proves nothing, and so cannot tell at which isolation level it runs, nor
     * bound how long it may sit idle with its locks: a statement before it sets both.
     *
     * @param what what it is for, in error messages
     */
    public <T extends @Nullable Object> T runAlone(String what, Body<T> body) throws InterruptedException {
        return begun(what, Kind.WRITE, "read committed", body);
    }

    /** Runs a transaction that only reads, and sees the database as it is at one moment. */
    public <T extends @Nullable Object> T read(String what, Body<T> body) throws InterruptedException {
        return begun(what, Kind.READ, "repeatable read, read only", body);
    }

    private <T extends @Nullable Object> T begun(String what, Kind kind, String mode, Body<T> body)
            throws InterruptedException {
        // One round trip: the driver sends both statements at once, together with the begin.
        String begin = "set transaction isolation level " + mode + "; set local idle_in_transaction_session_timeout = "
                + limits.idle().toMillis();
        return repeat(what, kind, () -> {}, db -> {
            db.dsl().execute(begin);
            return body.run(db);
        });
    }

    /**
     * Runs one statement that only reads. It is its own transaction: one round trip, where {@link #read} takes three.
     */
    public <T extends @Nullable Object> T ask(String what, Body<T> statement) throws InterruptedException {
        return repeat(what, Kind.STATEMENT, () -> {}, statement);
    }

    /**
     * What the first statement of a transaction selects beside its own columns, if it takes locks that others wait
     * for. It bounds how long the database lets this transaction sit idle: a process that freezes in the middle of
     * one would otherwise hold its locks for as long as it is frozen. And it asks for the isolation level, for
     * {@link #checkFirst}.
     */
    public List<Field<String>> first() {
        Field<String> idle = DSL.field(
                "set_config('idle_in_transaction_session_timeout', {0}, true)", String.class, DSL.val(idleTimeout()));
        return List.of(idle, ISOLATION);
    }

    /** How long the database lets a transaction sit idle, as {@link #first()} sets it. */
    public String idleTimeout() {
        return limits.idle().toMillis() + "ms";
    }

    /** Checks what a statement with {@link #first()} returned. */
    public void checkFirst(Record row) {
        checkIsolation(row.get(ISOLATION));
    }

    /** Checks the level that a transaction runs at. */
    public void checkIsolation(String level) {
        // Rechecks under locks need a new snapshot for each statement. A database that offers nothing weaker than
        // serializable, and so says so after having been asked, does the checking itself.
        boolean wasSet = open.get().setsIsolation();
        if (!level.equals("read committed") && !(wasSet && level.equals("serializable"))) {
            throw new WrongIsolation(level, wasSet);
        }
    }

    private <T extends @Nullable Object> T repeat(String what, Kind kind, Runnable beforeEachAttempt, Body<T> body)
            throws InterruptedException {
        requireNone(what);
        long startedAt = System.nanoTime();
        Outcome outcome = Outcome.ABANDONED;
        try {
            T result = repeat(what, kind, startedAt, beforeEachAttempt, body);
            outcome = Outcome.OK;
            return result;
        } catch (BmdbException e) {
            outcome = e instanceof CommitOutcomeUnknownException ? Outcome.UNKNOWN : Outcome.FAILED;
            throw e;
        } catch (InterruptedException e) {
            outcome = Outcome.INTERRUPTED;
            throw e;
        } finally {
            events.ended(kind, outcome, System.nanoTime() - startedAt);
        }
    }

    private <T extends @Nullable Object> T repeat(
            String what, Kind kind, long startedAt, Runnable beforeEachAttempt, Body<T> body)
            throws InterruptedException {
        for (int attempt = 1; ; attempt++) {
            if (Thread.interrupted()) {
                throw new InterruptedException("interrupted before: " + what);
            }
            beforeEachAttempt.run();
            try (Servers.Call call = servers.begin()) {
                return attempt(what, kind, body);
            } catch (DataAccessException | SQLException e) {
                if (Uninterruptibly.isInterruption(e)) {
                    Thread.interrupted();
                    InterruptedException interruption = new InterruptedException("interrupted in: " + what);
                    interruption.initCause(e);
                    throw interruption;
                }
                String state = SqlStates.of(e);
                if (attempt >= limits.maxAttempts() || !isWorthRepeating(state, kind, startedAt)) {
                    throw giveUp(beforeEachAttempt, failure(what, attempt, state, e));
                }
                log.debug("{}: attempt {} failed with SQLSTATE {}, trying again", what, attempt, state);
                events.retried(SqlStates.retry(state));
                pause(attempt);
            } catch (WrongIsolation e) {
                if (e.wasSet) {
                    throw new BmdbException(
                            what + " must run at READ COMMITTED, but the database runs it at " + e.level, null, null);
                }
                log.info("Transactions run at {} by default here: setting READ COMMITTED for each", e.level);
                setsIsolation = true;
            }
        }
    }

    /**
     * Makes sure that this thread is in no transaction.
     *
     * @param what what is about to begin
     * @throws IllegalStateException if it is in one
     */
    public void requireNone(String what) {
        Open outer = open.get();
        if (outer != null) {
            throw new IllegalStateException(what + " was begun inside of " + outer.what()
                    + ", on the same thread: use the transaction that is open, or wait until it has ended");
        }
    }

    private <T extends @Nullable Object> T attempt(String what, Kind kind, Body<T> body)
            throws SQLException, InterruptedException {
        Connection connection = dataSource.getConnection();
        boolean clean = false;
        try {
            boolean autoCommit = connection.getAutoCommit();
            int timeout = limitAnswers(connection);
            if (!autoCommit) {
                connection.rollback(); // A check of the source's may have begun a transaction.
            }
            connection.setAutoCommit(kind == Kind.STATEMENT);
            open.set(new Open(what, setsIsolation));
            try {
                Handle db = Handle.begin(view(connection), time, sink);
                T result = body.run(db);
                if (kind == Kind.WRITE) {
                    commit(what, connection, db);
                    clean = true;
                }
                return result;
            } finally {
                open.remove();
                // The result of a transaction that only reads is valid even if its end fails.
                clean = clean || kind == Kind.STATEMENT || rollBack(connection);
                if (clean) {
                    restore(connection, autoCommit, timeout);
                }
            }
        } finally {
            close(connection);
        }
    }

    private DSLContext view(Connection connection) {
        DefaultConfiguration configuration = new DefaultConfiguration();
        configuration.set(connection);
        configuration.set(SQLDialect.POSTGRES);
        configuration.set(settings);
        configuration.set(new Savepoints(connection));
        return DSL.using(configuration);
    }

    private int limitAnswers(Connection connection) throws SQLException {
        if (limits.answer() == null) {
            return 0;
        }
        try {
            int before = connection.getNetworkTimeout();
            connection.setNetworkTimeout(
                    Runnable::run, Math.toIntExact(limits.answer().toMillis()));
            return before;
        } catch (SQLFeatureNotSupportedException e) {
            log.debug("the connections of this source have no timeouts", Escaped.failure(e));
            return 0;
        }
    }

    private void commit(String what, Connection connection, Handle db) throws SQLException {
        requireIntact(connection);
        Announcement events = sink.announce(db);
        try {
            commit(what, connection);
            events.committed();
        } catch (SQLException e) {
            events.rolledBack();
            throw e;
        } finally {
            events.end();
        }
    }

    private static void commit(String what, Connection connection) throws SQLException {
        try {
            connection.commit();
        } catch (SQLException e) {
            if (SqlStates.isOutcomeUnknown(e.getSQLState())) {
                throw new CommitOutcomeUnknownException(
                        what + ": the connection broke during the commit, so it may or may not have happened",
                        e.getSQLState(),
                        e);
            }
            throw e;
        }
    }

    /**
     * Makes sure that the commit commits. PostgreSQL answers the commit of a transaction in which a statement failed
     * with a rollback, and the driver takes that for success.
     */
    private static void requireIntact(Connection connection) throws SQLException {
        if (connection.isWrapperFor(BaseConnection.class)) {
            if (connection.unwrap(BaseConnection.class).getTransactionState() == TransactionState.FAILED) {
                throw new SQLException(
                        "an earlier statement failed, so nothing can be committed: let its exception propagate",
                        SqlStates.IN_FAILED_TRANSACTION);
            }
        } else {
            // A source of connections that hides the driver's: any statement tells.
            try (Statement statement = connection.createStatement()) {
                statement.execute("select 1");
            }
        }
    }

    /** Rolls back. Returns false if that failed: then the connection is broken, which the pool sees for itself. */
    private static boolean rollBack(Connection connection) {
        try {
            connection.rollback();
            return true;
        } catch (SQLException e) {
            log.debug("a rollback failed, so the connection is broken", Escaped.failure(e));
            return false;
        }
    }

    /** Hands a connection back as it came. What goes wrong here cannot undo the commit and so must not fail it. */
    private void restore(Connection connection, boolean autoCommit, int timeout) {
        try {
            connection.setAutoCommit(autoCommit);
            if (limits.answer() != null) {
                connection.setNetworkTimeout(Runnable::run, timeout);
            }
        } catch (SQLException e) {
            log.debug("a connection could not be restored after its transaction", Escaped.failure(e));
        }
    }

    private static void close(Connection connection) {
        try {
            connection.close();
        } catch (SQLException e) {
            log.debug("a connection could not be closed after its transaction", Escaped.failure(e));
        }
    }

    private static void pause(int attempt) throws InterruptedException {
        long longest = Math.min(FIRST_PAUSE.toMillis() << Math.min(attempt, 10), LONGEST_PAUSE.toMillis());
        Thread.sleep(1 + ThreadLocalRandom.current().nextLong(longest));
    }

    private boolean isWorthRepeating(@Nullable String state, Kind kind, long startedAt) {
        if (SqlStates.isContention(state)) {
            return true;
        }
        // Where nothing is to be written, it is the body that tries to.
        boolean broken = kind == Kind.WRITE && SqlStates.isNotPrimary(state) || SqlStates.isConnectionFailure(state);
        // A pool has waited for a connection already when it gives up: this must not multiply that.
        return broken && System.nanoTime() - startedAt < limits.reconnecting().toNanos();
    }

    /** That there is no sense in it any more says more than what went wrong last. */
    private static RuntimeException giveUp(Runnable beforeEachAttempt, BmdbException failure) {
        try {
            beforeEachAttempt.run();
            return failure;
        } catch (RuntimeException senseless) {
            senseless.addSuppressed(failure);
            return senseless;
        }
    }

    private static BmdbException failure(String what, int attempt, @Nullable String state, Exception e) {
        String tries = attempt == 1 ? "" : " after " + attempt + " attempts";
        String code = state == null ? "" : " [SQLSTATE " + state + "]";
        return new BmdbException(what + " failed" + tries + code + ": " + rootMessage(e), state, e);
    }

    private static String rootMessage(Throwable e) {
        Throwable root = e;
        while (root.getCause() != null && !(root instanceof ShepherdException)) {
            root = root.getCause();
        }
        return String.valueOf(root.getMessage());
    }

    /** Ends an attempt that turned out to run at another isolation level. */
    @SuppressWarnings("serial")
    private static final class WrongIsolation extends RuntimeException {
        private final String level;
        private final boolean wasSet;

        WrongIsolation(String level, boolean wasSet) {
            super(level, null, false, false);
            this.level = level;
            this.wasSet = wasSet;
        }
    }
}
