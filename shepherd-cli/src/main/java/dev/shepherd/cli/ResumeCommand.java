package dev.shepherd.cli;

import dev.shepherd.bmdb.operator.Operator;

import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code shepherd resume}. */
@Command(name = "resume", description = "Ends a pause.", mixinStandardHelpOptions = true)
final class ResumeCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Parameters(paramLabel = "PAUSE", description = "the pause's id, as 'shepherd pauses' lists it")
    @SuppressWarnings("NullAway.Init")
    private UUID pause;

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    @Override
    public Integer call() throws InterruptedException {
        var out = spec.commandLine().getOut();
        try (DatabaseOptions.Opened opened = database.openExisting(spec.commandLine())) {
            if (!Operator.of(opened.bmdb()).resume(pause)) {
                spec.commandLine().getErr().println("shepherd: there is no pause " + pause);
                return Main.FAILED;
            }
            out.println("Ended");
            return 0;
        }
    }
}
