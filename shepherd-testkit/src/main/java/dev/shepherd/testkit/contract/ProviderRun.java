package dev.shepherd.testkit.contract;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.bmdb.ProvidedMachine;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * One test of a rule of providers: the machines that it finds and creates, and where they are recorded. What it has
 * created is released after it, the last one first.
 */
final class ProviderRun extends ContractRun {

    private static final int POLL_MILLIS = 20;

    private final ProviderFixture contract;
    private final Deque<Machine> created = new ArrayDeque<>();
    private final Set<ProviderID> createdIds = new HashSet<>();
    private @Nullable Records records;

    ProviderRun(ProviderFixture contract, Fixture fixture) {
        super(fixture);
        this.contract = contract;
    }

    @Override
    List<String> release() throws Exception {
        contract.heal();
        Set<ProviderID> released = new LinkedHashSet<>();
        while (!created.isEmpty()) {
            Machine machine = created.pop();
            if (contract.release(machine)) {
                released.add(machine.id());
            }
        }
        if (released.isEmpty()) {
            return List.of();
        }
        Provider provider = track(contract.createProvider());
        contract.finishCreations();
        return provider.listMachines().stream()
                .filter(machine -> machine.availability() == Availability.KNOWN_USED)
                .filter(machine -> released.contains(machine.id()))
                .map(machine -> machine.id().value())
                .toList();
    }

    @Override
    void closed() {
        if (records != null) {
            records.close();
        }
    }

    // Providers.

    /** Has the fixture add free machines, and opens a provider. On a shared outside one that may be taken is enough. */
    Provider start(int machines) {
        if (contract.sharesTheOutside()) {
            require(
                    machines == 0 || contract.machineBudget() > 0,
                    "it creates machines, and machineBudget() is " + contract.machineBudget());
            return open();
        }
        require(
                machines <= contract.machineBudget(),
                "it needs " + machines + " machines, and machineBudget() is " + contract.machineBudget());
        try {
            if (machines > 0) {
                contract.addFreeMachines(machines);
            }
        } catch (Exception e) {
            throw new AssertionError("fixture: addFreeMachines(" + machines + ") failed: " + e, e);
        }
        return open();
    }

    /** The same for a rule that looks at machines: on a shared outside those that are there have to do. */
    Provider startToLook(int machines) {
        return contract.sharesTheOutside() ? open() : start(machines);
    }

    /** Opens a provider on what is there, as after a restart. */
    Provider open() {
        try {
            return track(contract.createProvider());
        } catch (Exception e) {
            throw new AssertionError("fixture: createProvider() failed: " + e, e);
        }
    }

    /** Opens a provider whose limits are as short as they can be. */
    Provider openImpatient() {
        try {
            return track(contract.createImpatientProvider());
        } catch (Exception e) {
            throw new AssertionError("fixture: createImpatientProvider() failed: " + e, e);
        }
    }

    // Listings.

    /** One of the two ways to list machines. */
    record Listing(String name, Callable<List<Machine>> call) {}

    /** Returns both ways to list the machines of a provider; the manager uses the first. */
    List<Listing> listings(Provider provider) {
        return List.of(
                new Listing("forEachMachine()", () -> shown(provider)),
                new Listing("listMachines()", () -> new ArrayList<>(provider.listMachines())));
    }

    /** Lists the machines as the manager does. */
    List<Machine> list(Provider provider) throws InterruptedException {
        List<Machine> machines = get("forEachMachine()", () -> shown(provider));
        if (machines.contains(null)) {
            throw broken("machines", "forEachMachine() showed a null: " + text(machines));
        }
        return machines;
    }

    List<Machine> shown(Provider provider) throws InterruptedException {
        List<Machine> shown = new ArrayList<>();
        provider.forEachMachine(shown::add);
        return shown;
    }

    Machine get(Provider provider, ProviderID id) throws InterruptedException {
        return get("getMachine(" + id + ")", () -> provider.getMachine(id));
    }

    /** What machines are known by: an id, or the reservation of those that have none. */
    static Set<String> names(List<? extends Machine> machines) {
        Set<String> names = new HashSet<>();
        for (Machine machine : machines) {
            names.add(name(machine));
        }
        return names;
    }

    static String name(Machine machine) {
        return machine.id().isValid()
                ? machine.id().value()
                : "reservation " + machine.reservationId().orElse("without an id");
    }

    /** Lists the machines that can be created, at least so many. */
    List<Machine> free(Provider provider, int atLeast) throws InterruptedException {
        Set<ProviderID> recorded = new HashSet<>();
        if (records != null) {
            records.provided(provider.type()).forEach(machine -> recorded.add(machine.providerId()));
        }
        List<Machine> free = list(provider).stream()
                .filter(machine -> isFree(machine, recorded) && contract.mayTake(machine))
                .toList();
        if (contract.sharesTheOutside()) {
            require(
                    atLeast == 0 || !free.isEmpty(),
                    "none of the machines that it may take is free any more, see machineBudget()");
        } else if (free.size() < atLeast) {
            throw broken(
                    "the listing has the free machines that addFreeMachines() added, at least " + atLeast,
                    "it has " + free.size() + " free ones: " + text(free));
        }
        return free;
    }

    private static boolean isFree(Machine machine, Set<ProviderID> recorded) {
        return !machine.failed()
                && (machine.availability() == Availability.KNOWN_UNUSED
                        || (machine.availability() == Availability.POSSIBLY_USED && !recorded.contains(machine.id())));
    }

    /** Lists the machines that can be created, and skips the test if there are not so many on a shared outside. */
    List<Machine> allFree(Provider provider, int needed) throws InterruptedException {
        List<Machine> free = free(provider, needed);
        require(
                free.size() >= needed,
                "it takes " + needed + " free machines, and may take " + free.size() + " of them, see machineBudget()");
        return free;
    }

    /** Returns a machine that may be created: there is one, except on a shared outside. */
    Optional<Machine> freeIfAny(Provider provider) throws InterruptedException {
        if (!contract.sharesTheOutside()) {
            return Optional.of(free(provider, 1).get(0));
        }
        return contract.machineBudget() == 0
                ? Optional.empty()
                : free(provider, 0).stream().findFirst();
    }

    /** Lists free machines to be looked at, at least so many: on a shared outside all, also those that may not be taken. */
    List<Machine> freeToLook(Provider provider, int atLeast) throws InterruptedException {
        if (!contract.sharesTheOutside()) {
            return free(provider, atLeast);
        }
        List<Machine> machines = list(provider);
        require(!machines.isEmpty(), "the provider lists no machine");
        return machines.stream().filter(machine -> isFree(machine, Set.of())).toList();
    }

    /** Creates a machine for listings to show. On a shared outside they show what is there. */
    Optional<Machine> createToShow(Provider provider, int free) throws InterruptedException {
        if (contract.sharesTheOutside()) {
            require(!list(provider).isEmpty(), "the provider lists no machine");
            return Optional.empty();
        }
        return Optional.of(create(provider, request(free(provider, free).get(0))));
    }

    /** Creates a machine to be looked at. On a shared outside it finds one that has an id, and creates one only if none has. */
    Machine createToLook(Provider provider, int free) throws InterruptedException {
        if (contract.sharesTheOutside()) {
            List<Machine> known = list(provider).stream()
                    .filter(machine -> machine.id().isValid() && !isInCreation(machine))
                    .toList();
            Optional<Machine> inUse = known.stream()
                    .filter(machine -> machine.availability() != Availability.KNOWN_UNUSED)
                    .findFirst();
            if (inUse.isPresent() || !known.isEmpty()) {
                return inUse.orElseGet(() -> known.get(0));
            }
            require(
                    contract.machineBudget() > 0,
                    "the provider lists no machine with an id, and none may be created: machineBudget() is 0");
        }
        return create(provider, request(free(provider, free).get(0)));
    }

    /** Skips the test where others might suffer if the provider is wrong. */
    void requireOwnOutside(String what) {
        require(!contract.sharesTheOutside(), what + ", which is not tried on an outside that others use");
    }

    static Set<ProviderID> used(List<Machine> machines) {
        Set<ProviderID> used = new LinkedHashSet<>();
        for (Machine machine : machines) {
            if (machine.availability() == Availability.KNOWN_USED) {
                used.add(machine.id());
            }
        }
        return used;
    }

    static long countUnused(List<Machine> machines) {
        return machines.stream()
                .filter(machine -> machine.availability() == Availability.KNOWN_UNUSED)
                .count();
    }

    /** Lets creations end, and lists the machines. */
    List<Machine> settled(Provider provider) throws InterruptedException {
        finishCreations();
        return list(provider);
    }

    void finishCreations() throws InterruptedException {
        try {
            contract.finishCreations();
        } catch (InterruptedException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError("fixture: finishCreations() failed: " + e, e);
        }
    }

    void awaitListed(Provider provider, Optional<Machine> created) throws InterruptedException {
        if (created.isPresent()) {
            awaitListed(provider, created.get().id());
        }
    }

    /** Waits until a listing has a machine that is not being made or reinstalled any more. */
    Machine awaitListed(Provider provider, ProviderID id) throws InterruptedException {
        finishCreations();
        long deadline = System.nanoTime() + contract.creationLimit().toNanos();
        for (long poll = POLL_MILLIS; true; poll = contract.sharesTheOutside() ? Math.min(2 * poll, 5_000) : poll) {
            List<Machine> machines = list(provider);
            Optional<Machine> listed =
                    machines.stream().filter(machine -> machine.id().equals(id)).findFirst();
            if (listed.isPresent() && !isInCreation(listed.get())) {
                return listed.get();
            }
            if (System.nanoTime() - deadline > 0) {
                throw broken(
                        "machine " + id + " is listed, and not as PROVISIONING, within " + contract.creationLimit()
                                + " (creationLimit())",
                        "the listing is " + text(machines));
            }
            Thread.sleep(poll);
        }
    }

    // Sessions and creations.

    Records records() {
        if (records == null) {
            records = contract.usesDatabase() ? Records.database(context()) : Records.memory();
        }
        return records;
    }

    /** Has this test record in memory: it is repeated often, and what it is about comes after the recording. */
    void recordInMemory() {
        records = Records.memory();
    }

    ObservedSession session() throws InterruptedException {
        return new ObservedSession(records().startSession(), false, contract::effects);
    }

    /** Starts a session in which every transaction is rolled back once. */
    ObservedSession rollingBack() throws InterruptedException {
        return new ObservedSession(records().startSession(), true, contract::effects);
    }

    ObservedSession lostSession() throws InterruptedException {
        ObservedSession session = session();
        records().lose(session.unwrap());
        return session;
    }

    /** Calls createMachine, and remembers what comes out of it. */
    Outcome<? extends Machine> create(Provider provider, ObservedSession session, CreateMachineRequest request)
            throws InterruptedException {
        return create(provider, session, request, "");
    }

    Outcome<? extends Machine> create(
            Provider provider, ObservedSession session, CreateMachineRequest request, String circumstances)
            throws InterruptedException {
        Outcome<? extends Machine> outcome =
                call(describe(request) + circumstances, () -> provider.createMachine(session, request));
        remember(outcome);
        return outcome;
    }

    void remember(Outcome<? extends Machine> outcome) {
        Machine machine = outcome.value();
        if (machine != null && createdIds.add(machine.id())) {
            created.push(machine);
        }
    }

    /** Creates a machine, in a session of its own. */
    Machine create(Provider provider, CreateMachineRequest request) throws InterruptedException {
        return get(create(provider, session(), request), "createMachine returns the machine");
    }

    static String describe(CreateMachineRequest request) {
        String machine = request.machine()
                .map(m -> m.id().isValid()
                        ? "machine " + m.id()
                        : "reservation " + m.reservationId().orElse("without an id"))
                .orElse("any machine");
        return "createMachine(" + machine + " for intent " + request.intentId() + ")";
    }

    static CreateMachineRequest request(Machine machine) {
        return CreateMachineRequest.of(UUID.randomUUID(), machine);
    }

    /** Requires that so many machines are recorded, each with a tag of this provider's type, and returns them. */
    Map<UUID, ProvidedMachine> requireRecorded(Provider provider, int count) throws InterruptedException {
        Map<UUID, ProvidedMachine> recorded = new LinkedHashMap<>();
        records().provided(provider.type()).forEach(machine -> recorded.put(machine.machineId(), machine));
        int machines = records().machines();
        int tags = records().tags();
        if (recorded.size() != count || machines != count || tags != count) {
            throw broken(
                    count + " machine(s) and as many MachineProvided tags of provider " + provider.type()
                            + " in the database",
                    machines + " machine(s), " + tags + " tag(s), " + recorded.size() + " of them of provider "
                            + provider.type());
        }
        return recorded;
    }

    /**
     * Requires that, once creations are over, the provider has at most one used machine more than before, that one, and
     * at most one free one less.
     */
    void requireOnlyOneMore(Provider provider, List<Machine> before, ProviderID id) throws InterruptedException {
        List<Machine> after = settled(provider);
        Set<ProviderID> more = used(after);
        more.removeAll(used(before));
        for (Machine machine : after) {
            if (more.contains(machine.id()) && createdIds.add(machine.id())) {
                created.push(machine); // What a call that failed has left, to be released.
            }
        }
        more.remove(id);
        long less = countUnused(before) - countUnused(after);
        if (!more.isEmpty() || less > 1) {
            throw broken(
                    "one machine was made: " + id,
                    "used machines that were not before: " + more + " besides; free machines less than before: "
                            + less);
        }
    }

    /** Creates the machine of a request that failed, and requires that it is the only one that was made for it. */
    void requireFoundAgain(List<Machine> before, CreateMachineRequest request, int recorded)
            throws InterruptedException {
        Provider restarted = open();
        finishCreations();
        Machine found = create(restarted, request);
        requireRecorded(restarted, recorded);
        requireOnlyOneMore(restarted, before, found.id());
    }

    /** Requires that nothing was made. */
    void requireNoneMade(Provider provider, List<Machine> before) throws InterruptedException {
        List<Machine> after = settled(provider);
        Set<ProviderID> more = used(after);
        more.removeAll(used(before));
        long less = countUnused(before) - countUnused(after);
        if (!more.isEmpty() || less > 0) {
            throw broken(
                    "nothing is made", "used machines that were not before: " + more + "; free machines less: " + less);
        }
    }

    /** Tells whether a machine is still being made, as far as it says. */
    static boolean isInCreation(Machine machine) {
        return machine.status().equals(Optional.of(ProviderStatus.PROVISIONING));
    }
}
