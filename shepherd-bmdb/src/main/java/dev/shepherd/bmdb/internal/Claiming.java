package dev.shepherd.bmdb.internal;

import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.WorkQueries.Claim;
import java.util.List;

/** How the parts of this module with their own rules claim machines under a session. */
public interface Claiming {

    /**
     * Claims in one transaction of the session. If its commit breaks, the database is queried for what became of the
     * claims.
     *
     * @param claiming writes the claims and returns them; may run more than once
     */
    List<Work> take(WorkProcess process, Transactions.Body<List<Claim>> claiming) throws InterruptedException;
}
