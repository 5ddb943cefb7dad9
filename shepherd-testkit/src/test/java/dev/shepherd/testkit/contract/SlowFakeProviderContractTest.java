package dev.shepherd.testkit.contract;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Recoverer;
import dev.shepherd.testkit.provider.FakeProvider;
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
    protected boolean inject(ContractFault fault) {
        return world.inject(fault);
    }

    @Override
    protected void heal() {
        world.heal();
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
