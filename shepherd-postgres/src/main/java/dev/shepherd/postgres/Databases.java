package dev.shepherd.postgres;

import dev.shepherd.postgres.PostgresException.Reason;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Makes and drops the databases of a server. Safe for use by many threads; every wait is bounded. */
final class Databases {

    /** The template that is always pristine and takes no connections. */
    static final String PRISTINE = "template0";

    private static final String OBJECT_IN_USE = "55006";
    private static final String INVALID_VALUE = "22023";
    private static final String NO_SUCH_DATABASE = "3D000";
    private static final Duration IN_USE_TIMEOUT = Duration.ofSeconds(20);
    private static final int CONNECT_SECONDS = 20;
    private static final int ANSWER_SECONDS = 120;

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_-]{0,62}");
    private static final Pattern URL = Pattern.compile("(jdbc:postgresql://[^/?]*)(?:/([^?]*))?(\\?.*)?");

    // Not through DriverManager, which finds no driver where the class path is not the application's, as in a plugin.
    private static final Driver DRIVER = new org.postgresql.Driver();

    private final String url;

    /** @param url a database of the server's, by a user who may make and drop others */
    Databases(String url) {
        parse(url);
        this.url = url;
    }

    private static Matcher parse(String url) {
        Matcher matcher = URL.matcher(url);
        if (!matcher.matches()) {
            throw new IllegalArgumentException(
                    "A URL of the form jdbc:postgresql://host:port/database?user=… is needed, not "
                            + withoutQuery(url));
        }
        return matcher;
    }

    /** Returns the URL of the database that this works through. */
    String url() {
        return url;
    }

    /** Returns the URL of another database of the server. */
    String urlOf(String name) {
        checkName(name);
        Matcher matcher = parse(url);
        return matcher.replaceFirst(result -> Matcher.quoteReplacement(
                result.group(1) + "/" + name + (matcher.group(3) == null ? "" : matcher.group(3))));
    }

    /** Returns the name of the database in a URL; empty if it names none. */
    static String nameIn(String url) {
        String name = parse(url).group(2);
        return name == null ? "" : URLDecoder.decode(name, StandardCharsets.UTF_8);
    }

    /** Returns a URL without its query, where the password is, and without what some write before the host. */
    static String withoutQuery(String url) {
        int query = url.indexOf('?');
        return (query < 0 ? url : url.substring(0, query)).replaceFirst("//[^/]*@", "//");
    }

    static String checkName(String name) {
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException("A database's name is 1 to 63 letters, digits, _ and -, and begins"
                    + " with no -, unlike \"" + name + "\"");
        }
        return name;
    }

    Connection connect() {
        Properties properties = new Properties();
        properties.setProperty("connectTimeout", Integer.toString(CONNECT_SECONDS));
        properties.setProperty("loginTimeout", Integer.toString(CONNECT_SECONDS));
        properties.setProperty("socketTimeout", Integer.toString(ANSWER_SECONDS));
        properties.setProperty("ApplicationName", "shepherd-postgres");
        try {
            Connection connection = DRIVER.connect(url, properties);
            if (connection == null) {
                throw new SQLException("the driver does not take the URL");
            }
            return connection;
        } catch (SQLException e) {
            throw refused("no connection", e);
        }
    }

    private PostgresException refused(String what, SQLException e) {
        boolean timeZone = INVALID_VALUE.equals(e.getSQLState())
                && String.valueOf(e.getMessage()).contains("TimeZone");
        return new PostgresException(
                Reason.REFUSED,
                "PostgreSQL at " + withoutQuery(url) + ": " + what + ": " + e.getMessage()
                        + (timeZone ? "; the driver tells it the JVM's: start the JVM with -Duser.timezone=UTC" : ""),
                e);
    }

    String version() {
        try (Connection connection = connect();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("show server_version")) {
            row.next();
            String version = row.getString(1);
            return version == null ? "" : version.replaceFirst(" .*", "");
        } catch (SQLException e) {
            throw refused("no version", e);
        }
    }

    boolean exists(String name) {
        try (Connection connection = connect();
                PreparedStatement query =
                        connection.prepareStatement("select 1 from pg_catalog.pg_database where datname = ?")) {
            query.setString(1, name);
            try (ResultSet row = query.executeQuery()) {
                return row.next();
            }
        } catch (SQLException e) {
            throw refused("cannot look for the database " + name, e);
        }
    }

    /** Makes a database as a copy of another; ends the sessions on the other, which would be in the way. */
    String create(String name, String template) {
        String target = urlOf(name);
        alone(template, "create database " + quote(name) + " template " + quote(template));
        return target;
    }

    void drop(String name) {
        execute("drop database if exists " + quote(name) + " with (force)");
    }

    /** Renames a database that exists and closes it to connections, so that it can always be copied at once. */
    void seal(String name, String finalName) {
        execute("alter database " + quote(name) + " with allow_connections false");
        alone(name, "alter database " + quote(name) + " rename to " + quote(finalName));
    }

    private void execute(String sql) {
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw refused(sql, e);
        }
    }

    /** Executes what PostgreSQL only does while there are no connections to a database. */
    private void alone(String database, String sql) {
        long start = System.nanoTime();
        try (Connection connection = connect()) {
            while (true) {
                if (!database.equals(PRISTINE)) {
                    endSessions(connection, database);
                }
                try (Statement statement = connection.createStatement()) {
                    statement.execute(sql);
                    return;
                } catch (SQLException e) {
                    if (!OBJECT_IN_USE.equals(e.getSQLState())
                            || System.nanoTime() - start > IN_USE_TIMEOUT.toNanos()) {
                        throw e;
                    }
                }
            }
        } catch (SQLException e) {
            throw refused(sql, e);
        }
    }

    private static void endSessions(Connection connection, String database) throws SQLException {
        String sql = "select pg_catalog.pg_terminate_backend(pid, 1000) from pg_catalog.pg_stat_activity"
                + " where datname = ? and pid <> pg_catalog.pg_backend_pid() and backend_type = 'client backend'";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, database);
            statement.execute();
        }
    }

    /**
     * Takes a lock that one session of this server's clients holds at a time, until its connection is closed.
     *
     * @throws PostgresException if it is not free within the timeout
     */
    Connection lock(String name, Duration timeout) {
        Connection connection = connect();
        try {
            connection.setNetworkTimeout(
                    Runnable::run, (int) timeout.plusSeconds(ANSWER_SECONDS).toMillis());
            try (Statement statement = connection.createStatement()) {
                statement.execute("set lock_timeout = " + timeout.toMillis());
            }
            try (PreparedStatement statement =
                    connection.prepareStatement("select pg_catalog.pg_advisory_lock(hashtextextended(?, 0))")) {
                statement.setString(1, name);
                statement.execute();
            }
            return connection;
        } catch (SQLException e) {
            try {
                connection.close();
            } catch (SQLException suppressed) {
                e.addSuppressed(suppressed);
            }
            throw refused("the lock on " + name + " is not to be had in " + timeout.toSeconds() + " s", e);
        }
    }

    static boolean isNoSuchDatabase(PostgresException e) {
        return e.getCause() instanceof SQLException cause && NO_SUCH_DATABASE.equals(cause.getSQLState());
    }

    private static String quote(String name) {
        return '"' + checkName(name) + '"';
    }
}
