package dev.shepherd.web.pages;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.fleet.FleetSummary;
import dev.shepherd.bmdb.fleet.MachineFilter;
import dev.shepherd.bmdb.fleet.MachineLine;
import dev.shepherd.bmdb.fleet.MachinePage;
import dev.shepherd.bmdb.fleet.MachinePage.Place;
import dev.shepherd.bmdb.fleet.MachineState;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Says a page of machines. */
public final class MachinesPage {

    private static final int LONGEST_NOTE = 300;

    private MachinesPage() {}

    /** Makes what the page shows. */
    public static MachinesView of(
            MachineFilter filter, @Nullable Place from, MachinePage page, Optional<FleetSummary> summary, Say say) {
        Stream<String> counted = summary.stream()
                .flatMap(counts -> counts.counts().stream())
                .map(count -> count.provider().name());
        List<String> providers = Stream.concat(counted, filter.provider().map(ProviderType::name).stream())
                .distinct()
                .sorted()
                .toList();
        return new MachinesView(
                providers,
                Arrays.stream(MachineState.values()).map(MachineState::word).toList(),
                filter.provider().map(ProviderType::name).orElse(""),
                filter.location().orElse(""),
                filter.location().isPresent(),
                filter.state().map(MachineState::word).orElse(""),
                filter.text().orElse(""),
                filter.selector().map(Selector::toString).orElse(""),
                page.lines().stream().map(line -> line(line, say)).toList(),
                from == null ? Optional.empty() : Optional.of(MachineLinks.query(filter, null)),
                page.previous().map(place -> MachineLinks.query(filter, place)),
                page.next().map(place -> MachineLinks.query(filter, place)));
    }

    private static MachinesView.Line line(MachineLine line, Say say) {
        ProvidedMachine machine = line.machine();
        return new MachinesView.Line(
                machine.machineId().toString(),
                machine.provider().name(),
                Say.text(machine.providerId()),
                address(machine),
                machine.location().map(Say::text).orElse(""),
                machine.status().map(status -> status.databaseName()).orElse(""),
                line.state().word(),
                line.state().meaning(),
                line.heardAt().map(say::when),
                note(line, say),
                line.labels().entrySet().stream()
                        .map(label -> label.getKey() + "=" + label.getValue())
                        .toList());
    }

    /** Says what else is to be known of a machine's state. */
    static String note(MachineLine line, Say say) {
        String cause =
                line.cause().map(text -> Escaped.text(text, LONGEST_NOTE)).orElse("");
        String since =
                line.since().map(at -> "begun " + say.when(at).relative()).orElse("");
        String until =
                line.until().map(at -> "tried again " + say.when(at).relative()).orElse("");
        return switch (line.state()) {
            case QUARANTINED -> cause;
            case FAILING -> until + ": " + cause;
            case HELD_BACK -> until.isEmpty() ? cause : until + ": " + cause;
            case RECOVERING, TAKEOVER -> since;
            default -> "";
        };
    }

    static String address(ProvidedMachine machine) {
        String address = machine.address().map(InetAddress::getHostAddress).orElse("");
        return machine.sshPort().isPresent()
                ? address + " port " + machine.sshPort().getAsInt()
                : address;
    }
}
