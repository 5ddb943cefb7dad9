package dev.shepherd.provider.redfish;

import dev.shepherd.api.Availability;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Recoverer;
import dev.shepherd.provider.support.AddressLiteral;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.contract.Faults;
import dev.shepherd.testkit.contract.OutsideChange;
import dev.shepherd.testkit.contract.RecovererContract;
import dev.shepherd.testkit.contract.Rule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The provider keeps the contract over IPMI, by the real program, and simulators of BMCs that others wrote. */
@Tag("slow")
class IpmiProviderContractTest extends RecovererContract {

    /** Keeps what the provider logs off the console. */
    @RegisterExtension
    final LogCapture log = LogCapture.of(RedfishProvider.class.getName());

    private final Path folder;
    private final Rack rack;
    private final FaultyIpmitool ipmitool;
    private final Map<ProviderID, IpmiSimulator> simulators = new LinkedHashMap<>();

    IpmiProviderContractTest() throws IOException {
        IpmiSimulator.assumeInstalled();
        folder = Files.createTempDirectory("rack");
        rack = new Rack(folder);
        rack.credentials("default " + IpmiSimulator.USER + " " + IpmiSimulator.PASSWORD + "\n");
        ipmitool = new FaultyIpmitool(folder);
    }

    private Recoverer provider(String timeout) {
        return rack.provider(
                "reinstall",
                "pxe",
                "timeout",
                timeout,
                "status-timeout",
                timeout,
                "ipmitool",
                ipmitool.program().toString(),
                // The simulator does not answer which ones it has.
                "ipmi-cipher-suite",
                "3");
    }

    @Override
    protected Recoverer createProvider() {
        return provider("10s");
    }

    @Override
    protected Recoverer createImpatientProvider() {
        return provider("3s");
    }

    @Override
    protected void addFreeMachines(int count) throws IOException {
        for (int i = 0; i < count; i++) {
            IpmiSimulator simulator = IpmiSimulator.start();
            simulators.put(rack.add(simulator.uri(), ""), simulator);
        }
    }

    @Override
    protected Optional<Faults> faults() {
        return Optional.of(ipmitool);
    }

    @Override
    protected List<String> secrets() {
        return List.of(IpmiSimulator.PASSWORD);
    }

    @Override
    protected boolean choosesMachines() {
        return false;
    }

    @Override
    protected OptionalInt timesRebooted(ProviderID id) {
        return OptionalInt.of(simulators.get(id).starts());
    }

    @Override
    protected OptionalInt timesReinstalled(ProviderID id) {
        return OptionalInt.of(simulators.get(id).pxeBoots());
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
        return List.of(new ProviderID(machine.id().value().toUpperCase(Locale.ROOT)));
    }

    /** The JVM's own, one for each process that runs. */
    @Override
    protected List<String> fixtureThreads() {
        return List.of("process reaper");
    }

    @Override
    protected Map<Rule, String> optedOut() {
        return Map.of(Rule.P46, "each machine has a BMC of its own, and one that refuses says nothing of the others");
    }

    @AfterEach
    void stop() throws IOException {
        for (IpmiSimulator simulator : simulators.values()) {
            simulator.close();
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
