package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.cli.internal.Setting;
import java.io.PrintWriter;
import java.util.UUID;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code shepherd quarantine}. */
@Command(
        name = "quarantine",
        description = "Quarantines a machine: no loop touches it until it is released.",
        mixinStandardHelpOptions = true)
public final class QuarantineCommand extends FleetCommand {

    @Mixin
    private MachineArgument machine = new MachineArgument();

    @Option(names = "--reason", required = true, paramLabel = "TEXT", description = "why, for other operators")
    private String reason = "";

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        UUID machineId = machine.find(bmdb);
        Operator.of(bmdb).quarantine(machineId, operator.by(), Setting.reason("--reason", reason));
        out.println("Quarantined. To release it: shepherd release " + machineId);
        return 0;
    }
}
