package dev.shepherd.provider.staticlist;

import dev.shepherd.api.Availability;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.provider.support.AddressLiteral;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.contract.FaultProxy;
import dev.shepherd.testkit.contract.Faults;
import dev.shepherd.testkit.contract.OutsideChange;
import dev.shepherd.testkit.contract.ProviderContract;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The provider keeps the contract, over a list that a server holds. */
class StaticProviderContractTest extends ProviderContract {

    private static final String SECRET = "query-that-no-text-may-show";

    /** Keeps what the provider logs off the console. */
    @RegisterExtension
    final LogCapture log = LogCapture.of(StaticProvider.class.getName());

    private final ListServer server = new ListServer();
    private final FaultProxy proxy =
            FaultProxy.builder(server.uri("")).listing("/machines.json").start();
    private final Map<ProviderID, String> addresses = new LinkedHashMap<>();

    StaticProviderContractTest() throws IOException {
        serve();
    }

    private void serve() {
        server.serve(addresses.entrySet().stream()
                .map(machine -> """
                        {"ID": "%s", "Addr": "%s", "Location": "rack 1", "SSHPort": 2222}""".formatted(machine.getKey(), machine.getValue()))
                .collect(Collectors.joining(",\n", "[", "]")));
    }

    @Override
    protected Provider createProvider() {
        return createProvider(Duration.ofSeconds(10));
    }

    @Override
    protected Provider createImpatientProvider() {
        return createProvider(Duration.ofMillis(500));
    }

    private Provider createProvider(Duration timeout) {
        return StaticProvider.builder(Lists.RACKS, proxy.uri().resolve("/machines.json?key=" + SECRET))
                .timeout(timeout)
                .build();
    }

    @Override
    protected void addFreeMachines(int count) {
        for (int i = 1; i <= count; i++) {
            addresses.put(new ProviderID("machine-" + i), "10.0.0." + i);
        }
        serve();
    }

    @Override
    protected Optional<Faults> faults() {
        return Optional.of(proxy);
    }

    @Override
    protected List<String> secrets() {
        return List.of(SECRET);
    }

    @Override
    protected boolean choosesMachines() {
        return false;
    }

    @Override
    protected Optional<MachineInfo> outside(ProviderID id) {
        return Optional.of(MachineInfo.builder(id, Availability.POSSIBLY_USED)
                .address(AddressLiteral.address(addresses.get(id)))
                .location("rack 1")
                .sshPort(2222)
                .build());
    }

    /** A list has no states; and with a mistake in it, the last good one stays in force. */
    @Override
    protected boolean change(Machine machine, OutsideChange change) {
        boolean possible = change == OutsideChange.GONE || change == OutsideChange.FOREIGN;
        if (possible) {
            addresses.remove(machine.id());
            serve();
        }
        return possible;
    }

    @Override
    protected List<ProviderID> otherNames(Machine machine) {
        return List.of(new ProviderID(machine.id().value().toUpperCase(Locale.ROOT)));
    }

    @AfterEach
    void stop() {
        proxy.close();
        server.close();
    }
}
