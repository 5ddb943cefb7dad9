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
    private final Deque<Mark> marks = new ArrayDeque<>();

    /** @param told how much the transaction had told by then */
    private record Mark(Savepoint savepoint, int told) {}

    Savepoints(Connection connection) {
        this.connection = connection;
    }

    @Override
    public void begin(TransactionContext context) {
        try {
            marks.push(new Mark(connection.setSavepoint(), handle(context).toldSoFar()));
        } catch (SQLException e) {
            throw new DataAccessException("the savepoint could not be set", e);
        }
    }

    @Override
    public void commit(TransactionContext context) {
        try {
            connection.releaseSavepoint(marks.pop().savepoint());
        } catch (SQLException e) {
            throw new DataAccessException("the savepoint could not be released", e);
        }
    }

    @Override
    public void rollback(TransactionContext context) {
        try {
            Mark mark = marks.pop();
            connection.rollback(mark.savepoint());
            handle(context).untell(mark.told());
        } catch (SQLException e) {
            throw new DataAccessException("the savepoint could not be rolled back to", e);
        }
    }

    private static Handle handle(TransactionContext context) {
        return Handle.of(context.configuration());
    }
}
