package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.cli.internal.DatabaseOptions;
import java.util.concurrent.Callable;
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

    /** Fails if the command line makes no sense as a whole. Called before the database is opened. */
    void check(CommandLine commandLine) {}

    /** Carries the command out. Returns the exit code. */
    abstract int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException;

    @Override
    public final Integer call() throws InterruptedException {
        check(spec.commandLine());
        try (DatabaseOptions.Opened opened = database.openExisting(spec.commandLine())) {
            return run(opened.bmdb(), spec.commandLine());
        }
    }
}
