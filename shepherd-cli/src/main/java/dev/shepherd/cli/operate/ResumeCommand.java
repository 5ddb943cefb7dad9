package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Bmdb;
import java.io.PrintWriter;
import java.util.UUID;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code shepherd resume}. */
@Command(name = "resume", description = "Ends a pause.", mixinStandardHelpOptions = true)
public final class ResumeCommand extends FleetCommand {

    @Parameters(paramLabel = "PAUSE", description = "the pause's id, as 'shepherd pauses' lists it")
    @SuppressWarnings("NullAway.Init")
    private UUID pause;

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        if (!operator.actions(bmdb).resume(pause, operator.reason())) {
            commandLine.getErr().println("shepherd: there is no pause " + pause);
            return ExitCode.SOFTWARE;
        }
        out.println("Ended");
        return 0;
    }
}
