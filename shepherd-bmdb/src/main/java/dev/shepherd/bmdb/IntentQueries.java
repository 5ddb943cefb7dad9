package dev.shepherd.bmdb;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_INTENT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.PROVIDERS;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.val;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.internal.schema.tables.records.MachineIntentRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jooq.DSLContext;

/** The statements behind intents. All but the listing run in a transaction that has proved its session. */
final class IntentQueries {

    private IntentQueries() {}

    /**
     * Makes intents for as many candidates as there is room for. The provider's row in {@code providers} is
     * locked until the commit, so that what is counted here is still true when the intents appear.
     */
    static List<MachineIntent> reserve(
            DSLContext dsl,
            DatabaseTime time,
            UUID sessionId,
            ProviderType provider,
            int maxCount,
            Collection<String> candidates) {
        if (candidates.isEmpty()) {
            return List.of();
        }
        dsl.insertInto(PROVIDERS)
                .set(PROVIDERS.PROVIDER, provider.name())
                .onConflictDoNothing()
                .execute();
        dsl.select(PROVIDERS.PROVIDER)
                .from(PROVIDERS)
                .where(PROVIDERS.PROVIDER.eq(provider.name()))
                .forUpdate()
                .fetch();
        int room = maxCount == 0 ? Integer.MAX_VALUE : maxCount - count(dsl, provider);
        List<MachineIntent> reserved = new ArrayList<>();
        for (String candidate : candidates) {
            if (reserved.size() >= room) {
                break;
            }
            if (isProvided(dsl, provider, candidate)) {
                continue; // Recorded by somebody else since the provider was listed.
            }
            dsl.insertInto(MACHINE_INTENT)
                    .set(MACHINE_INTENT.INTENT_ID, UUID.randomUUID())
                    .set(MACHINE_INTENT.PROVIDER, provider.name())
                    .set(MACHINE_INTENT.CANDIDATE, candidate)
                    .set(MACHINE_INTENT.SESSION_ID, sessionId)
                    .set(MACHINE_INTENT.INTENT_MADE_AT, time.now())
                    .onConflictDoNothing()
                    .returning()
                    .fetchOptional()
                    .map(IntentQueries::intent)
                    .ifPresent(reserved::add);
        }
        return reserved;
    }

    private static int count(DSLContext dsl, ProviderType provider) {
        return dsl.fetchCount(MACHINE_PROVIDED, MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                + dsl.fetchCount(MACHINE_INTENT, MACHINE_INTENT.PROVIDER.eq(provider.name()));
    }

    private static boolean isProvided(DSLContext dsl, ProviderType provider, String candidate) {
        return dsl.fetchExists(
                MACHINE_PROVIDED,
                MACHINE_PROVIDED
                        .PROVIDER
                        .eq(provider.name())
                        .and(MACHINE_PROVIDED
                                .PROVIDER_ID
                                .eq(candidate)
                                .or(MACHINE_PROVIDED.PROVIDER_RESERVATION_ID.eq(candidate))));
    }

    static List<MachineIntent> take(
            DSLContext dsl, DatabaseTime time, UUID sessionId, ProviderType provider, int limit) {
        return dsl.update(MACHINE_INTENT)
                .set(MACHINE_INTENT.SESSION_ID, sessionId)
                .where(MACHINE_INTENT.INTENT_ID.in(select(MACHINE_INTENT.INTENT_ID)
                        .from(MACHINE_INTENT)
                        .where(MACHINE_INTENT.PROVIDER.eq(provider.name()))
                        .and(MACHINE_INTENT.SESSION_ID.isNull().or(MACHINE_INTENT.SESSION_ID.eq(sessionId)))
                        .and(MACHINE_INTENT.RETRY_AT.isNull().or(MACHINE_INTENT.RETRY_AT.le(time.now())))
                        .orderBy(MACHINE_INTENT.INTENT_MADE_AT)
                        .limit(limit)
                        .forUpdate()
                        .skipLocked()))
                .returning()
                .fetch(IntentQueries::intent);
    }

    /** Counts an attempt before it is made. Returns false if the intent is no longer this session's. */
    static boolean attempt(DSLContext dsl, UUID sessionId, UUID intentId) {
        return dsl.update(MACHINE_INTENT)
                        .set(MACHINE_INTENT.ATTEMPTS, MACHINE_INTENT.ATTEMPTS.plus(1))
                        .where(MACHINE_INTENT.INTENT_ID.eq(intentId))
                        .and(MACHINE_INTENT.SESSION_ID.eq(sessionId))
                        .execute()
                == 1;
    }

    static void postpone(
            DSLContext dsl, DatabaseTime time, UUID sessionId, UUID intentId, Duration delay, String error) {
        dsl.update(MACHINE_INTENT)
                .set(MACHINE_INTENT.RETRY_AT, time.nowPlus(delay))
                .set(MACHINE_INTENT.LAST_ERROR, val(WorkQueries.shorten(error)))
                .where(MACHINE_INTENT.INTENT_ID.eq(intentId))
                .and(MACHINE_INTENT.SESSION_ID.eq(sessionId))
                .execute();
    }

    static boolean delete(DSLContext dsl, UUID intentId) {
        return dsl.deleteFrom(MACHINE_INTENT)
                        .where(MACHINE_INTENT.INTENT_ID.eq(intentId))
                        .execute()
                == 1;
    }

    static List<MachineIntent> list(DSLContext dsl, ProviderType provider) {
        return dsl.selectFrom(MACHINE_INTENT)
                .where(MACHINE_INTENT.PROVIDER.eq(provider.name()))
                .orderBy(MACHINE_INTENT.INTENT_MADE_AT, MACHINE_INTENT.INTENT_ID)
                .fetch(IntentQueries::intent);
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
