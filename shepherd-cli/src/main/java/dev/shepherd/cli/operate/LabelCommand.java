package dev.shepherd.cli.operate;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.MachineRecord.Label;
import dev.shepherd.bmdb.operator.LabelActions;
import dev.shepherd.bmdb.operator.LabelActions.Changes;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code shepherd label}. */
@Command(
        name = "label",
        description = {
            "Sets labels of a machine, and takes others off. A label that is set here counts before those of the same key that"
                    + " the machine's provider or a program says; where it is taken off, the provider's counts again.",
            "",
            "'shepherd explain' shows the labels of a machine and who says so; 'shepherd machines --selector' finds machines by"
                    + " them."
        },
        mixinStandardHelpOptions = true)
public final class LabelCommand extends FleetCommand {

    @Mixin
    private MachineArgument machine = new MachineArgument();

    @Parameters(
            index = "1..*",
            arity = "1..*",
            paramLabel = "CHANGE",
            description = "key=value sets a label, key- takes one off")
    private List<String> changes = new ArrayList<>();

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        Changes asked;
        try {
            asked = Changes.parse(changes);
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException("CHANGE", "CHANGE: " + e.getMessage(), e);
        }
        UUID machineId = machine.find(bmdb);
        Map<String, Optional<Label>> changed =
                LabelActions.of(bmdb, operator.actor()).change(machineId, asked, operator.reason());
        PrintWriter out = commandLine.getOut();
        if (changed.isEmpty()) {
            out.println("Nothing to change"
                    + (asked.remove().isEmpty()
                            ? ""
                            : "; what the provider says cannot be taken off, only set to another value"));
        }
        changed.forEach((key, was) -> out.println((asked.set().containsKey(key)
                        ? key + "=" + asked.set().get(key)
                        : key + " taken off")
                + was.map(label -> ", was \"" + label.value() + "\" ("
                                + label.source().databaseName().toLowerCase(Locale.ROOT) + "'s)")
                        .orElse("")));
        return 0;
    }
}
