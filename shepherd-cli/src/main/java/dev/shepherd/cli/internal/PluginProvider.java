package dev.shepherd.cli.internal;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineVisitor;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import java.util.List;

/**
 * A provider of a plugin, whose class loader is that of the thread during each call: a process may run providers of
 * several plugins, and libraries look there for what they load by name.
 */
class PluginProvider implements Provider {

    final FoundProvider found;
    private final Provider provider;

    private PluginProvider(FoundProvider found, Provider provider) {
        this.found = found;
        this.provider = provider;
    }

    /** Wraps a provider; a recoverer stays one. */
    static Provider of(FoundProvider found, Provider provider) {
        return provider instanceof Recoverer recoverer
                ? new OfRecoverer(found, recoverer)
                : new PluginProvider(found, provider);
    }

    @Override
    public ProviderType type() {
        try (var context = found.asContext()) {
            return provider.type();
        }
    }

    @Override
    public List<? extends Machine> listMachines() throws InterruptedException {
        try (var context = found.asContext()) {
            return provider.listMachines();
        }
    }

    @Override
    public void forEachMachine(MachineVisitor visitor) throws InterruptedException {
        try (var context = found.asContext()) {
            provider.forEachMachine(visitor);
        }
    }

    @Override
    public Machine getMachine(ProviderID id) throws InterruptedException {
        try (var context = found.asContext()) {
            return provider.getMachine(id);
        }
    }

    @Override
    public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        try (var context = found.asContext()) {
            return provider.createMachine(session, request);
        }
    }

    @Override
    public boolean isListingCheap() {
        try (var context = found.asContext()) {
            return provider.isListingCheap();
        }
    }

    @Override
    public boolean isCreationCheap() {
        try (var context = found.asContext()) {
            return provider.isCreationCheap();
        }
    }

    @Override
    public int maxConcurrentCalls() {
        try (var context = found.asContext()) {
            return provider.maxConcurrentCalls();
        }
    }

    @Override
    public void close() {
        try (var context = found.asContext()) {
            provider.close();
        }
    }

    @Override
    public String toString() {
        return provider.toString();
    }

    /** The same of a recoverer. */
    private static final class OfRecoverer extends PluginProvider implements Recoverer {

        private final Recoverer recoverer;

        OfRecoverer(FoundProvider found, Recoverer recoverer) {
            super(found, recoverer);
            this.recoverer = recoverer;
        }

        @Override
        public void rebootMachine(ProviderID id) throws InterruptedException {
            try (var context = found.asContext()) {
                recoverer.rebootMachine(id);
            }
        }

        @Override
        public void reinstallMachine(ProviderID id) throws InterruptedException {
            try (var context = found.asContext()) {
                recoverer.reinstallMachine(id);
            }
        }
    }
}
