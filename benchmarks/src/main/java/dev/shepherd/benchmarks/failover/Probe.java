package dev.shepherd.benchmarks.failover;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A client with nothing but the driver that tries to write on each server every 50 ms, by a connection of its own, until a
 * write is committed: what a failover takes at the least.
 */
final class Probe implements AutoCloseable {

    private static final long PERIOD_MILLIS = 50;

    private final AtomicLong wroteAt = new AtomicLong();
    private volatile boolean closed;

    /** @param urls one for each server */
    Probe(List<String> urls) {
        for (String url : urls) {
            Thread thread = new Thread(() -> run(url), "failover-probe");
            thread.setDaemon(true);
            thread.start();
        }
    }

    private void run(String url) {
        while (!closed && wroteAt.get() == 0) {
            try (Connection connection =
                            DriverManager.getConnection(url + "&connectTimeout=1&loginTimeout=1&socketTimeout=1");
                    Statement statement = connection.createStatement()) {
                statement.execute("insert into probe default values");
                wroteAt.compareAndSet(0, System.currentTimeMillis());
            } catch (SQLException e) {
                // It is down, or no primary.
            }
            try {
                Thread.sleep(PERIOD_MILLIS);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    /** Returns when the first write was answered, in milliseconds since 1970; 0 if none was as yet. */
    long wroteAt() {
        return wroteAt.get();
    }

    @Override
    public void close() {
        closed = true;
    }
}
