package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Explanation;
import dev.shepherd.manager.Shepherd;
import java.util.UUID;
import picocli.CommandLine.Command;

/** {@code shepherd reboot}. */
@Command(
        name = "reboot",
        description = {
            "Has the provider reboot a machine, whether or not its agent is silent; the running loops then start its"
                    + " agent again. Refused while a session is working on the machine.",
            "",
            "Pass the provider as for 'run', and the limits of recovery that the fleet runs with, unless they are the"
                    + " defaults."
        },
        mixinStandardHelpOptions = true)
public final class RebootCommand extends InterventionCommand {

    @Override
    Explanation act(Shepherd shepherd, UUID machineId, String by, String reason) throws InterruptedException {
        return shepherd.reboot(machineId, by, reason);
    }

    @Override
    String done() {
        return "The provider agreed to reboot";
    }
}
