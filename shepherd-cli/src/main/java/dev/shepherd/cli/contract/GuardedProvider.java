package dev.shepherd.cli.contract;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineVisitor;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import java.util.List;

/** A provider that passes on what only reads, and of what changes something only what is permitted. */
class GuardedProvider implements Provider {

    private final Provider provider;
    private final Permit permit;

    private GuardedProvider(Provider provider, Permit permit) {
        this.provider = provider;
        this.permit = permit;
    }

    /** Guards a provider; a recoverer stays one. */
    static GuardedProvider of(Provider provider, Permit permit) {
        return provider instanceof Recoverer recoverer
                ? new GuardedRecoverer(recoverer, permit)
                : new GuardedProvider(provider, permit);
    }

    @Override
    public ProviderType type() {
        return provider.type();
    }

    @Override
    public List<? extends Machine> listMachines() throws InterruptedException {
        return provider.listMachines();
    }

    @Override
    public void forEachMachine(MachineVisitor visitor) throws InterruptedException {
        provider.forEachMachine(visitor);
    }

    @Override
    public Machine getMachine(ProviderID id) throws InterruptedException {
        return provider.getMachine(id);
    }

    @Override
    public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        permit.requireCreation(request);
        Machine created = provider.createMachine(session, request);
        if (created != null) {
            permit.created(created);
        }
        return created;
    }

    @Override
    public boolean isListingCheap() {
        return provider.isListingCheap();
    }

    @Override
    public boolean isCreationCheap() {
        return provider.isCreationCheap();
    }

    @Override
    public int maxConcurrentCalls() {
        return provider.maxConcurrentCalls();
    }

    @Override
    public void close() {
        provider.close();
    }

    @Override
    public String toString() {
        return provider.toString();
    }

    /** The same of a recoverer. */
    static final class GuardedRecoverer extends GuardedProvider implements Recoverer {

        private final Recoverer recoverer;

        private GuardedRecoverer(Recoverer recoverer, Permit permit) {
            super(recoverer, permit);
            this.recoverer = recoverer;
        }

        @Override
        public void rebootMachine(ProviderID id) throws InterruptedException {
            super.permit.requireReboot(id);
            recoverer.rebootMachine(id);
        }

        @Override
        public void reinstallMachine(ProviderID id) throws InterruptedException {
            super.permit.requireReinstallation(id);
            recoverer.reinstallMachine(id);
        }
    }
}
