package dev.shepherd.testkit.contract;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Recoverer;
import dev.shepherd.testkit.provider.FakeProvider;
import java.util.OptionalInt;

/** {@link FakeProvider} with hardware reservations keeps the contract. */
class FakeProviderContractTest extends RecovererContract {

    private final FakeWorld world = new FakeWorld(3);

    @Override
    protected Recoverer createProvider() {
        return world.open();
    }

    @Override
    protected void addFreeMachines(int count) {
        world.provider.addReservations(count);
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
}
