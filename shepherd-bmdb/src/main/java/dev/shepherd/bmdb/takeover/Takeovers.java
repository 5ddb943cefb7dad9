package dev.shepherd.bmdb.takeover;

import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.TagQueries;
import dev.shepherd.bmdb.internal.WorkQueries;
import java.util.Optional;
import java.util.UUID;

/** What takeovers of a machine record besides its tags. The methods are called in the work that holds the machine. */
public final class Takeovers {

    private Takeovers() {}

    /**
     * How agent start fared on a machine since it last finished there or the machine was released.
     *
     * @param kind what it backed off for last
     * @param inARow how many times it failed, with a backoff
     */
    public record Failures(String kind, int inARow) {}

    /** Returns how agent start fared on a machine, if it backed off from it. */
    public static Optional<Failures> failures(BmdbTransaction tx, UUID machineId) {
        return WorkQueries.failures(Handle.of(tx.dsl()), WorkProcess.AGENT_START, machineId, Failures::new);
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
