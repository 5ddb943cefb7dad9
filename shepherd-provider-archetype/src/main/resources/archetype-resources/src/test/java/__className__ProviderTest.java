package ${package};

import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.testkit.contract.FaultProxy;
import dev.shepherd.testkit.contract.Faults;
import dev.shepherd.testkit.contract.OutsideChange;
import dev.shepherd.testkit.contract.RecovererContract;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;

/** The provider keeps the contract. Each test has a controller of its own, and a proxy before it that lets faults in. */
class ${className}ProviderTest extends RecovererContract {

    private final ${className}ControllerServer controller = ${className}ControllerServer.start();
    private final FaultProxy proxy =
            FaultProxy.builder(controller.uri()).listing("/servers").start();

    ${className}ProviderTest() throws IOException {}

    @Override
    protected Recoverer createProvider() {
        return createProvider("10s");
    }

    private Recoverer createProvider(String timeout) {
        Map<String, String> properties =
                Map.of("controller", proxy.uri().toString(), "token", ${className}ControllerServer.TOKEN, "timeout", timeout);
        return new ${className}Provider(ProviderConfig.of(new ${className}ProviderFactory(), new ProviderType("${kind}"), properties));
    }

    @Override
    protected void addFreeMachines(int count) throws IOException {
        controller.addServers(count);
    }

    @AfterEach
    void close() {
        proxy.close();
        controller.close();
    }

    // What follows may be left out: rules that need it are then skipped.

    @Override
    protected void finishCreations() {
        controller.finishDeployments();
    }

    @Override
    protected Optional<Faults> faults() {
        return Optional.of(proxy);
    }

    @Override
    protected Recoverer createImpatientProvider() {
        return createProvider("500ms");
    }

    @Override
    protected List<String> secrets() {
        return List.of(${className}ControllerServer.TOKEN);
    }

    @Override
    protected OptionalInt timesRebooted(ProviderID id) {
        return OptionalInt.of(controller.times("power-cycle", id.value()));
    }

    @Override
    protected OptionalInt timesReinstalled(ProviderID id) {
        return OptionalInt.of(controller.times("deploy", id.value()));
    }

    @Override
    protected List<ProviderID> otherNames(Machine machine) {
        return List.of(new ProviderID(machine.id().value().toUpperCase(Locale.ROOT)));
    }

    @Override
    protected Optional<MachineInfo> outside(ProviderID id) throws IOException {
        return Optional.of(controller.machine(id));
    }

    @Override
    protected boolean change(Machine machine, OutsideChange change) {
        controller.change(machine.id(), change);
        return true;
    }
}
