package dev.shepherd.cli.operate;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.MachineRecord.Label;
import dev.shepherd.bmdb.operator.LabelActions;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
        Map<String, String> set = new LinkedHashMap<>();
        Set<String> remove = new LinkedHashSet<>();
        changes.forEach(change -> read(change, set, remove));
        UUID machineId = machine.find(bmdb);
        Map<String, Optional<Label>> changed;
        try {
            changed = LabelActions.of(bmdb, operator.actor()).change(machineId, set, remove, operator.reason());
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException("CHANGE", "CHANGE: " + e.getMessage(), e);
        }
        PrintWriter out = commandLine.getOut();
        if (changed.isEmpty()) {
            out.println("Nothing to change"
                    + (remove.isEmpty()
                            ? ""
                            : "; what the provider says cannot be taken off, only set to another value"));
        }
        changed.forEach((key, was) -> out.println((set.containsKey(key) ? key + "=" + set.get(key) : key + " taken off")
                + was.map(label -> ", was \"" + label.value() + "\" ("
                                + label.source().databaseName().toLowerCase(Locale.ROOT) + "'s)")
                        .orElse("")));
        return 0;
    }

    private static void read(String change, Map<String, String> set, Set<String> remove) {
        int sign = change.indexOf('=');
        boolean isNew;
        if (sign > 0) {
            isNew = set.put(change.substring(0, sign), change.substring(sign + 1)) == null;
        } else if (sign < 0 && change.length() > 1 && change.endsWith("-")) {
            isNew = remove.add(change.substring(0, change.length() - 1));
        } else {
            throw new ConfigurationException(
                    "CHANGE", "a change is key=value or key-, not " + Escaped.quoted(change, 100));
        }
        if (!isNew) {
            throw new ConfigurationException("CHANGE", "a key is named twice: " + Escaped.quoted(change, 100));
        }
    }
}
