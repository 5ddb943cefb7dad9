package dev.shepherd.cli.operate;

import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.manager.Shepherd;
import java.util.UUID;
import picocli.CommandLine.Command;

/** {@code shepherd reboot}. */
@Command(
        name = "reboot",
        description = {
            "Has the provider reboot a machine, whether or not its agent is silent; the running loops then start its"
                    + " agent again. Refused while a session is working on the machine, while it is"
                    + " paused or its recovery frozen, and while as many machines are in recovery as may be.",
            "",
            "Pass the provider as for 'run', and the limits of recovery that the fleet runs with, unless they are the"
                    + " defaults."
        },
        mixinStandardHelpOptions = true)
public final class RebootCommand extends InterventionCommand {

    @Override
    Explanation act(Shepherd shepherd, UUID machineId, Actor actor, String reason, boolean force)
            throws InterruptedException {
        return shepherd.reboot(machineId, actor, reason, force);
    }

    @Override
    String done() {
        return "The provider agreed to reboot";
    }
}
