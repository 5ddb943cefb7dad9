package dev.shepherd.bmdb.internal;

import static dev.shepherd.bmdb.internal.schema.Tables.SESSIONS;

import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import org.jooq.Record;
import org.jooq.impl.DSL;

/** The statements on the row of one session. */
public final class SessionQueries {

    private SessionQueries() {}

    public static void insert(Handle db, UUID id, String component, String runtimeInfo, Duration interval) {
        db.dsl()
                .insertInto(SESSIONS)
                .set(SESSIONS.SESSION_ID, id)
                .set(SESSIONS.SESSION_COMPONENT_NAME, component)
                .set(SESSIONS.SESSION_RUNTIME_INFO, runtimeInfo)
                .set(SESSIONS.SESSION_CREATED_AT, DatabaseTime.transactionTime())
                .set(SESSIONS.SESSION_INTERVAL_SECONDS, Math.toIntExact(interval.toSeconds()))
                .set(SESSIONS.SESSION_DEADLINE, DatabaseTime.shifted(DatabaseTime.transactionTime(), interval))
                .execute();
    }

    /**
     * Proves that a session is alive, and keeps that true until the transaction ends: the reaper's delete has to wait
     * for this lock, a heartbeat does not. Returns the isolation level, or nothing if the session is gone.
     */
    public static PreparedSql<String> proof(Transactions transactions, UUID id) {
        return new PreparedSql<>(
                "select set_config('idle_in_transaction_session_timeout', ?, true), current_setting('transaction_isolation')"
                        + " from sessions where session_id = ? and session_deadline > now() for key share",
                row -> row.getString(2),
                transactions.idleTimeout(),
                id);
    }

    /** Deletes a session and records that its work is canceled. Returns false if it is gone. */
    public static boolean delete(Handle db, Transactions transactions, UUID id) {
        // The lock comes first: a transaction of this session that is still under way ends before it, and so none
        // can release work that is recorded as canceled here, or take work that is not.
        Optional<Record> row = db.dsl()
                .select(transactions.first())
                // While this waited for a machine that another transaction keeps locked, the reaper would skip it.
                .select(Transactions.IN_A_HURRY)
                .from(SESSIONS)
                .where(SESSIONS.SESSION_ID.eq(id))
                .forUpdate()
                .fetchOptional();
        if (row.isEmpty()) {
            return false;
        }
        transactions.checkFirst(row.get());
        if (WorkQueries.lockMachinesOf(db, id)) {
            WorkQueries.recordCanceled(db, id, DSL.val("the session was closed"));
        }
        db.dsl().deleteFrom(SESSIONS).where(SESSIONS.SESSION_ID.eq(id)).execute();
        return true;
    }
}
