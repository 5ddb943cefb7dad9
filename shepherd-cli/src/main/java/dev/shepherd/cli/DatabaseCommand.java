package dev.shepherd.cli;

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
        description = "Starts the embedded PostgreSQL of a folder and prints its JDBC URL, to look at with psql or any"
                + " other client, until it is interrupted.",
        mixinStandardHelpOptions = true)
final class DatabaseCommand implements Callable<Integer> {

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
            var out = spec.commandLine().getOut();
            String url = DatabaseOptions.databaseUrl(server);
            out.println(url);
            out.println("psql \"" + psqlUrl(url) + "\"");
            out.println("Interrupt (Ctrl-C) to stop it.");
            out.flush();
            shutdown.await();
        }
        return 0;
    }

    /** The same address as psql spells it. */
    private static String psqlUrl(String jdbcUrl) {
        return jdbcUrl.substring("jdbc:".length());
    }
}
