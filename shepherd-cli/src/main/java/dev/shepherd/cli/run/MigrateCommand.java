package dev.shepherd.cli.run;

import dev.shepherd.cli.internal.DatabaseOptions;
import dev.shepherd.cli.settings.DatabaseSettings;
import dev.shepherd.cli.settings.Given;
import dev.shepherd.cli.settings.Settings;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code shepherd migrate}. */
@Command(
        name = "migrate",
        description = {
            "Brings the schema of a database to this version, makes it where there is none, and ends.",
            "",
            "Only where 'run' may not do so itself, since its role does not own the tables: docs/database.md."
        },
        mixinStandardHelpOptions = true)
public final class MigrateCommand implements Callable<Integer> {

    /** One for the lock, one for the work. */
    private static final int CONNECTIONS = 2;

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    @Option(
            names = "--share-database",
            description = "start a fleet even if the schema has other tables, or the database has another fleet")
    private boolean shareDatabase;

    @Override
    public Integer call() {
        Given given = new Given();
        // What the file says is for those that run.
        given.replace("database.migration");
        given.put("database.migration", "--share-database", shareDatabase ? "migrate" : null);
        Settings settings = database.settings(given);
        DatabaseSettings where = settings.database();
        settings.requireValid();
        try (DatabaseOptions.Opened opened = DatabaseOptions.openToRun(where, CONNECTIONS)) {
            spec.commandLine().getOut().println("The schema is the one of this version");
        }
        return 0;
    }
}
