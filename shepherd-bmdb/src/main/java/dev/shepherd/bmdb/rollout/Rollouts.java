package dev.shepherd.bmdb.rollout;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.ProviderRows;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
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
     */
    public record Look(List<String> events, Optional<String> waitingFor) {

        static final Look NOTHING = new Look(List.of(), Optional.empty());

        public Look {
            events = List.copyOf(events);
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
        RolloutJudge judge = new RolloutJudge(db, queries, policy, events::add);
        judge.run();
        Optional<RolloutRow> underWay = queries.underWay();
        boolean isActive = queries.isAnyActive();
        if (underWay.isEmpty()) {
            return new Look(
                    events,
                    isActive ? Optional.of("machines of a rollout that has ended to be put back") : Optional.empty());
        }
        RolloutRow rollout = underWay.get();
        if (isActive) {
            return new Look(events, Optional.of("machines of wave " + rollout.wave() + " of rollout " + rollout.id()));
        }
        if (rollout.isPaused()) {
            return new Look(events, Optional.of("rollout " + rollout.id() + " to be resumed"));
        }
        String waitingFor = new RolloutWaves(db, queries, provider, policy, events::add).next(rollout);
        return new Look(events, queries.underWay().map(still -> waitingFor));
    }
}
