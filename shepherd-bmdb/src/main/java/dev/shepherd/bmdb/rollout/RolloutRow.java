package dev.shepherd.bmdb.rollout;

import java.time.Duration;

/**
 * A row of {@code rollouts}, as far as its course depends on it.
 *
 * @param state one of the states in the database
 * @param wave how many waves there were
 * @param pass 1, or 2 once those that were left alone are looked at again
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

    boolean isUnderWay() {
        return state.equals(RolloutQueries.RUNNING) || isPaused();
    }

    boolean isPaused() {
        return state.equals(RolloutQueries.PAUSED);
    }
}
