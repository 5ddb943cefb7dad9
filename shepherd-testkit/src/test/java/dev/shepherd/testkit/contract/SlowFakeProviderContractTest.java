package dev.shepherd.testkit.contract;

import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Recoverer;
import dev.shepherd.testkit.provider.FakeProvider;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** {@link FakeProvider} that lists machines while they are made and reinstalled, as Ironic does, keeps the contract. */
class SlowFakeProviderContractTest extends RecovererContract {

    private final FakeWorld world = new FakeWorld(1, true, true);

    @Override
    protected Recoverer createProvider() {
        return world.open();
    }

    @Override
    protected void addFreeMachines(int count) {
        world.provider.addReservations(count);
    }

    @Override
    protected void finishCreations() {
        world.provider.finishCreations();
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
    protected OptionalInt timesReinstalled(ProviderID id) {
        return world.reinstallations(id);
    }

    @Override
    protected boolean usesDatabase() {
        return false;
    }
}
