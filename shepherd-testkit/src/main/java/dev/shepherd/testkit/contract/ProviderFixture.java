package dev.shepherd.testkit.contract;

import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.testkit.provider.FakeSession;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What a fixture says of the provider under test and of the outside, and how the rules make use of it. */
abstract class ProviderFixture {

    @RegisterExtension
    final ProviderRun run = new ProviderRun(this, new ContractRun.Fixture() {
        @Override
        public Duration callLimit() {
            return ProviderFixture.this.callLimit();
        }

        @Override
        public Map<Rule, String> optedOut() {
            return ProviderFixture.this.optedOut();
        }

        @Override
        public List<String> fixtureThreads() {
            return ProviderFixture.this.fixtureThreads();
        }

        @Override
        public List<String> secrets() {
            return ProviderFixture.this.secrets();
        }
    });

    ProviderFixture() {}

    // Essential: what every fixture says.

    /**
     * Makes a provider on the world of this test. Called several times in some tests, as if the process had been
     * restarted: what the outside knows must be there again. The contract closes what it gets.
     */
    protected abstract Provider createProvider() throws Exception;

    /**
     * Adds free machines to the world of this test, which providers that are made from now on list. Called at most once in
     * a test, before the first provider is made, with a number up to {@link #machineBudget()}. Where a fixed pool of
     * machines is used, check that it has so many free.
     */
    protected abstract void addFreeMachines(int count) throws Exception;

    // Common: what makes more rules testable.

    /**
     * Returns what lets faults in between the providers of this test and the outside: for what is asked by HTTP, a
     * {@link FaultProxy}, which the fixture starts and closes; none by default. All rules on faults need it.
     */
    protected Optional<Faults> faults() {
        return Optional.empty();
    }

    /**
     * Lets a fault in between the providers of this test and the outside, at once. Override this one and {@link #heal()}
     * where there are no {@link #faults()}.
     *
     * @return whether this fixture can; by default whether its faults can. Rules on faults that it cannot let in are skipped
     */
    protected boolean inject(ContractFault fault) throws Exception {
        Optional<Faults> faults = faults();
        return faults.isPresent() && faults.get().inject(fault);
    }

    /** Ends all faults that were let in. Also called where there were none. By default {@link #faults()} are healed. */
    protected void heal() throws Exception {
        Optional<Faults> faults = faults();
        if (faults.isPresent()) {
            faults.get().heal();
        }
    }

    /**
     * Makes a provider like {@link #createProvider()}, with time limits that are as short as its settings allow: half a
     * second will do. The rules on an outside that hangs use it, to save time; by default it is the usual one.
     */
    protected Provider createImpatientProvider() throws Exception {
        return createProvider();
    }

    /** Lets all creations end that are under way, such as by moving a clock. Does nothing by default. */
    protected void finishCreations() throws Exception {}

    /** Returns what must show in no text, such as the token that the provider has. None by default. */
    protected List<String> secrets() {
        return List.of();
    }

    /** Tells whether the provider takes requests that name no machine; true by default. */
    protected boolean choosesMachines() {
        return true;
    }

    /**
     * Tells which rules that are a SHOULD this provider leaves, and why; none by default. They are skipped with that
     * reason.
     */
    protected Map<Rule, String> optedOut() {
        return Map.of();
    }

    // The outside view: what the outside holds, told by the fixture and not by the provider.

    /**
     * Returns what is to be said of a machine as it is outside now; the contract compares. What is left empty is not
     * compared.
     *
     * @param id a machine that the provider has listed
     * @return empty if the fixture cannot tell, as by default
     */
    protected Optional<MachineInfo> outside(ProviderID id) throws Exception {
        return Optional.empty();
    }

    /**
     * Has something become of a machine outside, which lasts until the end of the test.
     *
     * @param machine a machine as the provider has listed or created it
     * @return whether this fixture can; false by default, by which the rules on that change are skipped
     */
    protected boolean change(Machine machine, OutsideChange change) throws Exception {
        return false;
    }

    /**
     * Returns by which other names the outside finds a machine, such as its host name, or its id in capitals; none by
     * default. They are no ids.
     */
    protected List<ProviderID> otherNames(Machine machine) throws Exception {
        return List.of();
    }

    // Rare.

    /**
     * Returns how many free machines one test may ask for; 3 by default. Rules that need more are skipped. An outside that
     * lists in pages should have pages of two: of a listing in one page nothing can be lost.
     */
    protected int machineBudget() {
        return 3;
    }

    /** Returns how often what is repeated is repeated; 3 by default. */
    protected int repeats() {
        return 3;
    }

    /** Returns how long a single call may take; 10 s by default. */
    protected Duration callLimit() {
        return Duration.ofSeconds(10);
    }

    /** Returns how long threads may take to end after {@link Provider#close()}; 5 s by default. */
    protected Duration closeLimit() {
        return Duration.ofSeconds(5);
    }

    /** Returns how long it may take after {@link #finishCreations()} until a new machine is listed; 10 s by default. */
    protected Duration creationLimit() {
        return Duration.ofSeconds(10);
    }

    /**
     * Returns what the names of threads begin with that are not the provider's but the fixture's, such as those of a server
     * in the test that starts them as requests come in; none by default. They may outlive the provider (P28). Threads that
     * are there before {@link #createProvider()} never count.
     */
    protected List<String> fixtureThreads() {
        return List.of();
    }

    /** Returns an id that looks like one of the provider's and that no machine has; a random UUID by default. */
    protected ProviderID absentId() {
        return new ProviderID(UUID.randomUUID().toString());
    }

    /** Returns ids that this provider could never have given; by default those that often break something. */
    protected List<ProviderID> malformedIds() {
        return List.of(
                ProviderID.INVALID,
                new ProviderID("x".repeat(ProviderID.MAX_LENGTH)),
                new ProviderID("\u00fc\u4e16\ud83d\udc11"),
                new ProviderID("../../etc/passwd"),
                new ProviderID("a/b?c=d&e#f"),
                new ProviderID("%2e%2e%00"),
                new ProviderID("' OR '1'='1"),
                new ProviderID("-1"),
                new ProviderID(" a b "));
    }

    /**
     * Releases a machine that was created, so that it costs nothing any more. By default the world is thrown away with the
     * test, and there is nothing to do.
     *
     * @return whether it was released: then the contract checks that the provider does not list it as used any more
     */
    protected boolean release(Machine machine) throws Exception {
        return false;
    }

    /**
     * Tells whether machines are recorded in a real database, on the PostgreSQL that
     * {@link dev.shepherd.testkit.database.BmdbExtension} finds or starts; true by default. Otherwise a {@link FakeSession} holds
     * them, which needs nothing, and proves less: what it accepts, a database may refuse.
     */
    protected boolean usesDatabase() {
        return true;
    }

    /** Tells whether a test may create a machine that is listed as free, by default any; all others are left alone. */
    protected boolean mayTake(Machine machine) {
        return true;
    }

    /**
     * Tells whether the outside is there for others too, such as a test system or a fleet in use; false by default. There
     * the rules spare machines: those that only look do with the machines that are there, and no machine is created but
     * where a rule is about creations, or reboots one. Rules are skipped that ask for any machine, or for one that does
     * not exist, since a provider that gets it wrong takes or reboots one of others; and so are those for which something
     * becomes of machines. See {@link #mayTake} for what may be created.
     */
    protected boolean sharesTheOutside() {
        return false;
    }

    /**
     * Tells whether a test may reboot, and reinstall, a machine that is in use; asked only where the outside
     * {@linkplain #sharesTheOutside() is shared}. By default those alone that the test has created.
     */
    protected boolean mayReboot(Machine machine) {
        return false;
    }

    // How the rules make use of it.

    final void requireFault(ContractFault fault) {
        run.require(isLetIn(fault), "the fixture cannot let in " + fault + ", see inject(ContractFault)");
    }

    final boolean isLetIn(ContractFault fault) {
        try {
            return inject(fault);
        } catch (Exception e) {
            throw new AssertionError("fixture: inject(" + fault + ") failed: " + e, e);
        }
    }

    /** Lets in the fault of a trial, and skips the test where that is not possible. */
    final void requireFault(Trial trial) {
        run.require(
                isLetIn(trial),
                "the fixture cannot let in " + trial.fault() + " for one request, see faults() and FaultProxy");
    }

    final boolean isLetIn(Trial trial) {
        Optional<Faults> faults = faults();
        try {
            return faults.isPresent() && faults.get().inject(trial.fault(), trial.step(), trial.number());
        } catch (Exception e) {
            throw new AssertionError("fixture: inject(" + trial + ") failed: " + e, e);
        }
    }

    /** Has something done right before a request, and skips the test where that is not possible. */
    final void requireBefore(Step step, int number, Faults.Action action) {
        Optional<Faults> faults = faults();
        boolean possible;
        try {
            possible = faults.isPresent() && faults.get().before(step, number, action);
        } catch (Exception e) {
            throw new AssertionError("fixture: before(" + step + ", " + number + ") failed: " + e, e);
        }
        run.require(possible, "the fixture cannot do something between two requests, see faults() and FaultProxy");
    }

    /** Tells whether the request of a trial has come; if not, there is no further one to try. */
    final boolean wasHit(Trial trial) {
        boolean hit = faults().map(Faults::wasHit).orElse(false);
        if (hit) {
            trial.hit();
        }
        return hit;
    }

    /** Tells whether requests of some kind have come since the last fault; true where that is not known. */
    final boolean isAsked(Step... steps) {
        Optional<Faults> faults = faults();
        return faults.isEmpty()
                || Stream.of(steps).anyMatch(step -> faults.get().requests(step).orElse(1) > 0);
    }

    final int effects() {
        return faults().map(Faults::effects).orElse(0);
    }

    final void requireChange(Machine machine, OutsideChange change) {
        run.require(
                isChanged(machine, change), "the fixture cannot have a machine become " + change + ", see change()");
    }

    final boolean isChanged(Machine machine, OutsideChange change) {
        try {
            return change(machine, change);
        } catch (Exception e) {
            throw new AssertionError("fixture: change(" + machine.id() + ", " + change + ") failed: " + e, e);
        }
    }

    final void healed() {
        try {
            heal();
        } catch (Exception e) {
            throw new AssertionError("fixture: heal() failed: " + e, e);
        }
    }
}
