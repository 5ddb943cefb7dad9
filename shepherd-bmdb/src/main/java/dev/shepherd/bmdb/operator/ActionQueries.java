package dev.shepherd.bmdb.operator;

import static dev.shepherd.bmdb.internal.schema.Tables.HARDWARE_HISTORY;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_HARDWARE_REPORT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_INTENT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.OPERATOR_ACTIONS;
import static dev.shepherd.bmdb.internal.schema.Tables.SESSIONS;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
import static org.jooq.impl.DSL.any;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.val;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.hardware.HardwareChange;
import dev.shepherd.bmdb.hardware.HardwareChange.Kind;
import dev.shepherd.bmdb.internal.DatabaseTime;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.event.Told;
import dev.shepherd.bmdb.operator.LiveSession.Held;
import dev.shepherd.bmdb.recovery.Recoveries;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.Query;
import org.jooq.Record;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/** The statements on {@code operator_actions}, and those that read what operators act on. */
final class ActionQueries {

    private ActionQueries() {}

    /**
     * What is recorded of an action beside who does it.
     *
     * @param provider whose it is, where there is no machine that says so
     */
    record Entry(
            Verb verb,
            String reason,
            @Nullable UUID machineId,
            @Nullable String provider,
            @Nullable String subject,
            @Nullable String details) {

        static Entry onMachine(Verb verb, UUID machineId, String reason, @Nullable String details) {
            return new Entry(verb, reason, machineId, null, null, details);
        }
    }

    /** Records actions. Their time is that of this statement: after the wait for a machine's lock. */
    static void record(Handle db, Actor actor, List<Entry> entries) {
        db.dsl()
                .batch(entries.stream().map(entry -> insert(db, actor, entry)).toList())
                .execute();
        for (Entry entry : entries) {
            db.tell(new Told(EventKind.OPERATOR_ACTION, entry.machineId(), entry.provider(), told(actor, entry)));
        }
    }

    private static Map<String, String> told(Actor actor, Entry entry) {
        Map<String, String> details = new HashMap<>();
        details.put("verb", entry.verb().databaseName());
        details.put("by", actor.name());
        details.put("channel", actor.channel().databaseName());
        details.put("reason", entry.reason());
        if (entry.subject() != null) {
            details.put("subject", entry.subject());
        }
        if (entry.details() != null) {
            details.put("details", entry.details());
        }
        return details;
    }

    private static Query insert(Handle db, Actor actor, Entry entry) {
        return db.dsl()
                .insertInto(OPERATOR_ACTIONS)
                .set(OPERATOR_ACTIONS.ACTED_AT, db.time().moment())
                .set(OPERATOR_ACTIONS.ACTED_BY, actor.name())
                .set(OPERATOR_ACTIONS.CHANNEL, actor.channel().databaseName())
                .set(OPERATOR_ACTIONS.VERB, entry.verb().databaseName())
                .set(OPERATOR_ACTIONS.REASON, entry.reason())
                .set(OPERATOR_ACTIONS.MACHINE_ID, entry.machineId())
                .set(
                        OPERATOR_ACTIONS.PROVIDER,
                        DSL.coalesce(
                                provided(MACHINE_PROVIDED.PROVIDER, entry.machineId()),
                                val(entry.provider(), MACHINE_PROVIDED.PROVIDER.getDataType())))
                .set(OPERATOR_ACTIONS.PROVIDER_ID, provided(MACHINE_PROVIDED.PROVIDER_ID, entry.machineId()))
                .set(OPERATOR_ACTIONS.SUBJECT, entry.subject())
                .set(OPERATOR_ACTIONS.DETAILS, entry.details());
    }

    private static Field<String> provided(Field<String> column, @Nullable UUID machineId) {
        return field(select(column)
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(val(machineId, MACHINE_PROVIDED.MACHINE_ID.getDataType()))));
    }

    /** Reads actions, newest first. */
    static List<OperatorAction> actions(Handle db, Condition which, @Nullable Long before, int limit) {
        return db.dsl()
                .selectFrom(OPERATOR_ACTIONS)
                .where(which)
                .and(before == null ? DSL.noCondition() : OPERATOR_ACTIONS.ACTION_ID.lt(before))
                .orderBy(OPERATOR_ACTIONS.ACTION_ID.desc())
                .limit(limit)
                .fetch(row -> new OperatorAction(
                        row.getActionId(),
                        row.getActedAt().toInstant(),
                        row.getActedBy(),
                        Actor.Channel.ofDatabaseName(row.getChannel()),
                        row.getVerb(),
                        row.getReason(),
                        Optional.ofNullable(row.getMachineId()),
                        Optional.ofNullable(row.getProvider()).map(ProviderType::new),
                        Optional.ofNullable(row.getProviderId()).map(ProviderID::new),
                        Optional.ofNullable(row.getSubject()),
                        Optional.ofNullable(row.getDetails())));
    }

    /** Reads backoffs in force, in the order of the machines' ids and processes, from behind a machine on. */
    static List<BackedOff> backoffs(Handle db, BackoffFilter which, @Nullable UUID after, int limit) {
        return db.dsl()
                .select(WORK_BACKOFF.fields())
                .select(MACHINE_PROVIDED.PROVIDER, MACHINE_PROVIDED.PROVIDER_ID)
                .from(WORK_BACKOFF)
                .leftJoin(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(WORK_BACKOFF.MACHINE_ID))
                .where(matches(db, which))
                .and(after == null ? DSL.noCondition() : WORK_BACKOFF.MACHINE_ID.gt(after))
                .orderBy(WORK_BACKOFF.MACHINE_ID, WORK_BACKOFF.PROCESS)
                .limit(limit)
                .fetch(ActionQueries::backedOff);
    }

    /**
     * Lifts the backoffs of machines that the transaction has locked. Returns what they were. One that waits for an
     * effect, such as a reboot, is lifted only if its machine or its kind is asked for: it is no failure.
     */
    static List<BackedOff> lift(Handle db, BackoffFilter which, Collection<UUID> machineIds) {
        boolean asked = which.machineId().isPresent() || which.kind().isPresent();
        Condition lifted = WORK_BACKOFF
                .MACHINE_ID
                .eq(any(machineIds.toArray(UUID[]::new)))
                .and(matches(db, which))
                .and(asked ? DSL.noCondition() : WORK_BACKOFF.KIND.notIn(Recoveries.BOOTING, Recoveries.RECOVERING));
        List<BackedOff> found = db.dsl()
                .select(WORK_BACKOFF.fields())
                .select(MACHINE_PROVIDED.PROVIDER, MACHINE_PROVIDED.PROVIDER_ID)
                .from(WORK_BACKOFF)
                .leftJoin(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(WORK_BACKOFF.MACHINE_ID))
                .where(lifted)
                .orderBy(WORK_BACKOFF.MACHINE_ID, WORK_BACKOFF.PROCESS)
                .forUpdate()
                .of(WORK_BACKOFF)
                .fetch(ActionQueries::backedOff);
        if (!found.isEmpty()) {
            db.dsl().deleteFrom(WORK_BACKOFF).where(lifted).execute();
        }
        return found;
    }

    private static Condition matches(Handle db, BackoffFilter which) {
        Condition matches = WORK_BACKOFF.UNTIL.gt(db.time().now());
        if (which.machineId().isPresent()) {
            matches = matches.and(WORK_BACKOFF.MACHINE_ID.eq(which.machineId().get()));
        }
        if (which.provider().isPresent()) {
            matches = matches.and(DSL.exists(DSL.selectOne()
                    .from(MACHINE_PROVIDED)
                    .where(MACHINE_PROVIDED.MACHINE_ID.eq(WORK_BACKOFF.MACHINE_ID))
                    .and(MACHINE_PROVIDED.PROVIDER.eq(which.provider().get().name()))));
        }
        if (which.process().isPresent()) {
            matches = matches.and(WORK_BACKOFF.PROCESS.eq(which.process().get().name()));
        }
        if (which.kind().isPresent()) {
            matches = matches.and(WORK_BACKOFF.KIND.eq(which.kind().get()));
        }
        if (which.cause().isPresent()) {
            matches = matches.and(
                    WORK_BACKOFF.CAUSE.containsIgnoreCase(which.cause().get()));
        }
        return matches;
    }

    private static BackedOff backedOff(Record row) {
        return new BackedOff(
                row.get(WORK_BACKOFF.MACHINE_ID),
                Optional.ofNullable(row.get(MACHINE_PROVIDED.PROVIDER)).map(ProviderType::new),
                Optional.ofNullable(row.get(MACHINE_PROVIDED.PROVIDER_ID)).map(ProviderID::new),
                new WorkProcess(row.get(WORK_BACKOFF.PROCESS)),
                row.get(WORK_BACKOFF.UNTIL).toInstant(),
                row.get(WORK_BACKOFF.KIND),
                row.get(WORK_BACKOFF.CAUSE),
                row.get(WORK_BACKOFF.FAILURES));
    }

    static Optional<HardwareReport> hardwareReport(Handle db, UUID machineId) {
        return db.dsl()
                .selectFrom(MACHINE_HARDWARE_REPORT)
                .where(MACHINE_HARDWARE_REPORT.MACHINE_ID.eq(machineId))
                .fetchOptional(row -> new HardwareReport(
                        row.getHardwareReportRaw(),
                        Optional.ofNullable(row.getHardwareReportAt()).map(OffsetDateTime::toInstant)));
    }

    /** Reads changes of hardware, newest first. */
    static List<HardwareHistoryEntry> hardwareHistory(Handle db, Condition which, @Nullable Long before, int limit) {
        return db.dsl()
                .selectFrom(HARDWARE_HISTORY)
                .where(which)
                .and(before == null ? DSL.noCondition() : HARDWARE_HISTORY.CHANGE_ID.lt(before))
                // A process of a later version may tell of more.
                .and(HARDWARE_HISTORY.KIND.in(
                        Stream.of(Kind.values()).map(Enum::name).toList()))
                .orderBy(HARDWARE_HISTORY.CHANGE_ID.desc())
                .limit(limit)
                .fetch(row -> new HardwareHistoryEntry(
                        row.getChangeId(),
                        row.getMachineId(),
                        Optional.ofNullable(row.getProvider()).map(ProviderType::new),
                        Optional.ofNullable(row.getProviderId()).map(ProviderID::new),
                        row.getChangedAt().toInstant(),
                        new HardwareChange(Kind.valueOf(row.getKind()), row.getChange())));
    }

    /** Reads all sessions and what they hold, by component and place. */
    static List<LiveSession> sessions(Handle db) {
        Map<UUID, List<Held>> work = db.dsl()
                .select(WORK.SESSION_ID, WORK.MACHINE_ID, WORK.PROCESS, WORK.WORK_STARTED_AT)
                .select(MACHINE_PROVIDED.PROVIDER, MACHINE_PROVIDED.PROVIDER_ID)
                .from(WORK)
                .leftJoin(MACHINE_PROVIDED)
                .on(MACHINE_PROVIDED.MACHINE_ID.eq(WORK.MACHINE_ID))
                .orderBy(WORK.WORK_STARTED_AT, WORK.MACHINE_ID)
                .fetchGroups(
                        row -> row.get(WORK.SESSION_ID),
                        row -> new Held(
                                row.get(WORK.MACHINE_ID),
                                Optional.ofNullable(row.get(MACHINE_PROVIDED.PROVIDER))
                                        .map(ProviderType::new),
                                Optional.ofNullable(row.get(MACHINE_PROVIDED.PROVIDER_ID))
                                        .map(ProviderID::new),
                                new WorkProcess(row.get(WORK.PROCESS)),
                                row.get(WORK.WORK_STARTED_AT).toInstant()));
        Map<UUID, Integer> intents = db.dsl()
                .select(MACHINE_INTENT.SESSION_ID, count())
                .from(MACHINE_INTENT)
                .where(MACHINE_INTENT.SESSION_ID.isNotNull())
                .groupBy(MACHINE_INTENT.SESSION_ID)
                .fetchMap(MACHINE_INTENT.SESSION_ID, count());
        Field<Long> millisLeft = DSL.field(
                "(extract(epoch from {0} - {1}) * 1000)::bigint",
                Long.class, SESSIONS.SESSION_DEADLINE, DatabaseTime.transactionTime());
        return db.dsl()
                .select(SESSIONS.fields())
                .select(millisLeft)
                .from(SESSIONS)
                .orderBy(SESSIONS.SESSION_COMPONENT_NAME, SESSIONS.SESSION_RUNTIME_INFO, SESSIONS.SESSION_CREATED_AT)
                .fetch(row -> new LiveSession(
                        row.get(SESSIONS.SESSION_ID),
                        row.get(SESSIONS.SESSION_COMPONENT_NAME),
                        row.get(SESSIONS.SESSION_RUNTIME_INFO),
                        row.get(SESSIONS.SESSION_CREATED_AT).toInstant(),
                        Duration.ofMillis(row.get(millisLeft)),
                        work.getOrDefault(row.get(SESSIONS.SESSION_ID), List.of()),
                        intents.getOrDefault(row.get(SESSIONS.SESSION_ID), 0)));
    }
}
