package dev.shepherd.testkit.contract;

import static dev.shepherd.testkit.contract.ContractRun.INTERRUPTION_LIMIT;
import static dev.shepherd.testkit.contract.ProviderRun.name;
import static dev.shepherd.testkit.contract.ProviderRun.names;
import static dev.shepherd.testkit.contract.ProviderRun.request;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;

/** The rules on what the manager calls, and on each single request that a call takes. */
abstract class StepRules extends OutsideRules {

    /** How long a call may take to come to a request that is made to hang. */
    private static final Duration UNTIL_IT_HANGS = Duration.ofSeconds(10);

    /** After these the manager forgets the intent: nothing may be left of it. */
    private static final Set<Reason> ENDING = EnumSet.of(Reason.NO_CAPACITY, Reason.NOT_FOUND, Reason.NOT_SUPPORTED);

    StepRules() {}

    // The listing as the manager reads it.

    @Test
    public final void required_P47_bothListingsAgree() throws Exception {
        Provider provider = run.startToLook(3);
        List<Machine> free = run.freeToLook(provider, 3);
        requireBothAgree(provider, "");
        if (sharesTheOutside()) {
            requireBothAgree(run.open(), " after a restart");
            return;
        }
        Machine created = run.create(provider, request(free.get(0)));
        requireBothAgree(provider, " after a creation");
        run.awaitListed(provider, created.id());
        requireBothAgree(provider, " once the creation is over");
        requireBothAgree(run.open(), " after a restart");
        for (OutsideChange change : List.of(OutsideChange.STOPPED, OutsideChange.IN_CREATION)) {
            if (isChanged(created, change)) {
                requireBothAgree(provider, " with a machine that is " + change);
            }
        }
        for (OutsideChange change : List.of(OutsideChange.FAILED, OutsideChange.FOREIGN)) {
            if (isChanged(free.get(change == OutsideChange.FAILED ? 1 : 2), change)) {
                requireBothAgree(provider, " with a machine that is " + change);
            }
        }
    }

    private void requireBothAgree(Provider provider, String when) throws InterruptedException {
        List<? extends Machine> listed = run.get("listMachines()", provider::listMachines);
        List<Machine> shown = run.list(provider);
        if (shown.size() != listed.size() || !copies(shown).equals(copies(listed))) {
            throw run.broken(
                    "forEachMachine shows what listMachines returns" + when + ": " + ContractRun.text(listed),
                    "it shows " + ContractRun.text(shown));
        }
    }

    private static Set<Object> copies(List<? extends Machine> machines) {
        Set<Object> copies = new HashSet<>();
        for (Machine machine : machines) {
            try {
                copies.add(MachineInfo.copyOf(machine));
            } catch (IllegalArgumentException e) {
                copies.add(name(machine)); // P05 is for what breaks the rules of a machine.
            }
        }
        return copies;
    }

    @Test
    public final void required_P48_anExceptionOfTheVisitorEndsTheListing() throws Exception {
        Provider provider = run.startToLook(2);
        run.freeToLook(provider, 2);
        IllegalStateException thrown = new IllegalStateException("the visitor does not go on");
        List<Thread> threads = new ArrayList<>();
        List<Thread> caller = new ArrayList<>();
        Outcome<Boolean> outcome = run.call("forEachMachine() with a visitor that throws", () -> {
            caller.add(Thread.currentThread());
            provider.forEachMachine(machine -> {
                threads.add(Thread.currentThread());
                throw thrown;
            });
            return true;
        });
        if (outcome.failure() != thrown) {
            throw run.broken("the exception of the visitor, unchanged", outcome);
        }
        if (!threads.equals(caller)) {
            throw run.broken("one visit, on the thread that called", threads.size() + " visit(s), on " + threads);
        }
    }

    @EachFault(value = Step.READ, faults = RequestFault.UNAVAILABLE)
    public final void required_P49_aMachineThatGoesMeanwhileTakesNoOtherAlong(Trial trial) throws Exception {
        run.requireOwnOutside("something becomes of a machine");
        Provider provider = run.start(machineBudget());
        List<Machine> free = run.free(provider, machineBudget());
        int last = trial.number() - 1;
        if (last >= free.size()) {
            return; // Each has had its turn.
        }
        Machine going = free.get(last);
        boolean[] gone = new boolean[1];
        requireBefore(Step.READ, 2, () -> gone[0] = change(going, OutsideChange.GONE));
        Outcome<List<Machine>> outcome = run.call("forEachMachine()", () -> run.shown(provider));
        run.require(
                faults().map(Faults::wasHit).orElse(false),
                "a listing is one request: nothing can happen in the middle of it");
        run.require(gone[0], "the fixture cannot have a machine become GONE, see change()");
        trial.hit(); // Each machine has its turn, whichever the pages end with.
        healed();
        if (outcome.hasValue()) {
            requireAllOf(
                    run.get(outcome, ""),
                    without(free, going),
                    "besides " + name(going) + ", which went after the first request of the listing, or fails");
        } else {
            run.requireReason(outcome, Reason.TRANSIENT, Reason.CONFLICT, Reason.PERMANENT);
        }
    }

    // A fault at each request.

    @EachFault(Step.READ)
    public final void required_P50_aListingIsWholeOrFails(Trial trial) throws Exception {
        run.recordInMemory();
        Provider provider = run.startToLook(3);
        run.createToShow(provider, 3);
        Set<String> names = names(run.settled(provider));
        Provider asked = patientOrNot(trial);
        requireFault(trial);
        Outcome<List<Machine>> shown = run.call("forEachMachine() with " + trial, () -> run.shown(asked));
        if (!wasHit(trial)) {
            return;
        }
        requireWholeOrFailed(shown, names, trial);
        healed();
        if (!trial.fault().isHanging()) { // The manager never calls the other one: once is enough for what takes long.
            Provider another = run.open();
            requireFault(trial);
            requireWholeOrFailed(
                    run.call("listMachines() with " + trial, () -> List.copyOf(another.listMachines())), names, trial);
            healed();
        }
        Set<String> again = names(run.list(run.open()));
        if (!again.equals(names)) {
            throw run.broken("the machines " + names + " again once it is over", "the listing has " + again);
        }
    }

    private void requireWholeOrFailed(
            Outcome<? extends List<? extends Machine>> outcome, Set<String> names, Trial trial) {
        if (!outcome.hasValue()) {
            run.requireReason(outcome, reasons(trial.fault()));
        } else if (!names(run.get(outcome, "")).equals(names)) {
            throw run.broken("all of " + names + ", or a failure", outcome);
        }
    }

    final Provider patientOrNot(Trial trial) {
        return trial.fault().isHanging() ? run.openImpatient() : run.open();
    }

    /** Returns what a call may fail with if a fault met it before anything took effect. */
    static Reason[] reasons(RequestFault fault) {
        return switch (fault) {
            case REFUSED -> new Reason[] {Reason.PERMANENT, Reason.CONFLICT, Reason.TRANSIENT};
            case CONFLICT -> new Reason[] {Reason.CONFLICT, Reason.TRANSIENT, Reason.PERMANENT};
            case RATE_LIMITED -> new Reason[] {Reason.RATE_LIMITED};
            default -> new Reason[] {Reason.TRANSIENT};
        };
    }

    @EachFault(Step.READ)
    public final void required_P51_aLookThatFailsSaysNothingOfTheMachine(Trial trial) throws Exception {
        run.recordInMemory();
        Provider provider = run.startToLook(2);
        Machine created = run.createToLook(provider, 2);
        run.awaitListed(provider, created.id());
        Provider asked = patientOrNot(trial);
        requireFault(trial);
        Outcome<Machine> got =
                run.call("getMachine(" + created.id() + ") with " + trial, () -> asked.getMachine(created.id()));
        if (!wasHit(trial)) {
            return;
        }
        if (!got.hasValue()) {
            run.requireReason(got, reasons(trial.fault()));
        }
        healed();
        run.get(run.open(), created.id());
    }

    @EachFault(Step.CHANGE)
    public final void required_P52_aCreationThatFailsHalfWayIsFoundAgain(Trial trial) throws Exception {
        requireFoundAgain(trial);
    }

    @EachFault(Step.READ)
    public final void required_P53_aCreationThatCannotLookIsFoundAgain(Trial trial) throws Exception {
        run.recordInMemory();
        requireFoundAgain(trial);
    }

    private void requireFoundAgain(Trial trial) throws Exception {
        Provider provider = run.start(3);
        List<Machine> before = run.list(provider);
        CreateMachineRequest request = request(run.free(provider, 3).get(0));
        Provider asked = patientOrNot(trial);
        requireFault(trial);
        Outcome<? extends Machine> outcome = run.create(asked, run.session(), request, " with " + trial);
        if (!wasHit(trial)) {
            return;
        }
        int effects = effects();
        healed();
        run.requireRecorded(provider, outcome.hasValue() ? 1 : 0);
        if (outcome.hasValue()) { // It is recorded: the manager asks for it no more.
            run.awaitListed(run.open(), run.get(outcome, "").id());
        } else {
            run.requireReason(outcome, reasonsOfCreation(trial.fault(), effects));
            requireNotListedHalfMade(request);
        }
        if (outcome.failedWith(ENDING)) {
            run.requireNoneMade(run.open(), before); // Else no one would ever look for it.
        }
        run.requireFoundAgain(before, request, 1);
    }

    /** The manager adopts what is listed with an intent that it knows, as it is. */
    private void requireNotListedHalfMade(CreateMachineRequest request) throws InterruptedException {
        for (Machine machine : run.settled(run.open())) {
            if (machine.intentId().equals(Optional.of(request.intentId())) && ProviderRun.isInCreation(machine)) {
                throw run.broken(
                        "what intent " + request.intentId() + " has left is not listed until its creation is complete",
                        "it is listed, and nothing will complete it: " + ContractRun.text(machine));
            }
        }
    }

    private static Reason[] reasonsOfCreation(RequestFault fault, int effects) {
        if (fault.isUnclear()) {
            return new Reason[] {Reason.TRANSIENT};
        }
        Set<Reason> reasons = EnumSet.of(Reason.TRANSIENT, reasons(fault));
        if (fault != RequestFault.RATE_LIMITED) {
            reasons.add(Reason.NO_CAPACITY);
        } else if (effects == 0) {
            reasons.remove(Reason.TRANSIENT);
        }
        return reasons.toArray(new Reason[0]);
    }

    @EachFault(
            value = {Step.READ, Step.CHANGE},
            faults = RequestFault.HANGS_AFTER)
    public final void required_P54_interruptionEndsACallAtEachRequest(Trial trial) throws Exception {
        run.recordInMemory();
        Provider provider = run.startToLook(3);
        Machine created = run.createToLook(provider, 3);
        run.awaitListed(provider, created.id());
        if (trial.step() == Step.READ) {
            interrupted(trial, "forEachMachine()", () -> run.shown(provider));
            interrupted(trial, "getMachine(" + created.id() + ")", () -> provider.getMachine(created.id()));
        }
        Optional<Machine> free = run.freeIfAny(provider);
        if (trial.step() == Step.READ && free.isEmpty()) {
            return;
        }
        run.require(free.isPresent(), "none of the machines that it may take is free, see machineBudget()");
        List<Machine> before = run.settled(provider);
        int recorded = sharesTheOutside() ? 0 : 1;
        CreateMachineRequest request = request(free.orElseThrow());
        ObservedSession session = run.session();
        boolean hit = interrupted(trial, ProviderRun.describe(request), () -> provider.createMachine(session, request));
        if (hit) {
            run.requireRecorded(provider, recorded);
            run.requireFoundAgain(before, request, recorded + 1);
        }
    }

    /** Interrupts a call once it hangs, and requires that this ends it. */
    final <T> boolean interrupted(Trial trial, String what, Callable<T> call) throws Exception {
        requireFault(trial);
        ContractRun.Started<T> started = run.begin(what + ", of which " + trial, call);
        long deadline = System.nanoTime() + UNTIL_IT_HANGS.toNanos();
        while (!wasHit(trial) && started.await(Duration.ofMillis(5)) == null) {
            if (System.nanoTime() - deadline > 0) {
                throw run.broken("a call ends, or asks the outside", what + " had done neither: " + started.where());
            }
        }
        if (!wasHit(trial)) {
            healed();
            return false;
        }
        started.interrupt();
        Outcome<T> outcome = started.await(INTERRUPTION_LIMIT);
        healed();
        if (outcome == null) {
            throw run.broken(
                    "it ends within " + INTERRUPTION_LIMIT + " of the interruption",
                    what + " was still waiting after that: " + started.where());
        }
        if (!(outcome.failure() instanceof InterruptedException)) {
            throw run.broken("an InterruptedException", outcome);
        }
        return true;
    }

    @Test
    public final void optional_P55_aRateLimitSaysWhenToComeAgain() throws Exception {
        Provider provider = run.startToLook(1);
        Optional<Machine> free = run.freeIfAny(provider);
        Optional<Duration> retryAfter = faults().flatMap(Faults::retryAfter);
        run.require(retryAfter.isPresent(), "the outside says nothing of it, see Faults.retryAfter()");
        ProviderID absent = absentId();
        Provider listing = run.open();
        Provider getting = run.open();
        requireFault(ContractFault.RATE_LIMITED);
        Outcome<?> listed = run.call("forEachMachine()", () -> run.shown(listing));
        if (isAsked(Step.values())) {
            requireRetryAfter(listed, retryAfter);
        }
        requireFault(ContractFault.RATE_LIMITED);
        Outcome<?> got = run.call("getMachine(" + absent + ")", () -> getting.getMachine(absent));
        if (isAsked(Step.values())) {
            requireRetryAfter(got, retryAfter);
        }
        if (free.isEmpty()) {
            return;
        }
        Outcome<? extends Machine> created = run.create(provider, run.session(), request(free.get()));
        if (!created.hasValue()) { // What asks the outside nothing is not refused.
            requireRetryAfter(created, retryAfter);
        }
    }

    private void requireRetryAfter(Outcome<?> outcome, Optional<Duration> retryAfter) {
        run.requireReason(outcome, Reason.RATE_LIMITED);
        if (outcome.failure() instanceof ProviderException failure
                && !failure.retryAfter().equals(retryAfter)) {
            throw run.broken("retryAfter() is " + retryAfter, outcome.describe() + ", with " + failure.retryAfter());
        }
    }
}
