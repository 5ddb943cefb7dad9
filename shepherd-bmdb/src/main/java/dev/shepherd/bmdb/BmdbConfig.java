package dev.shepherd.bmdb;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.bmdb.event.ShepherdListener;
import dev.shepherd.bmdb.internal.JdbcUrls;
import dev.shepherd.bmdb.trace.Tracer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * How to reach the bare metal database, and within which limits to use it. Immutable; made by {@link #builder()}.
 *
 * <p>Essential: either a JDBC URL (with user and password where it lacks them) or a {@link DataSource}. Everything else
 * has a default that is right for most.
 */
public final class BmdbConfig {

    /** What {@link Bmdb#open} does about the schema. */
    public enum Migration {
        /**
         * Brings the schema to this version, and makes the tables if there are none, also beside tables of others;
         * several processes may do so at once. The default.
         */
        MIGRATE,
        /**
         * As {@link #MIGRATE}, but makes no tables beside those of others, nor in a database that has a fleet in
         * another of its schemas: for a program whose database is named by people, who may name the wrong one.
         */
        MIGRATE_ALONE,
        /** Only checks that the schema is there and not older than this version needs. Makes and changes nothing. */
        CHECK
    }

    /** How long a machine is left alone after a loss by default: 1 s × 10, at most 1 h; jitter up to as much again. */
    public static final Backoff LOSS_BACKOFF = Backoff.builder()
            .initial(Duration.ofSeconds(1))
            .exponent(10)
            .maximum(Duration.ofHours(1))
            .jitter(1)
            .build();

    /** After how many losses in a row a machine is quarantined by default. */
    public static final int MAX_LOSSES = 5;

    private final Builder values;

    private BmdbConfig(Builder values) {
        this.values = values;
    }

    /** Starts with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    Optional<String> jdbcUrl() {
        return Optional.ofNullable(values.jdbcUrl);
    }

    @Nullable
    String username() {
        return values.username;
    }

    @Nullable
    String password() {
        return values.password;
    }

    Optional<DataSource> dataSource() {
        return Optional.ofNullable(values.dataSource);
    }

    Migration migration() {
        return values.migration;
    }

    /** Names the database, without secrets. */
    String where() {
        return jdbcUrl()
                .map(url -> "the database at " + JdbcUrls.withoutSecrets(url))
                .orElse("the database of the DataSource");
    }

    int poolSize() {
        return values.poolSize;
    }

    Duration connectTimeout() {
        return values.connectTimeout;
    }

    Duration socketTimeout() {
        return values.socketTimeout;
    }

    Duration sessionInterval() {
        return values.sessionInterval;
    }

    int maxAttempts() {
        return values.maxAttempts;
    }

    Duration idleInTransactionTimeout() {
        return values.idleInTransactionTimeout;
    }

    Backoff lossBackoff() {
        return values.lossBackoff;
    }

    int maxLosses() {
        return values.maxLosses;
    }

    Optional<Duration> historyRetention() {
        return Optional.ofNullable(values.historyRetention);
    }

    boolean events() {
        return values.events;
    }

    Duration eventRetention() {
        return values.eventRetention;
    }

    List<ShepherdListener> listeners() {
        return values.listeners;
    }

    Tracer tracer() {
        return values.tracer;
    }

    boolean wakeUps() {
        return values.wakeUps;
    }

    Supplier<Duration> timeOffset() {
        return values.timeOffset;
    }

    /** Describes the settings without the password. */
    @Override
    public String toString() {
        String where = values.jdbcUrl == null ? "a DataSource" : JdbcUrls.withoutSecrets(values.jdbcUrl);
        return "BmdbConfig{" + where + ", poolSize=" + values.poolSize + ", sessionInterval=" + values.sessionInterval
                + ", migration=" + values.migration + "}";
    }

    /** Collects the settings of a {@link BmdbConfig}. Not safe for several threads. */
    public static final class Builder {
        private @Nullable String jdbcUrl;
        private @Nullable String username;
        private @Nullable String password;
        private @Nullable DataSource dataSource;
        private Migration migration = Migration.MIGRATE;
        private int poolSize = 10;
        private Duration connectTimeout = Duration.ofSeconds(10);
        private Duration socketTimeout = Duration.ofSeconds(30);
        private Duration sessionInterval = Duration.ofSeconds(5);
        private int maxAttempts = 10;
        private Duration idleInTransactionTimeout = Duration.ofSeconds(10);
        private Backoff lossBackoff = LOSS_BACKOFF;
        private int maxLosses = MAX_LOSSES;
        private @Nullable Duration historyRetention;
        private boolean events = true;
        private Duration eventRetention = Duration.ofDays(7);
        private List<ShepherdListener> listeners = List.of();
        private Tracer tracer = Tracer.NONE;
        private boolean wakeUps = true;
        private Supplier<Duration> timeOffset = () -> Duration.ZERO;

        private Builder() {}

        private Builder(Builder other) {
            jdbcUrl = other.jdbcUrl;
            username = other.username;
            password = other.password;
            dataSource = other.dataSource;
            migration = other.migration;
            poolSize = other.poolSize;
            connectTimeout = other.connectTimeout;
            socketTimeout = other.socketTimeout;
            sessionInterval = other.sessionInterval;
            maxAttempts = other.maxAttempts;
            idleInTransactionTimeout = other.idleInTransactionTimeout;
            lossBackoff = other.lossBackoff;
            maxLosses = other.maxLosses;
            historyRetention = other.historyRetention;
            events = other.events;
            eventRetention = other.eventRetention;
            listeners = other.listeners;
            tracer = other.tracer;
            wakeUps = other.wakeUps;
            timeOffset = other.timeOffset;
        }

        /**
         * Essential: sets the URL of a PostgreSQL database, {@code jdbc:postgresql://host[,host]/database}.
         * Connections to it are pooled here.
         */
        public Builder jdbcUrl(String jdbcUrl) {
            this.jdbcUrl = Objects.requireNonNull(jdbcUrl, "jdbcUrl");
            return this;
        }

        /** Essential: sets the user, where the URL does not name one. It comes before one in the URL. */
        public Builder username(String username) {
            this.username = Objects.requireNonNull(username, "username");
            return this;
        }

        /**
         * Essential: sets the password, where the URL does not hold one. It comes before one in the URL. Never shown.
         */
        public Builder password(String password) {
            this.password = Objects.requireNonNull(password, "password");
            return this;
        }

        /**
         * Essential, instead of a URL: sets an embedder's own source of connections. It stays the embedder's to close.
         * It must hand out a connection within the session interval, or sessions are lost: give it what {@link
         * #poolSize} names and three more, for the heartbeats of sessions, for wake-ups, and since migrating takes
         * three for a moment. Its connections must not be enlisted in transactions of the embedder's own.
         */
        public Builder dataSource(DataSource dataSource) {
            this.dataSource = Objects.requireNonNull(dataSource, "dataSource");
            return this;
        }

        /** Common: sets what to do about the schema; {@link Migration#MIGRATE} by default. */
        public Builder migration(Migration migration) {
            this.migration = Objects.requireNonNull(migration, "migration");
            return this;
        }

        /**
         * Common: sets how many connections are pooled, 1 to 1000; 10 by default. Only with a URL. A loop holds one
         * while it asks for work, and a piece of work while it writes, which takes milliseconds: what all loops do at
         * the same time, and one for each loop, is the most that is ever of use.
         */
        public Builder poolSize(int poolSize) {
            this.poolSize = poolSize;
            return this;
        }

        /**
         * Rare: sets how long to wait for a connection, and for how long a transaction is tried again after its
         * connection broke, 250 ms to 10 min; 10 s by default. With a DataSource only the second.
         */
        public Builder connectTimeout(Duration connectTimeout) {
            this.connectTimeout = Objects.requireNonNull(connectTimeout, "connectTimeout");
            return this;
        }

        /**
         * Rare: sets how long to wait for the answer to one statement, 1 s to 1 h; 30 s by default. Only with a
         * URL. Migrations are not bound by it.
         */
        public Builder socketTimeout(Duration socketTimeout) {
            this.socketTimeout = Objects.requireNonNull(socketTimeout, "socketTimeout");
            return this;
        }

        /**
         * Rare: sets how long a session outlives its last heartbeat, 1 s to 1 h in whole seconds; 5 s by default.
         * It is poked twice an interval.
         */
        public Builder sessionInterval(Duration sessionInterval) {
            this.sessionInterval = Objects.requireNonNull(sessionInterval, "sessionInterval");
            return this;
        }

        /** Rare: sets how often a transaction is tried before its failure is passed on, 1 to 100; 10 by default. */
        public Builder maxAttempts(int maxAttempts) {
            this.maxAttempts = maxAttempts;
            return this;
        }

        /**
         * Rare: sets how long the database lets a session's transaction sit idle before it ends it, 1 s to 1 h;
         * 10 s by default. It frees the locks of a process that froze in the middle of one.
         */
        public Builder idleInTransactionTimeout(Duration timeout) {
            this.idleInTransactionTimeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /**
         * Rare: sets for how long a machine is left alone by a process after its work was lost: after its session
         * expired with the work in hand, since the process that held it died, froze or lost the database. It grows with
         * each loss in a row; work that finishes or fails ends the row. {@link #LOSS_BACKOFF} by default. What counts
         * is the setting of the process that reaps the session.
         */
        public Builder lossBackoff(Backoff lossBackoff) {
            this.lossBackoff = Objects.requireNonNull(lossBackoff, "lossBackoff");
            return this;
        }

        /**
         * Common: sets after how many losses in a row a machine is quarantined, 2 to 1000; {@value #MAX_LOSSES} by
         * default. One that was lost together with another that was lost half as often waits for more evidence, up to
         * twice as many. Only losses of agent starts and recoveries lead to a quarantine. As for {@link #lossBackoff}.
         */
        public Builder maxLosses(int maxLosses) {
            this.maxLosses = maxLosses;
            return this;
        }

        /**
         * Common: sets how long the history of machines, and what operators did, is kept, 1 day to 100 years; forever by
         * default. A process that has sessions deletes older rows every 10 min, in small batches, and only one process
         * at a time does. Make it longer than {@link RecoveryPolicy#stuckAfter()}, which reads of it.
         */
        public Builder historyRetention(Duration historyRetention) {
            this.historyRetention = Objects.requireNonNull(historyRetention, "historyRetention");
            return this;
        }

        /**
         * Common: adds a listener, which is told what this process does to the fleet. None by default. May be called
         * several times; each listener has a thread, which starts with the first event.
         */
        public Builder listener(ShepherdListener listener) {
            List<ShepherdListener> more = new ArrayList<>(listeners);
            more.add(Objects.requireNonNull(listener, "listener"));
            listeners = List.copyOf(more);
            return this;
        }

        /**
         * Common: sets what is told of claims, of ends of work, and of all that a manager on this database does, while it is
         * done; by default nothing. {@link dev.shepherd.bmdb.trace.ObservationTracer} makes traces of it.
         */
        public Builder tracer(Tracer tracer) {
            this.tracer = Objects.requireNonNull(tracer, "tracer");
            return this;
        }

        /**
         * Rare: sets whether this process writes what it does to the feed of events, which
         * {@link dev.shepherd.bmdb.feed.EventFeed} reads; on by default. Where one process of a fleet does not, the feed
         * lacks what that one does. Listeners need no feed.
         */
        public Builder events(boolean events) {
            this.events = events;
            return this;
        }

        /**
         * Common: sets how long events are kept in the feed, from an hour to 36,500 days. 7 days by default. A process
         * that has sessions deletes older ones every 10 min, regardless of which process wrote them; where processes
         * have different settings, the shortest counts.
         */
        public Builder eventRetention(Duration eventRetention) {
            this.eventRetention = Objects.requireNonNull(eventRetention, "eventRetention");
            return this;
        }

        /**
         * Rare: sets whether loops are woken by notifications of the database when work becomes due; on by default.
         * They take a connection that is kept open while a loop runs. Switch them off where they do not pass, as
         * through PgBouncer in transaction mode: loops then only look from time to time.
         */
        public Builder wakeUps(boolean wakeUps) {
            this.wakeUps = wakeUps;
            return this;
        }

        /**
         * For tests: moves the time of tags, backoff and eligibility by an offset that may change at any moment.
         * Zero by default. Sessions keep to the database's own time.
         */
        public Builder timeOffset(Supplier<Duration> timeOffset) {
            this.timeOffset = Objects.requireNonNull(timeOffset, "timeOffset");
            return this;
        }

        /**
         * Makes the settings.
         *
         * @throws ConfigurationException if neither or both of URL and DataSource are given, or a value is out
         *     of its range
         */
        public BmdbConfig build() {
            if ((jdbcUrl == null) == (dataSource == null)) {
                throw new ConfigurationException(
                        "jdbcUrl", "the database is named by either a JDBC URL or a DataSource, one of the two");
            }
            if (jdbcUrl != null && !jdbcUrl.startsWith("jdbc:postgresql:")) {
                throw new ConfigurationException(
                        "jdbcUrl",
                        "the JDBC URL must start with jdbc:postgresql:, not with " + JdbcUrls.scheme(jdbcUrl));
            }
            if (jdbcUrl != null && !JdbcUrls.isWellFormed(jdbcUrl)) {
                throw new ConfigurationException(
                        "jdbcUrl",
                        "the JDBC URL " + JdbcUrls.withoutSecrets(jdbcUrl) + " (its parameters are not shown) is not"
                                + " of the form jdbc:postgresql://host[:port][,host[:port]]/database[?name=value&…],"
                                + " with special characters in a value written as %XX");
            }
            Checks.count("poolSize", poolSize, 1, 1000);
            Checks.count("maxAttempts", maxAttempts, 1, 100);
            Checks.count("maxLosses", maxLosses, 2, 1000);
            Checks.span("connectTimeout", connectTimeout, Duration.ofMillis(250), Duration.ofMinutes(10));
            Checks.span("socketTimeout", socketTimeout, Duration.ofSeconds(1), Duration.ofHours(1));
            Checks.span("sessionInterval", sessionInterval, Duration.ofSeconds(1), Duration.ofHours(1));
            Checks.that("sessionInterval", sessionInterval.getNano() == 0, "in whole seconds", sessionInterval);
            Checks.span(
                    "idleInTransactionTimeout", idleInTransactionTimeout, Duration.ofSeconds(1), Duration.ofHours(1));
            Checks.span("eventRetention", eventRetention, Duration.ofHours(1), Duration.ofDays(36_500));
            if (historyRetention != null) {
                Checks.span("historyRetention", historyRetention, Duration.ofDays(1), Duration.ofDays(36_500));
            }
            return new BmdbConfig(new Builder(this));
        }
    }
}
