package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.cli.internal.DatabaseOptions;
import dev.shepherd.cli.internal.Setting;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code shepherd quarantine}. */
@Command(
        name = "quarantine",
        description = "Quarantines a machine: no loop touches it until it is released.",
        mixinStandardHelpOptions = true)
public final class QuarantineCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Mixin
    private MachineArgument machine = new MachineArgument();

    @Option(names = "--reason", required = true, paramLabel = "TEXT", description = "why, for other operators")
    private String reason = "";

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    @Override
    public Integer call() throws InterruptedException {
        var out = spec.commandLine().getOut();
        try (DatabaseOptions.Opened opened = database.openExisting(spec.commandLine())) {
            UUID machineId = machine.find(opened.bmdb());
            Operator.of(opened.bmdb()).quarantine(machineId, operator.by(), Setting.reason("--reason", reason));
            out.println("Quarantined. To release it: shepherd release " + machineId);
            return 0;
        }
    }
}
