package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Explanation;
import dev.shepherd.manager.Shepherd;
import java.util.UUID;
import picocli.CommandLine.Command;

/** {@code shepherd reboot}. */
@Command(
        name = "reboot",
        description = {
            "Has the provider reboot a machine, whatever its agent does, and lets the running loops start its agent"
                    + " again. Refused while the machine is being worked on.",
            "",
            "Give it the provider as for 'run', and the limits of recovery that the fleet is run with, where"
                    + " they are not the defaults."
        },
        mixinStandardHelpOptions = true)
public final class RebootCommand extends InterventionCommand {

    @Override
    Explanation act(Shepherd shepherd, UUID machineId, String by, String reason) throws InterruptedException {
        return shepherd.reboot(machineId, by, reason);
    }

    @Override
    String done() {
        return "The provider accepted to reboot";
    }
}
