package dev.shepherd.spring.boot;

import static dev.shepherd.spring.boot.Setting.set;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.spring.boot.ShepherdProperties.BackoffProperties;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.NestedConfigurationProperty;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * The database: a URL, or the application's DataSource where none is given.
 *
 * @param jdbcUrl JDBC URL of a PostgreSQL, with connections that are pooled for the fleet alone; the application's
 *     DataSource by default.
 * @param username User at the URL.
 * @param password Password at the URL; never shown.
 * @param migration What to do about the schema.
 * @param poolSize Pooled connections; only with a URL.
 * @param maxLosses Losses of work in a row before a machine is quarantined.
 * @param historyRetention How long the history of machines and of what operators did is kept; forever by default.
 * @param events Whether this process writes what it does to the feed of events.
 * @param eventRetention How long events are kept in the feed.
 * @param connectTimeout Wait for a connection, and how long a transaction is tried again after its connection broke.
 * @param socketTimeout Wait for the answer to a statement; only with a URL.
 * @param sessionInterval Life of a session after its last heartbeat.
 * @param maxAttempts Attempts at a transaction.
 * @param idleInTransactionTimeout How long the database lets a transaction sit idle.
 * @param lossBackoff How long a machine is left alone after its work was lost.
 * @param wakeUps Whether loops are woken by notifications of the database.
 */
record DatabaseProperties(
        @Nullable String jdbcUrl,
        @Nullable String username,
        @Nullable String password,
        BmdbConfig.@Nullable Migration migration,
        @Nullable Integer poolSize,
        @Nullable Integer maxLosses,
        @Nullable Duration historyRetention,
        @Nullable Boolean events,
        @Nullable Duration eventRetention,
        @Nullable Duration connectTimeout,
        @Nullable Duration socketTimeout,
        @Nullable Duration sessionInterval,
        @Nullable Integer maxAttempts,
        @Nullable Duration idleInTransactionTimeout,
        @NestedConfigurationProperty @DefaultValue BackoffProperties lossBackoff,
        @Nullable Boolean wakeUps) {

    static final String PREFIX = ShepherdProperties.PREFIX + ".database";

    /** Sets all of it. Where the database is a DataSource, that is set by the caller. */
    void applyTo(BmdbConfig.Builder config) {
        set(jdbcUrl, config::jdbcUrl);
        set(username, config::username);
        set(password, config::password);
        set(migration, config::migration);
        set(poolSize, config::poolSize);
        set(maxLosses, config::maxLosses);
        set(historyRetention, config::historyRetention);
        set(events, config::events);
        set(eventRetention, config::eventRetention);
        set(connectTimeout, config::connectTimeout);
        set(socketTimeout, config::socketTimeout);
        set(sessionInterval, config::sessionInterval);
        set(maxAttempts, config::maxAttempts);
        set(idleInTransactionTimeout, config::idleInTransactionTimeout);
        config.lossBackoff(BackoffProperties.over(BmdbConfig.LOSS_BACKOFF, PREFIX + ".loss-backoff", lossBackoff));
        set(wakeUps, config::wakeUps);
    }

    /**
     * Refuses what goes with a URL, where there is none.
     *
     * @throws ConfigurationException that names the first of them
     */
    void requireNothingOfAUrl() {
        Map<String, @Nullable Object> ofAUrl = new LinkedHashMap<>();
        ofAUrl.put("username", username);
        ofAUrl.put("password", password);
        ofAUrl.put("pool-size", poolSize);
        ofAUrl.put("socket-timeout", socketTimeout);
        ofAUrl.entrySet().stream()
                .filter(one -> Objects.nonNull(one.getValue()))
                .findFirst()
                .ifPresent(one -> {
                    String property = PREFIX + "." + one.getKey();
                    throw new ConfigurationException(
                            property,
                            property + " goes with " + PREFIX + ".jdbc-url, which is not given: the database is that of"
                                    + " the application's DataSource, whose own properties say this");
                });
    }

    /** Describes them without the password. */
    @Override
    public String toString() {
        return "DatabaseProperties[" + (jdbcUrl == null ? "the application's DataSource" : "a URL") + "]";
    }
}
