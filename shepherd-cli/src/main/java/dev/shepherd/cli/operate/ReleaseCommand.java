package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.operator.DisruptionActions;
import dev.shepherd.bmdb.operator.Operator;
import java.io.PrintWriter;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code shepherd release}. */
@Command(
        name = "release",
        description = {
            "Releases a machine from quarantine; with --gates has the gates asked again before it is taken down; with --freeze"
                    + " ends all freezes of recovery."
        },
        mixinStandardHelpOptions = true)
public final class ReleaseCommand extends FleetCommand {

    @Parameters(arity = "0..1", paramLabel = "MACHINE", description = MachineArgument.ID)
    private @Nullable String machine;

    @Option(names = "--type", paramLabel = "TYPE", defaultValue = "static", description = MachineArgument.OWNER)
    private String type = "static";

    @Option(names = "--freeze", description = "end all freezes; silent machines are then recovered, within the limits")
    private boolean freeze;

    @Option(
            names = "--gates",
            description =
                    "forget what gates said of the machine: one that holds it back or refuses is asked again, and an approval"
                            + " that was not used is none any more; what has begun is not stopped")
    private boolean gates;

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Override
    void check(CommandLine commandLine) {
        if ((machine == null) != freeze) {
            throw new ParameterException(commandLine, "give either a machine or --freeze");
        }
        if (gates && freeze) {
            throw new ParameterException(commandLine, "--gates goes with a machine, and not with --freeze");
        }
    }

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        if (machine != null) {
            UUID machineId = MachineArgument.find(bmdb, machine, "--type", type);
            if (gates) {
                boolean said = DisruptionActions.of(bmdb, operator.actor()).askAgain(machineId, operator.reason());
                out.println(said ? "The gates are asked again" : "No gate has said anything that can be taken back");
                return 0;
            }
            boolean released = operator.actions(bmdb).release(machineId, operator.reason());
            out.println(released ? "Released" : "It was not quarantined");
            return 0;
        }
        List<Freeze> freezes = Operator.of(bmdb).freezes();
        for (Freeze one : freezes) {
            if (operator.actions(bmdb).release(one, operator.reason())) {
                out.println("Released " + one.scope());
            }
        }
        if (freezes.isEmpty()) {
            out.println("Nothing is frozen");
        }
        return 0;
    }
}
