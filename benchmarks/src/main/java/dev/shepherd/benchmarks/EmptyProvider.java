package dev.shepherd.benchmarks;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;

/**
 * A provider that lists no machines, where the provider plays no part. Each one that it is asked for is on this host; an id
 * that is a number is the port of its SSH server.
 */
record EmptyProvider(ProviderType type) implements Provider {

    private static final InetAddress LOOPBACK = loopback();

    private static InetAddress loopback() {
        try {
            return InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public List<? extends Machine> listMachines() {
        return List.of();
    }

    @Override
    public Machine getMachine(ProviderID id) {
        MachineInfo.Builder machine =
                MachineInfo.builder(id, Availability.KNOWN_USED).address(LOOPBACK);
        if (id.value().matches("[0-9]{1,5}")) {
            machine.sshPort(Integer.parseInt(id.value()));
        }
        return machine.build();
    }

    @Override
    public Machine createMachine(Session session, CreateMachineRequest request) {
        throw new NoCapacityException("there are no machines");
    }
}
