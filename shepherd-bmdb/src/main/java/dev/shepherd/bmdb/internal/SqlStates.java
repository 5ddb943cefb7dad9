package dev.shepherd.bmdb.internal;

import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.meters.DatabaseEvents.Retry;
import java.sql.SQLException;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What PostgreSQL means by the SQLSTATE of a failure; null stands for none. */
public final class SqlStates {

    /** serialization_failure and deadlock_detected. */
    private static final Set<String> CONTENTION = Set.of("40001", "40P01");

    /** admin_shutdown, crash_shutdown, cannot_connect_now, idle_in_transaction_session_timeout. */
    private static final Set<String> CONNECTION_ENDED = Set.of("57P01", "57P02", "57P03", "25P03");

    /** read_only_sql_transaction: the server was the primary when the connection was made, and no longer is. */
    static final String READ_ONLY = "25006";

    /** lock_not_available. */
    private static final String LOCK_TIMEOUT = "55P03";

    /** statement_completion_unknown: a database in several parts does not know itself whether it committed. */
    private static final String COMPLETION_UNKNOWN = "40003";

    /** in_failed_sql_transaction. */
    static final String IN_FAILED_TRANSACTION = "25P02";

    private SqlStates() {}

    /** Returns the first state that a failure or one of its causes has. */
    static @Nullable String of(Exception e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof SQLException sql && sql.getSQLState() != null) {
                return sql.getSQLState();
            }
        }
        return null;
    }

    /** Tells whether the transaction got into the way of another one, and may succeed if it is done again. */
    static boolean isContention(@Nullable String state) {
        return state != null && CONTENTION.contains(state);
    }

    /** Tells whether a commit that fails so may have happened. */
    static boolean isOutcomeUnknown(@Nullable String state) {
        return isConnectionFailure(state) || COMPLETION_UNKNOWN.equals(state);
    }

    /** Returns why a transaction that failed so is tried again. */
    static Retry retry(@Nullable String state) {
        return isContention(state) ? Retry.CONTENTION : isNotPrimary(state) ? Retry.NOT_PRIMARY : Retry.CONNECTION;
    }

    /** Tells whether a server refuses to write because it is not, or no longer, the primary. */
    public static boolean isNotPrimary(@Nullable String state) {
        return READ_ONLY.equals(state);
    }

    /** Tells whether a statement waited for a lock for as long as it was allowed to. */
    public static boolean isLockTimeout(BmdbException e) {
        return e.sqlState().filter(LOCK_TIMEOUT::equals).isPresent();
    }

    /** Class 08 is "connection exception". */
    public static boolean isConnectionFailure(@Nullable String state) {
        return state != null && (state.startsWith("08") || CONNECTION_ENDED.contains(state));
    }
}
