package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.cli.internal.DatabaseOptions;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code shepherd resume}. */
@Command(name = "resume", description = "Ends a pause.", mixinStandardHelpOptions = true)
public final class ResumeCommand implements Callable<Integer> {

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
                return ExitCode.SOFTWARE;
            }
            out.println("Ended");
            return 0;
        }
    }
}
