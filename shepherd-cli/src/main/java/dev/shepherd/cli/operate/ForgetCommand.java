package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Bmdb;
import java.io.PrintWriter;
import java.util.UUID;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code shepherd forget}. */
@Command(
        name = "forget",
        description =
                "Deletes everything recorded about a machine that its provider no longer has, except its history.",
        mixinStandardHelpOptions = true)
public final class ForgetCommand extends FleetCommand {

    @Mixin
    private MachineArgument machine = new MachineArgument();

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        UUID machineId = machine.find(bmdb);
        operator.actions(bmdb).forget(machineId, operator.reason());
        out.println("Forgot machine " + machineId);
        return 0;
    }
}
