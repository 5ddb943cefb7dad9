package dev.shepherd.manager;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import java.net.InetAddress;
import java.util.List;
import java.util.Optional;

/** A provider one of whose machines breaks the rules. */
public record BreakingProvider(Provider good, ProviderID broken) implements Provider {

    @Override
    public ProviderType type() {
        return good.type();
    }

    @Override
    public boolean isListingCheap() {
        return good.isListingCheap();
    }

    @Override
    public List<? extends Machine> listMachines() throws InterruptedException {
        return good.listMachines().stream().map(this::broken).toList();
    }

    @Override
    public Machine getMachine(ProviderID id) throws InterruptedException {
        return broken(good.getMachine(id));
    }

    @Override
    public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        return good.createMachine(session, request);
    }

    private Machine broken(Machine machine) {
        return machine.id().equals(broken) ? new BrokenMachine(machine) : machine;
    }

    /** A machine whose location is not read without a failure. */
    private record BrokenMachine(Machine good) implements Machine {

        @Override
        public ProviderID id() {
            return good.id();
        }

        @Override
        public Optional<InetAddress> address() {
            return good.address();
        }

        @Override
        public Availability availability() {
            return good.availability();
        }

        @Override
        public Optional<String> location() {
            throw new NullPointerException("rack");
        }
    }
}
