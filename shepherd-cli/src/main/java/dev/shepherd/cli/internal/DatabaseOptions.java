package dev.shepherd.cli.internal;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbConfig.Migration;
import dev.shepherd.bmdb.SchemaException;
import dev.shepherd.cli.settings.DatabaseSettings;
import dev.shepherd.cli.settings.Given;
import dev.shepherd.cli.settings.OptionFile;
import dev.shepherd.cli.settings.Settings;
import dev.shepherd.postgres.PostgresException;
import dev.shepherd.postgres.PostgresServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Option;

/** The options that say which database to use. */
public final class DatabaseOptions {

    /** The name of the database within an embedded server. */
    private static final String DATABASE = "shepherd";

    @ArgGroup(exclusive = true)
    private Where where = new Where();

    private static final class Where {
        @Option(
                names = "--database",
                paramLabel = "URL",
                description = "JDBC URL of a PostgreSQL database: jdbc:postgresql://HOST/DATABASE")
        private @Nullable String url;

        @Option(
                names = "--data",
                paramLabel = "DIR",
                description =
                        "folder of an embedded PostgreSQL, created if it does not exist (default: .shepherd/database)")
        private @Nullable Path folder;
    }

    @Option(names = "--database-user", paramLabel = "USER", description = "database user, if the URL names none")
    private @Nullable String user;

    @Option(
            names = "--database-password-file",
            paramLabel = "FILE",
            description = "file whose first line is the database password (default: the URL's, else the"
                    + " environment variable SHEPHERD_DATABASE_PASSWORD)")
    private @Nullable Path passwordFile;

    @Option(
            names = Settings.CONFIG,
            paramLabel = "FILE",
            description = "file with the settings of the process, as YAML; docs/running.md describes it. Options come"
                    + " before what it has")
    private @Nullable Path config;

    /**
     * Returns the settings of the file, if there is one, and the options.
     *
     * @param given what other options give
     */
    public Settings settings(Given given) {
        if (where.url != null || where.folder != null) {
            // Nothing that goes with another database, its password least of all.
            List.of("jdbc-url", "data", "username", "password").forEach(key -> given.replace("database." + key));
        }
        given.put("database.jdbc-url", "--database", where.url);
        given.put("database.data", "--data", where.folder);
        given.put("database.username", "--database-user", user);
        given.put(
                "database.password",
                "--database-password-file",
                passwordFile == null ? null : OptionFile.firstLine("--database-password-file", passwordFile));
        return Settings.of(config, given);
    }

    /** Tells whether the settings come from a file. */
    public boolean hasFile() {
        return config != null;
    }

    /** A database that is open, with the server behind it if it is an embedded one. */
    public static final class Opened implements AutoCloseable {
        private final @Nullable PostgresServer server;
        private final Bmdb bmdb;

        private Opened(@Nullable PostgresServer server, Bmdb bmdb) {
            this.server = server;
            this.bmdb = bmdb;
        }

        public Bmdb bmdb() {
            return bmdb;
        }

        /** Ends a command whose database is gone for good; nothing where another process runs it. */
        public void endIfGone(Shutdown shutdown) {
            if (server != null) {
                DatabaseOptions.endIfGone(server, shutdown);
            }
        }

        /**
         * Throws what ended the command, if that was it.
         *
         * @throws PostgresException if the database is gone for good
         */
        public void requireThere() {
            if (server != null) {
                DatabaseOptions.requireThere(server);
            }
        }

        @Override
        public void close() {
            bmdb.close();
            if (server != null) {
                server.close();
            }
        }
    }

    public static void endIfGone(PostgresServer server, Shutdown shutdown) {
        server.gone().thenAccept(why -> shutdown.request());
    }

    public static void requireThere(PostgresServer server) {
        PostgresException why = server.gone().toCompletableFuture().getNow(null);
        if (why != null) {
            throw why;
        }
    }

    /**
     * Opens the database to run a fleet: makes what is not there, and brings the schema to this version.
     *
     * @param poolSize how many connections its pool has, unless the settings say it
     */
    public static Opened openToRun(DatabaseSettings settings, int poolSize) {
        try {
            return open(settings, true, config -> settings.poolSize().isPresent() ? config : config.poolSize(poolSize));
        } catch (SchemaException e) {
            if (e.reason() != SchemaException.Reason.SHARED) {
                throw e;
            }
            throw new ConfigurationException(
                    "--database",
                    e.getMessage() + "; to begin one there all the same: --share-database, or in a file"
                            + " database.migration: migrate",
                    e);
        }
    }

    /**
     * Opens a database to look into it or to operate a fleet, also an embedded one that another process runs. Makes
     * nothing where there is no fleet, and does not migrate.
     */
    public static Opened openExisting(DatabaseSettings settings, CommandLine commandLine) {
        return openExisting(settings, commandLine, 2);
    }

    /** Does the same for many at the same time. */
    public static Opened openExisting(DatabaseSettings settings, CommandLine commandLine, int poolSize) {
        Path folder = settings.folder();
        if (settings.jdbcUrl().isEmpty() && !Files.isDirectory(folder.resolve("data"))) {
            throw new CommandLine.ParameterException(commandLine, "there is no database in " + folder);
        }
        try {
            return open(settings, false, config -> toLook(config, poolSize));
        } catch (PostgresException e) {
            if (e.reason() != PostgresException.Reason.FOLDER_IN_USE) {
                throw e;
            }
            return new Opened(
                    null,
                    Bmdb.open(toLook(settings.config(urlOfRunning(folder)), poolSize)
                            .build()));
        } catch (SchemaException e) {
            if (e.reason() != SchemaException.Reason.ABSENT) {
                throw e;
            }
            throw new ConfigurationException("--database", String.valueOf(e.getMessage()), e);
        }
    }

    private static BmdbConfig.Builder toLook(BmdbConfig.Builder config, int poolSize) {
        return config.poolSize(poolSize).migration(Migration.CHECK);
    }

    /**
     * Opens the database.
     *
     * @param makes whether to make the database within an embedded server if it is not there
     */
    private static Opened open(DatabaseSettings settings, boolean makes, UnaryOperator<BmdbConfig.Builder> more) {
        if (settings.jdbcUrl().isPresent()) {
            return new Opened(
                    null,
                    Bmdb.open(more.apply(settings.config(settings.jdbcUrl().get()))
                            .build()));
        }
        PostgresServer server = PostgresServer.startIn(settings.folder());
        try {
            if (!makes && !server.databaseExists(DATABASE)) {
                throw new ConfigurationException("--data", "there is no fleet in " + settings.folder());
            }
            return new Opened(
                    server,
                    Bmdb.open(more.apply(settings.config(databaseUrl(server))).build()));
        } catch (RuntimeException e) {
            server.close();
            throw e;
        }
    }

    /** Returns the URL of the database within an embedded server, and makes it if it is not there. */
    public static String databaseUrl(PostgresServer server) {
        return server.databaseExists(DATABASE) ? server.jdbcUrl(DATABASE) : server.createDatabase(DATABASE);
    }

    /** The same of a server that another process runs on a folder. */
    public static String urlOfRunning(Path folder) {
        return "jdbc:"
                + OptionFile.firstLine("--data", folder.resolve("connection"))
                        .replaceFirst("/postgres(?=[?]|$)", "/" + DATABASE);
    }
}
