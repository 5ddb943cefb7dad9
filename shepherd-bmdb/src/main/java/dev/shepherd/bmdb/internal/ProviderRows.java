package dev.shepherd.bmdb.internal;

import static dev.shepherd.bmdb.internal.schema.Tables.PROVIDERS;

import dev.shepherd.api.ProviderType;

/** The rows of {@code providers}, whose locks make provisioners and recoverers of one provider take turns. */
public final class ProviderRows {

    private ProviderRows() {}

    /** Makes the row of a provider if there is none. */
    public static void ensure(Handle db, ProviderType provider) {
        db.dsl()
                .insertInto(PROVIDERS)
                .set(PROVIDERS.PROVIDER, provider.name())
                .onConflictDoNothing()
                .execute();
    }

    /** Locks the row of a provider until the transaction ends. What is counted under the lock stays true until then. */
    public static void lock(Handle db, ProviderType provider) {
        db.dsl()
                .select(PROVIDERS.PROVIDER)
                .from(PROVIDERS)
                .where(PROVIDERS.PROVIDER.eq(provider.name()))
                .forUpdate()
                .fetch();
    }
}
