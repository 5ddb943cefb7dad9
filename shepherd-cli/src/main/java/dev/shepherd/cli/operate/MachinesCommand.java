package dev.shepherd.cli.operate;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Statistics;
import dev.shepherd.cli.internal.Setting;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code shepherd machines}. */
@Command(
        name = "machines",
        description = "Lists the machines in a database and what each is doing.",
        mixinStandardHelpOptions = true)
public final class MachinesCommand extends FleetCommand {

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            defaultValue = "static",
            description = "the provider instance whose machines to list (default: ${DEFAULT-VALUE})")
    private String type = "static";

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        List<ProvidedMachine> machines = bmdb.providedMachines(Setting.of("--type", type, ProviderType::new));
        out.printf("%-36s  %-24s  %-21s  %s%n", "MACHINE", "PROVIDER ID", "ADDRESS", "STATE");
        for (ProvidedMachine machine : machines) {
            out.printf(
                    "%-36s  %-24s  %-21s  %s%n",
                    machine.machineId(),
                    machine.providerId(),
                    address(machine),
                    bmdb.machine(machine.machineId())
                            .map(MachinesCommand::state)
                            .orElse("gone"));
        }
        Statistics statistics = Operator.of(bmdb).statistics();
        out.printf(
                Locale.ROOT,
                "%d machine(s) of %s; in all: %d machines, %d provided, %d with a started agent, %d waiting for one%n",
                machines.size(),
                type,
                statistics.machines(),
                statistics.provided(),
                statistics.agentStarted(),
                statistics.waitingForAgentStart());
        return 0;
    }

    private static String address(ProvidedMachine machine) {
        String address = machine.address().map(InetAddress::getHostAddress).orElse("none");
        return machine.sshPort().isPresent() ? address + " " + machine.sshPort().getAsInt() : address;
    }

    private static String state(MachineRecord machine) {
        String agent = machine.agentStarted()
                .map(started -> "agent started " + started.startedAt())
                .orElse("no agent");
        String work = machine.work().stream()
                .map(w -> ", " + w.process() + " in progress")
                .collect(Collectors.joining());
        String backoff = machine.backoffs().stream()
                .map(b -> ", " + b.process() + " backed off until " + b.until() + ": " + Escaped.text(b.cause()))
                .collect(Collectors.joining());
        return agent + work + backoff;
    }
}
