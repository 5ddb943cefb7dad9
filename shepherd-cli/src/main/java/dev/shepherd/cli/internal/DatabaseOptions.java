package dev.shepherd.cli.internal;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbConfig.Migration;
import dev.shepherd.bmdb.SchemaException;
import dev.shepherd.postgres.PostgresException;
import dev.shepherd.postgres.PostgresServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
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

    private Path folder() {
        return where.folder == null ? Path.of(".shepherd", "database") : where.folder;
    }

    /**
     * Opens the database to run a fleet: makes what is not there, and brings the schema to this version.
     *
     * @param poolSize how many connections its pool has
     * @param shared whether to begin a fleet beside other tables, too
     * @param maxLosses how many losses in a row have a machine quarantined
     * @param historyRetention how long history is kept; null for ever
     */
    public Opened openToRun(int poolSize, boolean shared, int maxLosses, @Nullable Duration historyRetention) {
        Migration migration = shared ? Migration.MIGRATE : Migration.MIGRATE_ALONE;
        try {
            return open(true, config -> {
                config.poolSize(poolSize).migration(migration).maxLosses(maxLosses);
                return historyRetention == null ? config : config.historyRetention(historyRetention);
            });
        } catch (SchemaException e) {
            if (e.reason() != SchemaException.Reason.SHARED) {
                throw e;
            }
            throw new ConfigurationException(
                    "--database", e.getMessage() + "; to begin one there all the same: --share-database", e);
        }
    }

    /**
     * Opens a database to look into it or to operate a fleet, also an embedded one that another process runs. Makes
     * nothing where there is no fleet, and does not migrate.
     */
    public Opened openExisting(CommandLine commandLine) {
        return openExisting(commandLine, 2);
    }

    /** Does the same for many at the same time. */
    public Opened openExisting(CommandLine commandLine, int poolSize) {
        if (where.url == null && !Files.isDirectory(folder().resolve("data"))) {
            throw new CommandLine.ParameterException(commandLine, "there is no database in " + folder());
        }
        try {
            return open(false, config -> toLook(config, poolSize));
        } catch (PostgresException e) {
            if (e.reason() != PostgresException.Reason.FOLDER_IN_USE) {
                throw e;
            }
            return new Opened(
                    null,
                    Bmdb.open(toLook(BmdbConfig.builder().jdbcUrl(urlOfRunning(folder())), poolSize)
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
    private Opened open(boolean makes, UnaryOperator<BmdbConfig.Builder> settings) {
        if (where.url != null) {
            return new Opened(
                    null,
                    Bmdb.open(
                            settings.apply(withCredentials(BmdbConfig.builder().jdbcUrl(where.url), where.url))
                                    .build()));
        }
        if (user != null || passwordFile != null) {
            String option = user != null ? "--database-user" : "--database-password-file";
            throw new ConfigurationException(option, option + " goes with --database, which is not given");
        }
        PostgresServer server = PostgresServer.startIn(folder());
        try {
            if (!makes && !server.databaseExists(DATABASE)) {
                throw new ConfigurationException("--data", "there is no fleet in " + folder());
            }
            return new Opened(
                    server,
                    Bmdb.open(settings.apply(BmdbConfig.builder().jdbcUrl(databaseUrl(server)))
                            .build()));
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

    /** Not for an embedded server, whose URL holds its own. */
    private BmdbConfig.Builder withCredentials(BmdbConfig.Builder config, String url) {
        if (user != null) {
            if (hasParameter(url, "user")) {
                throw new ConfigurationException(
                        "--database-user", "--database-user, and a user in the URL of --database: give one of the two");
            }
            config.username(user);
        }
        String password = password(passwordFile, url, System.getenv("SHEPHERD_DATABASE_PASSWORD"));
        if (password != null) {
            config.password(password);
        }
        return config;
    }

    /**
     * Returns the password in a file, else none where the URL has its own, else that in an environment variable, unless
     * it is empty: compose files pass variables that are not set on as empty ones.
     */
    static @Nullable String password(@Nullable Path file, String url, @Nullable String variable) {
        boolean inUrl = hasParameter(url, "password");
        if (file != null) {
            if (inUrl) {
                throw new ConfigurationException(
                        "--database-password-file",
                        "--database-password-file, and a password in the URL of --database: give one of the two");
            }
            return OptionFile.firstLine("--database-password-file", file);
        }
        return inUrl || variable == null || variable.isEmpty() ? null : variable;
    }

    private static boolean hasParameter(String url, String name) {
        return Pattern.compile("[?&]" + name + "=[^&]").matcher(url).find();
    }
}
