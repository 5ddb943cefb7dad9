package dev.shepherd.testkit.contract;

import static dev.shepherd.testkit.contract.ContractRun.INTERRUPTION_LIMIT;
import static dev.shepherd.testkit.contract.ContractRun.text;
import static dev.shepherd.testkit.contract.ProviderRun.name;
import static dev.shepherd.testkit.contract.ProviderRun.names;
import static dev.shepherd.testkit.contract.ProviderRun.request;

import dev.shepherd.api.AlreadyRecordedException;
import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.provider.FakeSession;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CyclicBarrier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.slf4j.LoggerFactory;

/**
 * The contract of {@link Provider} as tests: extend it, say how to make a provider and free machines, and run it.
 *
 * <pre>{@code
 * class RackProviderTest extends ProviderContract {
 *
 *     private final RackController controller = new RackController();
 *
 *     @Override
 *     protected Provider createProvider() {
 *         return new RackProvider(new ProviderType("racks"), controller.uri());
 *     }
 *
 *     @Override
 *     protected void addFreeMachines(int count) {
 *         controller.addServers(count);
 *     }
 * }
 * }</pre>
 *
 * <p>Two methods are essential, {@link #createProvider()} and {@link #addFreeMachines(int)}. A test of more
 * overrides {@link #faults()}, {@link #secrets()}, {@link #outside} and {@link #change}. All others have defaults that fit
 * most. Each test has an instance of the class, and so a world, of its own.
 *
 * <p>A rule that needs what the fixture does not offer is skipped. Once all tests of the class are over, the standard
 * output has how many rules were tried, and which were skipped and why. A failure tells the rule, the
 * provider, what was expected, what happened and what to check first. Machines are recorded in a real database, see
 * {@link #usesDatabase()}. Whatever is created is {@linkplain #release released} after each test, the last one first, and
 * providers are closed, before methods with {@code @AfterEach} run.
 *
 * @see Rule
 * @see RecovererContract
 */
@ExtendWith(ContractReport.class)
public abstract class ProviderContract extends StepRules {

    private static final int MOST_AT_ONCE = 8;

    /** How long a call that waits is left alone before it is interrupted. */
    private static final Duration UNTIL_WAITING = Duration.ofMillis(200);

    private static final ProviderID OTHERS_ID = new ProviderID("a-machine-of-another-provider");
    private static final String OTHERS_RESERVATION = "a-reservation-of-another-provider";

    /** For subclasses. */
    protected ProviderContract() {}

    // What a provider says of itself.

    @Test
    public final void required_P01_typeIsConstant() throws Exception {
        Provider provider = run.start(0);
        ProviderType type = run.get("type()", provider::type);
        Provider restarted = run.open();
        for (int i = 0; i < repeats(); i++) {
            for (Provider each : List.of(provider, restarted)) {
                Outcome<ProviderType> again = run.call("type()", each::type);
                if (!type.equals(again.value())) {
                    throw run.broken("type() returns " + type + " again", again);
                }
            }
        }
    }

    @Test
    public final void required_P02_maxConcurrentCallsIsPositiveAndConstant() throws Exception {
        Provider provider = run.start(0);
        Integer first = run.get("maxConcurrentCalls()", provider::maxConcurrentCalls);
        if (first < 1) {
            throw run.broken("at least 1", "maxConcurrentCalls() returned " + first);
        }
        for (int i = 0; i < repeats(); i++) {
            Outcome<Integer> again = run.call("maxConcurrentCalls()", provider::maxConcurrentCalls);
            if (!first.equals(again.value())) {
                throw run.broken("maxConcurrentCalls() returns " + first + " again", again);
            }
        }
    }

    // Listing.

    @Test
    public final void required_P03_idsAreUniqueInAListing() throws Exception {
        Provider provider = run.startToLook(2);
        run.createToShow(provider, 2);
        List<Machine> machines = run.settled(provider);
        requireUnique(machines);
    }

    private void requireUnique(List<Machine> machines) {
        Set<ProviderID> seen = new HashSet<>();
        for (Machine machine : machines) {
            if (machine.id().isValid() && !seen.add(machine.id())) {
                throw run.broken("each id once", "machine " + machine.id() + " stands twice in " + text(machines));
            }
        }
    }

    @Test
    public final void required_P04_idsAreStable() throws Exception {
        Provider provider = run.startToLook(2);
        Optional<Machine> created = run.createToShow(provider, 2);
        run.awaitListed(provider, created);
        Set<String> names = names(run.list(provider));
        for (int i = 0; i < repeats(); i++) {
            Provider other = i % 2 == 0 ? provider : run.open();
            Set<String> again = names(run.list(other));
            if (!again.equals(names)) {
                throw run.broken(
                        "the machines " + names + " again" + (other == provider ? "" : ", after a restart"),
                        "the listing has " + again);
            }
        }
    }

    @Test
    public final void required_P05_machinesKeepTheRulesOfTheirAvailability() throws Exception {
        Provider provider = run.startToLook(2);
        Optional<Machine> created = run.createToShow(provider, 2);
        List<Machine> machines = new ArrayList<>(run.list(provider));
        run.awaitListed(provider, created);
        machines.addAll(run.list(provider));
        for (Machine machine : machines) {
            requireRules(machine);
        }
    }

    /** Holds any machine to what the record refuses. */
    private void requireRules(Machine machine) throws InterruptedException {
        Outcome<MachineInfo> checked = run.call(
                "checking machine " + text(machine),
                () -> new MachineInfo(
                        machine.id(),
                        machine.address(),
                        machine.availability(),
                        machine.failed(),
                        machine.status(),
                        machine.location(),
                        machine.reservationId(),
                        machine.sshPort(),
                        machine.intentId(),
                        machine.labels()));
        if (!checked.hasValue()) {
            throw run.broken("a machine that MachineInfo takes", checked);
        }
    }

    @Test
    public final void required_P06_freeMachinesCanBeToldApart() throws Exception {
        Provider provider = run.startToLook(Math.min(3, machineBudget()));
        Set<String> names = new HashSet<>();
        for (Machine machine : run.freeToLook(provider, Math.min(3, machineBudget()))) {
            if (!machine.id().isValid() && machine.reservationId().isEmpty()) {
                throw run.broken("an id or a reservation id", "neither has the free machine " + text(machine));
            }
            if (!names.add(name(machine))) {
                throw run.broken("a name of its own", "two free machines are " + name(machine));
            }
        }
    }

    // Looking at one machine.

    @Test
    public final void required_P07_unknownIdIsNotFound() throws Exception {
        Provider provider = run.startToLook(1);
        ProviderID absent = absentId();
        run.requireReason(run.call("getMachine(" + absent + ")", () -> provider.getMachine(absent)), Reason.NOT_FOUND);
    }

    @Test
    public final void required_P08_malformedIdsAreNotFound() throws Exception {
        Provider provider = run.startToLook(1);
        for (ProviderID malformed : malformedIds()) {
            run.requireReason(
                    run.call("getMachine(" + malformed + ")", () -> provider.getMachine(malformed)), Reason.NOT_FOUND);
        }
    }

    @Test
    public final void required_P09_listedMachinesCanBeGot() throws Exception {
        Provider provider = run.startToLook(2);
        Optional<Machine> created = run.createToShow(provider, 2);
        run.awaitListed(provider, created);
        for (Machine listed : run.list(provider)) {
            if (listed.id().isValid()) {
                Machine got = run.get(provider, listed.id());
                if (!got.id().equals(listed.id())) {
                    throw run.broken("machine " + listed.id(), "getMachine returned machine " + got.id());
                }
                requireRules(got);
            }
        }
    }

    @Test
    public final void required_P10_aCheapListingSaysAsMuchAsGetMachine() throws Exception {
        Provider provider = run.startToLook(2);
        run.require(
                run.get("isListingCheap()", provider::isListingCheap),
                "isListingCheap() is false: the listing may say less than getMachine");
        Optional<Machine> created = run.createToShow(provider, 2);
        run.awaitListed(provider, created);
        for (Machine listed : run.list(provider)) {
            if (listed.id().isValid()) {
                MachineInfo fromListing = MachineInfo.copyOf(listed);
                MachineInfo got = MachineInfo.copyOf(run.get(provider, listed.id()));
                if (!got.equals(fromListing)) {
                    throw run.broken("the listing says " + got, "it says " + fromListing);
                }
            }
        }
    }

    @Test
    public final void required_P11_aListingIsTheCallers() throws Exception {
        Provider provider = run.startToLook(2);
        List<? extends Machine> first = run.get("listMachines()", provider::listMachines);
        Set<String> names = names(new ArrayList<>(first));
        try {
            first.clear();
        } catch (UnsupportedOperationException e) {
            // One that cannot be changed is as good.
        }
        Set<String> again = names(run.list(provider));
        if (!again.equals(names)) {
            throw run.broken(
                    "the listing is " + names + " again", "after the caller had cleared its own it is " + again);
        }
    }

    // Creating.

    @Test
    public final void required_P12_createRecordsOneMachine() throws Exception {
        Provider provider = run.start(2);
        CreateMachineRequest request = request(run.free(provider, 2).get(0));
        ObservedSession session = run.session();
        Machine created = run.get(run.create(provider, session, request), "createMachine returns the machine");
        ProvidedMachine recorded = run.requireRecorded(provider, 1).get(request.intentId());
        if (recorded == null || !recorded.providerId().equals(created.id())) {
            throw run.broken(
                    "machine " + request.intentId() + " (the intent's id) with the provider's id " + created.id(),
                    "recorded is " + text(recorded));
        }
        if (session.bodies() == 0) {
            throw run.broken("the session that was given is used", "no transaction was run in it");
        }
    }

    @Test
    public final void required_P13_createReturnsWhatIsRecorded() throws Exception {
        Provider provider = run.start(2);
        CreateMachineRequest request = request(run.free(provider, 2).get(0));
        Machine created = run.create(provider, request);
        if (created.availability() != Availability.KNOWN_USED || !created.id().isValid()) {
            throw run.broken(
                    "a machine that is KNOWN_USED and has a valid id", "createMachine returned " + text(created));
        }
        requireRules(created);
        ProvidedMachine recorded = run.requireRecorded(provider, 1).get(request.intentId());
        if (recorded == null
                || !recorded.providerId().equals(created.id())
                || !recorded.address().equals(created.address())
                || !recorded.sshPort().equals(created.sshPort())
                || !recorded.location().equals(created.location())
                || !recorded.reservationId().equals(created.reservationId())
                || !recorded.status().equals(created.status())
                || !recorded.labels().equals(created.labels())) {
            throw run.broken("what is recorded: " + text(recorded), "createMachine returned " + text(created));
        }
        Machine got = run.get(provider, created.id());
        if (!got.id().equals(created.id())) {
            throw run.broken("getMachine finds " + created.id(), "it returned " + text(got));
        }
    }

    @Test
    public final void required_P14_whatWasCreatedIsNotFreeAnyMore() throws Exception {
        Provider provider = run.start(2);
        Machine taken = run.free(provider, 2).get(0);
        Machine created = run.create(provider, request(taken));
        requireNotFree(run.list(provider), taken, created, "");
        requireNotFree(run.settled(provider), taken, created, " once its creation is over");
        requireNotFree(run.list(run.open()), taken, created, " after a restart");
    }

    private void requireNotFree(List<Machine> listing, Machine taken, Machine created, String when) {
        for (Machine machine : listing) {
            boolean same = machine.id().isValid()
                    ? machine.id().equals(created.id()) || machine.id().equals(taken.id())
                    : name(machine).equals(name(taken));
            if (same && machine.availability() == Availability.KNOWN_UNUSED) {
                throw run.broken(
                        name(taken) + " is not listed as KNOWN_UNUSED" + when, "the listing has " + text(machine));
            }
        }
    }

    @Test
    public final void required_P15_machinesAreListedOnceTheyAreMade() throws Exception {
        Provider provider = run.start(1);
        Machine created = run.create(provider, request(run.free(provider, 1).get(0)));
        if (ProviderRun.isInCreation(run.get(provider, created.id()))) {
            Optional<Machine> meanwhile = run.list(provider).stream()
                    .filter(machine -> machine.id().equals(created.id()))
                    .filter(machine ->
                            machine.availability() != Availability.KNOWN_USED || !ProviderRun.isInCreation(machine))
                    .findFirst();
            if (meanwhile.isPresent() && ProviderRun.isInCreation(run.get(provider, created.id()))) {
                throw run.broken(
                        "machine " + created.id() + ", which is still being made, is not listed, or is KNOWN_USED with"
                                + " the status PROVISIONING",
                        "the listing has " + text(meanwhile.get()));
            }
        }
        Machine listed = run.awaitListed(provider, created.id());
        if (listed.availability() == Availability.KNOWN_UNUSED || listed.availability() == Availability.UNDEFINED) {
            throw run.broken("it is listed as used, or possibly used", "it is listed as " + text(listed));
        }
    }

    @Test
    public final void required_P16_theSameIntentMakesOneMachine() throws Exception {
        Provider provider = run.start(3);
        List<Machine> before = run.list(provider);
        CreateMachineRequest request = request(run.free(provider, 3).get(0));
        Machine created = run.create(provider, request);
        for (int i = 0; i < repeats(); i++) {
            Provider other = i % 2 == 0 ? run.open() : provider;
            requireSame(created, run.create(other, request));
            // The manager may know no more of the machine than its name.
            requireSame(created, run.create(other, vanished(request)));
            run.finishCreations();
        }
        run.requireRecorded(provider, 1);
        run.requireOnlyOneMore(provider, before, created.id());
    }

    private void requireSame(Machine created, Machine again) {
        if (!again.id().equals(created.id())) {
            throw run.broken("machine " + created.id() + " again", "createMachine returned machine " + again.id());
        }
    }

    /** The request that the manager makes if a listing no longer has the machine. */
    private static CreateMachineRequest vanished(CreateMachineRequest request) {
        Machine machine = request.machine().orElseThrow();
        String name = machine.id().isValid()
                ? machine.id().value()
                : machine.reservationId().orElseThrow();
        return CreateMachineRequest.of(
                request.intentId(),
                MachineInfo.builder(new ProviderID(name), Availability.KNOWN_UNUSED)
                        .reservationId(name)
                        .build());
    }

    @Test
    public final void required_P17_aLostSessionLeavesNothingThatIsNotFoundAgain() throws Exception {
        Provider provider = run.start(2);
        List<Machine> before = run.list(provider);
        CreateMachineRequest request = request(run.free(provider, 2).get(0));
        Outcome<? extends Machine> lost = run.create(provider, run.lostSession(), request);
        if (!(lost.failure() instanceof SessionExpiredException)) {
            throw run.broken("a SessionExpiredException", lost);
        }
        run.requireRecorded(provider, 0);
        run.requireFoundAgain(before, request, 1);
    }

    @Test
    public final void required_P18_whatIsKnownToBeUsedCarriesItsIntent() throws Exception {
        Provider provider = run.start(1);
        CreateMachineRequest request = request(run.free(provider, 1).get(0));
        Machine created = run.create(provider, request);
        Machine listed = run.awaitListed(run.open(), created.id());
        run.require(
                listed.availability() == Availability.KNOWN_USED,
                "the provider lists what was created as " + listed.availability() + ", and keeps no state");
        if (!listed.intentId().equals(Optional.of(request.intentId()))) {
            throw run.broken(
                    "the listing has machine " + created.id() + " with intent " + request.intentId(),
                    "it has it with " + listed.intentId());
        }
    }

    @Test
    public final void required_P19_aTransactionMayRunTwice() throws Exception {
        Provider provider = run.start(3);
        List<Machine> before = run.list(provider);
        CreateMachineRequest request = request(run.free(provider, 3).get(0));
        ObservedSession session = run.rollingBack();
        Machine created = run.get(run.create(provider, session, request), "createMachine returns the machine");
        if (!session.misuse().isEmpty()) {
            throw run.broken("the body only records", String.join("; ", session.misuse()));
        }
        run.requireRecorded(provider, 1);
        run.requireOnlyOneMore(provider, before, created.id());
    }

    @Test
    public final void required_P20_aSessionIsBorrowed() throws Exception {
        Provider provider = run.start(2);
        List<Machine> free = run.allFree(provider, 2);
        ObservedSession session = run.session();
        run.get(run.create(provider, session, request(free.get(0))), "createMachine returns the machine");
        session.takeBack();
        run.create(provider, request(free.get(1)));
        run.settled(provider);
        provider.close();
        if (!session.misuse().isEmpty()) {
            throw run.broken("neither is used any more", String.join("; ", session.misuse()));
        }
    }

    @Test
    public final void required_P21_whatWasCreatedIsNotGivenToAnotherIntent() throws Exception {
        Provider provider = run.start(2);
        Machine machine = run.free(provider, 2).get(0);
        List<Machine> before = run.list(provider);
        CreateMachineRequest request = request(machine);
        Machine created = run.create(provider, request);
        for (Provider each : List.of(provider, run.open())) {
            Outcome<? extends Machine> again = run.create(each, run.session(), request(machine));
            if (!(again.failure() instanceof AlreadyRecordedException)
                    && !again.failedWith(EnumSet.of(Reason.NO_CAPACITY))) {
                throw run.broken("a NoCapacityException or an AlreadyRecordedException", again);
            }
            run.requireRecorded(provider, 1);
            run.finishCreations();
        }
        run.requireOnlyOneMore(provider, before, created.id());
        Optional<UUID> mark = run.awaitListed(provider, created.id()).intentId();
        if (mark.isPresent() && !mark.get().equals(request.intentId())) {
            throw run.broken(
                    "machine " + created.id() + " keeps the mark of its intent, " + request.intentId(),
                    "it has the mark of the intent that was refused, " + mark.get());
        }
    }

    @Test
    public final void required_P22_withoutCapacityNothingIsCreated() throws Exception {
        run.requireOwnOutside("it asks for any machine");
        Provider provider = run.start(1);
        List<Machine> free = run.free(provider, 1);
        run.require(
                free.size() <= machineBudget(),
                "there are " + free.size() + " free machines, more than machineBudget() allows to take");
        for (Machine machine : free) {
            run.create(provider, request(machine));
        }
        List<Machine> before = run.settled(provider);
        Outcome<? extends Machine> outcome =
                run.create(provider, run.session(), CreateMachineRequest.any(UUID.randomUUID()));
        run.requireReason(outcome, choosesMachines() ? Reason.NO_CAPACITY : Reason.NOT_SUPPORTED);
        run.requireRecorded(provider, free.size());
        run.requireNoneMade(provider, before);
    }

    @Test
    public final void required_P23_aRequestWithoutAMachineIsServedOrNotSupported() throws Exception {
        run.requireOwnOutside("it asks for any machine");
        Provider provider = run.start(2);
        List<Machine> before = run.list(provider);
        CreateMachineRequest request = CreateMachineRequest.any(UUID.randomUUID());
        Outcome<? extends Machine> outcome = run.create(provider, run.session(), request);
        if (choosesMachines()) {
            Machine created = run.get(outcome, "createMachine returns a machine (choosesMachines() is true)");
            requireSame(created, run.create(run.open(), request));
            run.requireRecorded(provider, 1);
            run.requireOnlyOneMore(provider, before, created.id());
        } else {
            run.requireReason(outcome, Reason.NOT_SUPPORTED);
            run.requireRecorded(provider, 0);
            run.requireNoneMade(provider, before);
        }
    }

    @Test
    public final void required_P24_aMachineOfAnotherProviderIsRefused() throws Exception {
        run.requireOwnOutside("it asks for machines that are not there");
        Provider provider = run.start(1);
        List<Machine> before = run.list(provider);
        for (ProviderID id : List.of(absentId(), OTHERS_ID, ProviderID.INVALID)) {
            MachineInfo other = MachineInfo.builder(id, Availability.KNOWN_UNUSED)
                    .reservationId(OTHERS_RESERVATION)
                    .build();
            Outcome<? extends Machine> outcome = run.create(provider, run.session(), request(other));
            run.requireReason(outcome, Reason.NO_CAPACITY, Reason.NOT_FOUND);
        }
        run.requireRecorded(provider, 0);
        run.requireNoneMade(provider, before);
    }

    // Interruption.

    @Test
    public final void required_P25_interruptionIsNotSwallowed() throws Exception {
        Provider provider = run.startToLook(1);
        for (ProviderRun.Listing listing : run.listings(provider)) {
            run.requireInterruptionKept(
                    run.callInterrupted(listing.name() + " on an interrupted thread", listing.call()));
        }
        ProviderID known = knownId(provider);
        run.requireInterruptionKept(run.callInterrupted(
                "getMachine(" + known + ") on an interrupted thread", () -> provider.getMachine(known)));
        run.get(provider, known);
    }

    private ProviderID knownId(Provider provider) throws InterruptedException {
        if (!sharesTheOutside()) {
            ProviderID id = run.free(provider, 1).get(0).id();
            if (id.isValid()) {
                return id;
            }
        }
        return run.createToLook(provider, 1).id();
    }

    @Test
    public final void required_P26_anInterruptedCreationIsFoundAgain() throws Exception {
        Provider provider = run.start(2);
        List<Machine> before = run.list(provider);
        CreateMachineRequest request = request(run.free(provider, 2).get(0));
        ObservedSession session = run.session();
        Outcome<? extends Machine> outcome = run.callInterrupted(
                ProviderRun.describe(request) + " on an interrupted thread",
                () -> provider.createMachine(session, request));
        run.remember(outcome);
        run.requireInterruptionKept(outcome);
        run.requireRecorded(provider, outcome.hasValue() ? 1 : 0);
        run.requireFoundAgain(before, request, 1);
    }

    // Concurrency and the end.

    @Test
    public final void required_P27_concurrentCallsDoNotDisturbOneAnother() throws Exception {
        int machines = sharesTheOutside() ? Math.min(2, machineBudget()) : machineBudget();
        Provider provider = run.start(machines);
        int atOnce = Math.min(MOST_AT_ONCE, provider.maxConcurrentCalls());
        List<Machine> free = run.free(provider, sharesTheOutside() ? 0 : machines);
        int creators = Math.min(atOnce, Math.min(machines, free.size()));
        Set<String> names = names(run.list(provider));
        ObservedSession session = run.session();
        CyclicBarrier together = new CyclicBarrier(atOnce);
        for (int round = 0; round < repeats(); round++) {
            List<ContractRun.Started<Object>> lookers = new ArrayList<>();
            for (int i = 0; i < atOnce; i++) {
                lookers.add(run.begin("listMachines() beside " + (atOnce - 1) + " other call(s)", () -> {
                    together.await();
                    return provider.listMachines();
                }));
            }
            for (ContractRun.Started<Object> looker : lookers) {
                List<?> listed = (List<?>) run.get(ended(looker), "listMachines() returns");
                Set<String> listedNames = new HashSet<>();
                listed.forEach(machine -> listedNames.add(name((Machine) machine)));
                if (!listedNames.equals(names)) {
                    throw run.broken("the listing is " + names, "beside other calls it is " + listedNames);
                }
            }
        }
        if (sharesTheOutside() && creators == 0) {
            return;
        }
        CyclicBarrier creating = new CyclicBarrier(creators);
        Map<UUID, ContractRun.Started<Machine>> started = new HashMap<>();
        for (int i = 0; i < creators; i++) {
            CreateMachineRequest request = request(free.get(i));
            started.put(
                    request.intentId(),
                    run.begin(ProviderRun.describe(request) + " beside " + (creators - 1) + " other(s)", () -> {
                        creating.await();
                        return provider.createMachine(session, request);
                    }));
        }
        Map<UUID, ProviderID> created = new HashMap<>();
        for (Map.Entry<UUID, ContractRun.Started<Machine>> each : started.entrySet()) {
            Outcome<Machine> outcome = ended(each.getValue());
            run.remember(outcome);
            created.put(
                    each.getKey(),
                    run.get(outcome, "createMachine returns the machine").id());
        }
        Map<UUID, ProvidedMachine> recorded = run.requireRecorded(provider, creators);
        created.forEach((intent, id) -> {
            ProvidedMachine machine = recorded.get(intent);
            if (machine == null || !machine.providerId().equals(id)) {
                throw run.broken("machine " + id + " is recorded under " + intent, "recorded is " + text(machine));
            }
        });
    }

    private <T extends @Nullable Object> Outcome<T> ended(ContractRun.Started<T> started) throws InterruptedException {
        Outcome<T> outcome = started.await(callLimit());
        if (outcome == null) {
            started.interrupt();
            throw run.broken(
                    "calls end within " + callLimit() + " (callLimit())", "one of several at once had not ended");
        }
        return outcome;
    }

    @Test
    public final void required_P28_closeLeavesNoThread() throws Exception {
        Set<Thread> left = Set.of();
        run.startToLook(1);
        FakeSession session = new FakeSession(); // A database has threads of its own.
        // Threads of the outside that happen to start meanwhile do not do so every time: only the last round waits
        // long.
        for (int divisor : List.of(20, 10, 1)) {
            left = leftBy(session, closeLimit().dividedBy(divisor));
            if (left.isEmpty()) {
                return;
            }
        }
        throw run.threadsLeft("no thread is left within " + closeLimit() + " (closeLimit()) of close()", left);
    }

    private Set<Thread> leftBy(FakeSession session, Duration limit) throws Exception {
        Set<Thread> before = Thread.getAllStackTraces().keySet();
        try (Provider provider = createProvider()) {
            List<? extends Machine> machines = run.get("listMachines()", provider::listMachines);
            for (Machine machine : sharesTheOutside() ? List.<Machine>of() : machines) {
                run.remember(run.call("createMachine", () -> provider.createMachine(session, request(machine))));
                break;
            }
        }
        return run.awaitNoMoreThreads(before, limit);
    }

    @Test
    public final void required_P29_closingTwiceIsAllowed() throws Exception {
        Provider provider = run.start(0);
        run.list(provider);
        for (int i = 0; i < 2; i++) {
            Outcome<?> closed = run.call("close()" + (i == 0 ? "" : " once more"), () -> {
                provider.close();
                return true;
            });
            if (closed.failure() != null) {
                throw run.broken("close() returns", closed);
            }
        }
    }

    @Test
    public final void optional_P30_callsAfterCloseAreRefused() throws Exception {
        Provider provider = run.startToLook(1);
        Optional<Machine> free = run.freeIfAny(provider);
        provider.close();
        ObservedSession session = run.session();
        for (ProviderRun.Listing listing : run.listings(provider)) {
            requireRefused(run.call(listing.name() + " after close()", listing.call()));
        }
        requireRefused(run.call("getMachine() after close()", () -> provider.getMachine(absentId())));
        if (free.isPresent()) {
            CreateMachineRequest request = request(free.get());
            requireRefused(run.call("createMachine() after close()", () -> provider.createMachine(session, request)));
        }
        run.requireRecorded(provider, 0);
    }

    private void requireRefused(Outcome<?> outcome) {
        if (!(outcome.failure() instanceof IllegalStateException)) {
            throw run.broken("an IllegalStateException", outcome);
        }
    }

    // Secrets.

    @Test
    public final void required_P31_secretsShowNowhere() throws Exception {
        List<String> secrets = secrets();
        run.require(!secrets.isEmpty(), "the fixture names none, see secrets()");
        LogCapture log = LogCapture.of("");
        log.start();
        boolean seen;
        try {
            LoggerFactory.getLogger(ProviderContract.class).error("The log is looked at for secrets.");
            seen = log.text().contains("The log is looked at for secrets.");
            lookForSecrets(secrets);
        } finally {
            log.stop();
        }
        ContractRun.secretIn(log.text(), secrets).ifPresent(secret -> {
            throw run.broken("no secret in the log", "it shows " + secret);
        });
        run.require(
                seen,
                "nothing is wrong with the provider, its machines and exceptions, but the log could not be looked at: use"
                        + " a backend for SLF4J in the tests that writes to System.err or System.out, such as slf4j-simple");
    }

    private void lookForSecrets(List<String> secrets) throws Exception {
        Provider provider = run.startToLook(1);
        requireNoSecret("toString()", provider.toString(), secrets);
        requireNoSecret("the listing", run.list(provider).toString(), secrets);
        Optional<Machine> free = run.freeIfAny(provider);
        Optional<Machine> created = Optional.empty();
        if (free.isPresent()) {
            created = Optional.of(run.create(provider, request(free.get())));
            requireNoSecret("a machine", created.get().toString(), secrets);
        }
        run.call("getMachine", () -> provider.getMachine(absentId()));
        for (ContractFault fault : List.of(
                ContractFault.UNAUTHENTICATED,
                ContractFault.UNREACHABLE,
                ContractFault.RATE_LIMITED,
                ContractFault.CONFLICT)) {
            if (isLetIn(fault)) {
                callAll(run.open(), created, free);
                healed();
            }
        }
        for (Step step : Step.values()) {
            for (RequestFault fault : RequestFault.values()) {
                if (!fault.isHanging() && isLetIn(new Trial(step, 1, fault))) {
                    callAll(run.open(), created, free);
                    healed();
                }
            }
        }
        provider.close();
        callAll(provider, created, free);
        for (Throwable failure : run.failures()) {
            ContractRun.secretIn(failure, secrets).ifPresent(where -> {
                throw run.broken("no secret in what a call fails with", where);
            });
        }
    }

    /** Calls all that a provider can do, with the machines that there are for it, whatever comes of it. */
    void callAll(Provider provider, Optional<Machine> created, Optional<Machine> free) throws Exception {
        for (ProviderRun.Listing listing : run.listings(provider)) {
            run.call(listing.name(), listing.call());
        }
        ProviderID id = created.map(Machine::id).orElseGet(this::absentId);
        run.call("getMachine", () -> provider.getMachine(id));
        if (free.isPresent()) {
            run.create(provider, run.session(), request(free.get()));
        }
    }

    private void requireNoSecret(String what, String text, List<String> secrets) {
        ContractRun.secretIn(text, secrets).ifPresent(secret -> {
            throw run.broken("no secret in " + what, "it shows " + secret);
        });
    }

    // Faults of the outside.

    @Test
    public final void required_P32_aLostAnswerIsFoundAgain() throws Exception {
        Provider provider = run.start(3);
        List<Machine> before = run.list(provider);
        requireFoundAfterALostAnswer(
                provider, before, request(run.free(provider, 3).get(0)), 1);
        if (choosesMachines() && !sharesTheOutside()) {
            List<Machine> now = run.list(run.open());
            requireFoundAfterALostAnswer(provider, now, CreateMachineRequest.any(UUID.randomUUID()), 2);
        }
    }

    private void requireFoundAfterALostAnswer(
            Provider provider, List<Machine> before, CreateMachineRequest request, int recorded) throws Exception {
        requireFault(ContractFault.LOST_ANSWER);
        Outcome<? extends Machine> outcome = run.create(provider, run.session(), request);
        if (!outcome.hasValue()) {
            run.requireReason(outcome, Reason.TRANSIENT);
        }
        run.requireRecorded(provider, outcome.hasValue() ? recorded : recorded - 1);
        healed();
        run.requireFoundAgain(before, request, recorded);
    }

    @Test
    public final void required_P33_staleListingsMakeNoSecondMachine() throws Exception {
        Provider provider = run.start(3);
        List<Machine> before = run.list(provider);
        CreateMachineRequest request = request(run.free(provider, 3).get(0));
        requireFault(ContractFault.STALE_LISTING);
        // Made, and not recorded: all that is known of it is at the provider.
        run.create(provider, run.lostSession(), request);
        Provider restarted = run.open();
        Outcome<? extends Machine> outcome = run.create(restarted, run.session(), request);
        if (!outcome.hasValue()) {
            // By the others the manager would forget the intent.
            run.requireReason(outcome, Reason.CONFLICT, Reason.TRANSIENT, Reason.PERMANENT);
        }
        healed();
        run.requireFoundAgain(before, request, 1);
    }

    @Test
    public final void required_P34_aMachineThatIsNamedTwiceIsListedOnce() throws Exception {
        Provider provider = run.startToLook(2);
        run.createToShow(provider, 2);
        run.finishCreations();
        requireFault(ContractFault.DUPLICATE_MACHINE);
        for (Provider each : List.of(provider, run.open())) {
            for (ProviderRun.Listing listing : run.listings(each)) {
                Outcome<List<Machine>> outcome = run.call(listing.name(), listing.call());
                if (outcome.reason().isEmpty()) {
                    requireUnique(run.get(outcome, "a listing, or a ProviderException"));
                }
            }
        }
    }

    @Test
    public final void required_P35_aConflictIsSaidToBeOne() throws Exception {
        Provider provider = run.start(2);
        List<Machine> before = run.list(provider);
        CreateMachineRequest request = request(run.free(provider, 2).get(0));
        requireFault(ContractFault.CONFLICT);
        Outcome<? extends Machine> outcome = run.create(provider, run.session(), request);
        run.require(!outcome.hasValue() || isAsked(Step.CHANGE), "createMachine changes nothing outside");
        run.requireReason(outcome, Reason.CONFLICT, Reason.NO_CAPACITY);
        run.requireRecorded(provider, 0);
        healed();
        run.requireFoundAgain(before, request, 1);
    }

    @Test
    public final void required_P36_aRateLimitIsSaidToBeOne() throws Exception {
        requireReasonUnder(ContractFault.RATE_LIMITED, Reason.RATE_LIMITED);
    }

    @Test
    public final void required_P37_refusedCredentialsAreSaidToBe() throws Exception {
        requireReasonUnder(ContractFault.UNAUTHENTICATED, Reason.UNAUTHENTICATED);
    }

    /** A provider that knows nothing yet has to say what is wrong, unless it asks the outside nothing. */
    private void requireReasonUnder(ContractFault fault, Reason reason) throws InterruptedException {
        Provider provider = run.startToLook(1);
        for (ProviderRun.Listing listing : run.listings(provider)) {
            requireFault(fault);
            Outcome<?> listed = run.call(listing.name(), listing.call());
            if (isAsked(Step.values())) {
                run.requireReason(listed, reason);
            }
        }
        ProviderID absent = absentId();
        requireFault(fault);
        Outcome<?> got = run.call("getMachine(" + absent + ")", () -> provider.getMachine(absent));
        if (isAsked(Step.values())) {
            run.requireReason(got, reason);
        }
        healed();
        Provider restarted = run.open(); // The first one may keep quiet for as long as it was told to.
        Optional<Machine> free = run.freeIfAny(restarted);
        if (free.isEmpty()) {
            return;
        }
        requireFault(fault);
        Outcome<? extends Machine> outcome = run.create(restarted, run.session(), request(free.get()));
        if (!outcome.hasValue()) {
            run.requireReason(outcome, reason);
            run.requireRecorded(provider, 0);
        }
    }

    @Test
    public final void required_P38_anOutsideThatCannotBeReachedHasNotLostItsMachines() throws Exception {
        Provider provider = run.startToLook(2);
        Machine created = run.createToLook(provider, 2);
        run.awaitListed(provider, created.id());
        Set<String> names = names(run.list(provider));
        Provider restarted = run.open();
        requireFault(ContractFault.UNREACHABLE);
        for (Provider each : List.of(restarted, provider)) {
            for (ProviderRun.Listing way : run.listings(each)) {
                Outcome<List<Machine>> listing = run.call(way.name(), way.call());
                if (!listing.hasValue()) {
                    run.requireReason(listing, Reason.TRANSIENT);
                } else if (!names(run.get(listing, "")).equals(names)) {
                    throw run.broken("all of " + names + ", or TRANSIENT", listing);
                }
            }
            Outcome<? extends Machine> got =
                    run.call("getMachine(" + created.id() + ")", () -> each.getMachine(created.id()));
            if (!got.hasValue()) {
                run.requireReason(got, Reason.TRANSIENT);
            }
        }
    }

    @Test
    public final void required_P39_interruptionEndsACallThatWaits() throws Exception {
        requireFault(ContractFault.HANGING);
        for (ProviderRun.Listing listing : run.listings(run.start(0))) {
            ContractRun.Started<List<Machine>> started =
                    run.begin(listing.name() + ", which the outside does not answer", listing.call());
            Outcome<List<Machine>> early = started.await(UNTIL_WAITING);
            run.require(early == null || isAsked(Step.values()), "a listing asks the outside nothing");
            if (early != null) {
                throw new AssertionError("fixture: inject(HANGING) returned true, but " + early.describe());
            }
            started.interrupt();
            Outcome<List<Machine>> outcome = started.await(INTERRUPTION_LIMIT);
            if (outcome == null) {
                throw run.broken(
                        "it ends within " + INTERRUPTION_LIMIT + " of the interruption",
                        "it was still waiting after that");
            }
            if (!(outcome.failure() instanceof InterruptedException)) {
                throw run.broken("an InterruptedException", outcome);
            }
        }
    }

    @Test
    public final void required_P40_callsEndByThemselves() throws Exception {
        requireFault(ContractFault.HANGING);
        run.start(0);
        Provider provider = run.openImpatient();
        Outcome<List<Machine>> outcome =
                run.call("forEachMachine(), which the outside does not answer", () -> run.shown(provider));
        if (!outcome.hasValue()) {
            run.requireReason(outcome, Reason.TRANSIENT);
        }
    }

    @Test
    public final void required_P45_aMachineThatIsUnknownSaysNothingOfTheOthers() throws Exception {
        Provider provider = run.startToLook(1);
        ProviderID absent = absentId();
        Outcome<?> outcome = run.call("getMachine(" + absent + ")", () -> provider.getMachine(absent));
        run.requireReason(outcome, Reason.NOT_FOUND);
        run.requireScope(outcome, Scope.MACHINE);
    }

    @Test
    public final void optional_P46_whatEveryCallMeetsConcernsTheProvider() throws Exception {
        Provider provider = run.startToLook(1);
        ProviderID absent = absentId();
        boolean anyLetIn = false;
        for (ContractFault fault : List.of(ContractFault.UNAUTHENTICATED, ContractFault.RATE_LIMITED)) {
            if (isLetIn(fault)) {
                anyLetIn = true;
                run.requireScope(
                        run.call("getMachine(" + absent + ")", () -> provider.getMachine(absent)), Scope.PROVIDER);
                healed();
            }
        }
        run.require(anyLetIn, "the fixture can let in neither of the faults, see inject(ContractFault)");
    }
}
