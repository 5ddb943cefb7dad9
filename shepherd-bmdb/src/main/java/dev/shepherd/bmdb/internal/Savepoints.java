package dev.shepherd.bmdb.internal;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jooq.TransactionContext;
import org.jooq.TransactionProvider;
import org.jooq.exception.DataAccessException;

/**
 * Makes a transaction that an embedder begins on jOOQ's view of a Bmdb transaction a savepoint in it. jOOQ's own
 * provider would commit the outer transaction at the end of the inner one, and so give up its proof of the session.
 */
final class Savepoints implements TransactionProvider {

    private final Connection connection;
    private final Deque<Savepoint> savepoints = new ArrayDeque<>();

    Savepoints(Connection connection) {
        this.connection = connection;
    }

    @Override
    public void begin(TransactionContext context) {
        try {
            savepoints.push(connection.setSavepoint());
        } catch (SQLException e) {
            throw new DataAccessException("the savepoint could not be set", e);
        }
    }

    @Override
    public void commit(TransactionContext context) {
        try {
            connection.releaseSavepoint(savepoints.pop());
        } catch (SQLException e) {
            throw new DataAccessException("the savepoint could not be released", e);
        }
    }

    @Override
    public void rollback(TransactionContext context) {
        try {
            connection.rollback(savepoints.pop());
        } catch (SQLException e) {
            throw new DataAccessException("the savepoint could not be rolled back to", e);
        }
    }
}
