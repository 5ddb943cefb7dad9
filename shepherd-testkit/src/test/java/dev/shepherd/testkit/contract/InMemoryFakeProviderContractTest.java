package dev.shepherd.testkit.contract;

import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Recoverer;
import dev.shepherd.testkit.provider.FakeProvider;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * {@link FakeProvider} whose machines have ids and addresses before they are created and that reinstalls
 * nothing keeps the contract, also where nothing but the memory holds what is recorded.
 */
class InMemoryFakeProviderContractTest extends RecovererContract {

    private final FakeWorld world = new FakeWorld(1, false);

    @Override
    protected Recoverer createProvider() {
        return world.open();
    }

    @Override
    protected void addFreeMachines(int count) {
        world.addMachines(count);
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
    protected OptionalInt timesRebooted(ProviderID id) {
        return world.reboots(id);
    }

    @Override
    protected boolean reinstallsMachines() {
        return false;
    }

    @Override
    protected boolean usesDatabase() {
        return false;
    }
}
