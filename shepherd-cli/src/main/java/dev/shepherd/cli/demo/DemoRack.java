package dev.shepherd.cli.demo;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.provider.redfish.RedfishProviderFactory;
import dev.shepherd.testkit.bmc.FakeBmc.Vendor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Machines with a BMC each, of several vendors, through which the provider {@code redfish} reboots them. */
final class DemoRack implements DemoMachines {

    private static final ProviderType TYPE = new ProviderType("redfish");
    private static final Duration POWER_DELAY = Duration.ofSeconds(1);

    private final int machines;
    private final SshCredentials credentials;
    private final FakeRack rack;
    private final Provider provider;

    /**
     * Starts them.
     *
     * @param folder for their list and the credentials of their BMCs
     * @param heartbeats how often agents report
     */
    DemoRack(Path folder, int machines, Duration heartbeats, DemoProgress progress)
            throws IOException, InterruptedException {
        progress.stage("starting " + machines + " machines: SSH servers on loopback, each with a BMC of one of "
                + Vendor.values().length + " vendors");
        this.machines = machines;
        String password = FakeRack.newPassword();
        credentials = SshCredentials.password(password.toCharArray());
        FakeRack.Plan plan =
                new FakeRack.Plan(machines, List.of(Vendor.values()), 1, password, POWER_DELAY, heartbeats);
        rack = new FakeRack(
                plan, (id, type) -> progress.stage("  " + id + " was reset by its BMC (" + type + ") and boots"));
        try {
            Path list = Files.writeString(folder.resolve("machines.json"), rack.list());
            Path secrets = FakeRack.writeCredentials(folder, password);
            ProviderFactory factory = new RedfishProviderFactory();
            provider = factory.create(ProviderConfig.of(
                    factory, TYPE, Map.of("list", list.toUri().toString(), "credentials", secrets.toString())));
        } catch (IOException | InterruptedException | RuntimeException e) {
            rack.close();
            throw e;
        }
    }

    @Override
    public int count() {
        return machines;
    }

    @Override
    public Provider provider() {
        return provider;
    }

    @Override
    public SshCredentials credentials() {
        return credentials;
    }

    @Override
    public ProviderID id(int index) {
        return new ProviderID(rack.id(index));
    }

    @Override
    public String breakUntilReboot(int index) {
        return rack.hang(index) + " hangs, and its agent is dead: it is rebooted through its BMC, taken over again and"
                + " heard";
    }

    @Override
    public String breakForGood(int index) {
        rack.refuseResets(1);
        return rack.hang(index) + " hangs as well, and its BMC refuses every reset: it is quarantined";
    }

    @Override
    public Optional<DemoBmcs> bmcs(double secondsToHeard, String quarantineCause) {
        return Optional.of(new DemoBmcs(rack.machinesReset(), rack.resetsReceived(), secondsToHeard, quarantineCause));
    }

    @Override
    public void close() {
        provider.close();
        rack.close();
    }
}
