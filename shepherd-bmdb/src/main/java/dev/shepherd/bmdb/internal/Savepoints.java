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
 * What a transaction is that an embedder begins on jOOQ's view of one of ours: a savepoint in it. jOOQ's own provider
 * would commit ours at the end of theirs, and with it give up the proof that it holds.
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
