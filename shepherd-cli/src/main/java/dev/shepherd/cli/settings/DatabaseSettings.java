package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbConfig.Migration;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Which database there is, and how it is used. */
public final class DatabaseSettings {

    /** The folder of an embedded PostgreSQL where no database is named. */
    public static final Path DEFAULT_FOLDER = Path.of(".shepherd", "database");

    private final Builder values;

    private DatabaseSettings(Builder values) {
        this.values = values;
    }

    /** Returns the URL of the database, if it is not an embedded one. */
    public Optional<String> jdbcUrl() {
        return Optional.ofNullable(values.jdbcUrl);
    }

    /** Returns the folder of the embedded PostgreSQL, which is the database if there is no URL. */
    public Path folder() {
        return values.data == null ? DEFAULT_FOLDER : values.data;
    }

    /** Returns how many connections the pool is to have, if that is said. */
    public OptionalInt poolSize() {
        return values.poolSize == null ? OptionalInt.empty() : OptionalInt.of(values.poolSize);
    }

    /**
     * Returns the settings of the database with a URL, to which credentials are added unless it is that of an embedded
     * server.
     */
    public BmdbConfig.Builder config(String url) {
        return values.config.jdbcUrl(url);
    }

    /** Collects the settings. */
    static final class Builder {
        private final BmdbConfig.Builder config = BmdbConfig.builder().migration(Migration.MIGRATE_ALONE);
        private @Nullable String jdbcUrl;
        private @Nullable Path data;
        private @Nullable String username;
        private @Nullable String password;
        private @Nullable Integer poolSize;

        BmdbConfig.Builder config() {
            return config;
        }

        void jdbcUrl(String url) {
            this.jdbcUrl = url;
        }

        void data(Path folder) {
            this.data = folder;
        }

        void username(String name) {
            this.username = name;
        }

        void password(String secret) {
            this.password = secret;
        }

        void poolSize(int connections) {
            this.poolSize = connections;
            config.poolSize(connections);
        }

        DatabaseSettings build(boolean required) {
            if (jdbcUrl == null) {
                if (required && data == null) {
                    throw new ConfigurationException(
                            "jdbcUrl",
                            "jdbcUrl is missing: name a database by database.jdbc-url, or the folder of an embedded"
                                    + " PostgreSQL by database.data");
                }
                requireUrl("username", username);
                requireUrl("password", password);
                config.jdbcUrl("jdbc:postgresql://localhost/shepherd").build(); // For its checks of all others.
            } else {
                if (data != null) {
                    throw new ConfigurationException(
                            "data", "a database is named by its URL or by the folder of an embedded one, not both");
                }
                addCredentials(jdbcUrl, System.getenv("SHEPHERD_DATABASE_PASSWORD"));
                config.jdbcUrl(jdbcUrl).build();
            }
            return new DatabaseSettings(this);
        }

        private static void requireUrl(String setting, @Nullable String value) {
            if (value != null) {
                throw new ConfigurationException(
                        setting, setting + " goes with --database (database.jdbc-url), which is not given");
            }
        }

        private void addCredentials(String url, @Nullable String variable) {
            if (username != null) {
                if (hasParameter(url, "user")) {
                    throw new ConfigurationException(
                            "username", "the database's URL has a user, too: give one of the two");
                }
                config.username(username);
            }
            String secret = DatabaseSettings.password(password, url, variable);
            if (secret != null) {
                config.password(secret);
            }
        }
    }

    /**
     * Returns the password that is given, else none where the URL has its own, else that in an environment variable,
     * unless it is empty: compose files pass variables that are not set on as empty ones.
     */
    static @Nullable String password(@Nullable String given, String url, @Nullable String variable) {
        boolean inUrl = hasParameter(url, "password");
        if (given != null) {
            if (inUrl) {
                throw new ConfigurationException(
                        "password", "the database's URL has a password, too: give one of the two");
            }
            return given;
        }
        return inUrl || variable == null || variable.isEmpty() ? null : variable;
    }

    private static boolean hasParameter(String url, String name) {
        return Pattern.compile("[?&]" + name + "=[^&]").matcher(url).find();
    }
}
