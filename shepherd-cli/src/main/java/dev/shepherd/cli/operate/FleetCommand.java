package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.cli.internal.DatabaseOptions;
import dev.shepherd.cli.settings.DatabaseSettings;
import dev.shepherd.cli.settings.Given;
import dev.shepherd.cli.settings.Settings;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** A command on the database of a fleet, which must exist. */
abstract class FleetCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    private @Nullable Settings settings;

    /** Gives what other options than those of the database give. */
    void give(Given given) {}

    /** Returns the settings: the options, and the file if there is one. */
    final Settings settings() {
        return Objects.requireNonNull(settings);
    }

    /** Fails if the command line makes no sense as a whole. Called before the database is opened. */
    void check(CommandLine commandLine) {}

    /** Carries the command out. Returns the exit code. */
    abstract int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException;

    @Override
    public final Integer call() throws InterruptedException {
        Given given = new Given();
        give(given);
        settings = database.settings(given);
        check(spec.commandLine());
        DatabaseSettings where = settings.database();
        settings.requireValid();
        try (DatabaseOptions.Opened opened = DatabaseOptions.openExisting(where, spec.commandLine())) {
            return run(opened.bmdb(), spec.commandLine());
        }
    }
}
