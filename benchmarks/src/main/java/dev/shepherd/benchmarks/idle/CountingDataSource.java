package dev.shepherd.benchmarks.idle;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.Statement;
import java.util.concurrent.atomic.AtomicLong;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Counts the statements that go through the connections of another source, but for the heartbeats of sessions. */
public final class CountingDataSource {

    /** What only a heartbeat sets. */
    private static final String HEARTBEAT = "\"session_deadline\" = now()";

    private final AtomicLong count = new AtomicLong();
    private final DataSource counted;

    public CountingDataSource(DataSource source) {
        this.counted = counting(DataSource.class, source, "");
    }

    /** Returns what to take connections from. */
    public DataSource dataSource() {
        return counted;
    }

    /** Returns how many there were. */
    public long statements() {
        return count.get();
    }

    private <T> T counting(Class<T> type, Object target, String sql) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
                    if (method.getName().startsWith("execute")) {
                        count(arguments != null && arguments.length > 0 ? String.valueOf(arguments[0]) : sql);
                    }
                    return wrap(method, arguments, call(target, method, arguments));
                }));
    }

    private void count(String sql) {
        if (!sql.contains(HEARTBEAT)) {
            count.incrementAndGet();
        }
    }

    private @Nullable Object wrap(Method method, Object @Nullable [] arguments, @Nullable Object result) {
        if (result instanceof Connection && method.getName().equals("getConnection")) {
            return counting(Connection.class, result, "");
        }
        if (result instanceof PreparedStatement && arguments != null) {
            return counting(PreparedStatement.class, result, String.valueOf(arguments[0]));
        }
        if (result instanceof Statement && method.getName().equals("createStatement")) {
            return counting(Statement.class, result, "");
        }
        return result;
    }

    private static @Nullable Object call(Object target, Method method, Object @Nullable [] arguments) throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause() == null ? e : e.getCause();
        }
    }
}
