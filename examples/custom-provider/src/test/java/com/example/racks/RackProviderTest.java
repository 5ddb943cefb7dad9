package com.example.racks;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.testkit.contract.ContractFault;
import dev.shepherd.testkit.contract.RecovererContract;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;

/** The provider keeps the contract. Each test has a controller of its own. */
class RackProviderTest extends RecovererContract {

    private final RackControllerServer controller = RackControllerServer.start();

    RackProviderTest() throws IOException {}

    @Override
    protected Recoverer createProvider() {
        return new RackProvider(
                new ProviderType("racks"),
                new HttpRackController(controller.uri(), RackControllerServer.TOKEN, Duration.ofSeconds(2)));
    }

    @Override
    protected void addFreeMachines(int count) {
        controller.addServers(count);
    }

    @AfterEach
    void stopTheController() {
        controller.close();
    }

    // What follows may be left out: rules that need it are then skipped.

    @Override
    protected boolean inject(ContractFault fault) {
        controller.inject(fault);
        return true;
    }

    @Override
    protected void heal() {
        controller.heal();
    }

    @Override
    protected List<String> secrets() {
        return List.of(RackControllerServer.TOKEN);
    }

    @Override
    protected boolean reinstallsMachines() {
        return false;
    }

    @Override
    protected OptionalInt timesRebooted(ProviderID id) {
        return OptionalInt.of(controller.timesPowerCycled(id.value()));
    }
}
