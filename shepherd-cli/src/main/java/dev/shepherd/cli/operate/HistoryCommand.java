package dev.shepherd.cli.operate;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.WorkHistoryEntry;
import dev.shepherd.bmdb.operator.HardwareHistoryEntry;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorAction;
import dev.shepherd.cli.internal.Setting;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code shepherd history}. */
@Command(
        name = "history",
        description = {
            "Shows what the loops and operators did to a machine, even a forgotten one, and how its hardware changed, newest"
                    + " first. Without a machine:"
                    + " what operators did to the fleet."
        },
        mixinStandardHelpOptions = true)
public final class HistoryCommand extends FleetCommand {

    @Parameters(arity = "0..1", paramLabel = "MACHINE", description = MachineArgument.ID)
    private @Nullable String machine;

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            description = "the provider instance that the id belongs to (default: static)")
    private @Nullable String type;

    @Option(
            names = "--limit",
            paramLabel = "N",
            defaultValue = "20",
            description = "how many lines to show at most (default: ${DEFAULT-VALUE})")
    private int limit = 20;

    /** A line of either kind. */
    private record Line(Instant at, String text) {}

    @Override
    void check(CommandLine commandLine) {
        if (limit < 1) {
            throw new ConfigurationException("--limit", "--limit is at least 1, not " + limit);
        }
        if (machine == null && type != null) {
            throw new ParameterException(commandLine, "--type goes with a machine, which is not given");
        }
    }

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        List<Line> lines = machine == null
                ? lines(List.of(), Operator.of(bmdb).actions((UUID) null, null, limit), List.of())
                : read(bmdb, machine);
        if (lines.isEmpty()) {
            out.println("No operator has changed anything yet");
        }
        lines.forEach(line -> out.println(line.at() + "  " + line.text()));
        return 0;
    }

    private List<Line> read(Bmdb bmdb, String named) throws InterruptedException {
        Operator operator = Operator.of(bmdb);
        UUID id = MachineArgument.uuid(named);
        List<Line> lines = id == null
                ? List.of()
                : lines(
                        bmdb.history(id, limit),
                        operator.actions(id, null, limit),
                        operator.hardwareHistory(id, null, limit));
        if (!lines.isEmpty()) {
            return lines;
        }
        ProviderType provider = Setting.of("--type", type == null ? "static" : type, ProviderType::new);
        ProviderID providerId = Setting.of("MACHINE", named, ProviderID::new);
        lines = lines(
                bmdb.history(provider, providerId, limit),
                operator.actions(provider, providerId, null, limit),
                operator.hardwareHistory(provider, providerId, null, limit));
        if (lines.isEmpty()) {
            throw new ConfigurationException(
                    "MACHINE",
                    "there is no history of a machine " + providerId + ", by that id or by provider " + provider
                            + "'s; --type names another provider");
        }
        return lines;
    }

    private List<Line> lines(
            List<WorkHistoryEntry> history, List<OperatorAction> actions, List<HardwareHistoryEntry> changes) {
        List<Line> lines = new ArrayList<>();
        // What ended at the same moment as it began is shown in this order, too: the lists are the newest first.
        history.forEach(entry -> lines.add(new Line(entry.timestamp(), text(entry))));
        actions.forEach(action -> lines.add(new Line(action.at(), text(action))));
        changes.forEach(entry -> lines.add(new Line(entry.at(), text(entry))));
        return lines.stream()
                .sorted(Comparator.comparing(Line::at).reversed())
                .limit(limit)
                .toList();
    }

    private static String text(WorkHistoryEntry entry) {
        return entry.process() + "  "
                + entry.event().databaseName() + "  "
                + BackoffsCommand.name(entry.provider(), entry.providerId(), entry.machineId())
                + entry.note().map(note -> "  " + Escaped.text(note)).orElse("")
                + entry.failedCause().map(cause -> "  " + Escaped.text(cause)).orElse("");
    }

    private static String text(HardwareHistoryEntry entry) {
        return "Hardware  " + entry.change().kind().words() + "  "
                + BackoffsCommand.name(entry.provider(), entry.providerId(), entry.machineId()) + "  "
                + Escaped.text(entry.change().text());
    }

    private static String text(OperatorAction action) {
        String machine = action.machineId()
                .map(id -> "  " + BackoffsCommand.name(action.provider(), action.providerId(), id))
                .orElse("");
        return Escaped.text(action.verb()) + "  by " + Escaped.text(action.by()) + " through " + action.channel()
                + machine
                + action.subject().map(subject -> "  " + Escaped.text(subject)).orElse("") + "  "
                + Escaped.text(action.reason())
                + action.details()
                        .map(details -> "  (" + Escaped.text(details) + ")")
                        .orElse("");
    }
}
