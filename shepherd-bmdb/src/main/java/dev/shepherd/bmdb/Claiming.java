package dev.shepherd.bmdb;

import dev.shepherd.bmdb.WorkQueries.Claim;
import java.util.List;

/** How the parts of this module that have rules of their own claim machines under a session. */
interface Claiming {

    /**
     * Claims in one transaction of the session. If its commit breaks, the database is asked what became of the claims.
     *
     * @param claiming writes the claims and returns them; may run more than once
     */
    List<Work> take(WorkProcess process, Transactions.Body<List<Claim>> claiming) throws InterruptedException;
}
