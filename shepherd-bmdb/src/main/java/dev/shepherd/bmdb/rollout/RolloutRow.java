package dev.shepherd.bmdb.rollout;

import java.time.Duration;

/**
 * A row of {@code rollouts}, as far as its course depends on it.
 *
 * @param state one of the states in the database
 * @param wave how many waves there were
 * @param pass how far it is with the machines, as below
 */
record RolloutRow(
        long id,
        byte[] sha256,
        String state,
        int canary,
        int batch,
        Duration bake,
        int maxFailures,
        int wave,
        int pass,
        int done) {

    /** Machines are being listed. */
    static final int LISTING = 0;

    /** All that were listed have their turn. */
    static final int FIRST_PASS = 1;

    /** Those that were left alone, and those that were missed, are being listed. */
    static final int LISTING_AGAIN = 2;

    /** These have their turn. */
    static final int SECOND_PASS = 3;

    boolean isUnderWay() {
        return state.equals(RolloutState.RUNNING) || isPaused();
    }

    boolean isPaused() {
        return state.equals(RolloutState.PAUSED);
    }
}
