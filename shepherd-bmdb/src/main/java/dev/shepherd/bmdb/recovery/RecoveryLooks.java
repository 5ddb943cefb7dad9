package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.PROVIDERS;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.ProviderRows;
import java.time.Instant;
import java.util.Optional;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.impl.DSL;

/**
 * The statements on {@code providers} that say since when recovery watches, and under which policy the queue was built.
 */
public final class RecoveryLooks {

    private RecoveryLooks() {}

    /**
     * Notes that a recoverer is watching, and tells whether recovery has watched for long enough to begin attempts.
     * After a gap, in which heartbeats may not have been recorded either, agents need some time to be heard again.
     */
    static boolean look(Handle db, ProviderType provider, RecoveryPolicy policy) {
        noteLook(db, provider, policy);
        return looksForLongEnough(db, provider, policy).orElseGet(() -> {
            ProviderRows.ensure(db, provider);
            noteLook(db, provider, policy);
            return isLooking(db, provider, policy);
        });
    }

    /** Notes a look as well, and returns since when there was no gap between looks. There must be a row of the provider. */
    static Instant watchedSince(Handle db, ProviderType provider, RecoveryPolicy policy) {
        noteLook(db, provider, policy);
        return db.dsl()
                .select(PROVIDERS.RECOVERY_LOOKING_SINCE)
                .from(PROVIDERS)
                .where(PROVIDERS.PROVIDER.eq(provider.name()))
                .fetchSingle(PROVIDERS.RECOVERY_LOOKING_SINCE)
                .toInstant();
    }

    private static void noteLook(Handle db, ProviderType provider, RecoveryPolicy policy) {
        Condition gap = PROVIDERS
                .RECOVERY_LOOKED_AT
                .isNull()
                .or(PROVIDERS.RECOVERY_LOOKED_AT.lt(db.time().nowMinus(Thresholds.longestLookGap(policy))));
        db.dsl()
                .update(PROVIDERS)
                .set(
                        PROVIDERS.RECOVERY_LOOKING_SINCE,
                        DSL.when(gap, db.time().now()).otherwise(PROVIDERS.RECOVERY_LOOKING_SINCE))
                .set(PROVIDERS.RECOVERY_LOOKED_AT, db.time().now())
                .where(PROVIDERS.PROVIDER.eq(provider.name()))
                // Not at each look, since each would write.
                .and(gap.or(PROVIDERS.RECOVERY_LOOKED_AT.lt(
                        db.time().nowMinus(Thresholds.longestLookGap(policy).dividedBy(4)))))
                .execute();
    }

    /** Tells whether the provider's machines were queued under a policy with these spans. */
    static boolean isQueuedBy(Handle db, ProviderType provider, String spans) {
        return db.dsl()
                .fetchExists(PROVIDERS, PROVIDERS.PROVIDER.eq(provider.name()).and(PROVIDERS.RECOVERY_SPANS.eq(spans)));
    }

    static boolean queuedBy(Handle db, ProviderType provider, String spans) {
        ProviderRows.ensure(db, provider);
        return db.dsl()
                        .update(PROVIDERS)
                        .set(PROVIDERS.RECOVERY_SPANS, spans)
                        .where(PROVIDERS.PROVIDER.eq(provider.name()))
                        .execute()
                == 1;
    }

    public static boolean isLooking(Handle db, ProviderType provider, RecoveryPolicy policy) {
        return looksForLongEnough(db, provider, policy).orElse(false);
    }

    /** Empty if there is no row of the provider. */
    private static Optional<Boolean> looksForLongEnough(Handle db, ProviderType provider, RecoveryPolicy policy) {
        Field<Boolean> longEnough = DSL.coalesce(
                DSL.field(PROVIDERS.RECOVERY_LOOKING_SINCE.le(db.time().nowMinus(policy.freezeReleaseAfter()))), false);
        return db.dsl()
                .select(longEnough)
                .from(PROVIDERS)
                .where(PROVIDERS.PROVIDER.eq(provider.name()))
                .fetchOptional(longEnough);
    }
}
