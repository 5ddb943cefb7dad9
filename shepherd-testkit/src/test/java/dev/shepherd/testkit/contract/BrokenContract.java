package dev.shepherd.testkit.contract;

import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Recoverer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** The contract over a broken provider. Its name keeps it out of the build; {@link SelfTest} runs its tests one by one. */
class BrokenContract extends RecovererContract {

    /** What is broken, and how. Set before the tests are run. */
    static BrokenProviders.Broken broken = new BrokenProviders.Broken(Rule.P01, "not at all", Wrapped::new);

    private final FakeWorld world = new FakeWorld(3);

    @Override
    protected Recoverer createProvider() {
        return broken.maker().apply(world);
    }

    @Override
    protected void addFreeMachines(int count) {
        // What an outside view tells of are machines with ids.
        if (broken.rule().compareTo(Rule.P47) < 0) {
            world.provider.addReservations(count);
        } else {
            world.addMachines(count);
        }
    }

    @Override
    protected boolean inject(ContractFault fault) {
        return fault == ContractFault.DUPLICATE_MACHINE || world.inject(fault);
    }

    @Override
    protected Optional<Faults> faults() {
        return Optional.of(world);
    }

    @Override
    protected Recoverer createImpatientProvider() {
        Recoverer provider = createProvider();
        world.impatient();
        return provider;
    }

    @Override
    protected Optional<MachineInfo> outside(ProviderID id) {
        return world.find(id);
    }

    @Override
    protected boolean change(Machine machine, OutsideChange change) {
        return world.change(machine, change);
    }

    @Override
    protected List<ProviderID> otherNames(Machine machine) {
        return FakeWorld.otherNames(machine);
    }

    @Override
    protected List<String> secrets() {
        return List.of(BrokenProviders.SECRET);
    }

    @Override
    protected OptionalInt timesRebooted(ProviderID id) {
        return world.reboots(id);
    }

    @Override
    protected OptionalInt timesReinstalled(ProviderID id) {
        return world.reinstallations(id);
    }

    @Override
    protected Duration callLimit() {
        return broken.rule() == Rule.P40 || broken.rule() == Rule.R01 ? Duration.ofMillis(500) : super.callLimit();
    }

    @Override
    protected Duration closeLimit() {
        return broken.rule() == Rule.P28 ? Duration.ofMillis(50) : super.closeLimit();
    }

    @Override
    protected Duration creationLimit() {
        return Duration.ofMillis(200);
    }

    @Override
    protected boolean usesDatabase() {
        return false;
    }
}
