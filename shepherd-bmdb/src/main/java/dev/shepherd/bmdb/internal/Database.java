package dev.shepherd.bmdb.internal;

import com.zaxxer.hikari.HikariDataSource;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.WorkQueries.Claim;
import dev.shepherd.bmdb.internal.event.EventSink;
import dev.shepherd.bmdb.meters.DatabaseEvents;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** The inside of a {@link Bmdb}, for the packages of this module that have a part of the database as their own. */
public interface Database {

    /** Runs transactions with the database's own limits. */
    Transactions transactions();

    /**
     * Runs transactions on the same connections, within other limits.
     *
     * @param reconnecting how long a transaction is tried again after broken connections
     * @param answer how long to wait for one answer
     */
    Transactions transactions(Duration reconnecting, Duration answer);

    /** How long the database lets a transaction sit idle. */
    Duration idleInTransactionTimeout();

    /** How machines are claimed under a session of this database. */
    Claiming claiming(BmdbSession session);

    /** What happens between this process and the database. */
    DatabaseEvents events();

    /** What becomes of the events that transactions tell of. */
    EventSink sink();

    /** The pools of connections; none where the embedder has a source. */
    List<HikariDataSource> pools();

    /** Whether the connection for notifications is there; empty if nothing needs one. */
    Optional<Boolean> isListening();

    /** How many sessions of this process there are. */
    int sessionsHeld();

    /** How the parts of this module that have rules of their own claim machines under a session. */
    interface Claiming {

        /**
         * Claims in one transaction of the session. If its commit breaks, the database is asked what became of the claims.
         *
         * @param provider whose machines
         * @param claiming writes the claims and returns them; may run more than once
         */
        List<Work> take(WorkProcess process, ProviderType provider, Transactions.Body<List<Claim>> claiming)
                throws InterruptedException;
    }
}
