package dev.shepherd.cli.demo;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import dev.shepherd.testkit.ssh.SshHost;
import java.util.List;
import java.util.Map;

/** The static provider of a demo, with a way to reboot its machines, as the controllers of real ones have. */
final class DemoProvider implements Recoverer {

    private final Provider listed;
    private final Map<ProviderID, SshHost> hosts;

    DemoProvider(Provider listed, Map<ProviderID, SshHost> hosts) {
        this.listed = listed;
        this.hosts = Map.copyOf(hosts);
    }

    @Override
    public ProviderType type() {
        return listed.type();
    }

    @Override
    public List<? extends Machine> listMachines() throws InterruptedException {
        return listed.listMachines();
    }

    @Override
    public Machine getMachine(ProviderID id) throws InterruptedException {
        return listed.getMachine(id);
    }

    @Override
    public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        return listed.createMachine(session, request);
    }

    @Override
    public void rebootMachine(ProviderID id) {
        SshHost host = hosts.get(id);
        if (host == null) {
            throw new MachineNotFoundException("provider " + type() + " has no machine " + id);
        }
        host.reboot();
    }

    @Override
    public boolean isListingCheap() {
        return listed.isListingCheap();
    }

    @Override
    public boolean isCreationCheap() {
        return listed.isCreationCheap();
    }

    @Override
    public int maxConcurrentCalls() {
        return listed.maxConcurrentCalls();
    }

    @Override
    public void close() {
        listed.close();
    }
}
