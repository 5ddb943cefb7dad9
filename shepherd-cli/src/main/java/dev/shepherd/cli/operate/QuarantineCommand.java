package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Bmdb;
import java.io.PrintWriter;
import java.util.UUID;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code shepherd quarantine}. */
@Command(
        name = "quarantine",
        description = "Quarantines a machine: no loop touches it until it is released.",
        mixinStandardHelpOptions = true)
public final class QuarantineCommand extends FleetCommand {

    @Mixin
    private MachineArgument machine = new MachineArgument();

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        UUID machineId = machine.find(bmdb);
        boolean quarantined = operator.actions(bmdb).quarantine(machineId, operator.reason());
        out.println(
                (quarantined ? "Quarantined" : "It is quarantined already, for the reason that 'shepherd pauses' shows")
                        + ". To release it: shepherd release " + machineId + " --reason TEXT");
        return 0;
    }
}
