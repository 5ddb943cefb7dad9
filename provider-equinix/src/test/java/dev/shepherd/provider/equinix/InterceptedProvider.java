package dev.shepherd.provider.equinix;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import java.util.List;
import java.util.UUID;

/** A provider during whose creations something happens just before, or just after, what it records is committed. */
record InterceptedProvider(Provider provider, Runnable beforeCommit, Runnable afterCommit) implements Provider {

    @Override
    public ProviderType type() {
        return provider.type();
    }

    @Override
    public List<? extends Machine> listMachines() throws InterruptedException {
        return provider.listMachines();
    }

    @Override
    public Machine getMachine(ProviderID id) throws InterruptedException {
        return provider.getMachine(id);
    }

    @Override
    public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        return provider.createMachine(new InterceptedSession(session), request);
    }

    @Override
    public void close() {
        provider.close();
    }

    private final class InterceptedSession implements Session {
        private final Session session;

        InterceptedSession(Session session) {
            this.session = session;
        }

        @Override
        public UUID id() {
            return session.id();
        }

        @Override
        public <T> T inTransaction(TransactionBody<T> body) throws InterruptedException {
            T result = session.inTransaction(transaction -> {
                T made = body.run(transaction);
                beforeCommit.run();
                return made;
            });
            afterCommit.run();
            return result;
        }
    }
}
