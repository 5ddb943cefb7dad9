package dev.shepherd.testkit.contract;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Recoverer;
import dev.shepherd.testkit.provider.FakeProvider;
import java.net.InetAddress;
import java.net.UnknownHostException;
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
    protected void addFreeMachines(int count) throws UnknownHostException {
        for (int i = 1; i <= count; i++) {
            world.provider.addMachine(MachineInfo.builder(new ProviderID("machine-" + i), Availability.KNOWN_UNUSED)
                    .address(InetAddress.getByName("192.0.2." + i))
                    .sshPort(2200 + i)
                    .location("rack 1")
                    .build());
        }
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
    protected boolean reinstallsMachines() {
        return false;
    }

    @Override
    protected boolean usesDatabase() {
        return false;
    }
}
