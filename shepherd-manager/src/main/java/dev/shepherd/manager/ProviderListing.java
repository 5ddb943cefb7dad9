package dev.shepherd.manager;

import dev.shepherd.api.Availability;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A provider's listing, checked and made easy to look things up in. Immutable. */
final class ProviderListing {

    private final Map<ProviderID, MachineInfo> byId = new LinkedHashMap<>();
    private final List<MachineInfo> withoutId = new ArrayList<>();

    /**
     * Checks a listing.
     *
     * @throws ProviderException if a machine breaks the rules of its availability, or two have the same id: with
     *     such a listing nothing can be decided
     */
    ProviderListing(ProviderType provider, List<? extends Machine> machines) {
        for (Machine machine : machines) {
            MachineInfo info;
            try {
                info = MachineInfo.copyOf(machine);
            } catch (IllegalArgumentException e) {
                throw new ProviderException(
                        Reason.PERMANENT,
                        "provider " + provider + " lists a machine that it must not: " + e.getMessage(),
                        e);
            }
            if (!info.id().isValid()) {
                withoutId.add(info);
            } else if (byId.put(info.id(), info) != null) {
                throw new ProviderException(
                        Reason.PERMANENT, "provider " + provider + " lists machine " + info.id() + " twice");
            }
        }
    }

    int size() {
        return byId.size() + withoutId.size();
    }

    Optional<MachineInfo> find(ProviderID id) {
        return Optional.ofNullable(byId.get(id));
    }

    /** Returns the machines that the provider is sure are used. */
    List<MachineInfo> used() {
        return byId.values().stream()
                .filter(machine -> machine.availability() == Availability.KNOWN_USED)
                .toList();
    }

    /**
     * Returns the machines that may be created, by the name that they are known by at every listing: their id, or
     * their reservation's where they have none. Failed ones are left out, and so are nameless ones, which could
     * not be told from one another.
     *
     * @param recorded the ids that the database has, which settle what is possibly used
     */
    Map<String, MachineInfo> candidates(Set<ProviderID> recorded) {
        Map<String, MachineInfo> candidates = new LinkedHashMap<>();
        for (MachineInfo machine : byId.values()) {
            if (isFree(machine, recorded)) {
                candidates.put(machine.id().value(), machine);
            }
        }
        for (MachineInfo machine : withoutId) {
            if (isFree(machine, recorded)) {
                machine.reservationId().ifPresent(reservation -> candidates.putIfAbsent(reservation, machine));
            }
        }
        return candidates;
    }

    private static boolean isFree(MachineInfo machine, Set<ProviderID> recorded) {
        if (machine.failed()) {
            return false;
        }
        return switch (machine.availability()) {
            case KNOWN_UNUSED -> true;
            case POSSIBLY_USED -> !recorded.contains(machine.id());
            case KNOWN_USED, UNDEFINED -> false;
        };
    }
}
