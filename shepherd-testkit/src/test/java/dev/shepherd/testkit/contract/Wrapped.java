package dev.shepherd.testkit.contract;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import dev.shepherd.testkit.provider.FakeProvider;
import java.util.List;

/** A good provider, to be broken by overriding one of its methods. */
class Wrapped implements Recoverer {

    final FakeWorld world;
    final FakeProvider good;

    Wrapped(FakeWorld world) {
        this.world = world;
        this.good = world.open();
    }

    @Override
    public ProviderType type() {
        return good.type();
    }

    @Override
    public List<? extends Machine> listMachines() throws InterruptedException {
        return good.listMachines();
    }

    @Override
    public Machine getMachine(ProviderID id) throws InterruptedException {
        return good.getMachine(id);
    }

    @Override
    public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        return good.createMachine(session, request);
    }

    @Override
    public void rebootMachine(ProviderID id) throws InterruptedException {
        good.rebootMachine(id);
    }

    @Override
    public void reinstallMachine(ProviderID id) throws InterruptedException {
        good.reinstallMachine(id);
    }

    @Override
    public boolean isListingCheap() {
        return good.isListingCheap();
    }

    @Override
    public boolean isCreationCheap() {
        return good.isCreationCheap();
    }

    @Override
    public int maxConcurrentCalls() {
        return good.maxConcurrentCalls();
    }

    @Override
    public void close() {
        good.close();
    }

    @Override
    public String toString() {
        return good.toString();
    }
}
