package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Bmdb;
import java.io.PrintWriter;
import java.util.UUID;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code shepherd end-session}. */
@Command(
        name = "end-session",
        description = {
            "Gives up the session of a process that will not come back, without waiting for its deadline. What it"
                    + " holds is free again within seconds, while any process runs.",
            "",
            "A process that does live loses this session, interrupts the work under it, and starts another."
        },
        mixinStandardHelpOptions = true)
public final class EndSessionCommand extends FleetCommand {

    @Parameters(paramLabel = "SESSION", description = "the session's id, as 'shepherd sessions' lists it")
    @SuppressWarnings("NullAway.Init")
    private UUID session;

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        if (!operator.actions(bmdb).endSession(session, operator.reason())) {
            commandLine.getErr().println("shepherd: there is no session " + session + ", or it is dead already");
            return ExitCode.SOFTWARE;
        }
        out.println("Ended; what it held is free once a running process has noticed");
        return 0;
    }
}
