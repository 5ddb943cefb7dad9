package dev.shepherd.cli.operate;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.Pause;
import dev.shepherd.cli.internal.Setting;
import dev.shepherd.cli.internal.SpanConverter;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code shepherd pause}. */
@Command(
        name = "pause",
        description =
                "Keeps the loops away from a machine, machines with certain labels, a provider, a process or a combination of them until the"
                        + " pause ends. Work under way continues.",
        mixinStandardHelpOptions = true)
public final class PauseCommand extends FleetCommand {

    @Option(names = "--machine", paramLabel = "MACHINE", description = MachineArgument.ID + " (default: all)")
    private @Nullable String machine;

    @Option(
            names = "--selector",
            paramLabel = "SELECTOR",
            description = "all machines with such labels, now and later, such as rack=7,tier!=db")
    private @Nullable String selector;

    @Option(names = "--provider", paramLabel = "TYPE", description = "the provider instance (default: all)")
    private @Nullable String provider;

    @Option(
            names = "--process",
            paramLabel = "PROCESS",
            description = "ShepherdAgentStart, ShepherdRecovery or a process of your own (default: all)")
    private @Nullable String process;

    @Option(
            names = "--all",
            description = "pause everything; required if no machine, selector, provider or process is given")
    private boolean all;

    @Option(
            names = "--for",
            paramLabel = "SPAN",
            converter = SpanConverter.class,
            description = "for how long, such as 30m (default: until it is resumed)")
    private @Nullable Duration span;

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Override
    void check(CommandLine commandLine) {
        if (machine == null && selector == null && provider == null && process == null && !all) {
            throw new ParameterException(commandLine, "give a machine, a selector, a provider, a process or --all");
        }
        if (machine != null && selector != null) {
            throw new ParameterException(commandLine, "--machine and --selector exclude each other");
        }
        if (span != null && span.isZero()) {
            throw new ParameterException(commandLine, "--for must be longer than 0");
        }
    }

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        UUID machineId = machine == null
                ? null
                : MachineArgument.find(bmdb, machine, "--provider", provider == null ? "static" : provider);
        OperatorActions actions = operator.actions(bmdb);
        ProviderType type = provider == null ? null : Setting.of("--provider", provider, ProviderType::new);
        WorkProcess of = process == null ? null : Setting.of("--process", process, WorkProcess::new);
        Pause pause = selector == null
                ? actions.pause(machineId, type, of, operator.reason(), span)
                : actions.pauseSelected(
                        Setting.of("--selector", selector, Selector::parse), type, of, operator.reason(), span);
        out.println("Paused"
                + pause.until().map(until -> " until " + until).orElse("")
                + ". To end it: shepherd resume " + pause.id() + " --reason TEXT");
        return 0;
    }
}
