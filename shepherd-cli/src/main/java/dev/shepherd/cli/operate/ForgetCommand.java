package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.cli.internal.DatabaseOptions;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code shepherd forget}. */
@Command(
        name = "forget",
        description = "Deletes everything recorded about a machine that its provider no longer has.",
        mixinStandardHelpOptions = true)
public final class ForgetCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Mixin
    private MachineArgument machine = new MachineArgument();

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    @Override
    public Integer call() throws InterruptedException {
        var out = spec.commandLine().getOut();
        try (DatabaseOptions.Opened opened = database.openExisting(spec.commandLine())) {
            UUID machineId = machine.find(opened.bmdb());
            Operator.of(opened.bmdb()).forget(machineId, operator.by());
            out.println("Forgot machine " + machineId);
            return 0;
        }
    }
}
