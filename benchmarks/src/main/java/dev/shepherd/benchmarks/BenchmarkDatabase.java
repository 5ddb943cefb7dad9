package dev.shepherd.benchmarks;

import dev.shepherd.postgres.PostgresServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Comparator;
import java.util.stream.Stream;

/**
 * A PostgreSQL of a benchmark's own, which writes through to the disk what it commits, with one database and a connection
 * to it. Deleted when it is closed, or when the JVM ends. Not safe for several threads.
 */
final class BenchmarkDatabase implements AutoCloseable {

    private static final int LOOKS_AT_CONNECTIONS = 200;

    private final Path folder;
    private final PostgresServer server;
    private final String url;
    private final Connection connection;
    private final Object lock = new Object();
    private final Thread hook = new Thread(this::endQuietly, "benchmark-database-shutdown");
    private boolean ended;

    private BenchmarkDatabase(Path folder, PostgresServer server, String url, Connection connection) {
        this.folder = folder;
        this.server = server;
        this.url = url;
        this.connection = connection;
    }

    static BenchmarkDatabase start(String name) throws IOException, InterruptedException, SQLException {
        Path folder = Files.createTempDirectory("shepherd-benchmark");
        PostgresServer server = PostgresServer.startIn(folder.resolve("database"));
        String url = server.createDatabase(name);
        BenchmarkDatabase database = new BenchmarkDatabase(folder, server, url, DriverManager.getConnection(url));
        Runtime.getRuntime().addShutdownHook(database.hook);
        return database;
    }

    String url() {
        return url;
    }

    /** The connection that all methods here use; closed together with the database. */
    Connection connection() {
        return connection;
    }

    void execute(String sql, Object... parameters) throws SQLException {
        try (PreparedStatement statement = prepare(sql, parameters)) {
            statement.execute();
        }
    }

    /** Executes several statements, without parameters. */
    void script(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    long number(String sql, Object... parameters) throws SQLException {
        try (PreparedStatement statement = prepare(sql, parameters);
                ResultSet row = statement.executeQuery()) {
            row.next();
            return row.getLong(1);
        }
    }

    /**
     * Waits until there is no other connection. What a connection did to a table is in the statistics when it ends, at the
     * latest.
     */
    void awaitCounts() throws SQLException, InterruptedException {
        for (int look = 0; look < LOOKS_AT_CONNECTIONS; look++) {
            if (number("select count(*) from pg_stat_activity where datname = current_database()"
                            + " and backend_type = 'client backend' and pid <> pg_backend_pid()")
                    == 0) {
                return;
            }
            Thread.sleep(50);
        }
        throw new IllegalStateException("connections are still open, so not all that they did is counted");
    }

    private PreparedStatement prepare(String sql, Object... parameters) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        for (int i = 0; i < parameters.length; i++) {
            statement.setObject(i + 1, parameters[i]);
        }
        return statement;
    }

    @Override
    public void close() throws SQLException, IOException {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is ending, and the hook does the work.
        }
        connection.close();
        end();
    }

    private void endQuietly() {
        try {
            end();
        } catch (IOException e) {
            // It is a temporary folder.
        }
    }

    private void end() throws IOException {
        synchronized (lock) {
            if (ended) {
                return;
            }
            ended = true;
            server.close();
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }
}
