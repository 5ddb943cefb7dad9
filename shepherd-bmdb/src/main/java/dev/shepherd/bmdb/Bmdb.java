package dev.shepherd.bmdb;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.SQLExceptionOverride;
import com.zaxxer.hikari.pool.HikariPool;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.BmdbConfig.Migration;
import dev.shepherd.bmdb.Transactions.Body;
import dev.shepherd.bmdb.Transactions.Limits;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jooq.DSLContext;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The bare metal database (BMDB): where the machines of a fleet are recorded, and what makes it safe for several
 * processes on several hosts to run the fleet together.
 *
 * <pre>{@code
 * try (Bmdb bmdb = Bmdb.open("jdbc:postgresql://db/fleet?user=shepherd&password=…");
 *         BmdbSession session = bmdb.startSession("inspector", "host-7")) {
 *     …
 * }
 * }</pre>
 *
 * <p>Safe for use by several threads. {@link #close()} ends its threads and, where it pooled connections
 * itself, closes them.
 */
public final class Bmdb implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(Bmdb.class);

    private static final Duration LONGEST_STOP = Duration.ofSeconds(10);

    /** A pool that is told that there is no connection pauses for longer and longer, so it is told rarely. */
    private static final Duration LONGEST_SEARCH = Duration.ofMinutes(1);

    /** One that is under way cannot be ended, and brings nothing: it is closed. */
    private static final Duration LONGEST_WAIT_FOR_ATTEMPTS = Duration.ofSeconds(2);

    private static final int LONGEST_FIRST_ANSWER_SECONDS = 2;

    private final BmdbConfig config;
    private final DataSource dataSource;
    private final Servers servers;
    private final Transactions transactions;
    private final SessionKeeper keeper;
    private final DatabaseTime time;
    private final OperatorActions operator;
    private final List<HikariDataSource> pools;
    private final DueNotifications notifications;

    private Bmdb(
            BmdbConfig config,
            DataSource dataSource,
            DataSource heartbeats,
            DataSource listening,
            Servers servers,
            List<HikariDataSource> pools) {
        this.config = config;
        this.dataSource = dataSource;
        this.servers = servers;
        this.pools = pools;
        this.notifications = new DueNotifications(listening);
        this.time = new DatabaseTime(config.timeOffset());
        this.transactions = new Transactions(
                dataSource,
                servers,
                new Limits(config.maxAttempts(), config.connectTimeout(), config.idleInTransactionTimeout(), null));
        this.operator = new OperatorActions(transactions, time);
        // A heartbeat is sent again by the keeper itself, with the deadline in view. What is not answered within
        // half an interval is better sent again.
        Limits once = new Limits(1, Duration.ZERO, config.idleInTransactionTimeout(), half(config.sessionInterval()));
        this.keeper = new SessionKeeper(
                new Transactions(heartbeats, servers, once),
                transactions,
                config.sessionInterval(),
                new Losses(time, config.lossBackoff(), config.maxLosses()),
                time);
    }

    private static Duration half(Duration interval) {
        return interval.dividedBy(2);
    }

    /**
     * Runs transactions on the same connections, within limits of their own.
     *
     * @param reconnecting how long a transaction is tried again after broken connections
     * @param answer how long to wait for one answer
     */
    Transactions transactions(Duration reconnecting, Duration answer) {
        return new Transactions(
                dataSource,
                servers,
                new Limits(config.maxAttempts(), reconnecting, config.idleInTransactionTimeout(), answer));
    }

    Servers servers() {
        return servers;
    }

    DatabaseTime time() {
        return time;
    }

    Duration idleInTransactionTimeout() {
        return config.idleInTransactionTimeout();
    }

    /**
     * Opens the database at a JDBC URL with the default settings, and migrates its schema.
     *
     * @param jdbcUrl {@code jdbc:postgresql://…}, with user and password as parameters where they are needed
     * @throws BmdbException if the database cannot be reached, takes no writes, or has another encoding than UTF8
     * @throws SchemaException if the schema cannot be migrated
     */
    public static Bmdb open(String jdbcUrl) {
        return open(BmdbConfig.builder().jdbcUrl(jdbcUrl).build());
    }

    /**
     * Opens the database at an embedder's source of connections with the default settings, and migrates its
     * schema. See {@link BmdbConfig.Builder#dataSource} for what is asked of it.
     *
     * @throws BmdbException if the database cannot be reached, takes no writes, or has another encoding than UTF8
     * @throws SchemaException if the schema cannot be migrated
     */
    public static Bmdb open(DataSource dataSource) {
        return open(BmdbConfig.builder().dataSource(dataSource).build());
    }

    /**
     * Opens the database.
     *
     * @throws BmdbException if the database cannot be reached, takes no writes where its schema may have to be migrated,
     *     or has another encoding than UTF8
     * @throws SchemaException if the schema cannot be migrated, or is not the one that is needed
     */
    public static Bmdb open(BmdbConfig config) {
        Servers servers = new Servers();
        Optional<DataSource> given = config.dataSource();
        if (given.isPresent()) {
            new Opening(config, given.get()).run();
            return new Bmdb(config, given.get(), given.get(), given.get(), servers, List.of());
        }
        // A migration may take its time.
        Duration answer = config.migration() == Migration.CHECK ? config.socketTimeout() : Duration.ZERO;
        Opening opening = new Opening(
                config, new PrimarySource(servers, driver(config, config.connectTimeout(), answer), Duration.ZERO));
        opening.run();
        List<HikariDataSource> pools = new ArrayList<>();
        try {
            PrimarySource connections = new PrimarySource(
                    servers, driver(config, config.connectTimeout(), config.socketTimeout()), LONGEST_SEARCH);
            HikariDataSource main = pool("shepherd", connections, config.poolSize(), config.connectTimeout());
            pools.add(main);
            // Heartbeats get a connection of their own, so that busy loops cannot cost a session its lease.
            Duration half = half(config.sessionInterval());
            HikariDataSource heartbeats = pool(
                    "shepherd-sessions",
                    new PrimarySource(servers, driver(config, half, half), LONGEST_SEARCH),
                    1,
                    half);
            pools.add(heartbeats);
            servers.whenMoved(
                    () -> pools.forEach(pool -> pool.getHikariPoolMXBean().softEvictConnections()));
            servers.watch(connections);
            return new Bmdb(config, main, heartbeats, connections, servers, List.copyOf(pools));
        } catch (RuntimeException e) {
            servers.close();
            pools.forEach(HikariDataSource::close);
            throw e instanceof HikariPool.PoolInitializationException ? opening.unreachable(e) : e;
        }
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
                return Transactions.isNotPrimary(e.getSQLState()) ? Override.MUST_EVICT : Override.CONTINUE_EVICT;
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
        // A standby would take the connection, and refuse whatever is written.
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

    /**
     * Starts a session and keeps it alive until it is closed or lost.
     *
     * @param component who it is for, such as {@code initializer}; for operators, not empty
     * @param runtimeInfo where it runs, such as the host's name; for operators
     * @throws BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public BmdbSession startSession(String component, String runtimeInfo) throws InterruptedException {
        return BmdbSession.start(component, runtimeInfo, config, transactions, keeper, time);
    }

    /**
     * Reaps expired sessions of any process now, as is done once an interval while this process has a session.
     *
     * @return how many there were
     */
    public int reapExpiredSessions() throws InterruptedException {
        return keeper.reap();
    }

    SessionKeeper keeper() {
        return keeper;
    }

    /** Reads everything about a machine. */
    public Optional<MachineRecord> machine(UUID machineId) throws InterruptedException {
        return read("reading machine " + machineId, dsl -> MachineQueries.machine(dsl, time, machineId));
    }

    /** Reads the MachineProvided tags of all machines of a provider, in the order of the provider's ids. */
    public List<ProvidedMachine> providedMachines(ProviderType provider) throws InterruptedException {
        return transactions.ask(
                "reading the machines of provider " + provider, dsl -> MachineQueries.providedMachines(dsl, provider));
    }

    /**
     * Reads the MachineProvided tags of some machines of a provider, in no particular order. Those that are not
     * recorded are left out.
     *
     * @param ids the provider's ids; a thousand at a time are read well
     */
    public List<ProvidedMachine> providedMachines(ProviderType provider, Collection<ProviderID> ids)
            throws InterruptedException {
        if (ids.isEmpty()) {
            return List.of();
        }
        return transactions.ask(
                "reading " + ids.size() + " machines of provider " + provider,
                dsl -> MachineQueries.providedMachines(dsl, provider, ids));
    }

    /**
     * Shows the provider's ids of all its machines to a visitor, one after the other and in no particular order, as they
     * were at one moment. Holds a few thousand of them at a time, however many there are.
     *
     * @param begin makes what the visitor fills; called again if the reading has to be begun again, after a connection
     *     broke
     * @param visitor must not call the database
     * @param <T> what the visitor fills
     * @return what was filled, by all of the machines
     */
    public <T> T scanProviderIDs(ProviderType provider, Supplier<T> begin, ProviderIDVisitor<? super T> visitor)
            throws InterruptedException {
        return read(
                "reading the ids of the machines of provider " + provider,
                dsl -> MachineQueries.scanIds(dsl, provider, begin, visitor));
    }

    /**
     * What is shown the ids of a provider's machines.
     *
     * @param <T> what it fills
     */
    @FunctionalInterface
    public interface ProviderIDVisitor<T> {

        /**
         * Looks at one machine.
         *
         * @param excused whether a listing may be without it: the provider last said that it is being created, or that it
         *     is in a failed state
         */
        void visit(T into, ProviderID id, boolean excused);
    }

    /**
     * Shows what is recorded of all machines of a provider to a visitor, in the manner of {@link #scanProviderIDs}.
     *
     * @param begin makes what the visitor fills; called again if the reading has to be begun again, after a connection
     *     broke
     * @param visitor must not call the database
     * @param <T> what the visitor fills
     * @return what was filled, by all of the machines
     */
    public <T> T scanProviderChecks(
            ProviderType provider, Supplier<T> begin, BiConsumer<? super T, ProviderCheck> visitor)
            throws InterruptedException {
        return read(
                "reading all machines of provider " + provider,
                dsl -> UpdateQueries.scan(dsl, time, provider, begin, visitor));
    }

    /**
     * Says what the loops make of a machine now, and why.
     *
     * @param policy the policy that the machine's provider is run with
     * @return empty if there is no such machine
     */
    public Optional<Explanation> explain(UUID machineId, RecoveryPolicy policy) throws InterruptedException {
        return read("explaining machine " + machineId, dsl -> ExplainQueries.explain(dsl, time, policy, machineId));
    }

    /**
     * Says what a recoverer of a provider would do now. Its cost follows the size of the fleet while there is anything
     * to bring back.
     *
     * @param canReboot whether the provider is able to reboot at all
     */
    public PlannedRecovery planRecovery(ProviderType provider, RecoveryPolicy policy, boolean canReboot)
            throws InterruptedException {
        return read(
                "planning the recovery of provider " + provider,
                dsl -> RecoveryQueries.plan(dsl, time, provider, policy, canReboot));
    }

    /**
     * Says how long it is until the next machine comes up for a process, which is not before then if nothing but the time
     * changes.
     *
     * @param provider whose machines; null for what is scheduled, see {@link Eligibility#scheduled}
     * @return empty if no machine will come up by itself
     */
    public Optional<Duration> untilNextDue(WorkProcess process, @Nullable ProviderType provider)
            throws InterruptedException {
        return transactions.ask(
                "asking what is due next", dsl -> new DueQueue(dsl, time).untilNext(part(process, provider)));
    }

    /**
     * Calls when a machine has come up for a process: a transaction was committed that makes one due now. It is a hint,
     * and may come for nothing, or not at all: whoever waits for work should ask for it from time to time as well, and at
     * {@link #untilNextDue}. Recovery is not told of, since it comes up by silence.
     *
     * <p>The first subscription takes a connection for itself, beside the pool of a URL and out of an embedder's
     * DataSource. Where {@link BmdbConfig.Builder#wakeUps} is off, nothing is ever called.
     *
     * @param provider whose machines; null for what is scheduled, see {@link Eligibility#scheduled}
     * @param wake what to call, on a thread of this object; must return at once
     * @return to be closed when it is not wanted any more
     */
    public Subscription onDue(WorkProcess process, @Nullable ProviderType provider, Runnable wake) {
        Objects.requireNonNull(wake, "wake");
        return config.wakeUps() ? notifications.subscribe(part(process, provider), wake) : () -> {};
    }

    /** Who is called by {@link #onDue}, until it is closed. */
    @FunctionalInterface
    public interface Subscription extends AutoCloseable {

        /** Ends the calls; one that is under way goes on. Closing twice is allowed. */
        @Override
        void close();
    }

    private static DueQueue.Part part(WorkProcess process, @Nullable ProviderType provider) {
        return provider == null ? DueQueue.Part.scheduled(process) : new DueQueue.Part(process, provider.name());
    }

    /** Returns what a person can do to the running fleet. */
    public OperatorActions operator() {
        return operator;
    }

    /** Reads why a machine is set aside; empty if it is not. */
    public Optional<Quarantine> quarantine(UUID machineId) throws InterruptedException {
        return transactions.ask("reading machine " + machineId, dsl -> ExplainQueries.quarantine(dsl, machineId));
    }

    /** Reads which machines are set aside, and why; the longest first. */
    public Map<UUID, Quarantine> quarantined() throws InterruptedException {
        return transactions.ask("reading the machines that are set aside", ExplainQueries::quarantined);
    }

    /** Reads what was tried to bring a machine back; empty if nothing was. */
    public Optional<RecoveryState> recovery(UUID machineId) throws InterruptedException {
        return transactions.ask("reading machine " + machineId, dsl -> RecoveryQueries.state(dsl, machineId));
    }

    /** Finds a machine by its provider's id. */
    public Optional<UUID> findMachine(ProviderType provider, ProviderID id) throws InterruptedException {
        return transactions.ask(
                "looking for machine " + id + " of provider " + provider,
                dsl -> MachineQueries.find(dsl, provider, id));
    }

    /** Reads the open intents of a provider, oldest first. */
    public List<MachineIntent> intents(ProviderType provider) throws InterruptedException {
        return transactions.ask(
                "reading the intents of provider " + provider, dsl -> IntentQueries.list(dsl, provider));
    }

    /**
     * Reads some open intents of a provider, in no particular order. Those that have ended are left out.
     *
     * @param intentIds a thousand at a time are read well
     */
    public List<MachineIntent> intents(ProviderType provider, Collection<UUID> intentIds) throws InterruptedException {
        if (intentIds.isEmpty()) {
            return List.of();
        }
        return transactions.ask(
                "reading " + intentIds.size() + " intents of provider " + provider,
                dsl -> IntentQueries.list(dsl, provider, intentIds));
    }

    /**
     * Finds which candidates of a provider {@link BmdbSession#reserveIntents} would pass over: those that have an intent
     * already, or are recorded under their id or their reservation's.
     *
     * @param candidates a thousand at a time are read well
     */
    public Set<String> takenCandidates(ProviderType provider, Collection<String> candidates)
            throws InterruptedException {
        if (candidates.isEmpty()) {
            return Set.of();
        }
        return read(
                "looking for " + candidates.size() + " candidates of provider " + provider,
                dsl -> IntentQueries.taken(dsl, provider, candidates));
    }

    /**
     * Reads the history of a machine, newest first. That of a machine which was forgotten is still there.
     *
     * @param limit how many lines at most, at least 1
     */
    public List<WorkHistoryEntry> history(UUID machineId, int limit) throws InterruptedException {
        requireLimit(limit);
        return transactions.ask(
                "reading the history of machine " + machineId, dsl -> MachineQueries.history(dsl, machineId, limit));
    }

    /**
     * Reads the history of a provider's machine, newest first: of the one that is recorded under this id now, and of those
     * that were, and {@linkplain OperatorActions#forget were forgotten}.
     *
     * @param limit how many lines at most, at least 1
     */
    public List<WorkHistoryEntry> history(ProviderType provider, ProviderID id, int limit) throws InterruptedException {
        requireLimit(limit);
        return transactions.read(
                "reading the history of machine " + id + " of provider " + provider,
                dsl -> MachineQueries.history(dsl, provider, id, limit));
    }

    private static void requireLimit(int limit) {
        if (limit < 1) {
            throw new IllegalArgumentException("the limit is at least 1, not " + limit);
        }
    }

    /** Counts machines, work and backoffs. Reads every machine: for a dashboard, not for a loop. */
    public Statistics statistics() throws InterruptedException {
        return read("reading the statistics", dsl -> MachineQueries.statistics(dsl, time));
    }

    /** Returns the time that tags, backoff and eligibility live in. */
    public Instant now() throws InterruptedException {
        return transactions.ask("reading the time", dsl -> MachineQueries.now(dsl, time));
    }

    /**
     * Runs an embedder's own query. It is tried again like every transaction, and must not write: nothing proves
     * a session here. All its statements see the database as it is at one moment.
     *
     * @param query the query, on jOOQ's view of a read-only transaction
     * @param <T> what it returns
     */
    public <T extends @Nullable Object> T query(Query<T> query) throws InterruptedException {
        return read("a query", query::run);
    }

    /**
     * An embedder's own query.
     *
     * @param <T> what it returns
     */
    @FunctionalInterface
    public interface Query<T extends @Nullable Object> {

        /** Reads. */
        T run(DSLContext dsl);
    }

    private <T extends @Nullable Object> T read(String what, Body<T> body) throws InterruptedException {
        return transactions.read(what, body);
    }

    /** Names the database, without secrets. */
    @Override
    public String toString() {
        return Opening.where(config);
    }

    /**
     * Ends the threads and the pooled connections. Sessions that are still open are lost at once, and expire in the
     * database. Closing twice is allowed.
     *
     * <p>While the database hangs, this can take as long as making a connection may:
     * {@link BmdbConfig.Builder#connectTimeout}.
     */
    @Override
    public void close() {
        // Also on an interrupted thread, on which the pools would leave connections behind.
        Uninterruptibly.run(() -> {
            keeper.close();
            notifications.close();
            servers.close();
            pools.forEach(HikariDataSource::close);
            if (!keeper.awaitEnd(LONGEST_STOP)) {
                log.warn(
                        "A thread of the sessions' upkeep has not ended within {} of closing",
                        Spans.text(LONGEST_STOP));
            }
            if (!servers.awaitEnd(LONGEST_WAIT_FOR_ATTEMPTS)) {
                log.debug("An attempt to connect still waits for its host");
            }
            if (!notifications.awaitEnd(LONGEST_STOP)) {
                log.warn("The thread for notifications has not ended within {} of closing", Spans.text(LONGEST_STOP));
            }
        });
    }
}
