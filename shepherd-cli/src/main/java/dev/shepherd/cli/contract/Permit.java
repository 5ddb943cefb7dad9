package dev.shepherd.cli.contract;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.ProviderID;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * What may be done to which machines: those that were named may be created, and what was made of them may be rebooted and,
 * if that was allowed, reinstalled. A machine that was listed before and not named is never acted on, whatever a provider
 * says that it has made. Remembers what was asked for. Safe for use by several threads.
 */
final class Permit {

    private final Set<String> names;
    private final Set<ProviderID> others;
    private final boolean reinstalls;
    private final Map<UUID, String> intents = Collections.synchronizedMap(new LinkedHashMap<>());
    private final Set<ProviderID> made = ConcurrentHashMap.newKeySet();
    private final List<String> refused = new CopyOnWriteArrayList<>();
    private final int count;

    private Permit(Set<String> names, int count, Set<ProviderID> others, boolean reinstalls) {
        this.names = Set.copyOf(names);
        this.count = count;
        this.others = Set.copyOf(others);
        this.reinstalls = reinstalls;
    }

    /** Allows nothing. */
    static Permit none() {
        return new Permit(Set.of(), 0, Set.of(), false);
    }

    /** Allows what is said of some machines of a listing. */
    static Permit of(List<Machine> named, List<Machine> listing, boolean reinstalls) {
        Set<String> names = new LinkedHashSet<>();
        for (Machine machine : named) {
            names.addAll(names(machine));
        }
        Set<ProviderID> others = new HashSet<>();
        for (Machine machine : listing) {
            if (machine.id().isValid() && !named.contains(machine)) {
                others.add(machine.id());
            }
        }
        return new Permit(names, named.size(), others, reinstalls);
    }

    /** Returns what a machine is named by: its id and that of its reservation, as far as it has them. */
    static List<String> names(Machine machine) {
        List<String> names = new ArrayList<>();
        if (machine.id().isValid()) {
            names.add(machine.id().value());
        }
        machine.reservationId().ifPresent(names::add);
        return names;
    }

    static boolean isFree(Machine machine) {
        return !machine.failed()
                && (machine.availability() == Availability.KNOWN_UNUSED
                        || machine.availability() == Availability.POSSIBLY_USED);
    }

    /** Returns how many machines may be created. */
    int count() {
        return count;
    }

    boolean reinstalls() {
        return reinstalls;
    }

    boolean mayCreate(Machine machine) {
        return names(machine).stream().limit(1).anyMatch(names::contains); // Of one with an id, that alone counts.
    }

    boolean mayReboot(ProviderID id) {
        return made.contains(id) && !others.contains(id);
    }

    void requireCreation(CreateMachineRequest request) {
        Optional<Machine> machine = request.machine();
        String name = machine.map(asked -> String.join(", reservation ", names(asked)))
                .orElse("any machine");
        require(machine.isPresent() && mayCreate(machine.get()), "createMachine(" + name + ")");
        intents.put(request.intentId(), name);
    }

    void created(Machine machine) {
        made.add(machine.id());
    }

    void requireReboot(ProviderID id) {
        require(mayReboot(id), "rebootMachine(" + id + ")");
    }

    void requireReinstallation(ProviderID id) {
        require(reinstalls && mayReboot(id), "reinstallMachine(" + id + ")");
    }

    private void require(boolean allowed, String call) {
        if (!allowed) {
            refused.add(call);
            throw new AssertionError("shepherd contract did not pass on " + call + ": that was not allowed to it");
        }
    }

    /** Returns the calls that were not passed on; a rule that makes such a call has a defect. */
    List<String> refused() {
        return List.copyOf(refused);
    }

    /** Tells whether a machine may be one that was made here. */
    boolean isMade(Machine machine) {
        boolean byIntent = machine.intentId().filter(intents::containsKey).isPresent();
        return byIntent || made.contains(machine.id());
    }

    /** Returns for which intents machines were asked for, and by which name. */
    Map<UUID, String> intents() {
        synchronized (intents) {
            return new LinkedHashMap<>(intents);
        }
    }
}
