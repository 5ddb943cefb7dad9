package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.cli.internal.DatabaseOptions;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code shepherd release}. */
@Command(
        name = "release",
        description = "Releases a machine from quarantine; or, with --freeze, ends all freezes of recovery.",
        mixinStandardHelpOptions = true)
public final class ReleaseCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Parameters(
            arity = "0..1",
            paramLabel = "MACHINE",
            description = MachineArgument.ID)
    private @Nullable String machine;

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            defaultValue = "static",
            description = MachineArgument.OWNER)
    private String type = "static";

    @Option(names = "--freeze", description = "end all freezes; silent machines are then recovered, within the limits")
    private boolean freeze;

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    @Override
    public Integer call() throws InterruptedException {
        var out = spec.commandLine().getOut();
        try (DatabaseOptions.Opened opened = database.openExisting(spec.commandLine())) {
            if ((machine == null) != freeze) {
                throw new ParameterException(spec.commandLine(), "give either a machine or --freeze");
            }
            if (machine != null) {
                UUID machineId = MachineArgument.find(opened.bmdb(), machine, "--type", type);
                boolean released = Operator.of(opened.bmdb()).release(machineId, operator.by());
                out.println(released ? "Released" : "It was not quarantined");
                return 0;
            }
            List<Freeze> freezes = Operator.of(opened.bmdb()).freezes();
            for (Freeze one : freezes) {
                Operator.of(opened.bmdb()).release(one, operator.by());
                out.println("Released " + one.scope());
            }
            if (freezes.isEmpty()) {
                out.println("Nothing is frozen");
            }
            return 0;
        }
    }
}
