package dev.shepherd.bmdb;

import dev.shepherd.api.ShepherdException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import javax.sql.DataSource;
import org.jooq.DSLContext;
import org.jooq.SQLDialect;
import org.jooq.conf.Settings;
import org.jooq.exception.DataAccessException;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs transactions and repeats those that the database asks to be repeated.
 *
 * <p>A transaction runs at READ COMMITTED: what must not change under it, it locks (see
 * {@code docs/decisions/0003-read-committed-and-locks.md}). It is tried again after a serialization failure, a
 * deadlock, or a connection that broke before the commit was sent. A connection that breaks during the commit
 * leaves the outcome unknown, and is reported as just that.
 */
final class Transactions {

    private static final Logger log = LoggerFactory.getLogger(Transactions.class);

    /** serialization_failure and deadlock_detected. */
    private static final Set<String> CONTENTION = Set.of("40001", "40P01");

    /** admin_shutdown, crash_shutdown, cannot_connect_now, idle_in_transaction_session_timeout. */
    private static final Set<String> CONNECTION_ENDED = Set.of("57P01", "57P02", "57P03", "25P03");

    private static final Duration FIRST_PAUSE = Duration.ofMillis(5);
    private static final Duration LONGEST_PAUSE = Duration.ofMillis(500);

    private final DataSource dataSource;
    private final int maxAttempts;
    private final Settings settings = new Settings().withRenderSchema(false).withExecuteLogging(false);

    Transactions(DataSource dataSource, int maxAttempts) {
        this.dataSource = dataSource;
        this.maxAttempts = maxAttempts;
    }

    /** What to do in a transaction; may run several times. */
    @FunctionalInterface
    interface Body<T extends @Nullable Object> {
        T run(DSLContext dsl) throws InterruptedException;
    }

    /**
     * Runs a transaction until it commits, fails for good, or has been tried often enough.
     *
     * @param what what it is for, in error messages
     */
    <T extends @Nullable Object> T run(String what, Body<T> body) throws InterruptedException {
        for (int attempt = 1; ; attempt++) {
            if (Thread.interrupted()) {
                throw new InterruptedException("interrupted before: " + what);
            }
            try {
                return attempt(what, body);
            } catch (DataAccessException | SQLException e) {
                String state = sqlState(e);
                if (!isWorthRepeating(state) || attempt >= maxAttempts) {
                    String tries = attempt == 1 ? "" : " after " + attempt + " attempts";
                    throw new BmdbException(
                            what + " failed" + tries + " [SQLSTATE " + state + "]: " + rootMessage(e), state, e);
                }
                log.debug("{}: attempt {} failed with SQLSTATE {}, trying again", what, attempt, state);
                pause(attempt);
            }
        }
    }

    private <T extends @Nullable Object> T attempt(String what, Body<T> body)
            throws SQLException, InterruptedException {
        try (Connection connection = dataSource.getConnection()) {
            connection.setAutoCommit(false);
            boolean committed = false;
            try {
                T result = body.run(DSL.using(connection, SQLDialect.POSTGRES, settings));
                commit(what, connection);
                committed = true;
                return result;
            } finally {
                if (!committed) {
                    rollBack(connection);
                }
            }
        }
    }

    private static void commit(String what, Connection connection) throws SQLException {
        try {
            connection.commit();
        } catch (SQLException e) {
            if (isConnectionFailure(e.getSQLState())) {
                throw new CommitOutcomeUnknownException(
                        what + ": the connection broke during the commit, so it may or may not have happened",
                        e.getSQLState(),
                        e);
            }
            throw e;
        }
    }

    /** Rolls back and restores the connection; one that cannot be is broken, which the pool sees for itself. */
    private static void rollBack(Connection connection) {
        try {
            connection.rollback();
        } catch (SQLException e) {
            log.debug("a rollback failed, so the connection is broken", e);
        }
    }

    private static void pause(int attempt) throws InterruptedException {
        long longest = Math.min(FIRST_PAUSE.toMillis() << Math.min(attempt, 10), LONGEST_PAUSE.toMillis());
        Thread.sleep(1 + ThreadLocalRandom.current().nextLong(longest));
    }

    private static boolean isWorthRepeating(@Nullable String state) {
        return state != null && CONTENTION.contains(state) || isConnectionFailure(state);
    }

    /** Class 08 is "connection exception". */
    private static boolean isConnectionFailure(@Nullable String state) {
        return state != null && (state.startsWith("08") || CONNECTION_ENDED.contains(state));
    }

    private static @Nullable String sqlState(Exception e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof SQLException sql && sql.getSQLState() != null) {
                return sql.getSQLState();
            }
        }
        return null;
    }

    private static String rootMessage(Throwable e) {
        Throwable root = e;
        while (root.getCause() != null && !(root instanceof ShepherdException)) {
            root = root.getCause();
        }
        return String.valueOf(root.getMessage());
    }
}
