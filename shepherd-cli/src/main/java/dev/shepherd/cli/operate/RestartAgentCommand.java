package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Bmdb;
import java.io.PrintWriter;
import java.util.UUID;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code shepherd restart-agent}. */
@Command(
        name = "restart-agent",
        description =
                "Forgets the agent that was started on a machine, which is refused from then on: the running loops"
                        + " take the machine over by SSH like a new one, without a reboot.",
        mixinStandardHelpOptions = true)
public final class RestartAgentCommand extends FleetCommand {

    @Mixin
    private MachineArgument machine = new MachineArgument();

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        UUID machineId = machine.find(bmdb);
        boolean forgotten = operator.actions(bmdb).restartAgent(machineId, operator.reason());
        out.println(
                forgotten
                        ? "Forgot the agent of machine " + machineId + "; another is started by the running loops"
                        : "No agent is started on machine " + machineId);
        return 0;
    }
}
