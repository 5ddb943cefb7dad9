package dev.shepherd.bmdb.rollout;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.ProviderRows;
import dev.shepherd.bmdb.recovery.Silence;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The rollouts of one provider's machines. Safe for use by several threads, and by several processes: all that decides
 * happens in {@link #look}, under the lock that recoverers count under.
 */
public final class Rollouts {

    private final Database database;
    private final ProviderType provider;
    private final RecoveryPolicy policy;

    /** Where the next wave looks first; what it is matters to nothing but the time that it takes. */
    private volatile UUID from = RolloutWaves.FIRST;

    private Rollouts(Database database, ProviderType provider, RecoveryPolicy policy) {
        this.database = database;
        this.provider = provider;
        this.policy = policy;
    }

    /** Binds the rollouts of a provider's machines to the policy whose limits they keep to. */
    public static Rollouts of(Bmdb bmdb, ProviderType provider, RecoveryPolicy policy) {
        return new Rollouts(bmdb.unwrap(Database.class), provider, policy);
    }

    /**
     * What a look found and did.
     *
     * @param events what it did, for the log
     * @param waitingFor what the rollout waits for; empty if there is none under way
     * @param isReady whether the next look has something to do at once
     */
    public record Look(List<String> events, Optional<String> waitingFor, boolean isReady) {

        static final Look NOTHING = new Look(List.of(), Optional.empty(), false);

        public Look {
            events = List.copyOf(events);
        }

        static Look waiting(List<String> events, String waitingFor) {
            return new Look(events, Optional.of(waitingFor), false);
        }
    }

    /**
     * Looks at the provider's rollout: what has become of the machines that it works on, whether it goes on, and which
     * machines are next. Costs one query while there is none.
     *
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost
     * @throws dev.shepherd.bmdb.BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public Look look(BmdbSession session) throws InterruptedException {
        boolean isThereOne = database.transactions()
                .ask("the rollouts of provider " + provider, db -> new RolloutQueries(db, provider).isThereAny());
        if (!isThereOne) {
            return Look.NOTHING;
        }
        AtomicReference<@Nullable Look> look = new AtomicReference<>();
        session.useTransaction(tx -> look.set(look(Handle.of(tx.dsl()))));
        return Optional.ofNullable(look.get()).orElse(Look.NOTHING);
    }

    private Look look(Handle db) {
        ProviderRows.ensure(db, provider);
        ProviderRows.lock(db, provider);
        RolloutQueries queries = new RolloutQueries(db, provider);
        List<String> events = new ArrayList<>();
        Silence silence = Silence.watch(db, provider, policy);
        new RolloutJudge(db, queries, silence, events::add).run();
        Optional<RolloutRow> underWay = queries.underWay();
        boolean isActive = queries.isAnyActive();
        if (underWay.isEmpty()) {
            return isActive
                    ? Look.waiting(events, "machines of a rollout that has ended to be put back")
                    : new Look(events, Optional.empty(), false);
        }
        RolloutRow rollout = underWay.get();
        if (isActive) {
            return Look.waiting(events, "machines of wave " + rollout.wave() + " of rollout " + rollout.id());
        }
        if (rollout.isPaused()) {
            return Look.waiting(events, "rollout " + rollout.id() + " to be resumed");
        }
        RolloutEnrolment enrolment = RolloutEnrolment.of(db, provider, rollout);
        if (rollout.pass() == RolloutRow.LISTING) {
            return listing(events, enrolment.next());
        }
        if (rollout.pass() == RolloutRow.LISTING_AGAIN) {
            return listing(events, enrolment.nextOfSecondPass());
        }
        RolloutWaves.Next next =
                new RolloutWaves(db, queries, provider, policy, silence, events::add).next(rollout, from);
        from = next.from();
        return new Look(events, queries.underWay().map(still -> next.what()), next.isReady());
    }

    private static Look listing(List<String> events, boolean areThereMore) {
        return new Look(events, Optional.of("its machines to be listed"), areThereMore);
    }
}
