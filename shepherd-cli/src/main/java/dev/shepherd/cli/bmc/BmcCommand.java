package dev.shepherd.cli.bmc;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.cli.internal.FoundProvider;
import dev.shepherd.cli.internal.Logging;
import dev.shepherd.cli.internal.PropertyOptions;
import dev.shepherd.cli.internal.Setting;
import dev.shepherd.cli.internal.Terminal;
import dev.shepherd.provider.redfish.BmcReport;
import dev.shepherd.provider.redfish.RedfishProvider;
import dev.shepherd.provider.redfish.RedfishProviderFactory;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code shepherd bmc}. */
@Command(
        name = "bmc",
        description = "Looks at the BMCs of machines.",
        subcommands = BmcCommand.Check.class,
        mixinStandardHelpOptions = true)
public final class BmcCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getErr());
        return ExitCode.USAGE;
    }

    /** {@code shepherd bmc check}. */
    @Command(
            name = "check",
            description = {
                "Finds out whether the machines of a list can be rebooted through their BMCs, before one has to be: whether"
                        + " each BMC is there, its certificate trusted, its user and password accepted, and what a reboot"
                        + " would send. Changes nothing, and needs no database.",
                "",
                "Takes the properties of the provider 'redfish' as 'shepherd run' does: 'shepherd providers' lists them. A"
                        + " BMC whose certificate is not trusted is sent no password; its fingerprint is shown. Each machine"
                        + " takes up to the property timeout, and max-concurrent-calls BMCs are looked at at the same time."
            },
            mixinStandardHelpOptions = true,
            sortOptions = false,
            exitCodeListHeading = "%nExit codes:%n",
            exitCodeList = {
                "0:all machines can be rebooted",
                "1:a machine cannot be rebooted, or the list cannot be read",
                "2:the command line or a setting is wrong, or the list has no machine that --machine names"
            })
    static final class Check implements Callable<Integer> {

        @Spec
        @SuppressWarnings("NullAway.Init")
        private CommandSpec spec;

        @Mixin
        private PropertyOptions properties = new PropertyOptions();

        @Option(
                names = "--type",
                paramLabel = "NAME",
                description = "the name of this instance of the provider, for messages (default: redfish)")
        private @Nullable String type;

        @Option(
                names = "--machine",
                paramLabel = "ID",
                description =
                        "a machine of the list to check, and to show with all that was found; repeatable (default:"
                                + " all)")
        private List<String> machines = new ArrayList<>();

        @Option(names = "--details", description = "show all that was found of each machine, below the table")
        private boolean details;

        @Option(names = "--json", description = "print one JSON object in place of the table")
        private boolean json;

        @Override
        public Integer call() throws InterruptedException {
            FoundProvider found = FoundProvider.onClassPath(new RedfishProviderFactory());
            ProviderType named = Setting.of("--type", type == null ? found.kind() : type, ProviderType::new);
            try (Provider provider = found.create(properties.config(found, named))) {
                List<BmcReport> reports = check((RedfishProvider) provider);
                PrintWriter out = spec.commandLine().getOut();
                if (json) {
                    CheckJson.write(reports, out);
                } else {
                    new CheckReport(out).print(reports, details || !machines.isEmpty());
                }
                return reports.stream().allMatch(BmcReport::canReboot) ? ExitCode.OK : ExitCode.SOFTWARE;
            }
        }

        private List<BmcReport> check(RedfishProvider provider) throws InterruptedException {
            List<ProviderID> ids = chosen(provider);
            Map<ProviderID, BmcReport> reports = new HashMap<>();
            boolean shows = Logging.isTerminal();
            PrintStream err = Terminal.bareError();
            provider.check(ids, report -> {
                reports.put(report.id(), report);
                if (shows) {
                    err.print("\r" + reports.size() + " of " + ids.size() + " checked");
                    err.flush();
                }
            });
            if (shows) {
                err.print("\r" + " ".repeat(40) + "\r");
                err.flush();
            }
            // One that has left the list meanwhile was checked before.
            return ids.stream()
                    .map(id -> Objects.requireNonNull(reports.get(id)))
                    .toList();
        }

        private List<ProviderID> chosen(RedfishProvider provider) throws InterruptedException {
            List<ProviderID> all =
                    provider.listMachines().stream().map(MachineInfo::id).toList();
            Set<String> wanted = new LinkedHashSet<>(machines);
            List<ProviderID> chosen = wanted.isEmpty()
                    ? all
                    : all.stream().filter(id -> wanted.contains(id.value())).toList();
            chosen.forEach(id -> wanted.remove(id.value()));
            if (!machines.isEmpty() && !wanted.isEmpty()) {
                throw new ConfigurationException(
                        "--machine",
                        "--machine: the list has no machine \"" + Escaped.text(String.join("\", \"", wanted)) + "\"");
            }
            return chosen;
        }
    }
}
