package dev.shepherd.bmdb.internal.event;

import static dev.shepherd.bmdb.internal.schema.Tables.FLEET_EVENT_POSITIONS;
import static dev.shepherd.bmdb.internal.schema.Tables.FLEET_EVENT_READERS;
import static org.jooq.impl.DSL.greatest;
import static org.jooq.impl.DSL.val;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.event.StoredEvent;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.PreparedSql;
import dev.shepherd.bmdb.internal.schema.tables.records.FleetEventReadersRecord;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The statements that read the feed of events, and give its events their positions. */
public final class FeedQueries {

    /** Of how many transactions the events get their positions at once. */
    public static final int BATCH = 5_000;

    private static final String READ =
            "select p.pruned_position, exists (select 1 from fleet_event_inbox), e.position, e.event_at,"
                    + " e.kind, e.machine_id, e.provider, e.provider_id,"
                    + " array(select t from jsonb_each_text(e.details) d, unnest(array[d.key, d.value]) t)"
                    + " from (select coalesce(max(pruned_position), 0) as pruned_position from fleet_event_positions) p"
                    + " left join lateral (select * from fleet_events where position > ? order by position limit ?) e"
                    + " on true order by e.position";

    private FeedQueries() {}

    /**
     * Some events of the feed.
     *
     * @param pruned the last position whose event was deleted for its age; 0 if none was
     * @param last the position of the last event that was read; that from which was read if there is none
     * @param isMore whether there are events that have no position yet
     * @param events those that this version of the library knows
     */
    public record Page(long pruned, long last, boolean isMore, List<StoredEvent> events) {}

    /** Reads the events behind a position, as far as they have one. */
    public static Page read(Handle db, long after, int limit) {
        List<Row> rows = new PreparedSql<>(READ, Row::read, after, limit).fetch(db);
        List<StoredEvent> events = new ArrayList<>();
        long last = after;
        for (Row row : rows) {
            if (row.position() != null) {
                last = row.position();
                if (row.event() != null) {
                    events.add(new StoredEvent(last, row.event()));
                }
            }
        }
        return new Page(rows.get(0).pruned(), last, rows.get(0).isMore(), events);
    }

    private record Row(
            long pruned,
            boolean isMore,
            @Nullable Long position,
            @Nullable ShepherdEvent event) {

        static Row read(ResultSet row) throws SQLException {
            Long position = row.getObject(3, Long.class);
            return new Row(
                    row.getLong(1),
                    row.getBoolean(2),
                    position,
                    position == null ? null : event(row, EventKind.ofDatabaseName(row.getString(5))));
        }

        private static @Nullable ShepherdEvent event(ResultSet row, Optional<EventKind> kind) throws SQLException {
            if (kind.isEmpty()) {
                return null;
            }
            return new ShepherdEvent(
                    kind.get(),
                    row.getObject(4, OffsetDateTime.class).toInstant(),
                    Optional.ofNullable(row.getObject(6, UUID.class)),
                    Optional.ofNullable(row.getString(7)).map(ProviderType::new),
                    Optional.ofNullable(row.getString(8)).map(ProviderID::new),
                    details(row.getArray(9)));
        }

        private static Map<String, String> details(Array pairs) throws SQLException {
            String[] texts = (String[]) pairs.getArray();
            Map<String, String> details = new HashMap<>();
            for (int i = 0; i + 1 < texts.length; i += 2) {
                details.put(texts[i], texts[i + 1]);
            }
            return details;
        }
    }

    /**
     * Gives committed events their positions, unless another transaction is doing so. Returns of how many transactions;
     * {@link #BATCH} if there may be more.
     */
    public static int place(Handle db) {
        db.dsl()
                .insertInto(FLEET_EVENT_POSITIONS)
                .defaultValues()
                .onConflictDoNothing()
                .execute();
        // A statement of its own: the next one has to see what was committed by the last holder of this lock.
        boolean isAlone = !db.dsl()
                .select(FLEET_EVENT_POSITIONS.LAST_POSITION)
                .from(FLEET_EVENT_POSITIONS)
                .forUpdate()
                .skipLocked()
                .fetch()
                .isEmpty();
        if (!isAlone) {
            return 0;
        }
        return new PreparedSql<>(
                        "with next as materialized (select * from fleet_event_inbox order by event_id limit " + BATCH
                                + "), gone as (delete from fleet_event_inbox i using next where i.event_id = next.event_id),"
                                + " placed as (insert into fleet_events"
                                + " (position, event_at, kind, machine_id, provider, provider_id, details)"
                                + " select l.last_position + row_number() over (order by t.event_id, e.n), t.event_at, e.kind,"
                                + " e.machine_id, coalesce(e.provider, p.provider, f.provider),"
                                + " coalesce(p.provider_id, f.provider_id), coalesce(e.details, '{}')"
                                + " from next t cross join unnest(t.kinds, t.machine_ids, t.providers, t.details)"
                                + " with ordinality as e (kind, machine_id, provider, details, n)"
                                + " cross join fleet_event_positions l"
                                + " left join machine_provided p on p.machine_id = e.machine_id"
                                + " left join machines_forgotten f"
                                + " on f.machine_id = e.machine_id and p.machine_id is null returning 1)"
                                + " update fleet_event_positions set last_position = last_position"
                                + " + (select count(*) from placed) returning (select count(*)::int from next)",
                        row -> row.getInt(1))
                .fetch(db)
                .get(0);
    }

    /** Returns the last position that was given; 0 if none was. */
    public static long last(Handle db) {
        return db.dsl()
                .select(FLEET_EVENT_POSITIONS.LAST_POSITION)
                .from(FLEET_EVENT_POSITIONS)
                .fetchOptional(FLEET_EVENT_POSITIONS.LAST_POSITION)
                .orElse(0L);
    }

    /** Deletes events that are old enough and have a position. Returns how many. */
    public static int prune(Handle db, Duration retention, int limit) {
        return db.dsl()
                .resultQuery(
                        "with looked as (select position, event_at < {0} as old from fleet_events"
                                + " order by position limit {1}),"
                                // Up to the first that is young: no reader may find a gap in the middle.
                                + " old as (select position from looked where position <"
                                + " coalesce((select min(position) from looked where not old), 9223372036854775807)),"
                                + " gone as (delete from fleet_events using old"
                                + " where fleet_events.position = old.position returning old.position),"
                                + " noted as (update fleet_event_positions set pruned_position ="
                                + " greatest(pruned_position, (select max(position) from gone))"
                                + " where exists (select 1 from gone))"
                                + " select count(*)::int from gone",
                        db.time().nowMinus(retention), limit)
                .fetchSingle(0, Integer.class);
    }

    /**
     * What became of the wish to hold a reader.
     *
     * @param exists whether there is a reader of that name
     * @param position where it is; empty if another session holds it, or there is none
     */
    public record Taken(boolean exists, Optional<Long> position) {}

    /** Has a session hold a reader, unless another one does. */
    public static Taken take(Handle db, UUID sessionId, String reader) {
        FleetEventReadersRecord row = db.dsl()
                .selectFrom(FLEET_EVENT_READERS)
                .where(FLEET_EVENT_READERS.READER.eq(reader))
                .fetchOne();
        if (row == null) {
            return new Taken(false, Optional.empty());
        }
        // A holder looks all the time, and need not write for it.
        return new Taken(
                true,
                sessionId.equals(row.getSessionId())
                        ? Optional.of(row.getPosition())
                        : db.dsl()
                                .update(FLEET_EVENT_READERS)
                                .set(FLEET_EVENT_READERS.SESSION_ID, sessionId)
                                .where(FLEET_EVENT_READERS.READER.eq(reader))
                                .and(FLEET_EVENT_READERS.SESSION_ID.isNull())
                                .returning(FLEET_EVENT_READERS.POSITION)
                                .fetchOptional(FLEET_EVENT_READERS.POSITION));
    }

    /** Makes a reader that no session holds, unless there is one of that name. */
    public static void make(Handle db, String reader, long position) {
        db.dsl()
                .insertInto(FLEET_EVENT_READERS)
                .set(FLEET_EVENT_READERS.READER, reader)
                .set(FLEET_EVENT_READERS.POSITION, position)
                .onConflictDoNothing()
                .execute();
    }

    /** Notes how far a reader has come. Returns false if the session does not hold it. */
    public static boolean advance(Handle db, UUID sessionId, String reader, long position) {
        return db.dsl()
                        .update(FLEET_EVENT_READERS)
                        // Never back: what is done is done.
                        .set(FLEET_EVENT_READERS.POSITION, greatest(FLEET_EVENT_READERS.POSITION, val(position)))
                        .where(FLEET_EVENT_READERS.READER.eq(reader))
                        .and(FLEET_EVENT_READERS.SESSION_ID.eq(sessionId))
                        .execute()
                == 1;
    }

    /** Gives a reader up, for another session. */
    public static void giveUp(Handle db, UUID sessionId, String reader) {
        db.dsl()
                .update(FLEET_EVENT_READERS)
                .setNull(FLEET_EVENT_READERS.SESSION_ID)
                .where(FLEET_EVENT_READERS.READER.eq(reader))
                .and(FLEET_EVENT_READERS.SESSION_ID.eq(sessionId))
                .execute();
    }

    /** Forgets a reader that no session holds. Returns false if there is none, or one holds it. */
    public static boolean forget(Handle db, String reader) {
        return db.dsl()
                        .deleteFrom(FLEET_EVENT_READERS)
                        .where(FLEET_EVENT_READERS.READER.eq(reader))
                        .and(FLEET_EVENT_READERS.SESSION_ID.isNull())
                        .execute()
                == 1;
    }
}
