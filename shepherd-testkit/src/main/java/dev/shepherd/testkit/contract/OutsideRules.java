package dev.shepherd.testkit.contract;

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
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.bmdb.ProvidedMachine;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** The rules that compare what a provider says with what the outside holds, as the fixture tells it. */
abstract class OutsideRules extends ProviderFixture {

    private static final Set<Reason> NOT_TAKEN =
            EnumSet.of(Reason.NO_CAPACITY, Reason.NOT_FOUND, Reason.CONFLICT, Reason.PERMANENT);

    private static final Set<ProviderStatus> OFF = EnumSet.of(ProviderStatus.STOPPED, ProviderStatus.UNKNOWN);
    private static final Set<ProviderStatus> IN_CREATION = EnumSet.of(ProviderStatus.PROVISIONING);

    OutsideRules() {}

    @Test
    public final void required_P56_whatIsSaidIsWhatTheOutsideHolds() throws Exception {
        run.requireOwnOutside("it asks the fixture what the outside holds");
        Provider provider = run.start(2);
        CreateMachineRequest request = request(run.free(provider, 2).get(0));
        Machine created = run.create(provider, request);
        run.require(
                outside(created.id()).isPresent(),
                "the fixture does not tell what the outside holds, see outside(ProviderID)");
        requireAsOutside("createMachine returned", created);
        ProvidedMachine recorded = run.requireRecorded(provider, 1).get(request.intentId());
        Optional<MachineInfo> held = outside(created.id());
        if (recorded == null
                || held.isEmpty()
                || !isSame(held.get().address(), recorded.address())
                || !isSame(held.get().sshPort(), recorded.sshPort())) {
            throw run.broken("recorded as the outside holds it: " + text(held), "recorded is " + text(recorded));
        }
        run.awaitListed(provider, created.id());
        for (Machine listed : run.list(provider)) {
            if (listed.id().isValid()) {
                requireAsOutside("the listing has", listed);
                requireAsOutside("getMachine returned", run.get(provider, listed.id()));
            }
        }
    }

    private void requireAsOutside(String what, Machine said) throws Exception {
        Optional<MachineInfo> held = outside(said.id());
        if (held.isEmpty()) {
            return;
        }
        MachineInfo machine = held.get();
        boolean same = (machine.availability() == said.availability()
                        || machine.availability() == Availability.POSSIBLY_USED) // The outside keeps no such state.
                && machine.failed() == said.failed()
                && isSame(machine.address(), said.address())
                && isSame(machine.sshPort(), said.sshPort())
                && isSame(machine.location(), said.location())
                && isSame(machine.reservationId(), said.reservationId())
                && isSame(machine.status(), said.status())
                && isSame(machine.intentId(), said.intentId())
                && (machine.labels().isEmpty() || machine.labels().equals(said.labels()));
        if (!same) {
            throw run.broken("the outside holds " + text(machine), what + " " + text(said));
        }
    }

    private static boolean isSame(Optional<?> held, Optional<?> said) {
        return held.isEmpty() || held.equals(said);
    }

    private static boolean isSame(OptionalInt held, OptionalInt said) {
        return held.isEmpty() || held.equals(said);
    }

    @Test
    public final void required_P57_aBrokenMachineIsNotTaken() throws Exception {
        run.requireOwnOutside("something becomes of a machine");
        Provider provider = run.start(2);
        List<Machine> free = run.free(provider, 2);
        Machine failed = free.get(0);
        requireChange(failed, OutsideChange.FAILED);
        for (Provider each : List.of(provider, run.open())) {
            List<Machine> listing = run.list(each);
            for (Machine machine : listing) {
                if (isSameMachine(machine, failed)
                        && machine.availability() == Availability.KNOWN_UNUSED
                        && !machine.failed()) {
                    throw run.broken(name(failed) + " is left out, or failed()", "it is listed as " + text(machine));
                }
            }
            requireAllOf(listing, without(free, failed), "besides one that is broken");
        }
        requireNotTaken(provider, failed, NOT_TAKEN);
    }

    /** Requires that neither a request for the machine takes it, nor one for any. */
    private void requireNotTaken(Provider provider, Machine machine, Set<Reason> reasons) throws Exception {
        run.requireReason(run.create(provider, run.session(), request(machine)), reasons.toArray(new Reason[0]));
        run.requireRecorded(provider, 0);
        if (choosesMachines()) {
            Machine other = run.create(provider, CreateMachineRequest.any(UUID.randomUUID()));
            if (isSameMachine(other, machine)) {
                throw run.broken("another machine than " + name(machine), "createMachine returned " + text(other));
            }
        }
    }

    private static boolean isSameMachine(Machine one, Machine other) {
        return one.id().isValid() && other.id().isValid()
                ? one.id().equals(other.id())
                : one.reservationId().isPresent() && one.reservationId().equals(other.reservationId());
    }

    /** Once a machine is gone, the reservation that it was made from may be free again: that is another one. */
    private void requireNotListed(List<Machine> listing, Machine machine) {
        if (names(listing).contains(name(machine))) {
            throw run.broken(name(machine) + " is not listed", "the listing is " + text(listing));
        }
    }

    static List<Machine> without(List<Machine> machines, Machine... left) {
        return machines.stream()
                .filter(machine -> List.of(left).stream().noneMatch(other -> isSameMachine(machine, other)))
                .toList();
    }

    final void requireAllOf(List<Machine> listing, List<Machine> machines, String when) {
        Set<String> missing = new HashSet<>(names(machines));
        missing.removeAll(names(listing));
        if (!missing.isEmpty()) {
            throw run.broken("the listing has all others " + when, "it lacks " + missing);
        }
    }

    @Test
    public final void required_P58_aMachineOfAnotherFleetDoesNotExist() throws Exception {
        run.requireOwnOutside("something becomes of a machine");
        Provider provider = run.start(3);
        List<Machine> free = run.free(provider, 3);
        Machine created = run.create(provider, request(free.get(1)));
        run.awaitListed(provider, created.id());
        requireChange(free.get(0), OutsideChange.FOREIGN);
        boolean usedOne = isChanged(created, OutsideChange.FOREIGN);
        List<Machine> foreign = usedOne ? List.of(free.get(0), created) : List.of(free.get(0));
        for (Provider each : List.of(provider, run.open())) {
            List<Machine> listing = run.list(each);
            for (Machine machine : foreign) {
                requireNotListed(listing, machine);
                if (machine.id().isValid()) {
                    run.requireReason(
                            run.call("getMachine(" + machine.id() + ")", () -> each.getMachine(machine.id())),
                            Reason.NOT_FOUND);
                }
            }
            requireAllOf(listing, without(free, free.get(0), free.get(1)), "besides those of another fleet");
        }
        run.requireReason(
                run.create(provider, run.session(), request(free.get(0))), Reason.NO_CAPACITY, Reason.NOT_FOUND);
        run.requireRecorded(provider, 1);
    }

    @Test
    public final void required_P59_oneMachineThatMakesNoSenseDoesNotHideTheOthers() throws Exception {
        run.requireOwnOutside("something becomes of a machine");
        Provider provider = run.start(3);
        List<Machine> free = run.free(provider, 3);
        boolean withoutAddress = isChanged(free.get(0), OutsideChange.WITHOUT_ADDRESS);
        boolean malformed = isChanged(free.get(1), OutsideChange.MALFORMED);
        run.require(
                withoutAddress || malformed,
                "the fixture cannot have a machine become WITHOUT_ADDRESS or MALFORMED, see change()");
        for (Provider each : List.of(provider, run.open())) {
            requireAllOf(run.list(each), without(free, free.get(0), free.get(1)), "besides those that make no sense");
            for (Machine machine : free.subList(0, 2)) {
                if (machine.id().isValid()) {
                    Outcome<Machine> got =
                            run.call("getMachine(" + machine.id() + ")", () -> each.getMachine(machine.id()));
                    if (!got.hasValue() && !(got.failure() instanceof ProviderException)) {
                        throw run.broken("a machine or a ProviderException", got);
                    }
                }
            }
        }
        run.create(provider, request(free.get(2)));
    }

    @Test
    public final void required_P60_aMachineThatIsOffIsSaidToBe() throws Exception {
        run.requireOwnOutside("something becomes of a machine");
        Provider provider = run.start(1);
        Machine created = run.create(provider, request(run.free(provider, 1).get(0)));
        run.awaitListed(provider, created.id());
        requireChange(created, OutsideChange.STOPPED);
        for (Provider each : List.of(provider, run.open())) {
            requireUsed(run.awaitListed(each, created.id()), OFF, "it is listed as ");
            requireUsed(run.get(each, created.id()), OFF, "getMachine returned ");
        }
    }

    private void requireUsed(Machine machine, Set<ProviderStatus> statuses, String said) {
        boolean fits = machine.status().map(statuses::contains).orElse(false);
        if (!fits || machine.availability() != Availability.KNOWN_USED) {
            throw run.broken(
                    "machine " + machine.id() + " is KNOWN_USED with the status " + ContractRun.oneOf(statuses),
                    said + text(machine));
        }
    }

    @Test
    public final void required_P61_aMachineThatIsBeingMadeIsSaidToBe() throws Exception {
        run.requireOwnOutside("something becomes of a machine");
        Provider provider = run.start(2);
        Machine created = run.create(provider, request(run.free(provider, 2).get(0)));
        run.awaitListed(provider, created.id());
        requireChange(created, OutsideChange.IN_CREATION);
        for (Provider each : List.of(provider, run.open())) {
            requireUsed(run.get(each, created.id()), IN_CREATION, "getMachine returned ");
            for (Machine listed : run.list(each)) {
                if (isSameMachine(listed, created)) {
                    requireUsed(listed, IN_CREATION, "it is listed as ");
                }
            }
        }
    }

    @Test
    public final void required_P62_anotherNameIsNoId() throws Exception {
        run.requireOwnOutside("it asks for machines that are not there");
        Provider provider = run.start(2);
        List<Machine> free = run.free(provider, 2);
        Machine created = run.create(provider, request(free.get(0)));
        run.awaitListed(provider, created.id());
        List<ProviderID> names = new ArrayList<>(otherNames(created));
        run.require(!names.isEmpty(), "the fixture knows no other name of a machine, see otherNames()");
        for (ProviderID other : names) {
            run.requireReason(
                    run.call(
                            "getMachine(" + other + "), another name of " + created.id(),
                            () -> provider.getMachine(other)),
                    Reason.NOT_FOUND);
        }
        for (ProviderID other : otherNames(free.get(1))) {
            MachineInfo named = MachineInfo.builder(other, Availability.KNOWN_UNUSED)
                    .reservationId(other.value())
                    .build();
            run.requireReason(
                    run.create(provider, run.session(), request(named)), Reason.NO_CAPACITY, Reason.NOT_FOUND);
            run.requireRecorded(provider, 1);
        }
    }

    @Test
    public final void required_P63_aMachineThatIsGoneIsNotFound() throws Exception {
        run.requireOwnOutside("something becomes of a machine");
        Provider provider = run.start(2);
        List<Machine> free = run.free(provider, 2);
        Machine created = run.create(provider, request(free.get(0)));
        run.awaitListed(provider, created.id());
        run.get(provider, created.id());
        requireChange(created, OutsideChange.GONE);
        requireChange(free.get(1), OutsideChange.GONE);
        for (Provider each : List.of(provider, run.open())) {
            List<Machine> listing = run.list(each);
            for (Machine gone : List.of(created, free.get(1))) {
                requireNotListed(listing, gone);
            }
            run.requireReason(
                    run.call("getMachine(" + created.id() + ")", () -> each.getMachine(created.id())),
                    Reason.NOT_FOUND);
            run.requireReason(
                    run.create(each, run.session(), request(free.get(1))), Reason.NO_CAPACITY, Reason.NOT_FOUND);
        }
        run.requireRecorded(provider, 1);
    }

    @Test
    public final void required_P64_oneOfTwoWhoWantAMachineGetsIt() throws Exception {
        Provider slower = run.start(3);
        Provider faster = run.open();
        Machine machine = run.free(slower, 3).get(0);
        CreateMachineRequest first = request(machine);
        CreateMachineRequest second = request(machine);
        AtomicReference<Outcome<? extends Machine>> overtaking = new AtomicReference<>();
        requireBefore(Step.CHANGE, 1, () -> overtaking.set(run.create(faster, run.session(), first)));
        Outcome<? extends Machine> late = run.create(slower, run.session(), second);
        Outcome<? extends Machine> early = overtaking.get();
        healed();
        if (early == null) {
            run.skip("createMachine changes nothing outside before it records the machine");
            return;
        }
        Machine taken =
                run.get(early, "createMachine returns the machine, of which another call thinks that it is free");
        if (!(late.failure() instanceof AlreadyRecordedException)
                && !late.failedWith(EnumSet.of(Reason.NO_CAPACITY, Reason.CONFLICT))) {
            throw run.broken(
                    "a NoCapacityException, a CONFLICT or an AlreadyRecordedException, since intent " + first.intentId()
                            + " got the machine meanwhile",
                    late);
        }
        run.requireRecorded(slower, 1);
        Optional<UUID> mark = run.awaitListed(run.open(), taken.id()).intentId();
        if (mark.isPresent() && !mark.get().equals(first.intentId())) {
            throw run.broken(
                    "machine " + taken.id() + " keeps the mark of the intent that got it, " + first.intentId(),
                    "it has the mark of the one that came too late, " + mark.get());
        }
    }
}
