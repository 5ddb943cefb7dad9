package ${package};

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
class ${className}ProviderTest extends RecovererContract {

    private final ${className}ControllerServer controller = ${className}ControllerServer.start();

    ${className}ProviderTest() throws IOException {}

    @Override
    protected Recoverer createProvider() {
        return new ${className}Provider(
                new ProviderType("${kind}"),
                new Http${className}Controller(controller.uri(), ${className}ControllerServer.TOKEN, Duration.ofSeconds(2)));
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
        return List.of(${className}ControllerServer.TOKEN);
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
