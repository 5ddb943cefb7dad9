package dev.shepherd.bmdb.metrics;

import static java.util.Objects.requireNonNull;

import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.HikariPoolMXBean;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.event.ListenerQueue;
import dev.shepherd.bmdb.meters.BoundMeters;
import dev.shepherd.bmdb.meters.DatabaseEvents;
import dev.shepherd.bmdb.meters.DatabaseEvents.Kind;
import dev.shepherd.bmdb.meters.DatabaseEvents.Outcome;
import dev.shepherd.bmdb.meters.DatabaseEvents.Retry;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.ToIntFunction;

/**
 * What a {@link Bmdb} does, as metrics of Micrometer: transactions, connections, sessions. Make them with {@link #of},
 * bind them to a registry, and close them before the database.
 *
 * <p>Their names, tags and units are in {@code docs/metrics.md}. Transactions are timed from the moment when the
 * metrics are bound. No query is made when the registry reads them. Micrometer ({@code io.micrometer:micrometer-core})
 * is an optional dependency, which only this class and its like need.
 *
 * <p>A registry refers to the database weakly. It takes the meters of one database only. Safe for use by several
 * threads.
 */
public final class BmdbMetrics implements MeterBinder, AutoCloseable {

    private static final Duration[] BUCKETS = {
        Duration.ofMillis(5),
        Duration.ofMillis(25),
        Duration.ofMillis(100),
        Duration.ofMillis(500),
        Duration.ofSeconds(2),
        Duration.ofSeconds(10)
    };

    private final Database database;
    private final Object lock = new Object();
    private final List<BoundMeters> bound = new ArrayList<>();

    private BmdbMetrics(Database database) {
        this.database = database;
    }

    /** Makes the metrics of a database; none exist until they are bound to a registry. */
    public static BmdbMetrics of(Bmdb bmdb) {
        return new BmdbMetrics(bmdb.unwrap(Database.class));
    }

    /** Registers the meters. They stay until {@link #close()}. */
    @Override
    public void bindTo(MeterRegistry registry) {
        BoundMeters meters = new BoundMeters(registry);
        synchronized (lock) {
            bound.add(meters);
        }
        TransactionMeters observer = new TransactionMeters(meters);
        database.events().observe(observer);
        meters.onClose(() -> database.events().forget(observer));
        database.pools().forEach(pool -> bindPool(meters, pool));
        database.sink().queues().forEach(queue -> bindListener(meters, queue));
        meters.gauge(
                "shepherd.database.wake.ups.connected",
                "Whether the connection that says what becomes due is there: 1 or 0",
                Tags.empty(),
                database,
                of -> of.isListening().map(is -> is ? 1.0 : 0.0).orElse(Double.NaN));
        meters.gauge(
                "shepherd.sessions.held", "Sessions of this process", Tags.empty(), database, Database::sessionsHeld);
        DatabaseEvents events = database.events();
        meters.counter(
                "shepherd.sessions.lost",
                "Sessions of this process that were lost, with the work under them",
                Tags.empty(),
                events,
                DatabaseEvents::sessionsLost);
        meters.counter(
                "shepherd.sessions.reaped",
                "Sessions of processes that died, as this process found them",
                Tags.empty(),
                events,
                DatabaseEvents::sessionsReaped);
        meters.counter(
                "shepherd.sessions.heartbeat.failures",
                "Heartbeats of the sessions of this process that failed, and were sent again",
                Tags.empty(),
                events,
                DatabaseEvents::failedHeartbeats);
    }

    private static void bindListener(BoundMeters meters, ListenerQueue queue) {
        Tags listener = Tags.of("listener", queue.name());
        meters.counter(
                "shepherd.events.listener.delivered",
                "Events that a listener has taken",
                listener,
                queue,
                ListenerQueue::delivered);
        meters.counter(
                "shepherd.events.listener.failed",
                "Events that a listener threw something at",
                listener,
                queue,
                ListenerQueue::failed);
        meters.counter(
                "shepherd.events.listener.dropped",
                "Events that a listener was not told of, since too many waited or their commit broke",
                listener,
                queue,
                ListenerQueue::dropped);
        meters.gauge(
                "shepherd.events.listener.waiting",
                "Events that wait for a listener",
                listener,
                queue,
                ListenerQueue::waiting);
    }

    private static void bindPool(BoundMeters meters, HikariDataSource pool) {
        bindPool(meters, pool, "active", "Connections in use", HikariPoolMXBean::getActiveConnections);
        bindPool(meters, pool, "idle", "Connections that wait for use", HikariPoolMXBean::getIdleConnections);
        bindPool(meters, pool, "pending", "Threads that wait for one", HikariPoolMXBean::getThreadsAwaitingConnection);
        meters.gauge(
                "shepherd.database.pool.limit",
                "How many connections a pool may have",
                Tags.of("pool", pool.getPoolName()),
                pool,
                HikariDataSource::getMaximumPoolSize);
    }

    private static void bindPool(
            BoundMeters meters,
            HikariDataSource pool,
            String name,
            String description,
            ToIntFunction<HikariPoolMXBean> value) {
        meters.gauge(
                "shepherd.database.pool." + name,
                description,
                Tags.of("pool", pool.getPoolName()),
                pool,
                of -> of.isClosed() ? Double.NaN : value.applyAsInt(of.getHikariPoolMXBean()));
    }

    /** The meters of transactions. All exist from the beginning, so that the first failure is a rise from zero. */
    private static final class TransactionMeters implements DatabaseEvents.Observer {
        private final Map<Kind, Timer> times = new EnumMap<>(Kind.class);
        private final Map<Outcome, Counter> outcomes = new EnumMap<>(Outcome.class);
        private final Map<Retry, Counter> retries = new EnumMap<>(Retry.class);

        TransactionMeters(BoundMeters meters) {
            for (Kind kind : Kind.values()) {
                times.put(
                        kind,
                        meters.timer(
                                "shepherd.database.transactions",
                                "Transactions that have ended, and how long they took with retries and waits",
                                Tags.of("kind", BoundMeters.word(kind)),
                                BUCKETS));
            }
            for (Outcome outcome : Outcome.values()) {
                outcomes.put(
                        outcome,
                        meters.counter(
                                "shepherd.database.transaction.outcomes",
                                "How transactions ended",
                                Tags.of("outcome", BoundMeters.word(outcome))));
            }
            for (Retry cause : Retry.values()) {
                retries.put(
                        cause,
                        meters.counter(
                                "shepherd.database.retries",
                                "Times that a transaction was tried again",
                                Tags.of("cause", BoundMeters.word(cause))));
            }
        }

        @Override
        public void ended(Kind kind, Outcome outcome, long nanos) {
            requireNonNull(times.get(kind)).record(nanos, TimeUnit.NANOSECONDS);
            requireNonNull(outcomes.get(outcome)).increment();
        }

        @Override
        public void retried(Retry cause) {
            requireNonNull(retries.get(cause)).increment();
        }
    }

    /** Takes the meters out of the registries that they were bound to. The database stays open. */
    @Override
    public void close() {
        synchronized (lock) {
            bound.forEach(BoundMeters::close);
            bound.clear();
        }
    }
}
