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
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The statement that writes events, with the last one of each transaction that tells of some. */
final class EventQueries {

    private static final String WRITE =
            "insert into fleet_event_inbox (event_at, kinds, machine_ids, providers, details)"
                    + " values (clock_timestamp() + ?::interval, ?, ?, ?, ?::jsonb[]) returning";

    /** Without the machines' names, which would cost more than all else: readers add them. */
    private static final String WRITE_ONLY = WRITE + " event_at";

    /** Adds the machines' names, also those of machines that were forgotten just now. */
    private static final String NAME = " select t.event_at, coalesce(p.provider, f.provider, e.provider),"
            + " coalesce(p.provider_id, f.provider_id)"
            + " from told t cross join unnest(t.kinds, t.machine_ids, t.providers)"
            + " with ordinality as e (kind, machine_id, provider, n)"
            + " left join machine_provided p on p.machine_id = e.machine_id"
            + " left join machines_forgotten f on f.machine_id = e.machine_id and p.machine_id is null order by e.n";

    private static final String WRITE_AND_NAME =
            "with told as (" + WRITE + " event_at, kinds, machine_ids, providers)" + NAME;

    private static final String NAME_ONLY = "with told as (select clock_timestamp() + ?::interval as event_at,"
            + " ?::text[] as kinds, ?::uuid[] as machine_ids, ?::text[] as providers, ?::jsonb[] as details)" + NAME;

    private EventQueries() {}

    /** When something happened, and to what, as the database says it. */
    record Named(Instant at, Optional<ProviderType> provider, Optional<ProviderID> providerId) {

        /** Of an event that no listener waits for. */
        static final Named UNASKED = new Named(Instant.EPOCH, Optional.empty(), Optional.empty());

        ShepherdEvent event(Told told) {
            return new ShepherdEvent(
                    told.kind(), at, Optional.ofNullable(told.machineId()), provider, providerId, told.details());
        }

        private static Named read(ResultSet row) throws SQLException {
            return new Named(
                    row.getObject(1, OffsetDateTime.class).toInstant(),
                    Optional.ofNullable(row.getString(2)).map(ProviderType::new),
                    Optional.ofNullable(row.getString(3)).map(ProviderID::new));
        }
    }

    /** Writes events to the feed, as one row. */
    static PreparedSql<Named> write(Handle db, List<Told> all) {
        return sql(WRITE_ONLY, row -> Named.UNASKED, db, all);
    }

    /**
     * Asks for the time of events and their machines' names.
     *
     * @param keep whether to write them to the feed as well
     */
    static PreparedSql<Named> name(Handle db, List<Told> all, boolean keep) {
        return sql(keep ? WRITE_AND_NAME : NAME_ONLY, Named::read, db, all);
    }

    private static PreparedSql<Named> sql(
            String statement, PreparedSql.Reader<Named> reader, Handle db, List<Told> all) {
        int count = all.size();
        String[] kinds = new String[count];
        UUID[] machineIds = new UUID[count];
        String[] providers = new String[count];
        String[] details = new String[count];
        for (int i = 0; i < count; i++) {
            Told told = all.get(i);
            kinds[i] = told.kind().databaseName();
            machineIds[i] = told.machineId();
            providers[i] = told.provider();
            details[i] = told.details().isEmpty() ? null : json(told.details());
        }
        return new PreparedSql<>(
                statement,
                reader,
                db.time().ahead(),
                kinds,
                unlessEmpty(machineIds),
                unlessEmpty(providers),
                unlessEmpty(details));
    }

    /** The array, or null if it holds only nulls. */
    private static <T> T @Nullable [] unlessEmpty(T[] array) {
        for (T element : array) {
            if (element != null) {
                return array;
            }
        }
        return null;
    }

    private static String json(Map<String, String> details) {
        return details.entrySet().stream()
                .map(detail -> quoted(detail.getKey()) + ":" + quoted(detail.getValue()))
                .collect(Collectors.joining(",", "{", "}"));
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                quoted.append('\\').append(c);
            } else if (c < ' ') {
                // The database has no text with a NUL.
                quoted.append(c == 0 ? "\\ufffd" : String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }
}
