package dev.shepherd.manager;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.MachineVisitor;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import java.util.List;

/** A provider that shows its machines one by one and never lists them: what it shows is up to the test. */
public record ShowingProvider(ProviderType type, boolean isListingCheap, Showing showing) implements Provider {

    /** Shows machines to a visitor. */
    @FunctionalInterface
    public interface Showing {
        void to(MachineVisitor visitor) throws InterruptedException;
    }

    public ShowingProvider(ProviderType type, Showing showing) {
        this(type, false, showing);
    }

    @Override
    public void forEachMachine(MachineVisitor visitor) throws InterruptedException {
        showing.to(visitor);
    }

    @Override
    public List<? extends Machine> listMachines() {
        throw new AssertionError("a provider that shows its machines was asked for a list of them");
    }

    @Override
    public Machine getMachine(ProviderID id) {
        throw new MachineNotFoundException("there is no machine " + id);
    }

    @Override
    public Machine createMachine(Session session, CreateMachineRequest request) {
        throw new NoCapacityException("there are no machines");
    }
}
