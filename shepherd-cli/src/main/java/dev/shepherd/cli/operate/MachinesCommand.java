package dev.shepherd.cli.operate;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.api.internal.TimeOfDay;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.fleet.Fleet;
import dev.shepherd.bmdb.fleet.MachineFilter;
import dev.shepherd.bmdb.fleet.MachineLine;
import dev.shepherd.bmdb.fleet.MachinePage;
import dev.shepherd.bmdb.fleet.MachineState;
import dev.shepherd.cli.internal.RecoveryOptions;
import dev.shepherd.cli.internal.Setting;
import dev.shepherd.cli.settings.Given;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code shepherd machines}. */
@Command(
        name = "machines",
        description = {
            "Lists the machines in a database and what each is doing, by provider and the provider's id.",
            "",
            "STATUS is what the provider last said of a machine: Running, Stopped (off), Unknown (it cannot be asked),"
                    + " Missing (it no longer knows the machine), Provisioning; - for one that says nothing.",
            "",
            "STATE is the first of these that applies: quarantined, missing, installed (the requested system),"
                    + " provisioning, recovering (not heard since it was rebooted or reinstalled), takeover (its agent"
                    + " is being started), failing (its takeover failed, and is tried again later), waiting (for its"
                    + " takeover), silent, started (not heard yet), up."
        },
        mixinStandardHelpOptions = true)
public final class MachinesCommand extends FleetCommand {

    private static final String ROW = "%-36s  %-10s  %-24s  %-21s  %-12s  %s%n";

    /** How much is shown of a cause. 'shepherd explain' shows it whole. */
    private static final int LONGEST_CAUSE = 160;

    @Option(names = "--type", paramLabel = "TYPE", description = "those of this provider instance (default: all)")
    private @Nullable String type;

    @Option(names = "--location", paramLabel = "PLACE", description = "those at this location (default: all)")
    private @Nullable String location;

    @Option(names = "--state", paramLabel = "STATE", description = "those in this state (default: all)")
    private @Nullable String state;

    @Option(
            names = "--search",
            paramLabel = "TEXT",
            description = "those whose id, address or reservation is this text, or whose provider's id begins with it")
    private @Nullable String search;

    @Option(
            names = "--selector",
            paramLabel = "SELECTOR",
            description =
                    "those with such labels, such as rack=7,tier!=db; also 'rack in (7,8)', 'rack' (it has the label)"
                            + " and '!rack'")
    private @Nullable String selector;

    @Option(names = "--show-labels", description = "show the labels of each machine as well")
    private boolean showLabels;

    @Option(names = "--limit", paramLabel = "N", description = "at most this many (default: all)")
    private @Nullable Integer limit;

    @Mixin
    private RecoveryOptions recovery = new RecoveryOptions();

    @Override
    void give(Given given) {
        recovery.give(given);
    }

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        MachineFilter filter = filter();
        if (limit != null) {
            Checks.count("--limit", limit, 1, Integer.MAX_VALUE);
        }
        Fleet fleet = Fleet.of(bmdb, settings().recoveryOfEach());
        Instant now = bmdb.now();
        PrintWriter out = commandLine.getOut();
        out.printf(ROW, "MACHINE", "TYPE", "PROVIDER ID", "ADDRESS", "STATUS", "STATE");
        Map<MachineState, Integer> counts = new EnumMap<>(MachineState.class);
        int left = limit == null ? Integer.MAX_VALUE : limit;
        int shown = 0;
        MachinePage page;
        MachinePage.@Nullable Place from = null;
        do {
            page = fleet.machines(filter, from, Math.min(left, Fleet.LARGEST_PAGE));
            for (MachineLine line : page.lines()) {
                print(out, line, now, showLabels);
                counts.merge(line.state(), 1, Integer::sum);
            }
            shown += page.lines().size();
            left -= page.lines().size();
            from = page.next().orElse(null);
            // A reader that has seen enough, such as head, ends the listing.
        } while (from != null && left > 0 && !out.checkError());
        out.println(shown + " machine(s)"
                + (shown == 0 ? "" : ": ")
                + counts.entrySet().stream()
                        .map(entry -> entry.getValue() + " " + entry.getKey().word())
                        .collect(Collectors.joining(", "))
                + (from == null ? "" : "; there are more"));
        return 0;
    }

    private MachineFilter filter() {
        MachineFilter filter = MachineFilter.ALL;
        if (type != null) {
            filter = filter.of(Setting.of("--type", type, ProviderType::new));
        }
        if (location != null) {
            filter = filter.at(location);
        }
        if (state != null) {
            filter = filter.in(state(state));
        }
        if (selector != null) {
            filter = filter.selected(Setting.of("--selector", selector, Selector::parse));
        }
        return search == null ? filter : Setting.of("--search", search, filter::named);
    }

    private static MachineState state(String text) {
        return Arrays.stream(MachineState.values())
                .filter(one -> one.word().equals(text.toLowerCase(Locale.ROOT)))
                .findFirst()
                .orElseThrow(() -> new ConfigurationException(
                        "--state",
                        "--state: there is no state \"" + text + "\"; there are: "
                                + Arrays.stream(MachineState.values())
                                        .map(MachineState::word)
                                        .collect(Collectors.joining(", "))));
    }

    private static void print(PrintWriter out, MachineLine line, Instant now, boolean showLabels) {
        ProvidedMachine machine = line.machine();
        out.printf(
                ROW,
                machine.machineId(),
                machine.provider(),
                machine.providerId(),
                address(machine),
                machine.status().map(ProviderStatus::databaseName).orElse("-"),
                state(line, now) + (showLabels ? labels(line) : ""));
    }

    private static String labels(MachineLine line) {
        return line.labels().entrySet().stream()
                .map(label -> label.getKey() + "=" + label.getValue())
                .collect(Collectors.joining(",", "; labels ", ""));
    }

    private static String address(ProvidedMachine machine) {
        String address = machine.address().map(InetAddress::getHostAddress).orElse("none");
        return machine.sshPort().isPresent() ? address + " " + machine.sshPort().getAsInt() : address;
    }

    /** Says in what state a machine is, and since or until when. */
    private static String state(MachineLine line, Instant now) {
        Optional<String> time = switch (line.state()) {
            case UP, SILENT -> line.heardAt().map(at -> "heard " + ago(at, now));
            case FAILING -> line.until().map(at -> "next try " + TimeOfDay.text(at, now));
            default -> line.since().map(at -> "since " + TimeOfDay.text(at, now));
        };
        return line.state().word()
                + time.map(text -> ", " + text).orElse("")
                + line.cause()
                        .map(cause -> ": " + Escaped.text(cause, LONGEST_CAUSE))
                        .orElse("");
    }

    private static String ago(Instant at, Instant now) {
        Duration span = Duration.between(at, now).truncatedTo(ChronoUnit.SECONDS);
        return span.isNegative() || span.isZero() ? "now" : Spans.text(span) + " ago";
    }
}
