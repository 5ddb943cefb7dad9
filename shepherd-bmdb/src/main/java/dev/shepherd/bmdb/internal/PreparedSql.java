package dev.shepherd.bmdb.internal;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jooq.ConnectionProvider;
import org.jooq.exception.DataAccessException;
import org.jspecify.annotations.Nullable;

/**
 * A statement that loops run all day, written out and handed to the driver as it is. It has a result, if only of one
 * row.
 *
 * <p>jOOQ builds a statement again for each execution, which costs a claim more than the database does. And it binds an
 * array as a text and a cast, which the database carries out for each row that it compares: {@code
 * docs/decisions/0007-the-due-queue.md} has the figures. Everything else is jOOQ's.
 *
 * @param <T> what a row of the result is read as
 */
public final class PreparedSql<T> {

    private final String sql;
    private final Reader<T> reader;
    private final @Nullable Object[] parameters;

    /**
     * Puts a statement together.
     *
     * @param sql one statement, with a question mark for each parameter
     * @param parameters what the driver takes, or an array of {@code UUID}, {@code String}, {@code Boolean} or {@code
     *     byte[]}
     */
    public PreparedSql(String sql, Reader<T> reader, @Nullable Object... parameters) {
        this.sql = sql;
        this.reader = reader;
        this.parameters = parameters;
    }

    /** Reads one row of a result. */
    public interface Reader<T> {
        T read(ResultSet row) throws SQLException;
    }

    /** Runs the statement in the transaction of {@code db}. */
    public List<T> fetch(Handle db) {
        return prepared(db, sql, statement -> {
            bind(statement, 0);
            statement.execute();
            return read(statement);
        });
    }

    /** Looks at one row of a result. */
    public interface Visitor {
        void visit(ResultSet row) throws SQLException;
    }

    /**
     * Runs the statement in the transaction of {@code db} and shows its rows one by one, as the server sends them.
     *
     * @param fetchSize how many rows are in memory at a time
     * @throws InterruptedException if the thread is interrupted; it looks once for that many rows
     */
    public void forEach(Handle db, int fetchSize, Visitor visitor) throws InterruptedException {
        boolean whole = prepared(db, sql, statement -> {
            bind(statement, 0);
            statement.setFetchSize(fetchSize);
            try (ResultSet rows = statement.executeQuery()) {
                for (int i = 0; rows.next(); i++) {
                    if (i % fetchSize == 0 && Thread.interrupted()) {
                        return false;
                    }
                    visitor.visit(rows);
                }
            }
            return true;
        });
        if (!whole) {
            throw new InterruptedException("interrupted while rows were read");
        }
    }

    /** What two statements returned. */
    public record Both<A, B>(List<A> first, List<B> second) {}

    /** Runs this statement and then another one, regardless of the first result, in one round trip. */
    public <B> Both<T, B> fetchWith(Handle db, PreparedSql<B> next) {
        return prepared(db, sql + "; " + next.sql, statement -> {
            bind(statement, 0);
            next.bind(statement, parameters.length);
            statement.execute();
            List<T> first = read(statement);
            statement.getMoreResults();
            return new Both<>(first, next.read(statement));
        });
    }

    private interface Use<T> {
        T of(PreparedStatement statement) throws SQLException;
    }

    private static <T> T prepared(Handle db, String sql, Use<T> use) {
        ConnectionProvider connections = db.dsl().configuration().connectionProvider();
        Connection connection = connections.acquire();
        if (connection == null) {
            throw new IllegalStateException("there is no connection to run a statement on");
        }
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            return use.of(statement);
        } catch (SQLException e) {
            throw new DataAccessException(e.getMessage() + ", in: " + sql, e);
        } finally {
            connections.release(connection);
        }
    }

    private void bind(PreparedStatement statement, int before) throws SQLException {
        for (int i = 0; i < parameters.length; i++) {
            Object parameter = parameters[i];
            if (parameter instanceof Object[] array) {
                statement.setArray(before + i + 1, statement.getConnection().createArrayOf(elementType(array), array));
            } else {
                statement.setObject(before + i + 1, parameter);
            }
        }
    }

    private static String elementType(Object[] array) {
        if (array instanceof UUID[]) {
            return "uuid";
        }
        if (array instanceof String[]) {
            return "text";
        }
        if (array instanceof Boolean[]) {
            return "boolean";
        }
        if (array instanceof byte[][]) {
            return "bytea";
        }
        throw new IllegalArgumentException("arrays of " + array.getClass() + " are not known");
    }

    private List<T> read(PreparedStatement statement) throws SQLException {
        List<T> rows = new ArrayList<>();
        try (ResultSet result = statement.getResultSet()) {
            while (result.next()) {
                rows.add(reader.read(result));
            }
        }
        return rows;
    }
}
