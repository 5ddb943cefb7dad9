package dev.shepherd.benchmarks;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import java.util.List;

/** A provider without machines, where the provider plays no part. */
record EmptyProvider(ProviderType type) implements Provider {

    @Override
    public List<? extends Machine> listMachines() {
        return List.of();
    }

    @Override
    public Machine getMachine(ProviderID id) {
        throw new ProviderException(ProviderException.Reason.NOT_FOUND, "there is no machine " + id);
    }

    @Override
    public Machine createMachine(Session session, CreateMachineRequest request) {
        throw new NoCapacityException("there are no machines");
    }
}
