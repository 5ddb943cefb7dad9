package dev.shepherd.bmdb.recovery;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineQueries;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Tells whether it is an agent's own fault that it is not heard. It is not while the fault may be on this side: if no
 * process was there to hear it, or if so many others fell silent together that recovery is frozen, or would be.
 *
 * <p>For one transaction, which holds the lock on the provider's row.
 */
public final class Silence {

    private final Handle db;
    private final ProviderType provider;
    private final RecoveryPolicy policy;
    private final Instant now;
    private final Instant watchedSince;
    private @Nullable List<Freeze> freezes;

    private Silence(Handle db, ProviderType provider, RecoveryPolicy policy, Instant now, Instant watchedSince) {
        this.db = db;
        this.provider = provider;
        this.policy = policy;
        this.now = now;
        this.watchedSince = watchedSince;
    }

    /** Notes that a roller watches the provider's machines now, as recoverers do. */
    public static Silence watch(Handle db, ProviderType provider, RecoveryPolicy policy) {
        Instant watchedSince = RecoveryLooks.watchedSince(db, provider, policy);
        return new Silence(db, provider, policy, MachineQueries.now(db), watchedSince);
    }

    /** Returns since when the provider's machines are watched without a gap. */
    public Instant watchedSince() {
        return watchedSince;
    }

    /**
     * Tells whether an agent has been silent for too long, and is to blame for it. Costs nothing unless it is silent. If it
     * is, and nothing is frozen yet, the whole fleet is looked at, once in a transaction.
     *
     * @param lastSign when it was last heard, or was started
     * @param location where its machine is; empty if that is not known
     */
    public boolean isProved(Instant lastSign, String location) {
        Instant from = lastSign.isBefore(watchedSince) ? watchedSince : lastSign;
        return from.plus(policy.silentAfterHeartbeat()).isBefore(now) && !isFrozen(location);
    }

    private boolean isFrozen(String location) {
        if (freezes == null) {
            List<Freeze> inForce = FreezeQueries.inForce(db, provider);
            if (covers(inForce, location)) {
                return true;
            }
            // Recoverers may not have noticed yet: a machine of a rollout may be the first one that is silent.
            FreezeQueries.Verdict verdict = new FreezeQueries(db, provider, policy).judge();
            verdict.changes().forEach(Runnable::run);
            freezes = verdict.freezes();
        }
        return covers(freezes, location);
    }

    private static boolean covers(List<Freeze> freezes, String location) {
        return freezes.stream().anyMatch(one -> one.covers(location));
    }
}
