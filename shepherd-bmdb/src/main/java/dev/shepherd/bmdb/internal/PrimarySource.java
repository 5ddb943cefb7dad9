package dev.shepherd.bmdb.internal;

import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.logging.Logger;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * Makes connections to the primary among some servers.
 *
 * <p>The driver tries one server after the other. One whose host drops packets, or that is frozen, uses up all its
 * time, and a pool that failed to connect waits for up to 5 s before it does again. Here the servers are tried at the
 * same time, the last primary with a head start; each one again after a pause that stays short; and one that does not
 * answer beside the attempt that hangs. So every waiting caller finds a primary about as soon as there is one. See
 * {@code docs/decisions/0020-finding-the-primary.md}.
 *
 * <p>Safe for use by several threads.
 */
public final class PrimarySource implements DataSource {

    /** How long the last primary is tried alone. */
    private static final Duration HEAD_START = Duration.ofMillis(250);

    private static final Duration FIRST_PAUSE = Duration.ofMillis(50);
    private static final Duration LONGEST_PAUSE = Duration.ofMillis(200);

    /** When a server that has not answered is tried once more: an address may have moved to another host meanwhile. */
    private static final Duration ONCE_MORE = Duration.ofSeconds(1);

    private static final int MOST_UNDER_WAY = 3;
    private static final Duration LOOK = Duration.ofMillis(10);

    private final Servers servers;
    private final PGSimpleDataSource all;
    private final List<PGSimpleDataSource> hosts;
    private final Duration patience;

    /**
     * Makes a source.
     *
     * @param servers what is known of the servers, shared by all sources that lead to them
     * @param all what leads to them; where it asks for anything but the primary, that is left to the driver
     * @param patience how long to look for a primary; with zero, each server is tried once
     */
    public PrimarySource(Servers servers, PGSimpleDataSource all, Duration patience) {
        this.servers = servers;
        this.all = all;
        this.patience = patience;
        this.hosts = SlowFailover.wantsPrimary(all) ? each(all) : List.of(all);
    }

    private static List<PGSimpleDataSource> each(PGSimpleDataSource all) {
        String[] names = all.getServerNames();
        int[] ports = all.getPortNumbers();
        List<PGSimpleDataSource> hosts = new ArrayList<>();
        for (int i = 0; i < names.length; i++) {
            PGSimpleDataSource host = new PGSimpleDataSource();
            host.setUrl(all.getUrl());
            host.setServerNames(new String[] {names[i]});
            host.setPortNumbers(new int[] {i < ports.length ? ports[i] : 0});
            host.setUser(all.getUser());
            host.setPassword(all.getPassword());
            hosts.add(host);
        }
        return List.copyOf(hosts);
    }

    /** Returns what the driver is told. */
    PGSimpleDataSource driver() {
        return all;
    }

    @Override
    public Connection getConnection() throws SQLException {
        try {
            Connection connection = new Search().run();
            servers.failed(null);
            return connection;
        } catch (SQLException e) {
            servers.failed(e);
            throw e;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SQLException("interrupted while connecting", e);
        }
    }

    /** Says why, where a pool cannot: no attempt has failed for good, as long as all are made again. */
    public SQLException explain(SQLTransientConnectionException e) {
        SQLException failure = servers.lastFailure();
        return e.getCause() != null || failure == null
                ? e
                : new SQLTransientConnectionException(e.getMessage(), failure.getSQLState(), failure);
    }

    /** What became of one attempt: the one or the other. */
    private record Attempt(
            Host host,
            @Nullable Connection connection,
            @Nullable SQLException failure) {}

    /** What is known of a server during a search. Only used by the thread that searches. */
    private static final class Host {
        private final int index;
        private int underWay;
        private long triedAt;
        private long nextAt;
        private Duration pause = FIRST_PAUSE;
        private @Nullable SQLException failure;

        Host(int index, long now) {
            this.index = index;
            this.nextAt = now;
        }

        boolean isDue(long now) {
            return underWay == 0
                    ? now - nextAt >= 0
                    : underWay < MOST_UNDER_WAY && now - triedAt >= ONCE_MORE.toNanos();
        }
    }

    private final class Search {
        private final long startedAt = System.nanoTime();
        private final BlockingQueue<Attempt> ended = new LinkedBlockingQueue<>();
        private final List<Host> tried = new ArrayList<>();
        private boolean over;

        Connection run() throws SQLException, InterruptedException {
            int first = Math.min(servers.preferred(), hosts.size() - 1);
            tried.add(new Host(first, startedAt));
            for (int i = 0; i < hosts.size(); i++) {
                if (i != first) {
                    tried.add(new Host(i, startedAt));
                }
            }
            try {
                while (true) {
                    startDue();
                    Attempt attempt = ended.poll(LOOK.toNanos(), TimeUnit.NANOSECONDS);
                    if (attempt != null && attempt.connection != null) {
                        return attempt.connection;
                    }
                    if (attempt != null) {
                        failed(attempt);
                    }
                    giveUpIfSenseless();
                }
            } finally {
                end();
            }
        }

        private void startDue() {
            long now = System.nanoTime();
            Host last = tried.get(0);
            boolean alone = last.failure == null && now - startedAt < HEAD_START.toNanos();
            for (Host host : tried) {
                if ((host == last || !alone) && host.isDue(now) && (patience.toNanos() > 0 || host.failure == null)) {
                    host.underWay++;
                    host.triedAt = now;
                    servers.attempt(host.index, () -> attempt(host));
                }
            }
        }

        private void attempt(Host host) {
            Attempt attempt;
            try {
                attempt = new Attempt(host, connect(host.index), null);
            } catch (SQLException e) {
                attempt = new Attempt(host, null, e);
            } catch (RuntimeException | Error e) {
                attempt = new Attempt(host, null, new SQLException("connecting failed unexpectedly: " + e, e));
            }
            boolean late;
            synchronized (ended) {
                late = over;
                ended.add(attempt);
            }
            if (late) {
                close(attempt);
            }
        }

        private Connection connect(int host) throws SQLException {
            Connection connection = hosts.get(host).getConnection();
            boolean admitted = false;
            try {
                servers.admit(connection, host);
                admitted = true;
                return connection;
            } finally {
                if (!admitted) {
                    connection.close();
                }
            }
        }

        private void failed(Attempt attempt) {
            Host host = attempt.host;
            host.underWay--;
            host.failure = attempt.failure;
            host.nextAt = System.nanoTime() + host.pause.toNanos();
            Duration longer = host.pause.multipliedBy(2);
            host.pause = longer.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : longer;
            servers.failed(attempt.failure);
        }

        private void giveUpIfSenseless() throws SQLException {
            boolean allFailed = tried.stream().allMatch(host -> host.failure != null);
            boolean hopeless = allFailed && tried.stream().noneMatch(host -> isWorthRepeating(host.failure));
            boolean overdue = System.nanoTime() - startedAt >= patience.toNanos();
            if (servers.isClosed()) {
                throw new SQLException("the database is closed", "08003");
            }
            if (hopeless || allFailed && overdue) {
                throw tellingFailure();
            }
        }

        private boolean isWorthRepeating(@Nullable SQLException failure) {
            String state = failure == null ? null : failure.getSQLState();
            return SqlStates.isConnectionFailure(state) || SqlStates.isNotPrimary(state);
        }

        /** That a server answers and is no primary says more than that another does not answer. */
        private SQLException tellingFailure() {
            SQLException telling = null;
            for (Host host : tried) {
                SQLException failure = host.failure;
                if (failure != null
                        && (telling == null
                                || String.valueOf(failure.getMessage()).contains("targetServerType"))) {
                    telling = failure;
                }
            }
            return telling == null ? new SQLException("no server was tried", "08001") : telling;
        }

        /** Attempts that are under way go on, and what they bring is closed. */
        private void end() {
            List<Attempt> rest = new ArrayList<>();
            synchronized (ended) {
                over = true;
                ended.drainTo(rest);
            }
            rest.forEach(this::close);
        }

        private void close(Attempt attempt) {
            try {
                if (attempt.connection != null) {
                    attempt.connection.close();
                }
            } catch (SQLException e) {
                // It was not wanted anyway.
            }
        }
    }

    @Override
    public Connection getConnection(@Nullable String username, @Nullable String password) throws SQLException {
        throw new SQLFeatureNotSupportedException("the user is the one that the source was made with");
    }

    @Override
    public @Nullable PrintWriter getLogWriter() {
        return null;
    }

    @Override
    public void setLogWriter(@Nullable PrintWriter out) {}

    /** Does nothing: each attempt has the time that the driver was told. */
    @Override
    public void setLoginTimeout(int seconds) {}

    @Override
    public int getLoginTimeout() throws SQLException {
        return all.getLoginTimeout();
    }

    @Override
    public Logger getParentLogger() throws SQLFeatureNotSupportedException {
        throw new SQLFeatureNotSupportedException("the driver does its own logging");
    }

    @Override
    public <T> T unwrap(Class<T> type) throws SQLException {
        if (!type.isInstance(this)) {
            throw new SQLException("this is no " + type.getName());
        }
        return type.cast(this);
    }

    @Override
    public boolean isWrapperFor(Class<?> type) {
        return type.isInstance(this);
    }
}
