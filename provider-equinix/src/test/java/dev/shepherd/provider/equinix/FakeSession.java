package dev.shepherd.provider.equinix;

import dev.shepherd.api.ConflictException;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.Transaction;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A session on a database that is a map. Every transaction's body runs twice, and the first time is rolled
 * back, as after a serialization failure.
 */
final class FakeSession implements Session {

    record Key(ProviderType provider, ProviderID id) {}

    record Row(UUID intent, MachineInfo machine) {}

    final Map<Key, Row> rows = new LinkedHashMap<>();
    private final UUID id = UUID.randomUUID();
    private boolean lost;

    void lose() {
        lost = true;
    }

    @Override
    public UUID id() {
        return id;
    }

    @Override
    public <T extends @Nullable Object> T transact(TransactionBody<T> body) throws InterruptedException {
        if (lost) {
            throw new SessionExpiredException(id, "session " + id + " is lost", null);
        }
        body.run(new FakeTransaction(new LinkedHashMap<>(rows)));
        Map<Key, Row> written = new LinkedHashMap<>(rows);
        T result = body.run(new FakeTransaction(written));
        rows.putAll(written);
        return result;
    }

    private record FakeTransaction(Map<Key, Row> rows) implements Transaction {

        @Override
        public UUID recordMachine(ProviderType provider, CreateMachineRequest request, Machine machine) {
            Key key = new Key(provider, machine.id());
            UUID intent = request.intentId();
            Row existing = rows.get(key);
            if (existing != null && !existing.intent().equals(intent)) {
                throw new ConflictException("machine " + machine.id() + " has intent " + existing.intent());
            }
            if (existing == null
                    && rows.values().stream().anyMatch(row -> row.intent().equals(intent))) {
                throw new ConflictException("intent " + intent + " became another machine");
            }
            rows.putIfAbsent(key, new Row(intent, MachineInfo.copyOf(machine)));
            return intent;
        }

        @Override
        public Optional<UUID> findMachine(ProviderType provider, ProviderID id) {
            return Optional.ofNullable(rows.get(new Key(provider, id))).map(Row::intent);
        }
    }
}
