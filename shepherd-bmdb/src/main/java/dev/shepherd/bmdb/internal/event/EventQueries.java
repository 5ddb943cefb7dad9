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
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;

/** The statement that writes events, at the end of each transaction that tells of some. */
final class EventQueries {

    private static final String COLUMNS =
            " from unnest(?, ?, ?, ?) with ordinality as e (kind, machine_id, provider, details, n)";

    /** Without the machines' names, which would cost as much again: readers add them. */
    private static final String WRITE =
            "with written as (insert into fleet_event_inbox (event_at, kind, machine_id, provider, details)"
                    + " select clock_timestamp() + ?::interval, e.kind, e.machine_id, e.provider, e.details::jsonb"
                    + COLUMNS + " order by e.n returning 1) select count(*) from written";

    /** What the events are, with the machines' names: of a machine that was forgotten just now as well. */
    private static final String NAMED =
            "with told as (select e.n, clock_timestamp() + ?::interval as event_at, e.kind, e.machine_id,"
                    + " coalesce(p.provider, f.provider, e.provider) as provider,"
                    + " coalesce(p.provider_id, f.provider_id) as provider_id, e.details::jsonb as details" + COLUMNS
                    + " left join machine_provided p on p.machine_id = e.machine_id"
                    + " left join machines_forgotten f on f.machine_id = e.machine_id and p.machine_id is null)";

    private static final String NAME = " select event_at, provider, provider_id from told order by n";

    private static final String WRITE_AND_NAME = NAMED
            + ", written as (insert into fleet_event_inbox (event_at, kind, machine_id, provider, details)"
            + " select event_at, kind, machine_id, provider, details from told order by n)" + NAME;

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

    /** Writes events to the feed. */
    static void write(Handle db, List<Told> all) {
        sql(WRITE, row -> row.getLong(1), db, all).fetch(db);
    }

    /**
     * Completes events with their time and their machine's name.
     *
     * @param keep whether to write them to the feed as well
     */
    static List<ShepherdEvent> complete(Handle db, List<Told> all, boolean keep) {
        List<Named> named =
                sql(keep ? WRITE_AND_NAME : NAMED + NAME, Named::read, db, all).fetch(db);
        List<ShepherdEvent> events = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            Told told = all.get(i);
            events.add(new ShepherdEvent(
                    told.kind(),
                    named.get(i).at(),
                    Optional.ofNullable(told.machineId()),
                    named.get(i).provider(),
                    named.get(i).providerId(),
                    told.details()));
        }
        return events;
    }

    private static <T> PreparedSql<T> sql(String statement, PreparedSql.Reader<T> reader, Handle db, List<Told> all) {
        return new PreparedSql<>(
                statement,
                reader,
                db.time().ahead(),
                all.stream().map(told -> told.kind().databaseName()).toArray(String[]::new),
                all.stream().map(Told::machineId).toArray(UUID[]::new),
                all.stream().map(Told::provider).toArray(String[]::new),
                all.stream().map(told -> json(told.details())).toArray(String[]::new));
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
