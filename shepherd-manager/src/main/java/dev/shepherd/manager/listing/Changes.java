package dev.shepherd.manager.listing;

import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.ProvidedMachine;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/** Says in one line, for a log, what a provider now describes differently about a machine. */
final class Changes {

    /** How much of a text from outside is shown. */
    private static final int LONGEST_TEXT = 40;

    private Changes() {}

    static String between(ProvidedMachine before, MachineInfo after) {
        List<String> changes = new ArrayList<>();
        add(
                changes,
                "status",
                before.status().map(ProviderStatus::databaseName),
                after.status().map(ProviderStatus::databaseName));
        if (before.failed() != ProvidedMachine.isFailed(after)) {
            changes.add(before.failed() ? "no longer failed" : "failed");
        }
        add(
                changes,
                "address",
                before.address().map(InetAddress::getHostAddress),
                after.address().map(InetAddress::getHostAddress));
        add(changes, "SSH port", text(before.sshPort()), text(after.sshPort()));
        add(changes, "location", before.location(), after.location());
        add(changes, "reservation", before.reservationId(), after.reservationId());
        addLabels(changes, before.labels(), after.labels());
        return String.join(", ", changes);
    }

    private static Optional<String> text(OptionalInt port) {
        return port.isPresent() ? Optional.of(String.valueOf(port.getAsInt())) : Optional.empty();
    }

    private static void add(List<String> changes, String what, Optional<String> before, Optional<String> after) {
        if (!before.equals(after)) {
            changes.add(what + " " + shown(before) + " → " + shown(after));
        }
    }

    private static void addLabels(List<String> changes, Map<String, String> before, Map<String, String> after) {
        Set<String> keys = new TreeSet<>(before.keySet());
        keys.addAll(after.keySet());
        keys.forEach(key -> add(
                changes, "label " + key, Optional.ofNullable(before.get(key)), Optional.ofNullable(after.get(key))));
    }

    private static String shown(Optional<String> value) {
        return value.map(text -> Escaped.text(text, LONGEST_TEXT)).orElse("none");
    }
}
