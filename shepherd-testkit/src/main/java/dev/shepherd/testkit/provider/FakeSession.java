package dev.shepherd.testkit.provider;

import dev.shepherd.api.AlreadyRecordedException;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.Transaction;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A session on a database that is a map, for tests of a provider that are to do without a PostgreSQL.
 *
 * <p>It holds a provider to what a real one may do: every transaction's body runs twice, the first time to be rolled
 * back, as after a serialization failure, and a transaction is refused after its body's end and on other threads.
 *
 * <p>Safe for use by several threads; transactions run one at a time.
 */
public final class FakeSession implements Session {

    /**
     * A machine that was recorded.
     *
     * @param machineId its id in the database, which is the intent's
     * @param provider the type that it was recorded under
     * @param machine the machine as it was recorded
     */
    public record Recorded(UUID machineId, ProviderType provider, MachineInfo machine) {}

    private static final class Database {
        private final Map<UUID, Recorded> machines = new LinkedHashMap<>();
    }

    private final Database database;
    private final UUID id = UUID.randomUUID();
    private volatile boolean lost;

    /** Starts a session on an empty database of its own. */
    public FakeSession() {
        this(new Database());
    }

    private FakeSession(Database database) {
        this.database = database;
    }

    /** Starts another session on the same database. */
    public FakeSession another() {
        return new FakeSession(database);
    }

    /** Loses the session: all transactions from now on fail with {@link SessionExpiredException}. */
    public void lose() {
        lost = true;
    }

    /** Returns what is recorded in the database, in the order in which it was recorded. A copy. */
    public List<Recorded> recorded() {
        synchronized (database) {
            return List.copyOf(database.machines.values());
        }
    }

    @Override
    public UUID id() {
        return id;
    }

    @Override
    public <T extends @Nullable Object> T inTransaction(TransactionBody<T> body) throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        synchronized (database) {
            run(body, new LinkedHashMap<>(database.machines));
            Map<UUID, Recorded> written = new LinkedHashMap<>(database.machines);
            T result = run(body, written);
            database.machines.putAll(written);
            return result;
        }
    }

    private <T extends @Nullable Object> T run(TransactionBody<T> body, Map<UUID, Recorded> machines)
            throws InterruptedException {
        if (lost) {
            throw new SessionExpiredException(id, "session " + id + " is lost", null);
        }
        FakeTransaction transaction = new FakeTransaction(machines);
        try {
            return body.run(transaction);
        } finally {
            transaction.ended = true;
        }
    }

    @Override
    public String toString() {
        return "FakeSession[" + id + (lost ? ", lost]" : "]");
    }

    private static final class FakeTransaction implements Transaction {
        private final Map<UUID, Recorded> machines;
        private final Thread thread = Thread.currentThread();
        private volatile boolean ended;

        FakeTransaction(Map<UUID, Recorded> machines) {
            this.machines = machines;
        }

        private void check() {
            if (ended || Thread.currentThread() != thread) {
                throw new IllegalStateException(
                        "a transaction is valid until its body returns, and only on the body's thread");
            }
        }

        @Override
        public UUID recordMachine(ProviderType provider, CreateMachineRequest request, Machine machine) {
            check();
            if (!machine.id().isValid()) {
                throw new IllegalArgumentException("a machine without a valid id cannot be recorded");
            }
            MachineInfo info = MachineInfo.copyOf(machine);
            UUID intent = request.intentId();
            Recorded existing = machines.get(intent);
            if (existing != null
                    && !(existing.provider().equals(provider)
                            && existing.machine().id().equals(info.id()))) {
                throw new AlreadyRecordedException("intent " + intent + " has already become machine "
                        + existing.machine().id() + " of provider " + existing.provider());
            }
            Optional<UUID> owner = findMachine(provider, info.id());
            if (owner.isPresent() && !owner.get().equals(intent)) {
                throw new AlreadyRecordedException("machine " + info.id() + " of provider " + provider
                        + " is already recorded under intent " + owner.get());
            }
            machines.putIfAbsent(intent, new Recorded(intent, provider, info));
            return intent;
        }

        @Override
        public Optional<UUID> findMachine(ProviderType provider, ProviderID id) {
            check();
            return machines.values().stream()
                    .filter(recorded -> recorded.provider().equals(provider)
                            && recorded.machine().id().equals(id))
                    .map(Recorded::machineId)
                    .findFirst();
        }
    }
}
