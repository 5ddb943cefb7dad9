package dev.shepherd.testkit.contract;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import dev.shepherd.api.Transaction;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/** A session that is handed to a provider, and remembers what the provider did with it. Safe for several threads. */
final class ObservedSession implements Session {

    private final Session session;
    private final boolean rollBackFirst;
    private final IntSupplier effects;
    private final AtomicInteger bodies = new AtomicInteger();
    private final List<String> misuse = new CopyOnWriteArrayList<>();
    private volatile boolean returned;

    /**
     * Wraps a session.
     *
     * @param rollBackFirst whether every transaction is run, rolled back, and run again
     * @param effects counts what took effect outside so far
     */
    ObservedSession(Session session, boolean rollBackFirst, IntSupplier effects) {
        this.session = session;
        this.rollBackFirst = rollBackFirst;
        this.effects = effects;
    }

    Session unwrap() {
        return session;
    }

    /** From now on, using the session is a misuse. */
    void takeBack() {
        returned = true;
    }

    /** Returns how often a transaction's body was run. */
    int bodies() {
        return bodies.get();
    }

    /** Returns what was done with it that must not be. */
    List<String> misuse() {
        return misuse;
    }

    @Override
    public UUID id() {
        return session.id();
    }

    @Override
    public <T extends @Nullable Object> T inTransaction(TransactionBody<T> body) throws InterruptedException {
        if (returned) {
            misuse.add("session.inTransaction was called after createMachine had ended");
        }
        if (rollBackFirst) {
            try {
                session.inTransaction(transaction -> {
                    run(body, transaction);
                    throw new RollBack();
                });
            } catch (RollBack e) {
                // As the database does when two transactions collide.
            }
        }
        return session.inTransaction(transaction -> run(body, transaction));
    }

    private <T extends @Nullable Object> T run(TransactionBody<T> body, Transaction transaction)
            throws InterruptedException {
        bodies.incrementAndGet();
        ObservedTransaction observed = new ObservedTransaction(transaction);
        int before = effects.getAsInt();
        try {
            return body.run(observed);
        } finally {
            observed.ended = true;
            if (effects.getAsInt() > before) {
                misuse.add("something was changed outside within a transaction's body, which may run twice");
            }
        }
    }

    private static final class RollBack extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    private final class ObservedTransaction implements Transaction {
        private final Transaction transaction;
        private final Thread thread = Thread.currentThread();
        private volatile boolean ended;

        ObservedTransaction(Transaction transaction) {
            this.transaction = transaction;
        }

        private void observe(String call) {
            if (ended) {
                misuse.add("transaction." + call + " was called after the transaction's body had ended");
            } else if (Thread.currentThread() != thread) {
                misuse.add("transaction." + call + " was called on another thread than the body's");
            }
        }

        @Override
        public UUID recordMachine(ProviderType provider, CreateMachineRequest request, Machine machine) {
            observe("recordMachine");
            return transaction.recordMachine(provider, request, machine);
        }

        @Override
        public Optional<UUID> findMachine(ProviderType provider, ProviderID id) {
            observe("findMachine");
            return transaction.findMachine(provider, id);
        }
    }
}
