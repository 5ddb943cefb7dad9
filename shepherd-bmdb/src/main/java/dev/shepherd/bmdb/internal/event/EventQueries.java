package dev.shepherd.bmdb.internal.event;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.PreparedSql;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The statement that writes events, at the end of each transaction that tells of some. */
final class EventQueries {

    /** What the events are, with the machines' names: of a machine that was forgotten just now as well. */
    private static final String TOLD = "with details as (select d.n, jsonb_object_agg(d.name, d.value) as details"
            + " from unnest(?::int[], ?, ?) as d (n, name, value) group by d.n), told as (select e.n,"
            + " clock_timestamp() + ?::interval as event_at, e.kind, e.machine_id,"
            + " coalesce(p.provider, f.provider, e.provider) as provider,"
            + " coalesce(p.provider_id, f.provider_id) as provider_id,"
            + " coalesce(d.details, '{}') as details"
            + " from unnest(?, ?, ?) with ordinality as e (kind, machine_id, provider, n)"
            + " left join details d on d.n = e.n"
            + " left join machine_provided p on p.machine_id = e.machine_id"
            + " left join machines_forgotten f on f.machine_id = e.machine_id and p.machine_id is null)";

    private static final String WRITE = TOLD
            + " insert into fleet_events (event_at, kind, machine_id, provider, provider_id, details)"
            + " select event_at, kind, machine_id, provider, provider_id, details from told order by n"
            + " returning event_at, provider, provider_id";

    private static final String READ = TOLD + " select event_at, provider, provider_id from told order by n";

    private EventQueries() {}

    /** When something happened, and to what, as the database says it. */
    private record Named(Instant at, Optional<ProviderType> provider, Optional<ProviderID> providerId) {
        static Named read(ResultSet row) throws SQLException {
            return new Named(
                    row.getObject(1, OffsetDateTime.class).toInstant(),
                    Optional.ofNullable(row.getString(2)).map(ProviderType::new),
                    Optional.ofNullable(row.getString(3)).map(ProviderID::new));
        }
    }

    /**
     * Completes events with their time and their machine's name.
     *
     * @param keep whether to write them to the feed as well
     */
    static List<ShepherdEvent> complete(Handle db, List<Told> all, boolean keep) {
        List<String> numbers = new ArrayList<>();
        List<String> names = new ArrayList<>();
        List<String> values = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            for (Map.Entry<String, String> detail : all.get(i).details().entrySet()) {
                numbers.add(String.valueOf(i + 1));
                names.add(detail.getKey());
                values.add(detail.getValue());
            }
        }
        List<Named> named = new PreparedSql<>(
                        keep ? WRITE : READ,
                        Named::read,
                        numbers.toArray(String[]::new),
                        names.toArray(String[]::new),
                        values.toArray(String[]::new),
                        db.time().ahead(),
                        all.stream().map(told -> told.kind().databaseName()).toArray(String[]::new),
                        all.stream().map(Told::machineId).toArray(UUID[]::new),
                        all.stream().map(Told::provider).toArray(String[]::new))
                .fetch(db);
        List<ShepherdEvent> events = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            events.add(event(all.get(i), named.get(i)));
        }
        return events;
    }

    private static ShepherdEvent event(Told told, Named named) {
        @Nullable UUID machineId = told.machineId();
        return new ShepherdEvent(
                told.kind(),
                named.at(),
                Optional.ofNullable(machineId),
                named.provider(),
                named.providerId(),
                told.details());
    }
}
