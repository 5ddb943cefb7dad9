package dev.shepherd.cli.operate;

import dev.shepherd.api.ProviderStatus;
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
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code shepherd machines}. */
@Command(
        name = "machines",
        description = {
            "Lists the machines in a database and what each is doing.",
            "",
            "STATUS is what the provider last said of a machine: Running, Stopped (off), Unknown (it cannot be asked),"
                    + " Missing (it no longer knows the machine), Provisioning; - for one that says nothing."
        },
        mixinStandardHelpOptions = true)
public final class MachinesCommand extends FleetCommand {

    private static final String ROW = "%-36s  %-10s  %-24s  %-21s  %-12s  %s%n";

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            description = "the provider instance whose machines to list (default: all)")
    private @Nullable String type;

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        List<ProvidedMachine> machines = type == null
                ? bmdb.providedMachines()
                : bmdb.providedMachines(Setting.of("--type", type, ProviderType::new));
        out.printf(ROW, "MACHINE", "TYPE", "PROVIDER ID", "ADDRESS", "STATUS", "STATE");
        for (ProvidedMachine machine : machines) {
            out.printf(
                    ROW,
                    machine.machineId(),
                    machine.provider(),
                    machine.providerId(),
                    address(machine),
                    machine.status().map(ProviderStatus::databaseName).orElse("-"),
                    bmdb.machine(machine.machineId())
                            .map(MachinesCommand::state)
                            .orElse("gone"));
        }
        Statistics statistics = Operator.of(bmdb).statistics();
        out.printf(
                Locale.ROOT,
                "%d machine(s)%s; in all: %d machines, %d provided, %d with a started agent, %d waiting for one%n",
                machines.size(),
                type == null ? "" : " of " + type,
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
