package dev.shepherd.cli.operate;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.OperatorActions;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code shepherd install}. */
@Command(
        name = "install",
        description = {
            "Requests the installation of an operating system, or takes the request back. The machine's agent gets the"
                    + " request with its next heartbeat.",
            "",
            "A machine on which an installation succeeded comes back to the loops when another is requested, or when"
                    + " the request is taken back. An agent that has the request already may go on with it."
        },
        mixinStandardHelpOptions = true)
public final class InstallCommand extends FleetCommand {

    /** An agent's request is small: anything larger is another file. */
    private static final long LARGEST = 16L << 20;

    @Mixin
    private MachineArgument machine = new MachineArgument();

    @ArgGroup(multiplicity = "1")
    private What what = new What();

    private static final class What {
        @Option(
                names = "--file",
                paramLabel = "FILE",
                description = "the request, as the agent understands it: it is stored as it is, at most 16 MiB")
        private @Nullable Path file;

        @Option(names = "--take-back", description = "take the request back")
        private boolean takeBack;
    }

    @Mixin
    private OperatorOption operator = new OperatorOption();

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        OperatorActions actions = operator.actions(bmdb);
        if (what.file == null) {
            UUID machineId = machine.find(bmdb);
            boolean takenBack = actions.takeBackInstallation(machineId, operator.reason());
            out.println(takenBack ? "Taken back" : "No installation is requested on machine " + machineId);
            return 0;
        }
        byte[] request = read(what.file);
        UUID machineId = machine.find(bmdb);
        long generation = actions.requestInstallation(machineId, request, operator.reason());
        out.printf(
                Locale.ROOT,
                "Requested installation %d on machine %s (%d bytes). To take it back: shepherd install %s --take-back"
                        + " --reason TEXT%n",
                generation,
                machineId,
                request.length,
                machineId);
        return 0;
    }

    private static byte[] read(Path file) {
        try {
            long size = Files.size(file);
            if (size == 0 || size > LARGEST) {
                throw new ConfigurationException(
                        "--file", "--file: " + file + " has " + size + " bytes; a request has 1 byte to 16 MiB");
            }
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new ConfigurationException("--file", "--file: " + file + " cannot be read: " + e, e);
        }
    }
}
