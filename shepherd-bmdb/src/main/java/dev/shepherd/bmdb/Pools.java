package dev.shepherd.bmdb;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.SQLExceptionOverride;
import com.zaxxer.hikari.pool.HikariPool;
import dev.shepherd.bmdb.BmdbConfig.Migration;
import dev.shepherd.bmdb.internal.JdbcUrls;
import dev.shepherd.bmdb.internal.Opening;
import dev.shepherd.bmdb.internal.PrimarySource;
import dev.shepherd.bmdb.internal.Servers;
import dev.shepherd.bmdb.internal.SqlStates;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.postgresql.ds.PGSimpleDataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where a {@link Bmdb} gets its connections from: an embedder's source, or pools at a JDBC URL that know which server
 * is the primary. Closing it closes what was pooled here.
 */
final class Pools implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(Pools.class);

    /** A pool that gets no connection pauses for longer and longer, so it is told so rarely. */
    private static final Duration LONGEST_SEARCH = Duration.ofMinutes(1);

    /** One that is under way cannot be ended, and brings nothing: it is closed. */
    private static final Duration LONGEST_WAIT_FOR_ATTEMPTS = Duration.ofSeconds(2);

    private static final int LONGEST_FIRST_ANSWER_SECONDS = 2;

    private final DataSource main;
    private final DataSource heartbeats;
    private final DataSource listening;
    private final Servers servers;
    private final List<HikariDataSource> pools;

    private Pools(
            DataSource main,
            DataSource heartbeats,
            DataSource listening,
            Servers servers,
            List<HikariDataSource> pools) {
        this.main = main;
        this.heartbeats = heartbeats;
        this.listening = listening;
        this.servers = servers;
        this.pools = pools;
    }

    /** Opens a database and sees to its schema. See {@link Bmdb#open(BmdbConfig)}. */
    static Pools open(BmdbConfig config) {
        Servers servers = new Servers();
        Optional<DataSource> given = config.dataSource();
        if (given.isPresent()) {
            opening(config, given.get()).run();
            return new Pools(given.get(), given.get(), given.get(), servers, List.of());
        }
        // A migration may take its time.
        Duration answer = config.migration() == Migration.CHECK ? config.socketTimeout() : Duration.ZERO;
        Opening opening = opening(
                config, new PrimarySource(servers, driver(config, config.connectTimeout(), answer), Duration.ZERO));
        opening.run();
        List<HikariDataSource> pools = new ArrayList<>();
        try {
            PrimarySource connections = new PrimarySource(
                    servers, driver(config, config.connectTimeout(), config.socketTimeout()), LONGEST_SEARCH);
            HikariDataSource main = pool("shepherd", connections, config.poolSize(), config.connectTimeout());
            pools.add(main);
            // Heartbeats get a separate connection, so that busy loops cannot cost a session its lease.
            Duration half = config.sessionInterval().dividedBy(2);
            HikariDataSource heartbeats = pool(
                    "shepherd-sessions",
                    new PrimarySource(servers, driver(config, half, half), LONGEST_SEARCH),
                    1,
                    half);
            pools.add(heartbeats);
            servers.whenMoved(
                    () -> pools.forEach(pool -> pool.getHikariPoolMXBean().softEvictConnections()));
            servers.watch(connections);
            return new Pools(main, heartbeats, connections, servers, List.copyOf(pools));
        } catch (RuntimeException e) {
            servers.close();
            pools.forEach(HikariDataSource::close);
            throw e instanceof HikariPool.PoolInitializationException ? opening.unreachable(e) : e;
        }
    }

    private static Opening opening(BmdbConfig config, DataSource source) {
        return new Opening(source, config.where(), config.migration(), config.socketTimeout());
    }

    private static HikariDataSource pool(String name, PrimarySource connections, int size, Duration connectTimeout) {
        HikariConfig hikari = new HikariConfig();
        hikari.setPoolName(name);
        // Not the URL: with that, the pool would set the login timeout of the whole JVM's DriverManager.
        hikari.setDataSource(connections);
        hikari.setMaximumPoolSize(size);
        hikari.setMinimumIdle(Math.min(size, 2));
        hikari.setConnectionTimeout(Math.max(250, connectTimeout.toMillis()));
        hikari.setValidationTimeout(Math.max(250, connectTimeout.toMillis() / 2));
        hikari.setExceptionOverride(new SQLExceptionOverride() {
            @java.lang.Override
            public Override adjudicate(SQLException e) {
                // The connection works, but what it leads to is no longer the primary.
                return SqlStates.isNotPrimary(e.getSQLState()) ? Override.MUST_EVICT : Override.CONTINUE_EVICT;
            }
        });
        return new HikariDataSource(hikari) {
            @java.lang.Override
            public Connection getConnection() throws SQLException {
                try {
                    return super.getConnection();
                } catch (SQLTransientConnectionException e) {
                    throw connections.explain(e);
                }
            }
        };
    }

    /** Tells the driver where to connect to and how. A timeout of zero is none. */
    static PGSimpleDataSource driver(BmdbConfig config, Duration connectTimeout, Duration socketTimeout) {
        PGSimpleDataSource source = new PGSimpleDataSource();
        String url = config.jdbcUrl().orElseThrow();
        source.setUrl(url);
        if (config.username() != null) {
            source.setUser(config.username());
        }
        if (config.password() != null) {
            source.setPassword(config.password());
        }
        // A standby would accept the connection, and refuse every write.
        if (!JdbcUrls.hasParameter(url, "targetServerType")) {
            source.setTargetServerType("primary");
        }
        if (!JdbcUrls.hasParameter(url, "connectTimeout")) {
            // For the host to answer at all; what comes after that has the whole time.
            source.setConnectTimeout(Math.min(seconds(connectTimeout), LONGEST_FIRST_ANSWER_SECONDS));
        }
        if (!JdbcUrls.hasParameter(url, "loginTimeout")) {
            source.setLoginTimeout(seconds(connectTimeout));
        }
        if (!JdbcUrls.hasParameter(url, "socketTimeout")) {
            source.setSocketTimeout(seconds(socketTimeout));
        }
        if (!JdbcUrls.hasParameter(url, "tcpKeepAlive")) {
            source.setTcpKeepAlive(true);
        }
        if (!JdbcUrls.hasParameter(url, "ApplicationName")) {
            source.setApplicationName("shepherd");
        }
        return source;
    }

    /** The driver counts in seconds, and takes 0 for none: what is less than a second is one. */
    private static int seconds(Duration timeout) {
        return timeout.isZero() ? 0 : (int) Math.max(1, timeout.toSeconds());
    }

    /** What transactions run on. */
    DataSource main() {
        return main;
    }

    /** What the heartbeats of sessions run on: busy loops cannot use it up. */
    DataSource heartbeats() {
        return heartbeats;
    }

    /** What a connection for notifications is taken from. */
    DataSource listening() {
        return listening;
    }

    /** What was pooled here. */
    List<HikariDataSource> pools() {
        return pools;
    }

    Servers servers() {
        return servers;
    }

    @Override
    public void close() {
        servers.close();
        pools.forEach(HikariDataSource::close);
    }

    /** Waits for attempts to connect, after {@link #close}. */
    void awaitEnd() throws InterruptedException {
        if (!servers.awaitEnd(LONGEST_WAIT_FOR_ATTEMPTS)) {
            log.debug("An attempt to connect still waits for its host");
        }
    }
}
