package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.HardwareReport;
import dev.shepherd.bmdb.operator.Operator;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code shepherd hardware}. */
@Command(
        name = "hardware",
        description =
                "Says what an agent reported of its machine's hardware: how much and when. The report itself, in the"
                        + " agent's own form, goes to a file.",
        mixinStandardHelpOptions = true)
public final class HardwareCommand extends FleetCommand {

    @Mixin
    private MachineArgument machine = new MachineArgument();

    @Option(names = "--out", paramLabel = "FILE", description = "write the report to this file, as the agent wrote it")
    private @Nullable Path file;

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        UUID machineId = machine.find(bmdb);
        Optional<HardwareReport> found = Operator.of(bmdb).hardwareReport(machineId);
        if (found.isEmpty()) {
            commandLine.getErr().println("shepherd: no agent of machine " + machineId + " has reported its hardware");
            return ExitCode.SOFTWARE;
        }
        HardwareReport report = found.get();
        out.println("The hardware report of machine " + machineId + " has " + report.raw().length + " bytes"
                + report.at()
                        .map(at -> ", and is this one since " + BackoffsCommand.time(at))
                        .orElse(""));
        if (file != null) {
            try {
                Files.write(file, report.raw());
            } catch (IOException e) {
                throw new UncheckedIOException(file + " cannot be written: " + e, e);
            }
            out.println("Written to " + file);
        }
        return 0;
    }
}
