package dev.shepherd.bmdb.provisioning;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_INTENT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static org.jooq.impl.DSL.any;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.selectCount;
import static org.jooq.impl.DSL.selectOne;
import static org.jooq.impl.DSL.val;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.ProviderRows;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.schema.tables.records.MachineIntentRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.Field;

/** The statements behind intents. All but the listing run in a transaction that has proved its session. */
final class IntentQueries {

    private static final int LARGEST_BATCH = 500;

    /** A machine that failed, and that the provider has removed, leaves its reservation to another machine. */
    private static final Condition HAS_ITS_RESERVATION = not(MACHINE_PROVIDED
            .PROVIDER_FAILED
            .isTrue()
            .and(MACHINE_PROVIDED.PROVIDER_STATUS.isNotDistinctFrom(inline(ProviderStatus.MISSING.databaseName()))));

    private IntentQueries() {}

    static void checkCandidate(String candidate) {
        if (candidate.isBlank() || candidate.length() > ProviderID.MAX_LENGTH) {
            throw new IllegalArgumentException("a candidate is named by 1 to " + ProviderID.MAX_LENGTH
                    + " characters, not all blank, but this has " + candidate.length());
        }
    }

    /**
     * Makes intents for as many candidates as there is room for. The provider's row is locked until the commit, so
     * that what is counted here is still true when the intents appear.
     */
    static List<MachineIntent> reserve(
            Handle db, UUID sessionId, ProviderType provider, int maxCount, Collection<String> candidates) {
        if (candidates.isEmpty()) {
            return List.of();
        }
        ProviderRows.ensure(db, provider);
        ProviderRows.lock(db, provider);
        int room = maxCount == 0 ? Integer.MAX_VALUE : maxCount - count(db, provider);
        List<String> left = List.copyOf(new LinkedHashSet<>(candidates));
        List<MachineIntent> reserved = new ArrayList<>();
        while (!left.isEmpty() && reserved.size() < room) {
            int some = Math.min(left.size(), Math.min(room - reserved.size(), LARGEST_BATCH));
            reserved.addAll(insert(db, sessionId, provider, left.subList(0, some)));
            left = left.subList(some, left.size());
        }
        return reserved;
    }

    /** Counts machines and intents in one statement: one that becomes the other meanwhile is counted once. */
    private static int count(Handle db, ProviderType provider) {
        Field<Integer> machines =
                field(selectCount().from(MACHINE_PROVIDED).where(MACHINE_PROVIDED.PROVIDER.eq(provider.name())));
        Field<Integer> intents =
                field(selectCount().from(MACHINE_INTENT).where(MACHINE_INTENT.PROVIDER.eq(provider.name())));
        return db.dsl().select(machines.plus(intents)).fetchSingle().value1();
    }

    /**
     * Makes intents for those candidates that are free.
     *
     * <p>Whether a candidate is recorded already is checked last. Its intent may have become a machine just now: then
     * the insert waited for that to be committed, and only a statement after it is sure to see the machine.
     */
    private static List<MachineIntent> insert(
            Handle db, UUID sessionId, ProviderType provider, List<String> candidates) {
        var insert = db.dsl()
                .insertInto(
                        MACHINE_INTENT,
                        MACHINE_INTENT.INTENT_ID,
                        MACHINE_INTENT.PROVIDER,
                        MACHINE_INTENT.CANDIDATE,
                        MACHINE_INTENT.SESSION_ID,
                        MACHINE_INTENT.INTENT_MADE_AT);
        for (String candidate : candidates) {
            insert = insert.values(
                    val(UUID.randomUUID()),
                    val(provider.name()),
                    val(candidate),
                    val(sessionId),
                    db.time().now());
        }
        List<MachineIntent> made =
                new ArrayList<>(insert.onConflictDoNothing().returning().fetch(IntentQueries::intent));
        if (!made.isEmpty()) {
            UUID[] ids = made.stream().map(MachineIntent::intentId).toArray(UUID[]::new);
            Set<UUID> provided = db.dsl()
                    .deleteFrom(MACHINE_INTENT)
                    .where(MACHINE_INTENT.INTENT_ID.eq(any(ids)))
                    .and(exists(selectOne()
                            .from(MACHINE_PROVIDED)
                            .where(MACHINE_PROVIDED.PROVIDER.eq(MACHINE_INTENT.PROVIDER))
                            .and(MACHINE_PROVIDED
                                    .PROVIDER_ID
                                    .eq(MACHINE_INTENT.CANDIDATE)
                                    .or(MACHINE_PROVIDED
                                            .PROVIDER_RESERVATION_ID
                                            .eq(MACHINE_INTENT.CANDIDATE)
                                            .and(HAS_ITS_RESERVATION)))))
                    .returningResult(MACHINE_INTENT.INTENT_ID)
                    .fetchSet(MACHINE_INTENT.INTENT_ID);
            made.removeIf(intent -> provided.contains(intent.intentId()));
        }
        return made;
    }

    /** Those that {@link #take} would take. */
    static List<MachineIntent> takeable(Handle db, UUID sessionId, ProviderType provider, int limit) {
        return db.dsl()
                .selectFrom(MACHINE_INTENT)
                .where(isTakeable(db, sessionId, provider))
                .orderBy(MACHINE_INTENT.INTENT_MADE_AT, MACHINE_INTENT.INTENT_ID)
                .limit(limit)
                .fetch(IntentQueries::intent);
    }

    private static Condition isTakeable(Handle db, UUID sessionId, ProviderType provider) {
        return MACHINE_INTENT
                .PROVIDER
                .eq(provider.name())
                .and(MACHINE_INTENT.SESSION_ID.isNull().or(MACHINE_INTENT.SESSION_ID.eq(sessionId)))
                .and(MACHINE_INTENT
                        .RETRY_AT
                        .isNull()
                        .or(MACHINE_INTENT.RETRY_AT.le(db.time().now())));
    }

    static List<MachineIntent> take(Handle db, UUID sessionId, ProviderType provider, int limit) {
        // Two statements, since the limit of a locking subquery does not hold under every plan.
        List<UUID> free = db.dsl()
                .select(MACHINE_INTENT.INTENT_ID)
                .from(MACHINE_INTENT)
                .where(isTakeable(db, sessionId, provider))
                .orderBy(MACHINE_INTENT.INTENT_MADE_AT, MACHINE_INTENT.INTENT_ID)
                .limit(limit)
                .forUpdate()
                .skipLocked()
                .fetch(MACHINE_INTENT.INTENT_ID);
        if (free.isEmpty()) {
            return List.of();
        }
        return db
                .dsl()
                .update(MACHINE_INTENT)
                .set(MACHINE_INTENT.SESSION_ID, sessionId)
                .where(MACHINE_INTENT.INTENT_ID.eq(any(free.toArray(UUID[]::new))))
                .returning()
                .fetch(IntentQueries::intent)
                .stream()
                .sorted(Comparator.comparingInt(intent -> free.indexOf(intent.intentId())))
                .toList();
    }

    /** Counts an attempt before it is made. Returns false if the intent is no longer this session's. */
    static boolean attempt(Handle db, UUID sessionId, UUID intentId) {
        return db.dsl()
                        .update(MACHINE_INTENT)
                        .set(MACHINE_INTENT.ATTEMPTS, MACHINE_INTENT.ATTEMPTS.plus(1))
                        .where(MACHINE_INTENT.INTENT_ID.eq(intentId))
                        .and(MACHINE_INTENT.SESSION_ID.eq(sessionId))
                        .execute()
                == 1;
    }

    static void postpone(Handle db, UUID sessionId, UUID intentId, Duration delay, String error) {
        db.dsl()
                .update(MACHINE_INTENT)
                .set(MACHINE_INTENT.RETRY_AT, db.time().nowPlus(delay))
                .set(MACHINE_INTENT.LAST_ERROR, val(WorkQueries.shorten(error)))
                .where(MACHINE_INTENT.INTENT_ID.eq(intentId))
                .and(MACHINE_INTENT.SESSION_ID.eq(sessionId))
                .execute();
    }

    static boolean delete(Handle db, UUID intentId) {
        return db.dsl()
                        .deleteFrom(MACHINE_INTENT)
                        .where(MACHINE_INTENT.INTENT_ID.eq(intentId))
                        .execute()
                == 1;
    }

    static List<MachineIntent> list(Handle db, ProviderType provider) {
        return db.dsl()
                .selectFrom(MACHINE_INTENT)
                .where(MACHINE_INTENT.PROVIDER.eq(provider.name()))
                .orderBy(MACHINE_INTENT.INTENT_MADE_AT, MACHINE_INTENT.INTENT_ID)
                .fetch(IntentQueries::intent);
    }

    static List<MachineIntent> list(Handle db, ProviderType provider, Collection<UUID> intentIds) {
        return db.dsl()
                .selectFrom(MACHINE_INTENT)
                .where(MACHINE_INTENT.INTENT_ID.eq(any(intentIds.toArray(UUID[]::new))))
                .and(MACHINE_INTENT.PROVIDER.eq(provider.name()))
                .fetch(IntentQueries::intent);
    }

    /** Finds which candidates have an intent, or are recorded. Asks for intents first: one may become a machine. */
    static Set<String> taken(Handle db, ProviderType provider, Collection<String> candidates) {
        String[] names = candidates.toArray(String[]::new);
        Set<String> taken = db.dsl()
                .select(MACHINE_INTENT.CANDIDATE)
                .from(MACHINE_INTENT)
                .where(MACHINE_INTENT.PROVIDER.eq(provider.name()))
                .and(MACHINE_INTENT.CANDIDATE.eq(any(names)))
                .fetchSet(MACHINE_INTENT.CANDIDATE);
        taken.addAll(db.dsl()
                .select(MACHINE_PROVIDED.PROVIDER_ID)
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(MACHINE_PROVIDED.PROVIDER_ID.eq(any(names)))
                .fetchSet(MACHINE_PROVIDED.PROVIDER_ID));
        taken.addAll(db.dsl()
                .select(MACHINE_PROVIDED.PROVIDER_RESERVATION_ID)
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                .and(MACHINE_PROVIDED.PROVIDER_RESERVATION_ID.eq(any(names)))
                .and(HAS_ITS_RESERVATION)
                .fetchSet(MACHINE_PROVIDED.PROVIDER_RESERVATION_ID));
        return taken;
    }

    private static MachineIntent intent(MachineIntentRecord row) {
        return new MachineIntent(
                row.getIntentId(),
                new ProviderType(row.getProvider()),
                row.getCandidate(),
                Optional.ofNullable(row.getSessionId()),
                row.getIntentMadeAt().toInstant(),
                row.getAttempts(),
                Optional.ofNullable(row.getRetryAt()).map(java.time.OffsetDateTime::toInstant),
                Optional.ofNullable(row.getLastError()));
    }
}
