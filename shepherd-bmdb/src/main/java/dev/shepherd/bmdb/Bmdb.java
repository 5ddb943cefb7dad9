package dev.shepherd.bmdb;

import com.zaxxer.hikari.HikariDataSource;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.DatabaseTime;
import dev.shepherd.bmdb.internal.DueNotifications;
import dev.shepherd.bmdb.internal.DueQueue;
import dev.shepherd.bmdb.internal.Losses;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.Servers;
import dev.shepherd.bmdb.internal.SessionKeeper;
import dev.shepherd.bmdb.internal.Transactions;
import dev.shepherd.bmdb.internal.Transactions.Body;
import dev.shepherd.bmdb.internal.Transactions.Limits;
import dev.shepherd.bmdb.internal.Uninterruptibly;
import dev.shepherd.bmdb.internal.event.EventSink;
import dev.shepherd.bmdb.internal.history.HistoryPruning;
import dev.shepherd.bmdb.meters.DatabaseEvents;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.trace.Tracer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import javax.sql.DataSource;
import org.jooq.DSLContext;
import org.jspecify.annotations.Nullable;
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

    private final BmdbConfig config;
    private final Pools pools;
    private final Transactions transactions;
    private final SessionKeeper keeper;
    private final DatabaseTime time;
    private final DatabaseEvents events = new DatabaseEvents();
    private final EventSink sink;
    private final DueNotifications notifications;
    private final HistoryPruning pruning;
    private final Database inside = new Inside();

    private Bmdb(BmdbConfig config, Pools pools) {
        this.config = config;
        this.pools = pools;
        this.notifications = new DueNotifications(pools.listening());
        this.time = new DatabaseTime(config.timeOffset());
        this.sink = new EventSink(config.events(), config.listeners());
        this.transactions = transactions(
                pools.main(),
                new Limits(config.maxAttempts(), config.connectTimeout(), config.idleInTransactionTimeout(), null));
        // The keeper itself resends a heartbeat, with the deadline in view. One that is not answered within half an
        // interval is better sent again.
        Limits once = new Limits(
                1,
                Duration.ZERO,
                config.idleInTransactionTimeout(),
                config.sessionInterval().dividedBy(2));
        this.keeper = new SessionKeeper(
                transactions(pools.heartbeats(), once),
                transactions,
                config.sessionInterval(),
                new Losses(config.lossBackoff(), config.maxLosses()),
                events);
        this.pruning = new HistoryPruning(transactions, config.historyRetention(), config.eventRetention());
    }

    private Transactions transactions(DataSource source, Limits limits) {
        return new Transactions(source, pools.servers(), limits, time, events, sink);
    }

    private final class Inside implements Database {

        @Override
        public Transactions transactions() {
            return transactions;
        }

        @Override
        public Transactions transactions(Duration reconnecting, Duration answer) {
            return Bmdb.this.transactions(
                    pools.main(),
                    new Limits(config.maxAttempts(), reconnecting, config.idleInTransactionTimeout(), answer));
        }

        @Override
        public Duration idleInTransactionTimeout() {
            return config.idleInTransactionTimeout();
        }

        @Override
        public EventSink sink() {
            return sink;
        }

        @Override
        public DatabaseEvents events() {
            return events;
        }

        @Override
        public List<HikariDataSource> pools() {
            return pools.pools();
        }

        @Override
        public Optional<Boolean> isListening() {
            return notifications.isListening();
        }

        @Override
        public int sessionsHeld() {
            return keeper.size();
        }

        @Override
        public Database.Claiming claiming(BmdbSession session) {
            return session.claims();
        }
    }

    /**
     * Returns an inner part of the database, for the modules of this library. The types that it knows are not exported.
     *
     * @throws IllegalArgumentException if it has no part of that type
     */
    public <T> T unwrap(Class<T> type) {
        if (!type.isInstance(inside)) {
            throw new IllegalArgumentException("a Bmdb has no part of type " + type.getName());
        }
        return type.cast(inside);
    }

    Servers servers() {
        return pools.servers();
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
     * Opens the database at an embedder's source of connections with the default settings, and migrates its schema. See
     * {@link BmdbConfig.Builder#dataSource} for its requirements.
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
     * @throws BmdbException if the database cannot be reached, takes no writes where its schema may have to be
     *     migrated, or has another encoding than UTF8
     * @throws SchemaException if the schema cannot be migrated, or is not the one that is needed
     */
    public static Bmdb open(BmdbConfig config) {
        return new Bmdb(config, Pools.open(config));
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
        BmdbSession session = BmdbSession.start(component, runtimeInfo, config, transactions, keeper);
        pruning.start();
        return session;
    }

    /**
     * Reaps expired sessions of any process now; this happens once per interval anyway while this process has a
     * session.
     *
     * @return how many there were
     */
    public int reapExpiredSessions() throws InterruptedException {
        return keeper.reap();
    }

    SessionKeeper keeper() {
        return keeper;
    }

    /** Returns what is told of all that is done here while it is done; {@link Tracer#NONE} by default. */
    public Tracer tracer() {
        return config.tracer();
    }

    /** Reads everything about a machine. */
    public Optional<MachineRecord> machine(UUID machineId) throws InterruptedException {
        return read("reading machine " + machineId, db -> MachineQueries.machine(db, machineId));
    }

    /** Reads the MachineProvided tags of all machines, in the order of the providers' names and ids. */
    public List<ProvidedMachine> providedMachines() throws InterruptedException {
        return transactions.ask("reading the machines of all providers", MachineQueries::providedMachines);
    }

    /** Reads the MachineProvided tags of all machines of a provider, in the order of the provider's ids. */
    public List<ProvidedMachine> providedMachines(ProviderType provider) throws InterruptedException {
        return transactions.ask(
                "reading the machines of provider " + provider, db -> MachineQueries.providedMachines(db, provider));
    }

    /**
     * Returns how long it is until the next machine becomes due for a process, if only time passes.
     *
     * @param provider whose machines; null for what is scheduled, see {@link Eligibility#scheduled}
     * @return empty if no machine becomes due by the passing of time
     */
    public Optional<Duration> untilNextDue(WorkProcess process, @Nullable ProviderType provider)
            throws InterruptedException {
        return transactions.ask("asking what is due next", db -> new DueQueue(db).untilNext(part(process, provider)));
    }

    /**
     * Registers a callback for when a machine has become due for a process: a transaction was committed that makes one
     * due now. It is a hint: it may come without reason, or not at all, so a caller that waits for work should also
     * poll from time to time, and at {@link #untilNextDue}. There are no calls for recovery, which becomes due by
     * silence.
     *
     * <p>The first subscription takes a connection for itself, in addition to the pool of a URL, or from an embedder's
     * DataSource. Where {@link BmdbConfig.Builder#wakeUps} is off, nothing is ever called.
     *
     * @param provider whose machines; null for what is scheduled, see {@link Eligibility#scheduled}
     * @param wake what to call, on a thread of this object; must return at once;
     * @return the subscription, to be closed when it is no longer wanted
     */
    public Subscription onDue(WorkProcess process, @Nullable ProviderType provider, Runnable wake) {
        Objects.requireNonNull(wake, "wake");
        return config.wakeUps() ? notifications.subscribe(part(process, provider), wake) : () -> {};
    }

    /** A subscription by {@link #onDue}, until it is closed. */
    @FunctionalInterface
    public interface Subscription extends AutoCloseable {

        /** Ends the calls; one that is under way goes on. Closing twice is allowed. */
        @Override
        void close();
    }

    private static DueQueue.Part part(WorkProcess process, @Nullable ProviderType provider) {
        return provider == null ? DueQueue.Part.scheduled(process) : new DueQueue.Part(process, provider.name());
    }

    /** Finds a machine by its id at its provider. */
    public Optional<UUID> findMachine(ProviderType provider, ProviderID id) throws InterruptedException {
        return transactions.ask(
                "looking for machine " + id + " of provider " + provider, db -> MachineQueries.find(db, provider, id));
    }

    /**
     * Reads the history of a machine, newest first. A forgotten machine keeps its history.
     *
     * @param limit how many lines at most, at least 1
     */
    public List<WorkHistoryEntry> history(UUID machineId, int limit) throws InterruptedException {
        requireLimit(limit);
        return transactions.ask(
                "reading the history of machine " + machineId, db -> MachineQueries.history(db, machineId, limit));
    }

    /**
     * Reads the history of a provider's machine, newest first: of the one that is recorded under this id now, and of
     * those that were, and {@linkplain OperatorActions#forget were forgotten}.
     *
     * @param limit how many lines at most, at least 1
     */
    public List<WorkHistoryEntry> history(ProviderType provider, ProviderID id, int limit) throws InterruptedException {
        requireLimit(limit);
        return transactions.read(
                "reading the history of machine " + id + " of provider " + provider,
                db -> MachineQueries.history(db, provider, id, limit));
    }

    private static void requireLimit(int limit) {
        if (limit < 1) {
            throw new IllegalArgumentException("the limit is at least 1, not " + limit);
        }
    }

    /** Returns the current time by the clock of tags, backoff and eligibility. */
    public Instant now() throws InterruptedException {
        return transactions.ask("reading the time", db -> MachineQueries.now(db));
    }

    /**
     * Runs an embedder's own query. It is tried again like every transaction, and must not write: nothing proves
     * a session here. All its statements see the database as it is at one moment.
     *
     * @param query the query, on jOOQ's view of a read-only transaction
     * @param <T> what it returns
     */
    public <T extends @Nullable Object> T query(Query<T> query) throws InterruptedException {
        return read("a query", db -> query.run(db.dsl()));
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
        return config.where();
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
            notifications.close();
            keeper.close();
            // Before the connections go: a listener may use them.
            sink.close();
            if (!sink.awaitEnd()) {
                log.warn("A listener has not returned, although it was interrupted; its thread is left behind");
            }
            pruning.close();
            pools.close();
            if (!keeper.awaitEnd(LONGEST_STOP)) {
                log.warn(
                        "A thread of the sessions' upkeep has not ended within {} of closing",
                        Spans.text(LONGEST_STOP));
            }
            pools.awaitEnd();
            if (!pruning.awaitEnd()) {
                log.warn("The thread that deletes old history has not ended yet");
            }
            if (!notifications.awaitEnd(LONGEST_STOP)) {
                log.warn("The thread for notifications has not ended within {} of closing", Spans.text(LONGEST_STOP));
            }
        });
    }
}
