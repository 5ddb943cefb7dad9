package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.manager.Shepherd;
import java.util.UUID;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code shepherd reinstall}. */
@Command(
        name = "reinstall",
        description = {
            "Has the provider reinstall a machine. WHAT IS ON ITS DISKS MAY BE LOST, even if a requested operating"
                    + " system is installed there; an existing installation request is carried out again. The"
                    + " running loops take the machine over again. Refused while a session is working on the machine, while it is"
                    + " paused or its recovery frozen, and while as many machines are in recovery as may be.",
            "",
            "Pass the provider as for 'run', and the limits of recovery that the fleet runs with, unless they are the"
                    + " defaults."
        },
        mixinStandardHelpOptions = true)
public final class ReinstallCommand extends InterventionCommand {

    @Option(names = "--yes", description = "confirm that the machine's disks may be wiped; nothing is done without it")
    private boolean confirmed;

    @Override
    void check(CommandLine commandLine) {
        if (!confirmed) {
            throw new ParameterException(
                    commandLine,
                    "reinstalling wipes the disks of machine " + machine() + "; nothing was done. Confirm with --yes");
        }
    }

    @Override
    Explanation act(Shepherd shepherd, UUID machineId, Actor actor, String reason, boolean force)
            throws InterruptedException {
        return shepherd.reinstall(machineId, actor, reason, force);
    }

    @Override
    String done() {
        return "The provider agreed to reinstall";
    }
}
