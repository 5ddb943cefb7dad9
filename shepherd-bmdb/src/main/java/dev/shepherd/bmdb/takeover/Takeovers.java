package dev.shepherd.bmdb.takeover;

import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.TagQueries;
import dev.shepherd.bmdb.internal.WorkQueries;
import java.util.UUID;

/** What takeovers of a machine record besides its tags. The methods are called in the work that holds the machine. */
public final class Takeovers {

    private Takeovers() {}

    /**
     * Returns how often agent start has failed on a machine, with a backoff, since it last finished there or the
     * machine was released.
     */
    public static int failuresInARow(BmdbTransaction tx, UUID machineId) {
        return WorkQueries.failuresInARow(Handle.of(tx.dsl()), WorkProcess.AGENT_START, machineId);
    }

    /**
     * Records that a takeover did not reach the machine's SSH server. After some of them in a row the machine is due
     * for recovery, see {@link RecoveryPolicy#unreachableAttempts()}.
     */
    public static void unreached(BmdbTransaction tx, UUID machineId) {
        TagQueries.countUnreachable(Handle.of(tx.dsl()), machineId);
    }

    /** Records that a takeover reached the machine's SSH server. */
    public static void reached(BmdbTransaction tx, UUID machineId) {
        TagQueries.clearUnreachable(Handle.of(tx.dsl()), machineId);
    }
}
