package dev.shepherd.testkit.contract;

import static dev.shepherd.testkit.contract.ProviderRun.request;

import dev.shepherd.api.Availability;
import dev.shepherd.api.Machine;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Recoverer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/**
 * The contract of {@link Recoverer} as tests: all of {@link ProviderContract}, and what is asked of reboots and
 * reinstallations. Extend this one in place of the other.
 *
 * <p>{@link #timesRebooted} and {@link #timesReinstalled} let it see that the machine that was meant is acted on, and once.
 */
public abstract class RecovererContract extends ProviderContract {

    /** How long a request may take to come that a call has not waited for. */
    private static final Duration UNTIL_SENT = Duration.ofSeconds(1);

    /** For subclasses. */
    protected RecovererContract() {}

    @Override
    protected abstract Recoverer createProvider() throws Exception;

    @Override
    protected Recoverer createImpatientProvider() throws Exception {
        return createProvider();
    }

    /** Tells whether the provider reinstalls machines; true by default. Otherwise it has to say "not supported". */
    protected boolean reinstallsMachines() {
        return true;
    }

    /**
     * Returns how often a machine was rebooted in this test so far, as the outside counts.
     *
     * @return the number; empty if the fixture cannot tell, as by default
     */
    protected OptionalInt timesRebooted(ProviderID id) {
        return OptionalInt.empty();
    }

    /** Returns how often a machine was reinstalled in this test so far, like {@link #timesRebooted}. */
    protected OptionalInt timesReinstalled(ProviderID id) {
        return OptionalInt.empty();
    }

    private Recoverer recoverer(Provider provider) {
        return (Recoverer) provider;
    }

    /** Creates machines, and waits until they are listed. */
    private List<ProviderID> created(Provider provider, int count) throws InterruptedException {
        List<ProviderID> created = new ArrayList<>();
        if (sharesTheOutside()) {
            run.list(provider).stream()
                    .filter(machine -> machine.availability() != Availability.KNOWN_UNUSED && mayReboot(machine))
                    .limit(count)
                    .forEach(machine -> created.add(machine.id()));
        }
        int missing = count - created.size();
        List<Machine> free = missing == 0 ? List.of() : run.allFree(provider, missing);
        for (int i = 0; i < missing; i++) {
            created.add(run.create(provider, request(free.get(i))).id());
        }
        for (ProviderID id : created) {
            run.awaitListed(provider, id);
        }
        return created;
    }

    private Outcome<Boolean> reboot(Provider provider, ProviderID id) throws InterruptedException {
        return run.call("rebootMachine(" + id + ")", () -> {
            recoverer(provider).rebootMachine(id);
            return true;
        });
    }

    private Outcome<Boolean> reinstall(Provider provider, ProviderID id) throws InterruptedException {
        return run.call("reinstallMachine(" + id + ")", () -> {
            recoverer(provider).reinstallMachine(id);
            return true;
        });
    }

    /** Where others use the outside, it is not tried whether a provider is right that it cannot reinstall. */
    private void requireReinstallations() {
        run.require(
                reinstallsMachines() || !sharesTheOutside(),
                "it reinstalls machines, and reinstallsMachines() is false");
    }

    private List<ProviderID> noMachines() {
        List<ProviderID> ids = new ArrayList<>(malformedIds());
        ids.add(0, absentId());
        return ids;
    }

    @Test
    public final void required_R01_rebootReturnsOnceItIsAccepted() throws Exception {
        Provider provider = run.startToLook(1);
        ProviderID id = created(provider, 1).get(0);
        for (int i = 0; i < repeats(); i++) {
            run.get(reboot(provider, id), "rebootMachine returns");
            run.finishCreations();
        }
    }

    @Test
    public final void required_R02_rebootOfAnUnknownMachineIsNotFound() throws Exception {
        run.requireOwnOutside("it reboots machines that are not there");
        Provider provider = run.start(1);
        for (ProviderID id : noMachines()) {
            run.requireReason(reboot(provider, id), Reason.NOT_FOUND);
        }
    }

    @Test
    public final void required_R03_reinstallIsAcceptedOrNotSupported() throws Exception {
        requireReinstallations();
        Provider provider = run.startToLook(1);
        ProviderID id = created(provider, 1).get(0);
        Outcome<Boolean> outcome = reinstall(provider, id);
        if (reinstallsMachines()) {
            run.get(outcome, "reinstallMachine returns (reinstallsMachines() is true)");
        } else {
            run.requireReason(outcome, Reason.NOT_SUPPORTED);
        }
    }

    @Test
    public final void required_R04_reinstallOfAnUnknownMachineIsNotFound() throws Exception {
        run.requireOwnOutside("it reinstalls machines that are not there");
        Provider provider = run.start(1);
        for (ProviderID id : noMachines()) {
            run.requireReason(reinstall(provider, id), reinstallsMachines() ? Reason.NOT_FOUND : Reason.NOT_SUPPORTED);
        }
    }

    @Test
    public final void required_R05_aMachineStaysTheSame() throws Exception {
        Provider provider = run.startToLook(2);
        ProviderID id = created(provider, 1).get(0);
        List<Machine> before = run.list(provider);
        run.get(reboot(provider, id), "rebootMachine returns");
        requireStillThere(provider, id, before);
        if (reinstallsMachines()) {
            run.get(reinstall(provider, id), "reinstallMachine returns");
            requireStillThere(provider, id, before);
        }
    }

    private void requireStillThere(Provider provider, ProviderID id, List<Machine> before) throws InterruptedException {
        List<Machine> meanwhile = run.list(provider);
        if (meanwhile.stream().noneMatch(machine -> machine.id().equals(id))) {
            throw run.broken(
                    "machine " + id + " stays in the listing", "the listing is " + ContractRun.text(meanwhile));
        }
        Machine listed = run.awaitListed(provider, id);
        if (listed.availability() == Availability.KNOWN_UNUSED) {
            throw run.broken("machine " + id + " is still used", "it is listed as " + ContractRun.text(listed));
        }
        run.requireNoneMade(provider, before);
    }

    @Test
    public final void required_R06_oneMachineIsActedOnOnce() throws Exception {
        run.requireOwnOutside("it counts what happens outside");
        Provider provider = run.start(2);
        List<ProviderID> ids = created(provider, 2);
        ProviderID meant = ids.get(1);
        run.require(
                timesRebooted(meant).isPresent() || timesReinstalled(meant).isPresent(),
                "the fixture cannot count, see timesRebooted() and timesReinstalled()");
        if (timesRebooted(meant).isPresent()) {
            int others = timesRebooted(ids.get(0)).orElse(0);
            int times = timesRebooted(meant).getAsInt();
            run.get(reboot(provider, meant), "rebootMachine returns");
            requireCount("reboot(s) of " + meant, times + 1, timesRebooted(meant));
            requireCount("reboot(s) of " + ids.get(0), others, timesRebooted(ids.get(0)));
            run.finishCreations();
        }
        if (reinstallsMachines() && timesReinstalled(meant).isPresent()) {
            int others = timesReinstalled(ids.get(0)).orElse(0);
            int times = timesReinstalled(meant).getAsInt();
            run.get(reinstall(provider, meant), "reinstallMachine returns");
            requireCount("reinstallation(s) of " + meant, times + 1, timesReinstalled(meant));
            requireCount("reinstallation(s) of " + ids.get(0), others, timesReinstalled(ids.get(0)));
        }
    }

    private void requireCount(String what, int expected, OptionalInt actual) {
        if (actual.isPresent() && actual.getAsInt() != expected) {
            throw run.broken(expected + " " + what, "the outside counts " + actual.getAsInt());
        }
    }

    private void requireAtMost(String what, int most, OptionalInt actual) {
        if (actual.isPresent() && actual.getAsInt() > most) {
            throw run.broken("at most " + most + " " + what, "the outside counts " + actual.getAsInt());
        }
    }

    @Test
    public final void required_R07_whatMayHaveHappenedIsNotRepeated() throws Exception {
        Provider provider = run.startToLook(1);
        ProviderID id = created(provider, 1).get(0);
        OptionalInt reboots = timesRebooted(id);
        requireFault(ContractFault.LOST_ANSWER);
        run.requireReason(reboot(provider, id), Reason.TRANSIENT);
        healed();
        if (reboots.isPresent()) {
            requireAtMost("reboot(s) of " + id, reboots.getAsInt() + 1, timesRebooted(id));
        }
        run.finishCreations();
        if (reinstallsMachines()) {
            OptionalInt reinstallations = timesReinstalled(id);
            requireFault(ContractFault.LOST_ANSWER);
            run.requireReason(reinstall(provider, id), Reason.TRANSIENT);
            healed();
            if (reinstallations.isPresent()) {
                requireAtMost("reinstallation(s) of " + id, reinstallations.getAsInt() + 1, timesReinstalled(id));
            }
        }
    }

    @Test
    public final void required_R08_interruptionIsNotSwallowed() throws Exception {
        Provider provider = run.startToLook(1);
        ProviderID id = created(provider, 1).get(0);
        run.requireInterruptionKept(run.callInterrupted("rebootMachine(" + id + ") on an interrupted thread", () -> {
            recoverer(provider).rebootMachine(id);
            return true;
        }));
        run.finishCreations();
        if (reinstallsMachines()) {
            run.requireInterruptionKept(
                    run.callInterrupted("reinstallMachine(" + id + ") on an interrupted thread", () -> {
                        recoverer(provider).reinstallMachine(id);
                        return true;
                    }));
        }
    }

    @Test
    public final void required_R09_aRefusedRebootRebootsNothing() throws Exception {
        Provider provider = run.startToLook(1);
        ProviderID id = created(provider, 1).get(0);
        OptionalInt reboots = timesRebooted(id);
        requireFault(ContractFault.RATE_LIMITED);
        run.requireReason(reboot(provider, id), Reason.RATE_LIMITED);
        healed();
        if (reboots.isPresent()) {
            requireCount("reboot(s) of " + id, reboots.getAsInt(), timesRebooted(id));
        }
    }

    // A fault at each request.

    @Override
    final void callAll(Provider provider, Optional<Machine> created, Optional<Machine> free) throws Exception {
        super.callAll(provider, created, free);
        if (created.isPresent()) {
            reboot(provider, created.get().id());
            if (reinstallsMachines()) {
                reinstall(provider, created.get().id());
            }
        }
    }

    @EachFault(Step.CHANGE)
    public final void required_R10_aRebootThatFailsHalfWayIsNotRepeated(Trial trial) throws Exception {
        run.recordInMemory();
        Provider provider = run.startToLook(1);
        ProviderID id = created(provider, 1).get(0);
        Provider asked = patientOrNot(trial);
        OptionalInt times = timesRebooted(id);
        requireFault(trial);
        requireOnceAtMost(trial, reboot(asked, id), "reboot(s) of " + id, times, () -> timesRebooted(id));
    }

    @EachFault(Step.CHANGE)
    public final void required_R12_aReinstallationThatFailsHalfWayIsNotRepeated(Trial trial) throws Exception {
        run.recordInMemory();
        requireReinstallations();
        Provider provider = run.startToLook(1);
        ProviderID id = created(provider, 1).get(0);
        if (!reinstallsMachines()) {
            run.requireReason(reinstall(provider, id), Reason.NOT_SUPPORTED);
            return;
        }
        Provider asked = patientOrNot(trial);
        OptionalInt times = timesReinstalled(id);
        requireFault(trial);
        requireOnceAtMost(trial, reinstall(asked, id), "reinstallation(s) of " + id, times, () -> timesReinstalled(id));
    }

    private void requireOnceAtMost(
            Trial trial, Outcome<Boolean> outcome, String what, OptionalInt before, Supplier<OptionalInt> now)
            throws InterruptedException {
        boolean hit = wasHitSoon(trial);
        boolean mayHave = trial.step() == Step.CHANGE && trial.fault().isEffective();
        boolean earlier = effects() > (mayHave ? 1 : 0);
        healed();
        if (!hit) {
            return;
        }
        OptionalInt after = now.get();
        String counted = what + " with " + trial;
        if (outcome.hasValue()) {
            if (before.isPresent()) {
                requireCount(counted + ", of which the call says that it was accepted", before.getAsInt() + 1, after);
            }
            return;
        }
        if (earlier) {
            run.requireReason(outcome, Reason.TRANSIENT);
        } else {
            run.requireReason(outcome, reasons(trial.fault()));
        }
        if (before.isPresent()) {
            requireAtMost(counted, before.getAsInt() + (earlier || mayHave ? 1 : 0), after);
        }
    }

    /** A call that does not wait for a request that changes something returns before that has come. */
    private boolean wasHitSoon(Trial trial) throws InterruptedException {
        long deadline = System.nanoTime() + UNTIL_SENT.toNanos();
        while (!wasHit(trial)) {
            // That there is no second one is as usual.
            if (trial.step() == Step.READ || trial.number() > 1 || System.nanoTime() - deadline > 0) {
                return false;
            }
            Thread.sleep(20);
        }
        return true;
    }

    @EachFault(Step.READ)
    public final void required_R11_whatCannotBeLookedAtIsLeftAlone(Trial trial) throws Exception {
        run.recordInMemory();
        Provider provider = run.startToLook(1);
        ProviderID id = created(provider, 1).get(0);
        Provider asked = patientOrNot(trial);
        OptionalInt reboots = timesRebooted(id);
        requireFault(trial);
        requireOnceAtMost(trial, reboot(asked, id), "reboot(s) of " + id, reboots, () -> timesRebooted(id));
        run.finishCreations();
        if (reinstallsMachines()) {
            Provider another = patientOrNot(trial);
            OptionalInt reinstallations = timesReinstalled(id);
            requireFault(trial);
            requireOnceAtMost(
                    trial,
                    reinstall(another, id),
                    "reinstallation(s) of " + id,
                    reinstallations,
                    () -> timesReinstalled(id));
        }
    }

    @EachFault(
            value = {Step.READ, Step.CHANGE},
            faults = RequestFault.HANGS_AFTER)
    public final void required_R13_interruptionEndsACallAtEachRequest(Trial trial) throws Exception {
        run.recordInMemory();
        Provider provider = run.startToLook(1);
        ProviderID id = created(provider, 1).get(0);
        OptionalInt reboots = timesRebooted(id);
        interrupted(trial, "rebootMachine(" + id + ")", () -> {
            recoverer(provider).rebootMachine(id);
            return true;
        });
        requireAtMost("reboot(s) of " + id, reboots.orElse(0) + 1, timesRebooted(id));
        run.finishCreations();
        if (reinstallsMachines()) {
            OptionalInt reinstallations = timesReinstalled(id);
            interrupted(trial, "reinstallMachine(" + id + ")", () -> {
                recoverer(provider).reinstallMachine(id);
                return true;
            });
            requireAtMost("reinstallation(s) of " + id, reinstallations.orElse(0) + 1, timesReinstalled(id));
        }
    }

    @Test
    public final void required_R14_whatIsNotThisFleetsIsLeftAlone() throws Exception {
        run.requireOwnOutside("it reboots machines that are not there");
        Provider provider = run.start(1);
        Machine created = run.create(provider, request(run.free(provider, 1).get(0)));
        run.awaitListed(provider, created.id());
        List<ProviderID> names = new ArrayList<>(otherNames(created));
        Reason reinstalling = reinstallsMachines() ? Reason.NOT_FOUND : Reason.NOT_SUPPORTED;
        for (ProviderID other : names) {
            run.requireReason(reboot(provider, other), Reason.NOT_FOUND);
            run.requireReason(reinstall(provider, other), reinstalling);
        }
        boolean foreign = isChanged(created, OutsideChange.FOREIGN);
        if (foreign) {
            OptionalInt reboots = timesRebooted(created.id());
            run.requireReason(reboot(provider, created.id()), Reason.NOT_FOUND);
            run.requireReason(reinstall(provider, created.id()), reinstalling);
            requireCount("reboot(s) of " + created.id(), reboots.orElse(0), timesRebooted(created.id()));
        }
        run.require(
                foreign || !names.isEmpty(),
                "the fixture neither knows other names of a machine nor can have one become FOREIGN, see otherNames() and"
                        + " change()");
    }
}
