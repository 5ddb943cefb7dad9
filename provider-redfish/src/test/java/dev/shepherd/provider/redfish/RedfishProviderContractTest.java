package dev.shepherd.provider.redfish;

import dev.shepherd.api.Availability;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Recoverer;
import dev.shepherd.provider.support.AddressLiteral;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.bmc.FakeBmc;
import dev.shepherd.testkit.bmc.FakeBmc.Vendor;
import dev.shepherd.testkit.bmc.FakeSystem;
import dev.shepherd.testkit.contract.FaultProxy;
import dev.shepherd.testkit.contract.Faults;
import dev.shepherd.testkit.contract.OutsideChange;
import dev.shepherd.testkit.contract.RecovererContract;
import dev.shepherd.testkit.contract.Rule;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The provider keeps the contract, over a BMC with several systems that restarts each in one step. */
class RedfishProviderContractTest extends RecovererContract {

    /** What turns a system on that was off, or restarts one. */
    private static final Set<String> BOOTS = Set.of("On", "ForceRestart", "PowerCycle", "GracefulRestart");

    /** Keeps what the provider logs off the console. */
    @RegisterExtension
    final LogCapture log = LogCapture.of(RedfishProvider.class.getName());

    final FakeBmc bmc;
    private final FaultProxy proxy;
    private final Path folder;
    private final Rack rack;
    private final Map<ProviderID, FakeSystem> systems = new LinkedHashMap<>();

    RedfishProviderContractTest() throws IOException {
        bmc = Rack.bmc().vendor(vendor()).systems(12).start();
        proxy = FaultProxy.builder(bmc.uri())
                .trust(bmc.certificate().clientContext())
                .https(bmc.certificate().serverContext())
                .start();
        folder = Files.createTempDirectory("rack");
        rack = new Rack(folder);
    }

    /** Whose BMC it is. */
    Vendor vendor() {
        return Vendor.DMTF;
    }

    @Override
    protected Recoverer createProvider() {
        return rack.provider("reinstall", "pxe", "timeout", "10s", "status-timeout", "10s");
    }

    @Override
    protected Recoverer createImpatientProvider() {
        return rack.provider("reinstall", "pxe", "timeout", "500ms", "status-timeout", "500ms");
    }

    @Override
    protected void addFreeMachines(int count) {
        for (int i = 0; i < count; i++) {
            FakeSystem system = bmc.systems().get(systems.size());
            systems.put(rack.add(proxy.uri(), bmc.fingerprint(), system), system);
        }
    }

    @Override
    protected Optional<Faults> faults() {
        return Optional.of(proxy);
    }

    @Override
    protected List<String> secrets() {
        byte[] login = (Rack.USER + ":" + Rack.PASSWORD).getBytes(StandardCharsets.UTF_8);
        return List.of(Rack.PASSWORD, Base64.getEncoder().encodeToString(login));
    }

    @Override
    protected boolean choosesMachines() {
        return false;
    }

    @Override
    protected OptionalInt timesRebooted(ProviderID id) {
        FakeSystem system = systems.get(id);
        return OptionalInt.of(
                Math.toIntExact(system.resets().stream().filter(BOOTS::contains).count()));
    }

    @Override
    protected OptionalInt timesReinstalled(ProviderID id) {
        return OptionalInt.of(systems.get(id).pxeBoots());
    }

    @Override
    protected Optional<MachineInfo> outside(ProviderID id) {
        int number = Integer.parseInt(id.value().substring(id.value().lastIndexOf('-') + 1));
        return Optional.of(MachineInfo.builder(id, Availability.POSSIBLY_USED)
                .address(AddressLiteral.address("10.0.0." + number))
                .location("rack 1")
                .sshPort(2222)
                .build());
    }

    /** A list has no states, and a listing does not ask whether a machine is on; with a mistake the last good one stays. */
    @Override
    protected boolean change(Machine machine, OutsideChange change) {
        boolean possible = change == OutsideChange.GONE || change == OutsideChange.FOREIGN;
        if (possible) {
            rack.remove(machine.id());
        }
        return possible;
    }

    @Override
    protected List<ProviderID> otherNames(Machine machine) {
        return List.of(
                new ProviderID(machine.id().value().toUpperCase(Locale.ROOT)),
                new ProviderID(systems.get(machine.id()).serial()));
    }

    @Override
    protected Map<Rule, String> optedOut() {
        return Map.of(Rule.P46, "each machine has a BMC of its own, and one that refuses says nothing of the others");
    }

    @AfterEach
    void stop() throws IOException {
        proxy.close();
        bmc.close();
        Files.deleteIfExists(rack.credentials());
        Files.deleteIfExists(folder.resolve("machines.json"));
        Files.delete(folder);
    }
}
