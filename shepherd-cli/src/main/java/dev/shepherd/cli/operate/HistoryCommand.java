package dev.shepherd.cli.operate;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.WorkHistoryEntry;
import java.io.PrintWriter;
import java.util.List;
import java.util.UUID;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code shepherd history}. */
@Command(
        name = "history",
        description = "Shows what was done to a machine, even a forgotten one, newest first.",
        mixinStandardHelpOptions = true)
public final class HistoryCommand extends FleetCommand {

    @Mixin
    private MachineArgument machine = new MachineArgument();

    @Option(
            names = "--limit",
            paramLabel = "N",
            defaultValue = "20",
            description = "how many lines to show at most (default: ${DEFAULT-VALUE})")
    private int limit = 20;

    @Override
    void check(CommandLine commandLine) {
        if (limit < 1) {
            throw new ConfigurationException("--limit", "--limit is at least 1, not " + limit);
        }
    }

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        for (WorkHistoryEntry entry : read(bmdb)) {
            out.println(entry.timestamp() + "  " + entry.process() + "  "
                    + entry.event().databaseName()
                    + entry.provider().map(name -> "  " + name + " ").orElse("  ")
                    + entry.providerId()
                            .map(ProviderID::toString)
                            .orElse(entry.machineId().toString())
                    + entry.note().map(note -> "  " + Escaped.text(note)).orElse("")
                    + entry.failedCause()
                            .map(cause -> "  " + Escaped.text(cause))
                            .orElse(""));
        }
        return 0;
    }

    private List<WorkHistoryEntry> read(Bmdb bmdb) throws InterruptedException {
        UUID id = machine.uuid();
        List<WorkHistoryEntry> history = id == null ? List.of() : bmdb.history(id, limit);
        if (!history.isEmpty()) {
            return history;
        }
        history = bmdb.history(machine.provider(), machine.providerId(), limit);
        if (history.isEmpty()) {
            throw new ConfigurationException(
                    "MACHINE",
                    "there is no history of a machine " + machine.providerId() + ", by that id or by provider "
                            + machine.provider() + "'s; --type names another provider");
        }
        return history;
    }
}
