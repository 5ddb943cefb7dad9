package dev.shepherd.cli.operate;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Sizes;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.fleet.Fleet;
import dev.shepherd.bmdb.fleet.FleetSummary;
import dev.shepherd.bmdb.fleet.FleetSummary.HardwareSum;
import dev.shepherd.bmdb.hardware.Hardware;
import dev.shepherd.bmdb.hardware.HardwareDescription;
import dev.shepherd.bmdb.operator.HardwareHistoryEntry;
import dev.shepherd.bmdb.operator.HardwareReport;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.web.api.HardwareJson;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code shepherd hardware}. */
@Command(
        name = "hardware",
        description = {
            "Shows what a machine is made of, as its agent reported it, and what changed since. Without a machine: what the"
                    + " machines of each provider and location are made of together, as last counted.",
            "",
            "A disk will fail if it says so by a critical warning, by errors in its data, by less than 10 %% of its spare"
                    + " blocks, or by all of its life's writes used up."
        },
        mixinStandardHelpOptions = true)
public final class HardwareCommand extends FleetCommand {

    /** How many changes are shown. 'shepherd history' shows more. */
    private static final int CHANGES = 20;

    @Parameters(arity = "0..1", paramLabel = "MACHINE", description = MachineArgument.ID)
    private @Nullable String machine;

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            description = "the provider instance that the id belongs to (default: static)")
    private @Nullable String type;

    @Option(names = "--json", description = "as JSON, like the HTTP API's")
    private boolean json;

    @Option(names = "--out", paramLabel = "FILE", description = "write the report to this file, as the agent wrote it")
    private @Nullable Path file;

    @Option(names = "--failing", description = "list the machines with disks that will fail, and these disks")
    private boolean failing;

    @Option(
            names = "--limit",
            paramLabel = "N",
            defaultValue = "100",
            description = "with --failing: how many machines at most (default: ${DEFAULT-VALUE})")
    private int limit = 100;

    @Override
    void check(CommandLine commandLine) {
        if (limit < 1) {
            throw new ConfigurationException("--limit", "--limit is at least 1, not " + limit);
        }
        if (machine == null && (type != null || file != null)) {
            throw new ParameterException(commandLine, "--type and --out go with a machine, which is not given");
        }
        if (failing && (machine != null || json)) {
            throw new ParameterException(commandLine, "--failing goes without a machine, and without --json");
        }
    }

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        if (failing) {
            return failing(bmdb, commandLine.getOut());
        }
        return machine == null ? summary(bmdb, commandLine) : machine(bmdb, machine, commandLine);
    }

    private int machine(Bmdb bmdb, String named, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        UUID machineId = MachineArgument.find(bmdb, named, "--type", type == null ? "static" : type);
        Operator operator = Operator.of(bmdb);
        Optional<HardwareReport> found = operator.hardwareReport(machineId);
        if (found.isEmpty()) {
            commandLine.getErr().println("shepherd: no agent of machine " + machineId + " has reported its hardware");
            return ExitCode.SOFTWARE;
        }
        HardwareReport report = found.get();
        List<HardwareHistoryEntry> changes = operator.hardwareHistory(machineId, null, CHANGES);
        if (json) {
            out.println(HardwareJson.machineText(found, changes));
        } else {
            out.println("The hardware report of machine " + machineId + " has " + report.raw().length + " bytes"
                    + report.at()
                            .map(at -> ", and is this one since " + BackoffsCommand.time(at))
                            .orElse(""));
            print(out, HardwareDescription.of(report.hardware()));
            print(out, changes);
        }
        if (file != null) {
            try {
                Files.write(file, report.raw());
            } catch (IOException e) {
                throw new UncheckedIOException(file + " cannot be written: " + e, e);
            }
            if (!json) {
                out.println("Written to " + file);
            }
        }
        return 0;
    }

    private static void print(PrintWriter out, HardwareDescription described) {
        out.println();
        table(
                out,
                described.facts().stream()
                        .map(fact -> List.of(fact.name(), fact.value()))
                        .toList());
        if (!described.disks().isEmpty()) {
            out.println();
            table(
                    out,
                    with(
                            List.of("DISK", "SERIAL NUMBER", "SIZE", "KIND", "HEALTH"),
                            described.disks().stream()
                                    .map(disk -> List.of(
                                            disk.model(),
                                            disk.serialNumber(),
                                            disk.size(),
                                            disk.kind(),
                                            disk.health().isEmpty() ? "not known" : disk.health()))));
        }
        if (!described.networks().isEmpty()) {
            out.println();
            table(
                    out,
                    with(
                            List.of("NETWORK", "DRIVER", "FASTEST", "LINK"),
                            described.networks().stream()
                                    .map(network -> List.of(
                                            network.address(), network.driver(), network.speed(), network.link()))));
        }
        if (!described.remarks().isEmpty()) {
            out.println();
            out.println("What its agent could not find out, or what cannot be:");
            described.remarks().forEach(remark -> out.println("  " + remark));
        }
    }

    private static void print(PrintWriter out, List<HardwareHistoryEntry> changes) {
        if (changes.isEmpty()) {
            return;
        }
        out.println();
        out.println("What changed, the newest first"
                + (changes.size() == CHANGES ? "; 'shepherd history' has more" : "") + ":");
        changes.forEach(entry -> out.println("  " + BackoffsCommand.time(entry.at()) + "  "
                + entry.change().kind().words() + ": "
                + Escaped.text(entry.change().text())));
    }

    private static List<List<String>> with(List<String> head, Stream<List<String>> rows) {
        return Stream.concat(Stream.of(head), rows).toList();
    }

    /** Prints rows whose cells stand under one another. What is not known is a dash. */
    private static void table(PrintWriter out, List<List<String>> rows) {
        int columns = rows.isEmpty() ? 0 : rows.get(0).size();
        int[] widths = new int[columns];
        for (List<String> row : rows) {
            for (int i = 0; i < columns; i++) {
                widths[i] = Math.max(
                        widths[i], row.get(i).codePointCount(0, row.get(i).length()));
            }
        }
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < columns; i++) {
                String cell = row.get(i).isEmpty() ? "-" : row.get(i);
                line.append(cell);
                if (i < columns - 1) {
                    line.append(" ".repeat(Math.max(0, widths[i] - cell.codePointCount(0, cell.length())) + 2));
                }
            }
            out.println(line);
        }
    }

    private int summary(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        Optional<FleetSummary> counted = Fleet.of(bmdb, RecoveryPolicy.DEFAULT).summary();
        if (counted.isEmpty()) {
            commandLine
                    .getErr()
                    .println("shepherd: the fleet has not been counted yet; 'shepherd run --web-listen' and 'shepherd"
                            + " serve' do that");
            return ExitCode.SOFTWARE;
        }
        List<HardwareSum> sums = counted.get().hardware();
        if (json) {
            out.println(HardwareJson.sumsText(counted.get()));
            return 0;
        }
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of(
                "PROVIDER",
                "LOCATION",
                "REPORTS",
                "UNREADABLE",
                "CPUS",
                "CORES",
                "THREADS",
                "MEMORY",
                "DISKS",
                "CAPACITY",
                "WILL FAIL"));
        for (HardwareSum sum : sums) {
            rows.add(List.of(
                    sum.provider().name(),
                    Escaped.text(sum.location()),
                    String.valueOf(sum.machines()),
                    String.valueOf(sum.unreadable()),
                    String.valueOf(sum.cpus()),
                    String.valueOf(sum.cores()),
                    String.valueOf(sum.threads()),
                    Sizes.memory(sum.memoryBytes()),
                    String.valueOf(sum.disks()),
                    Sizes.disk(sum.diskBytes()),
                    String.valueOf(sum.failingDisks())));
        }
        table(out, rows);
        long reports = sums.stream().mapToLong(HardwareSum::machines).sum();
        out.println(reports + " of " + counted.get().machines() + " machine(s) have reported, counted "
                + Spans.text(counted.get().age().truncatedTo(ChronoUnit.SECONDS)) + " ago");
        return 0;
    }

    private int failing(Bmdb bmdb, PrintWriter out) throws InterruptedException {
        List<UUID> machines = Fleet.of(bmdb, RecoveryPolicy.DEFAULT).machinesWithFailingDisks(limit);
        int shown = 0;
        for (UUID machineId : machines) {
            Optional<MachineRecord> found = bmdb.machine(machineId);
            Optional<Hardware> hardware = found.flatMap(MachineRecord::hardware);
            if (hardware.isEmpty() || hardware.get().failingDevices() == 0) {
                continue; // It has reported again meanwhile.
            }
            shown++;
            Optional<ProvidedMachine> provided = found.flatMap(MachineRecord::provided);
            out.println(BackoffsCommand.name(
                            provided.map(ProvidedMachine::provider),
                            provided.map(ProvidedMachine::providerId),
                            machineId)
                    + provided.flatMap(ProvidedMachine::location)
                            .map(location -> " at " + Escaped.text(location))
                            .orElse(""));
            HardwareDescription.of(hardware.get()).disks().stream()
                    .filter(HardwareDescription.Disk::willFail)
                    .forEach(disk -> out.println("  "
                            + Stream.of(disk.model(), disk.size(), disk.serialNumber(), disk.health())
                                    .filter(text -> !text.isEmpty())
                                    .collect(Collectors.joining(", "))));
        }
        out.println(shown + " machine(s) with disks that will fail"
                + (machines.size() == limit ? "; there may be more" : ""));
        return 0;
    }
}
