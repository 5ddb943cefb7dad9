package dev.shepherd.cli.operate;

import dev.shepherd.cli.internal.DatabaseOptions;
import dev.shepherd.cli.internal.Shutdown;
import dev.shepherd.postgres.PostgresException;
import dev.shepherd.postgres.PostgresServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code shepherd database}. */
@Command(
        name = "database",
        description =
                "Starts the embedded PostgreSQL in a folder, prints its JDBC URL for psql or any other client, and"
                        + " runs until it is interrupted. If the server is already running, prints the URL and ends.",
        mixinStandardHelpOptions = true)
public final class DatabaseCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            defaultValue = ".shepherd/database",
            description = "the folder (default: ${DEFAULT-VALUE})")
    private Path folder = Path.of(".shepherd", "database");

    @Override
    public Integer call() throws InterruptedException {
        if (!Files.isDirectory(folder)) {
            throw new ParameterException(spec.commandLine(), "there is no database in " + folder);
        }
        try (Shutdown shutdown = new Shutdown();
                PostgresServer server = PostgresServer.startIn(folder)) {
            print(DatabaseOptions.databaseUrl(server), "Interrupt (Ctrl-C) to stop it.");
            DatabaseOptions.endIfGone(server, shutdown);
            shutdown.await();
            DatabaseOptions.requireThere(server);
        } catch (PostgresException e) {
            if (e.reason() != PostgresException.Reason.FOLDER_IN_USE) {
                throw e;
            }
            print(DatabaseOptions.urlOfRunning(folder), "It is running, for as long as the process that started it.");
        }
        return 0;
    }

    private void print(String url, String remark) {
        var out = spec.commandLine().getOut();
        out.println(url);
        out.println("psql \"" + psqlUrl(url) + "\"");
        out.println(remark);
        out.flush();
    }

    /** The same address as psql spells it. */
    private static String psqlUrl(String jdbcUrl) {
        return jdbcUrl.substring("jdbc:".length());
    }
}
