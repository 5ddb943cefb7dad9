package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Bmdb;
import java.io.PrintWriter;
import java.util.UUID;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code shepherd trust}. */
@Command(
        name = "trust",
        description = {
            "Forgets the SSH host key that is pinned for a machine: the next takeover trusts the key that it finds, and"
                    + " pins it.",
            "",
            "Do so only if the machine has a good reason for another key, such as a reinstallation by hand. Otherwise"
                    + " another host may be answering at its address."
        },
        mixinStandardHelpOptions = true)
public final class TrustCommand extends FleetCommand {

    @Mixin
    private MachineArgument machine = new MachineArgument();

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        UUID machineId = machine.find(bmdb);
        if (!operator.actions(bmdb).trust(machineId, operator.reason())) {
            out.println("No host key is pinned for machine " + machineId);
            return 0;
        }
        out.println("Forgot the host key of machine " + machineId + "; the next takeover pins the one it finds");
        bmdb.machine(machineId).stream()
                .flatMap(record -> record.backoffs().stream())
                .forEach(backoff -> out.println(backoff.process() + " is backed off until "
                        + BackoffsCommand.time(backoff.until()) + "; to try at once: shepherd retry " + machineId
                        + " --reason TEXT"));
        return 0;
    }
}
